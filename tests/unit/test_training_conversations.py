"""Whole conversations: the file's form, and that the corpus' own are what its card says."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from training import conversations, dataset
from training.dataset import DataError


def line(**changes: Any) -> dict[str, Any]:
    turns = [
        {"by": "customer", "text": "the import stops at row 40", "label": "neutral"},
        {"by": "agent", "text": "Which file?"},
        {
            "by": "customer",
            "text": "same result",
            "label": "neutral",
            "twin": {"text": "same result, as always", "label": "negative"},
        },
        {"by": "customer", "text": "hm", "label": None},
    ]
    return {"thread": "t1", "trade": "banking", "about": "an import", "turns": turns} | changes


def write(path: Path, *lines: Any) -> Path:
    path.write_text("".join(json.dumps(some) + "\n" for some in lines), "utf-8")
    return path


def test_turns_of_customers_are_examples_and_keep_their_thread(tmp_path: Path) -> None:
    found = conversations.turns([write(tmp_path / "threads1.jsonl", line())])
    assert [(e.text, e.label, e.kind) for e in found] == [
        ("the import stops at row 40", "neutral", conversations.KIND),
        ("same result", "neutral", conversations.KIND),
        ("same result, as always", "negative", conversations.TWIN),
    ]
    assert {(e.thread, e.trade, e.source) for e in found} == {("t1", "banking", "threads1")}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"text": "ok"}, 'no "thread"'),
        (line(thread="t2", turns=[]), 'no "turns"'),
        (line(thread="t2", turns=[{"by": "bot", "text": "hi"}]), "a turn is not"),
        (
            line(thread="t2", turns=[{"by": "customer", "text": "ok", "label": "angry"}]),
            "unknown label 'angry'",
        ),
        (line(), "thread t1 appears twice"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, wrong: Any, message: str) -> None:
    file = write(tmp_path / "threads.jsonl", line(), wrong)
    with pytest.raises(DataError, match=rf"threads\.jsonl:2: .*{message}") as raised:
        conversations.turns([file])
    assert "\n" not in str(raised.value)


def test_a_file_without_conversations_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no customer's turn"):
        conversations.turns([write(tmp_path / "threads.jsonl")])


def test_our_own_are_as_real_channels_are() -> None:
    """Mostly calm, in whole threads, of many trades; see training/corpus/CARD.md."""
    lines = [json.loads(x) for f in conversations.files() for x in f.read_text("utf-8").splitlines()]
    assert len(lines) >= 800 and len({some["trade"] for some in lines}) >= 20
    assert all(5 <= len(some["turns"]) <= 20 for some in lines)
    found = conversations.turns(conversations.files())
    labels = Counter(e.label for e in found if e.kind == conversations.KIND)
    assert labels.total() >= 6_000
    assert 0.05 <= labels["negative"] / labels.total() <= 0.08
    assert 0.10 <= labels["positive"] / labels.total() <= 0.15
    assert sum(e.kind == conversations.TWIN for e in found) >= 400


def test_threads_are_never_divided() -> None:
    parts = dataset.split(conversations.turns(conversations.files()))
    threads = [{e.thread for e in part} for part in (parts.train, parts.dev, parts.holdout)]
    assert not threads[0] & threads[1] and not threads[0] & threads[2] and not threads[1] & threads[2]
    assert 0.15 < len(threads[2]) / len(threads[0] | threads[1] | threads[2]) < 0.25
