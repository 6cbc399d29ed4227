"""The arrows between the parts (docs/contributor.md), held: who may import whom, and what must never be loaded."""

from __future__ import annotations

import ast
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


def test_what_slack_shows_is_called_by_bootstrap_alone() -> None:
    """`bot/slack` may call the rest of the bot; the rest never calls `bot/slack`."""
    outside = [f for f in files("bot") if f.parent.name != "slack" and f.name != "bootstrap.py"]
    assert [f.name for f in outside if any(n.startswith("bot.slack.") for n in imports(f))] == []


def test_the_pure_modules_do_no_input_or_output() -> None:
    impure = {
        "asyncio",
        "time",
        "datetime",
        "random",
        "os",
        "pathlib",
        "sqlite3",
        "aiohttp",
        "slack_sdk",
        "slack_bolt",
        "logging",
    }
    pure = [
        "bot/gate.py",
        "bot/decide.py",
        "bot/domain.py",
        "bot/slack/blocks.py",
        "training/promote.py",
        "model/explain.py",
        "model/windows.py",
    ]
    pure += [f"bot/learning/{name}.py" for name in ("selection", "redact", "asking", "watch", "report")]
    found = [f"{file}: {n}" for file in pure for n in imports(ROOT / file) if n.split(".")[0] in impure]
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
