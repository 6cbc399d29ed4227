"""A short random walk in every run of the tests; the long one is `python bench/chaos.py` (docs/reliability.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.faults import Rates
from tests.chaos.walk import Walk


@pytest.mark.timeout(600)
async def test_a_short_walk_loses_doubles_and_leaks_nothing(tmp_path: Path) -> None:
    books = await Walk(1, tmp_path, messages=300, kills=8, rates=Rates.all_at(0.02)).run()
    assert books.ok, books
    assert books.kills == 8 and sum(books.faults.values()) > 20
    assert books.rss_mb < 500
