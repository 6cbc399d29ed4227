"""The arrows between the parts (docs/contributor.md), held: who may import whom, and what must never be loaded."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"bot", "model", "training", "sandbox"}
MAY_IMPORT = {
    "bot": {"bot", "model"},
    "model": {"model"},
    "training": {"training", "model"},
    "sandbox": {"sandbox"},
}


def imports(file: Path) -> Iterator[str]:
    """The dotted names that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files(part: str) -> list[Path]:
    return sorted((ROOT / part).rglob("*.py"))


@pytest.mark.parametrize("part", sorted(MAY_IMPORT))
def test_the_arrows_between_the_parts(part: str) -> None:
    wrong = []
    for file in files(part):
        allowed = MAY_IMPORT[part] | ({"sandbox"} if file.parent == ROOT / "bot" / "demo" else set())
        forbidden = [name for name in imports(file) if name.split(".")[0] in OURS - allowed]
        wrong += [f"{file.relative_to(ROOT)} imports {name}" for name in forbidden]
    assert wrong == []


@pytest.mark.parametrize("part", ["bot", "model", "sandbox"])
def test_torch_stays_in_training(part: str) -> None:
    heavy = {"torch", "transformers", "peft", "onnx", "sklearn"}
    found = [
        f"{f.relative_to(ROOT)}: {n}" for f in files(part) for n in imports(f) if n.split(".")[0] in heavy
    ]
    assert found == []


ROOMS = (
    ("cli",),
    ("demo",),
    ("ops",),
    ("bootstrap",),
    ("slack",),
    ("services",),
    ("insight",),
    ("learning",),
    ("pipeline",),
    ("desk",),
    ("privacy", "health"),
    ("store",),
    ("workspace", "settings", "failpoints"),
    ("domain",),
)
"""The rooms of `bot/`, from the outermost in: each may import those below it and its own. Of two in one row neither imports the other."""


def room_of(module: str) -> str:
    """`bot.slack.deliver` is in the room `slack`, `bot.cli_learning` in `cli`."""
    room = module.split(".")[1] if "." in module else "cli"
    return "cli" if room in ("cli_learning", "__main__", "__init__") else room


def imports_between_rooms() -> Iterator[tuple[str, str, str]]:
    """File, its room, and the room of what it imports."""
    for file in files("bot"):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for name in imports(file):
            if name.startswith("bot."):
                yield str(file.relative_to(ROOT)), room_of(module), room_of(name)


def test_the_arrows_between_the_rooms_of_the_bot() -> None:
    level = {room: number for number, row in enumerate(ROOMS) for room in row}
    wrong = [
        f"{file} imports {other}"
        for file, own, other in imports_between_rooms()
        if own != other and level[own] >= level[other]
    ]
    assert wrong == []


def test_no_import_circle() -> None:
    modules = {".".join(f.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): f
               for part in MAY_IMPORT for f in files(part)}  # fmt: skip

    def target(name: str) -> str | None:
        return (
            name
            if name in modules
            else name.rpartition(".")[0]
            if name.rpartition(".")[0] in modules
            else None
        )

    graph = {name: {t for n in imports(f) if (t := target(n)) and t != name} for name, f in modules.items()}
    while leaves := [name for name, needs in graph.items() if not needs & graph.keys()]:
        for name in leaves:
            del graph[name]
    assert sorted(graph) == []


def importing(what: str, allowed: tuple[str, ...]) -> list[str]:
    """Files of the bot that import a package without being in one of the places that may."""
    return [
        str(f.relative_to(ROOT))
        for f in files("bot")
        if not str(f.relative_to(ROOT)).startswith(allowed)
        and any(n.split(".")[0] == what for n in imports(f))
    ]


def test_slacks_sdk_and_the_database_driver_stay_in_their_rooms() -> None:
    slack = ("bot/slack/", "bot/ops/", "bot/demo/")
    assert [importing(sdk, slack) for sdk in ("slack_sdk", "slack_bolt")] == [[], []]
    assert importing("sqlite3", ("bot/store/db.py",)) == []
    assert importing("sqlite_utils", ("bot/store/db.py",)) == []


def test_the_stores_sql_is_what_sqlite_and_postgres_share() -> None:
    alone = r"json_\w+\(|json_each|\browid\b|last_pk|total_changes|\binsert or\b|\bas real\b|\bpragma\b|\b[a-z]\.user\b"
    found = [
        f"{file.relative_to(ROOT)}: {match}"
        for file in files("bot/store")
        if file.name not in ("db.py", "schema.py")
        for match in re.findall(alone, file.read_text("utf-8"), re.IGNORECASE)
    ]
    assert found == []


def test_no_test_module_imports_another() -> None:
    """What several tests need is in `tests/support`, which imports no test; a test's fixtures come from its conftest."""
    found = [
        f"{f.relative_to(ROOT)} imports {n}"
        for f in files("tests")
        for n in imports(f)
        if n.split(".")[0] == "tests" and not n.startswith("tests.support.")
    ]
    assert found == []


def test_only_the_tests_of_the_store_use_the_database_driver() -> None:
    of_the_store = {"tests/unit/test_store.py", "tests/unit/test_migration.py"}
    found = {
        str(f.relative_to(ROOT)) for f in files("tests") for n in imports(f) if n.split(".")[0] == "sqlite3"
    }
    assert {f for f in found if not f.startswith(("tests/support/", "tests/fixtures/"))} <= of_the_store


PURE = (ROOT / "tests" / "pure_modules.txt").read_text("utf-8").split()
"""Modules without input or output, one list for this test and for the coverage that `make test` wants."""


def test_the_pure_modules_do_no_input_or_output() -> None:
    impure = {
        "asyncio", "time", "datetime", "random", "os", "pathlib", "sqlite3", "aiohttp", "slack_sdk", "slack_bolt",
        "logging",
    }  # fmt: skip
    found = [f"{file}: {n}" for file in PURE for n in imports(ROOT / file) if n.split(".")[0] in impure]
    assert found == []


def test_nothing_runs_on_import() -> None:
    """Every module of the bot and the model can be imported in an empty folder, without tokens, and prints nothing."""
    modules = [
        str(f.relative_to(ROOT).with_suffix("")).replace("/", ".") for p in ("bot", "model") for f in files(p)
    ]
    code = "; ".join(f"import {m.removesuffix('.__init__')}" for m in modules if not m.endswith("__main__"))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
