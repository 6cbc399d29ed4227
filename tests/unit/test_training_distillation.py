"""The teacher's soft_labels: files, transfer texts, and that the pupil's loss is what it should be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training import distillation
from training.dataset import DataError, Example
from training.transfer import sentences, transfer_texts


def example(text: str, label: str = "neutral", trade: str = "games") -> Example:
    return Example(text, label, cleaned=text, trade=trade)


def write(folder: Path, messages: str, transfer: str = "") -> None:
    folder.mkdir()
    (folder / "messages.jsonl").write_text(messages, "utf-8")
    (folder / "transfer.jsonl").write_text(transfer, "utf-8")


def test_a_lesson_is_about_a_message_with_its_label(tmp_path: Path) -> None:
    known = example("So late", "negative")
    row = json.dumps({"key": distillation.key(known), "logits": [3.0, 0, -3.5]})
    write(tmp_path / "l", row + "\n", '{"text": "Hm. So late", "logits": [1, 0, 0]}\n')
    found = distillation.load(tmp_path / "l")
    assert found.of(known) == (3.0, 0.0, -3.5)
    assert found.of(example("So late", "neutral")) is None and found.of(example("Late", "negative")) is None
    assert found.transfer == [("Hm. So late", (1.0, 0.0, 0.0))]
    assert found.digest != distillation.NONE.digest


def test_what_is_said_of_real_turns_is_found_by_their_hash(tmp_path: Path) -> None:
    write(tmp_path / "l", "")
    row = {"key": distillation.text_key("no sound"), "logits": [1, 2, 3]}
    (tmp_path / "l" / distillation.UNLABELLED).write_text(json.dumps(row) + "\n", "utf-8")
    assert distillation.load(tmp_path / "l").transfer == []
    given = distillation.load(tmp_path / "l", ["no sound", "another"])
    assert given.transfer == [("no sound", (1.0, 2.0, 3.0))] and given.digest != distillation.NONE.digest


def test_without_lessons_there_are_none(tmp_path: Path) -> None:
    assert distillation.load(tmp_path / "nowhere") is distillation.NONE


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"logits": [1, 2, 3]}', '{"key": "a", "logits": [1, 2]}', '{"key": "a", "logits": "x"}'],
)
def test_broken_lessons_are_named_by_file_and_line(tmp_path: Path, line: str) -> None:
    write(tmp_path / "l", f'{{"key": "b", "logits": [1, 2, 3]}}\n{line}\n')
    with pytest.raises(DataError, match=r"messages\.jsonl:2: .* python -m training teach"):
        distillation.load(tmp_path / "l")


def test_lessons_cut_in_half_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "l").mkdir()
    with pytest.raises(DataError, match=r"messages\.jsonl: cannot be read"):
        distillation.load(tmp_path / "l")


def test_transfer_texts_are_new_and_the_same_every_time() -> None:
    train = [
        example(f"It broke in room {i}. We need it by day {i}! Thanks all of you {i}.") for i in range(40)
    ]
    train += [example(f"Only one sentence {i}", trade="banking") for i in range(10)]
    texts = transfer_texts(train, 60)
    assert len(texts) == len(set(texts)) == 60 and texts == transfer_texts(train[::-1], 60)
    assert not {e.cleaned for e in train} & set(texts)
    singles = [text for text in texts if len(sentences(text)) == 1]
    assert 25 <= len(singles) <= 35
    assert all(text.count("Only one") != 1 or "room" not in text for text in texts)  # never across trades
    assert transfer_texts([example("One.")], 5) == []


def test_doubtful_labels_are_smoothed_more() -> None:
    pytest.importorskip("torch")
    from training.train import smoothed

    certain, doubtful = (
        example("So late", "negative"),
        Example("hm", "neutral", cleaned="hm", borderline=True),
    )
    rows = smoothed([certain, doubtful], 0.06, 0.3).tolist()
    assert rows[0] == pytest.approx([0.96, 0.02, 0.02]) and rows[1] == pytest.approx([0.1, 0.8, 0.1])


def test_lessons_are_written_without_the_words_of_real_turns(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from training.teacher import write_soft_labels

    known, logits = example("So late", "negative"), torch.tensor([[1.234, 0, 0]])
    write_soft_labels(
        tmp_path / "l", [known], logits, [("Hm.", logits[0])], [("no sound", logits[0])], {"teacher": "t"}
    )
    assert not any("sound" in file.read_text("utf-8") for file in (tmp_path / "l").iterdir())
    found = distillation.load(tmp_path / "l", ["no sound"])
    assert found.of(known) == (1.23, 0, 0) and [text for text, _ in found.transfer] == ["Hm.", "no sound"]


def test_the_loss_mixes_label_and_teacher_message_by_message() -> None:
    torch = pytest.importorskip("torch")
    from training.distillation import SoftLabels
    from training.train import Config, _feeling, _soft_targets

    config = Config(distilled=0.7, distillation_temperature=2.0, label_smoothing=0.0)
    known, unknown = example("So late", "negative"), example("Hm")
    says = SoftLabels({distillation.key(known): (2.0, 0.0, -2.0)}, [("So", (0.0, 4.0, 0.0))])
    soft, share = _soft_targets([known, unknown], says, config)
    assert share.tolist() == pytest.approx([0.7, 0.0, 1.0])
    assert soft[0].tolist() == pytest.approx(torch.softmax(torch.tensor([1.0, 0.0, -1.0]), 0).tolist())
    logits, labels = torch.tensor([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]]), torch.eye(3)
    hard = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    softer = torch.nn.functional.cross_entropy(logits / 2, soft, reduction="none") * 4
    wanted = (0.3 * hard[0] + 0.7 * softer[0] + hard[1] + softer[2]) / 3
    assert float(_feeling(logits, labels, soft, share, config)) == pytest.approx(float(wanted))
    nothing = _soft_targets([unknown, unknown, unknown], distillation.NONE, config)
    assert float(_feeling(logits, labels, *nothing, config)) == pytest.approx(float(hard.mean()))


def test_an_epoch_has_all_messages_but_most_of_the_calm_real_turns_and_some_transfer_texts() -> None:
    pytest.importorskip("torch")
    from training.train import Config, chosen_texts

    calm = [Example(f"calm {i}", "neutral", "real talk") for i in range(20)]
    kept = [
        Example("cross", "negative", "real talk"),
        example("ours", "neutral"),
        example("ours, too", "negative"),
    ]
    texts = [*kept, *calm, *(example(f"transfer {i}", "neutral") for i in range(20))]
    config = Config(calm_real=0.25, transfer=0.1)
    one, two = (chosen_texts(texts, 23, config, epoch) for epoch in (1, 2))
    assert one == chosen_texts(texts, 23, config, 1) and one != two
    for chosen in (one, two):
        assert chosen[:3] == [0, 1, 2] and len(set(chosen)) == len(chosen)
        assert [sum(i in part for i in chosen) for part in (range(3, 23), range(23, 43))] == [5, 2]
