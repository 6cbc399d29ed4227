import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from training import dataset
from training.dataset import DataError, Example, Split


def write(path: Path, *lines: Any) -> Path:
    path.write_text(
        "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines), "utf-8"
    )
    return path


def examples(count: int, label: str = "neutral") -> list[Example]:
    return [Example(f"{label} message {n}", label, cleaned=f"{label} message {n}") for n in range(count)]


def test_lines_become_examples(tmp_path: Path) -> None:
    file = write(
        tmp_path / "a.jsonl",
        {"text": "Broken <@U1>", "label": "negative", "kind": "plain", "pair": "p1", "trade": "banking"},
        "",
        {"text": "ok", "label": "neutral", "pair": None, "source": "forum"},
    )
    assert dataset.load([file]) == [
        Example("Broken <@U1>", "negative", "plain", "p1", "Broken someone", "banking", "a"),
        Example("ok", "neutral", "", None, "ok", source="forum"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"text": "ok", "label": "angry"}, "unknown label 'angry'"),
        ({"text": "ok"}, "unknown label None"),
        ({"text": "ok", "label": ["neutral"]}, "unknown label"),
        ({"label": "neutral"}, 'no "text"'),
        ([], 'no "text"'),
        ("{", "not JSON"),
        ({"text": "fine  so far", "label": "negative"}, r"labelled negative, but neutral in .*a\.jsonl:1"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: Any, message: str) -> None:
    file = write(tmp_path / "a.jsonl", {"text": "fine so far", "label": "neutral"}, line)
    with pytest.raises(DataError, match=rf"a\.jsonl:2: .*{message}") as raised:
        dataset.load([file])
    assert "\n" not in str(raised.value)


def test_invalid_utf8_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"text": "ok", "label": "neutral"}\n{"text": "\xff"}\n')
    with pytest.raises(DataError, match=r"a\.jsonl:2: not UTF-8 at byte 10"):
        dataset.load([file])


def test_empty_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.jsonl: no examples"):
        dataset.load([write(tmp_path / "a.jsonl")])
    with pytest.raises(DataError, match=r"none\.jsonl: No such file"):
        dataset.load([tmp_path / "none.jsonl"])


def test_learning_takes_a_message_once_and_measuring_takes_every_line(tmp_path: Path) -> None:
    same = {"text": "same", "label": "neutral"}
    file = write(tmp_path / "a.jsonl", same, same, {"text": "`code`", "label": "neutral"})
    assert [e.text for e in dataset.load([file])] == ["same"]
    assert [e.text for e in dataset.rows([file])] == ["same", "same", "`code`"]


def test_the_corpus_is_sound_and_a_fifth_is_held_out() -> None:
    corpus = dataset.load(dataset.corpus_files())
    assert len(corpus) >= 28_000
    parts = dataset.split(corpus)
    assert 0.18 < len(parts.holdout + parts.challenge) / len(corpus) < 0.22
    assert 0.08 < len(parts.dev) / len(corpus) < 0.12
    texts = [{e.cleaned for e in part} for part in (parts.train, parts.dev, parts.holdout)]
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]
    pairs = [{e.pair for e in part if e.pair} for part in (parts.train, parts.dev, parts.holdout)]
    assert not pairs[0] & pairs[1] and not pairs[0] & pairs[2] and not pairs[1] & pairs[2]


def test_the_corpus_is_what_its_card_says() -> None:
    lines = [json.loads(x) for file in dataset.corpus_files() for x in file.read_text("utf-8").splitlines()]
    assert all(line.keys() == {"text", "label", "intent", "kind", "trade", "pair"} for line in lines)
    labels = Counter(line["label"] for line in lines)
    shares = {label: round(100 * count / len(lines)) for label, count in labels.items()}
    assert all(
        abs(shares[label] - wanted) <= 3
        for label, wanted in {"neutral": 40, "negative": 38, "positive": 22}.items()
    ), shares
    kinds = Counter(line["kind"] for line in lines)
    assert len(kinds) == 18 and min(kinds.values()) >= 150
    assert 0.4 < kinds["plain"] / len(lines) < 0.6
    trades = Counter(line["trade"] for line in lines)
    assert len(trades) >= 14 and min(trades.values()) >= 50
    pairs: dict[str, list[str]] = {}
    for line in lines:
        if line["pair"]:
            pairs.setdefault(line["pair"], []).append(line["label"])
    assert len(pairs) >= 1_000
    assert all(len(both) == 2 and both[0] != both[1] for both in pairs.values())


def test_the_corpus_has_no_half_pairs_and_says_nothing_twice() -> None:
    together = dataset.load(dataset.corpus_files())  # raises on a message with two labels
    assert len(together) == len(dataset.rows(dataset.corpus_files())) - 2
    assert set(Counter(e.pair for e in together if e.pair).values()) == {2}


def test_the_challenge_is_learned_from_and_measured_apart() -> None:
    corpus = dataset.load(dataset.corpus_files())
    parts = dataset.split(corpus)
    hard = [e for e in corpus if e.challenge]
    assert {e.source for e in hard} == {f"part{n}" for n in range(27, 34)}
    assert 0.16 < len(parts.challenge) / len(hard) < 0.24
    assert any(e.challenge for e in parts.train) and any(e.challenge for e in parts.dev)
    assert all(e.challenge for e in parts.challenge) and not any(e.challenge for e in parts.holdout)


def test_an_examples_part_does_not_depend_on_the_others() -> None:
    many = examples(400)
    whole, half = dataset.split(many), dataset.split(many[::-2])
    assert {e.text for e in half.holdout} <= {e.text for e in whole.holdout}
    assert {e.text for e in half.train} <= {e.text for e in whole.train}


def test_a_sample_keeps_the_labels_shares() -> None:
    many = examples(600) + examples(300, "negative") + examples(100, "positive")
    chosen = dataset.sample(many, 100)
    assert [sum(e.label == label for e in chosen) for label in ("neutral", "negative", "positive")] == [
        60,
        30,
        10,
    ]
    assert chosen == dataset.sample(many[::-1], 100)


def test_replay_adds_corrections_and_never_what_is_judged_by() -> None:
    train, dev, holdout = (examples(1, label) for label in ("neutral", "negative", "positive"))
    relabelled = Example(train[0].text, "negative", cleaned=train[0].cleaned)
    new = Example("new", "positive", cleaned="new")
    parts = dataset.replay(Split(train, dev, holdout), [relabelled, new, dev[0], holdout[0]])
    assert parts == Split([relabelled, new], dev, holdout)


def test_the_teams_own_messages_have_a_fair_share_and_its_live_holdout_none() -> None:
    train = [Example(f"message {i}", "neutral", cleaned=f"message {i}") for i in range(850)]
    own = [Example(f"own {i}", "positive", cleaned=f"own {i}") for i in range(80)]
    live = [Example(f"own {i}", "positive", cleaned=f"own {i}", live=True) for i in range(60, 80)]
    parts = dataset.replay(Split([*train, own[70]], [], []), [*own[:60], *live])
    assert len(parts.train) == 850 + 60 * 7 and own[70] not in parts.train
    assert not any(e.live for e in parts.train)
    few = dataset.replay(Split(train, [], []), own[:3])
    assert len(few.train) == 850 + 3 * dataset.MAX_REPEATS


def test_too_few_of_a_class() -> None:
    enough = examples(20) + examples(20, "negative") + examples(20, "positive")
    dataset.require_enough(enough, "a.jsonl")
    with pytest.raises(DataError, match=r"a\.jsonl: 19 examples of positive"):
        dataset.require_enough(enough[:-1], "a.jsonl")


def test_the_data_hash_knows_labels_and_ignores_order() -> None:
    some = examples(3)
    assert dataset.data_hash(some) == dataset.data_hash(some[::-1])
    assert dataset.data_hash(some) != dataset.data_hash([*some[:2], Example(some[2].text, "negative")])


def test_the_corpus_holdout_is_never_trained_on_even_if_its_file_is_given() -> None:
    given = Split(
        [
            Example("Seen", "neutral", cleaned="Seen"),
            Example("new", "neutral", cleaned="new"),
        ],
        [],
        [],
    )
    corpus = Split([], [], [Example("seen", "neutral", cleaned="seen")])
    assert [e.text for e in dataset.without_holdout(given, corpus).train] == ["new"]


def test_a_kind_must_be_text(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", {"text": "ok", "label": "neutral", "kind": 1})
    with pytest.raises(DataError, match=r"a\.jsonl:1: kind is 1"):
        dataset.load([file])
