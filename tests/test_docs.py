"""What the documents name exists: every path of the repository, every file of Python's, every page linked to."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PARTS = ("bot", "model", "training", "sandbox", "tests", "bench", "config", "docs")
PATH = re.compile(rf"(?:{'|'.join(PARTS)})/[\w./*-]*|[\w./-]+\.py")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


def named(page: str) -> Iterator[str]:
    """The words in backticks that look like paths of the repository."""
    for words in re.findall(r"`([^`\n]+)`", page):
        yield from (word for word in words.split() if PATH.fullmatch(word))


def exists(path: str) -> bool:
    """Whether it stands there, or, without its folder (as in a table about one folder), somewhere in the repository."""
    if path.startswith(tuple(f"{part}/" for part in PARTS)):
        return bool(list(ROOT.glob(path.rstrip("/"))))
    return any(list((ROOT / part).rglob(path)) for part in PARTS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    assert [path for path in named(text) if not exists(path)] == []
    assert [link for link in LINK.findall(text) if not (page.parent / link).exists()] == []


def test_a_path_that_does_not_exist_is_noticed() -> None:
    text = "`tests/unit/test_nothing.py`, `python bench/nothing.py FILE`, `nothing.py`, `bot/pipeline/gate.py`, `gate.py`, `a/b`"
    assert [path for path in named(text) if not exists(path)] == [
        "tests/unit/test_nothing.py",
        "bench/nothing.py",
        "nothing.py",
    ]


def test_the_picture_of_the_rooms_is_what_the_imports_say() -> None:
    drawn = subprocess.run(
        [sys.executable, "docs/rooms.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    page = (ROOT / "docs" / "contributor.md").read_text("utf-8")
    assert f"```mermaid\n{drawn}```\n" in page, "run: python docs/rooms.py --write"


def test_each_likely_change_names_four_files_at_most() -> None:
    page = (ROOT / "docs" / "contributor.md").read_text("utf-8")
    rows = page.partition("## Where does it go?")[2].partition("\n## ")[0].splitlines()
    changes = [row for row in rows if row.startswith("| ") and not row.startswith("| you want")]
    assert len(changes) >= 10
    assert [row for row in changes if not 1 <= len(list(named(row))) <= 4] == []
