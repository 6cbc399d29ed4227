"""The page's JavaScript modules: what they import exists, no import is circular, and every file is used and served."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from pathlib import Path

import httpx
import pytest

from sandbox.server import PAGE, create_app

IMPORT = re.compile(
    r'^(?:import|export)\b[^;"]*\bfrom "([^"]+)";|^import "([^"]+)";|\bimport\("([^"]+)"\)', re.M
)
NAMES = re.compile(r'^import \{([^}]*)\} from "\./([^"]+)";$', re.M)
EXPORT = re.compile(r"^export (?:async )?(?:function|const|let|class) (\w+)", re.M)

SOURCES = {file.name: file.read_text(encoding="utf-8") for file in PAGE.glob("*.js")}


def imported(name: str) -> set[str]:
    """The modules that a module imports, as their paths say it."""
    return {next(filter(None, groups)) for groups in IMPORT.findall(SOURCES[name])}


def neighbours(name: str) -> set[str]:
    return {path.removeprefix("./") for path in imported(name)}


def test_the_page_is_more_than_one_module() -> None:
    assert len(SOURCES) > 10
    assert len(imported("app.js")) > 3


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_every_import_finds_its_file_and_what_it_names(name: str) -> None:
    source = SOURCES[name]
    # Every import has the one form that NAMES reads: nothing comes from elsewhere and nothing is renamed.
    assert {f"./{path}" for _, path in NAMES.findall(source)} == imported(name)
    for names, path in NAMES.findall(source):
        assert path in SOURCES
        exported = set(EXPORT.findall(SOURCES[path]))
        for word in filter(None, (part.strip() for part in names.split(","))):
            assert word in exported, f"{path} exports no {word}"
            assert len(re.findall(rf"(?:\.\.\.|(?<![\w.])){word}\b", source)) > 1, (
                f"{word} is imported and not used"
            )


def test_no_import_is_circular() -> None:
    TopologicalSorter({name: neighbours(name) for name in SOURCES}).prepare()


def test_every_module_is_reached_from_the_page() -> None:
    index = (PAGE / "index.html").read_text(encoding="utf-8")
    started = re.findall(r'<script type="module" src="/page/([^"]+)">', index)
    assert started == ["app.js"]
    reached: set[str] = set()
    while started:
        name = started.pop()
        reached.add(name)
        started += neighbours(name) - reached
    assert reached == set(SOURCES)


async def test_every_file_of_the_page_is_served_and_no_other() -> None:
    transport = httpx.ASGITransport(create_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for file in PAGE.iterdir():
            answer = await client.get(f"/page/{file.name}")
            if file.suffix not in (".js", ".css"):
                assert answer.status_code == 404, file.name
                continue
            assert answer.status_code == 200, file.name
            assert answer.content == file.read_bytes()
            kind = {".js": "text/javascript", ".css": "text/css"}[file.suffix]
            assert answer.headers["content-type"].startswith(kind)
            assert answer.headers["cache-control"] == "no-cache"
        # A path that is not a plain name from the folder finds nothing.
        for path in ("..%2Fserver.py", "%2Fetc%2Fpasswd", ".%2Fapp.js", "page%2Fapp.js"):
            assert (await client.get(f"/page/{path}")).status_code == 404, path


def test_the_package_ships_every_file_of_the_page() -> None:
    """`package-data` names the kinds of files in the folder itself, so the page has no sub-folder."""
    folders = [path for path in PAGE.iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert folders == []
    assert {path.suffix for path in PAGE.iterdir() if path.is_file()} == {".py", ".html", ".css", ".js"}
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert '"sandbox.page" = ["*.html", "*.css", "*.js"]' in project
