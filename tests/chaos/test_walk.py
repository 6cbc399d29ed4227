"""A short random walk in every run of the tests; the long one is `python bench/chaos.py` (docs/reliability.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.demo.workspace import BEN, CARLA
from sandbox.faults import Rates
from tests.support.chaos.walk import FAULTS_IN_THE_BOOKS, Walk
from tests.support.database import change, messages


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
    for statement, noticed in FAULTS_IN_THE_BOOKS:
        change(database, statement)
        assert any(noticed in wrong for wrong in walk._wrong({})), statement
    written = next(m for m in messages(database) if m.user in (BEN, CARLA) and m.text is not None)
    other = {written.ts: {"text": f"{written.text}!"}}
    assert any("other words" in wrong for wrong in walk._wrong(other))
