"""A short random walk in every run of the tests; the long one is `python bench/chaos.py` (docs/reliability.md)."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from sandbox.faults import Rates
from tests.chaos.walk import Walk


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_short_walk_loses_doubles_and_leaks_nothing(tmp_path: Path, seed: int) -> None:
    walk = Walk(seed, tmp_path, messages=300, kills=8, rates=Rates.all_at(0.02))
    books = await walk.run()
    assert books.ok, books
    assert books.kills == 8 and sum(books.faults.values()) > 20
    assert seed != 1 or (books.faults["locked"] and books.faults["damaged"])
    assert books.rss_mb < 500
    _the_books_would_notice(walk, tmp_path / "softanswer.db")


def _the_books_would_notice(walk: Walk, database: Path) -> None:
    """Each thing that must not be, made to be."""
    assert walk._wrong({}) == []
    spoil = (
        ("update inbox set state = 'failed', reason = 'x' where id = 1", "given up"),
        ("update messages set flag = 'unhappy', channel = 'C0NONE' where id = 2", "without a case"),
        ("update messages set label = null, not_scored = null where id = 3", "neither read"),
        ("update actions set state = 'dropped', error = 'because' where id = 1", "dropped: because"),
        ("insert into actions (team, key, kind, channel, facts, message_id, state, attempts, due_at, created_at)"
         " select team, 'reply:again', 'reply', channel, facts, message_id, state, 0, 0, 0 from actions where key like 'reply:%' limit 1",
         "2 answers"),
    )  # fmt: skip
    for statement, noticed in spoil:
        with contextlib.closing(sqlite3.connect(database)) as db:
            db.execute(statement)
            db.commit()
        assert any(noticed in wrong for wrong in walk._wrong({})), statement
    ts, text = walk._rows(
        "select ts, text from messages where role = 'customer' and text is not null limit 1"
    )[0]
    assert any("other words" in wrong for wrong in walk._wrong({ts: {"text": text + "!"}}))
