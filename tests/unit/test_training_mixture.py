"""Everything that is learned from, together: real turns by hash, long mails in pieces, and nothing in two parts."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from training import conversations, long_mails, mixture, real_turns
from training.dataset import DataError, Example

SHARED = Path(__file__).parents[3] / "shared" / "data"
REAL = [SHARED / f"real_dialogue_{part}.jsonl" for part in ("train", "dev")]
needs_real = pytest.mark.skipif(not REAL[0].exists(), reason="the texts of real turns are not here")


@pytest.fixture
def labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A label file of three turns."""
    rows = [
        ("it works  now", real_turns.Label("positive", "irc", real_turns.TRAIN, False)),
        ("no sound", real_turns.Label("negative", "irc", real_turns.TRAIN, True)),
        ("which kernel?", real_turns.Label("neutral", "irc", real_turns.RANDOM, False)),
    ]
    file = tmp_path / "labels.tsv"
    file.write_text(real_turns.written(rows), "utf-8")
    monkeypatch.setattr(real_turns, "LABEL_FILE", file)
    real_turns.labels.cache_clear()
    yield file
    real_turns.labels.cache_clear()


def texts(folder: Path, *some: str) -> Path:
    file = folder / "texts.jsonl"
    file.write_text("".join(json.dumps({"text": text, "before": "…"}) + "\n" for text in some), "utf-8")
    return file


def test_a_real_turn_gets_its_label_by_hash(labels: Path, tmp_path: Path) -> None:
    found = real_turns.load(
        [texts(tmp_path, "it works now", "no sound", "which kernel?", "other", "it works now")]
    )
    assert [(e.text, e.label, e.borderline) for e in found.train] == [
        ("it works now", "positive", False),
        ("no sound", "negative", True),
    ]
    assert [e.text for e in found.random] == ["which kernel?"] and found.unlabelled == ["other"]
    assert "sound" not in labels.read_text()
    assert real_turns.load([]) == real_turns.RealTurns()


def test_texts_that_have_no_labels_are_an_error(labels: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"texts\.jsonl: no text of labels\.tsv"):
        real_turns.load([texts(tmp_path, "something else")])
    (tmp_path / "texts.jsonl").write_text('{"words": "x"}\n')
    with pytest.raises(DataError, match=r"texts\.jsonl:1: no \"text\""):
        real_turns.load([tmp_path / "texts.jsonl"])


def test_a_broken_label_file_is_named(labels: Path, tmp_path: Path) -> None:
    with labels.open("a") as file:
        file.write("0123\tangry\tirc\ttrain\t0\n")
    with pytest.raises(DataError, match=r"labels\.tsv:4: not hash, label"):
        real_turns.load([texts(tmp_path, "it works now")])


def test_the_shipped_labels_are_sound() -> None:
    found = real_turns.labels(real_turns.LABEL_FILE)
    assert len(found) == 19_641
    parts = [said.part for said in found.values()]
    assert parts.count(real_turns.RANDOM) == 515 and parts.count(real_turns.CHOSEN) == 505


def mail(kind: str, words: int) -> Example:
    text = " ".join(f"w{n}" for n in range(words))
    return Example(text, "neutral" if kind == long_mails.CALM else "negative", kind, cleaned=text)


def test_a_long_mail_is_learned_in_pieces_that_have_its_feeling_or_none() -> None:
    (start,) = long_mails.pieces(mail(long_mails.START, 300))
    assert (
        start.text.startswith("w0 ")
        and start.label == "negative"
        and len(start.text.split()) == long_mails.PIECE
    )
    (middle,) = long_mails.pieces(mail(long_mails.MIDDLE, 300))
    assert middle.text.startswith("w75 ") and middle.text.endswith(" w224") and middle.label == "negative"
    end, calm = long_mails.pieces(mail(long_mails.END, 300))
    assert end.text.endswith(" w299") and end.label == "negative"
    assert calm.text.startswith("w0 ") and calm.label == "neutral" and len(calm.text.split()) < 110
    assert [e.label for e in long_mails.pieces(mail(long_mails.CALM, 300))] == ["neutral", "neutral"]
    short = mail(long_mails.END, 120)
    assert long_mails.pieces(short) == [short]
    plain = mail("plain", 300)
    assert long_mails.pieces(plain) == [plain]


def test_nothing_is_learned_that_is_measured() -> None:
    data = mixture.load()
    measured = [data.dev, data.holdout, data.challenge, data.talk, data.extras]
    learned = {e.cleaned.lower() for e in data.train}
    for part in measured:
        both = learned & {e.cleaned.lower() for e in part}
        assert all(len(text.split()) <= mixture.COMMON_WORDS for text in both)
        assert part is data.talk or part is data.dev or not both
    # "ok" is learned although somebody in a held-out conversation says it.
    assert "ok" in learned & {e.cleaned.lower() for e in data.talk}
    seen = Counter(e.cleaned.lower() for e in data.train)
    again = {e.cleaned.lower() for e in data.train if e.thread}
    assert all(count == (mixture.CONVERSATIONS_SEEN if text in again else 1) for text, count in seen.items())
    assert {e.thread for e in data.talk}.isdisjoint(e.thread for e in data.train if e.thread)
    assert all(e.kind == conversations.KIND for e in data.talk) and not data.real
    assert {e.kind for e in data.extras} >= {"one-liner", long_mails.END}
    # The probabilities are fitted where one message in twenty is unhappy, not one in three.
    assert sum(e.label == "negative" for e in data.channel) < 0.1 * len(data.channel)


@needs_real
def test_real_turns_join_the_rest() -> None:
    without, data = mixture.load(), mixture.load(REAL)
    real = [e for e in data.train if e.kind == real_turns.KIND]
    assert len(real) > 18_000 and len(data.real) == 515 and len(data.chosen) == 505
    assert len(data.channel) == len(without.channel) + 515
    learned = {e.cleaned.lower() for e in data.train}
    both = learned & {e.cleaned.lower() for e in [*data.real, *data.chosen, *data.holdout, *data.talk]}
    assert all(len(text.split()) <= mixture.COMMON_WORDS for text in both)
    assert (data.holdout, data.talk) == (without.holdout, without.talk)
