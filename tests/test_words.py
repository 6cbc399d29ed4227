"""One term for one thing: the private words that the standard terms replaced stay out of code, documents and settings.

The words are the right column of DESIGN.md's table "Words that mean one thing". Left out, because they are also ordinary English or
another part's own term:

- identifiers: word, words (of a text) · said, used, held, released · ask, asks (methods) · share (Slack's shared channels) · gate (of
  the pipeline) · gap (time between two events) · live (live holdout) · judge · good, bad (of a test's input) · room, room_of (of the
  house) · watch (of a file or call) · between, follow (Python's own sense) · patience (of early stopping) · meanings · settled · refused
  (what Slack or the intake refuses);
- prose: the same words, and gate, judge, watch, watched, share, most, least, told, moment, chance, near, gap, facts, carry, settle, room,
  good, bad, mood (of a person), opinion, refused, live.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = ("bot", "model", "training", "docs", "config")

PRIVATE = frozenset({
    "carry", "chance", "chances", "facts", "fewest", "ill", "inquiries", "inquiry", "lessons",
    "moment", "mood", "moods", "musts", "near", "opinion", "opinions", "portion", "portions",
    "road", "settle", "softness", "standing", "stroke", "strokes", "stumble", "stumbled", "told",
    "voice", "voices", "whisper", "whispers"
})  # fmt: skip
"""Parts of a snake_case or CamelCase name."""
PRIVATE_SEQUENCES = (
    "catch_up",
    "called_back",
    "call_back",
    "reads_along",
    "read_along",
    "read_up",
    "by_lot",
    "an_hour",
    "a_day",
    "a_second",
    "third_voice",
)
"""Parts that follow one another."""
PRIVATE_STARTS = ("most", "least", "fewest")
"""Names of limits are max_… and min_…; only the first part counts."""
FOREIGN = frozenset({"most_common"})
"""Names of a library."""

PHRASES = (
    "by lot",
    "reads? along",
    "reading along",
    "called back",
    "calls? back",
    "calling back",
    "reads? up on",
    "the books",
    "in one stroke",
    "(?:a|no) person is wanted",
    "calls? a person",
    "standing words?",
    "third voice",
    "second voice",
    "the road",
    "held back",
    "whispers?",
    "whispered",
    "softness",
    "stumbles?",
    "stumbled",
    "catch(?:es)? up",
    "catching up",
    "caught up",
    "what nobody thought of",
    "a person will answer",
    "the watch",
    "inquir(?:y|ies)",
    "lessons",
    "musts",
)
SPACE = r"""(?:[\s"'#>*]|\\n)+"""
"""Phrases may be wrapped: in comments, in quotes and in adjacent strings."""
PRIVATE_PROSE = re.compile(
    rf"\b(?:{'|'.join(phrase.replace(' ', SPACE) for phrase in PHRASES)})\b", re.IGNORECASE
)

EXEMPT_FILES = {"bot/store/schema.py"}
"""Migrations that shipped are never edited: they name the columns as they were called then."""
ALLOWED = {("bot/settings.py", "RENAMED")}
"""Assignments that translate the old words: file and name."""


def parts_of(name: str) -> list[str]:
    """The words of a snake_case or CamelCase name, in lower case."""
    return [part for part in re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_") if part]


def is_private(name: str) -> bool:
    """Whether a name contains a private word."""
    parts = parts_of(name)
    if name in FOREIGN or not parts:
        return False
    joined = f"_{'_'.join(parts)}_"
    return (
        bool(PRIVATE & set(parts))
        or (parts[0] in PRIVATE_STARTS and len(parts) > 1)
        or any(f"_{sequence.strip('_')}_" in joined for sequence in PRIVATE_SEQUENCES)
    )


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of every definition, argument, variable, attribute and keyword argument."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case (
                ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name))
            ):
                yield node.lineno, name
            case (
                ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name))
            ):
                yield node.lineno, name
            case ast.alias(asname=str(name)) | ast.ExceptHandler(name=str(name)):
                yield node.lineno, name
            case _:
                pass


def private_names(source: str) -> list[str]:
    """`line: name` for every private identifier of a Python file."""
    return sorted({f"{line}: {name}" for line, name in names(ast.parse(source)) if is_private(name)})


def private_phrases(text: str) -> list[str]:
    """`line: phrase` for every private phrase of a text, wrapped ones too."""
    return [
        f"{text.count(chr(10), 0, found.start()) + 1}: {' '.join(found[0].split())}"
        for found in PRIVATE_PROSE.finditer(text)
    ]


def without_allowed(file: str, text: str) -> str:
    """The text with the lines of allowed assignments emptied."""
    lines = text.split("\n")
    for node in ast.parse(text).body if file.endswith(".py") else []:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and (file, target.id) in ALLOWED for target in node.targets
        ):
            end = node.end_lineno or node.lineno
            lines[node.lineno - 1 : end] = [""] * (end - node.lineno + 1)
    return "\n".join(lines)


def files(*suffixes: str) -> list[str]:
    found = [file for part in PARTS for file in (ROOT / part).rglob("*") if file.suffix in suffixes]
    paths = [file.relative_to(ROOT).as_posix() for file in found if "__pycache__" not in file.parts]
    return sorted({*paths, *(["README.md"] if ".md" in suffixes else [])} - EXEMPT_FILES)


@pytest.mark.parametrize("file", files(".py"))
def test_names_are_standard_terms(file: str) -> None:
    assert private_names((ROOT / file).read_text("utf-8")) == []


@pytest.mark.parametrize("file", files(".py", ".md", ".yaml"))
def test_prose_uses_standard_terms(file: str) -> None:
    assert private_phrases(without_allowed(file, (ROOT / file).read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "def whisper(): ...",
        "class ThirdVoice: ...",
        "MOST_WAITING = 3",
        "_LEAST_WORDS = 3",
        "def f(posts_a_second): ...",
        "f(random_a_day=1)",
        "action.facts",
        "self.catch_up()",
        "for moment in moments: ...",
        "case_mood: str = ''",
        "except_near = 1",
        "was_called_back = True",
        "import rng as chance",
        "match x:\n    case [told, *_]: ...",
    ],
)
def test_a_planted_name_is_found(source: str) -> None:
    assert len(private_names(source)) >= 1


def test_standard_names_pass() -> None:
    source = """
class TemplateMatch: ...
def backfill(payload, max_hours, posts_per_second, at_most): ...
Counter().most_common(1)
skill, village, roadmap, nearest, standing_by = range(5)
"""
    assert private_names(source) == ["5: standing_by"]
    assert private_names(source.replace("standing_by", "still")) == []


@pytest.mark.parametrize(
    "text",
    [
        "# drawn by lot",
        "The old version READS ALONG.",
        "it is called\n    # back when it is worse",
        '"a person is "\n    "wanted"',
        "what was turned away is read up on later",
        "in *the books*",
        "> calls a\n> person",
        "A person will answer you here.",
        "the whole of the road,",
    ],
)
def test_a_planted_phrase_is_found(text: str) -> None:
    assert len(private_phrases(text)) == 1


def test_ordinary_english_passes() -> None:
    text = "a word, broadcast, roadmap, the roads, ballot by lottery, soft labels, notebooks, reads alongside, rolled back"
    assert private_phrases(text) == []


def test_only_the_allowed_assignment_is_skipped() -> None:
    text = 'RENAMED = {\n    "by lot": "",\n}\nX = "by lot"\n'
    assert private_phrases(without_allowed("bot/settings.py", text)) == ["4: by lot"]
    assert len(private_phrases(without_allowed("bot/other.py", text))) == 2
