"""Draws the rooms of `bot/` from what the files import, as the Mermaid picture in docs/contributor.md.

`python docs/rooms.py` prints it, `python docs/rooms.py --write` puts it into the page. An arrow that follows from others
(a → c where a → b → c) is left out.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "contributor.md"
BEGIN, END = "```mermaid\n", "```\n"

PURPOSE = {
    "cli": "the command line",
    "demo": "the bot in the sandbox, and a story",
    "ops": "run, serve, check, init",
    "bootstrap": "builds everything",
    "slack": "listeners, blocks, outbox worker",
    "services": "what listeners receive",
    "insight": "status, stats",
    "learning": "labels → a proven version",
    "pipeline": "gate → classify → decide → commit",
    "desk": "the life of a case",
    "privacy": "forgetting, retention, redaction",
    "health": "failing, recovered",
    "store": "what is remembered",
    "workspace": "one installation, plain data",
    "settings": "softanswer.yaml",
    "domain": "frozen dataclasses",
}
EVERYWHERE = {"domain", "settings", "workspace"}
"""Every room may use these; their arrows are not drawn."""


def room_of(module: str) -> str | None:
    """`bot.slack.deliver` → `slack`; None for what is no room of its own."""
    parts = module.split(".")
    room = parts[1] if len(parts) > 1 else ""
    room = "cli" if room in ("cli_learning", "__main__") else room
    return room if room in PURPOSE else None


def arrows() -> dict[str, set[str]]:
    """Which room imports which, read from the files."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in sorted((ROOT / "bot").rglob("*.py")):
        own = room_of(".".join(file.relative_to(ROOT).with_suffix("").parts))
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("bot"):
                names = [node.module] if "." in node.module else [f"bot.{a.name}" for a in node.names]
            elif isinstance(node, ast.Import):
                names = [a.name for a in node.names if a.name.startswith("bot.")]
            for other in map(room_of, names):
                if own and other and own != other:
                    found[own].add(other)
    return found


def reduced(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Without arrows that follow from others."""

    def reach(room: str) -> set[str]:
        return {far for direct in graph.get(room, ()) for far in {direct} | reach(direct)}

    return {
        room: {n for n in direct if not any(n in reach(o) for o in direct - {n})}
        for room, direct in graph.items()
    }


def picture() -> str:
    """The Mermaid source."""
    graph = {room: direct - EVERYWHERE for room, direct in arrows().items()}
    lines = ["flowchart TD"]
    lines += [f'    {room}["<b>{room}</b><br/>{purpose}"]' for room, purpose in PURPOSE.items()]
    for room, direct in sorted(reduced(graph).items()):
        lines += [f"    {room} --> {other}" for other in sorted(direct)]
    return "\n".join(lines) + "\n"


def main() -> None:
    if "--write" not in sys.argv:
        print(picture(), end="")
        return
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + picture() + END + after, "utf-8")


if __name__ == "__main__":
    main()
