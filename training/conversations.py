"""Whole support conversations, hand-written for this project: every turn of a customer is labelled in its context.

A file holds one conversation a line:

    {"thread": "c1-001", "trade": "…", "about": "…", "turns": [{"by": "customer", "text": "…", "label": "neutral"}, …]}

`by` is customer, agent or peer. A customer's turn may have a `twin`, another wording of the same turn with another label:
`{"text", "label"}`. The two annotators disagreed on a turn without a label: it is not trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from model.reading import LABELS
from model.text import clean
from training.dataset import CORPUS, DataError, Example, json_lines

FOLDER = CORPUS / "conversations"
KIND, TWIN = "conversation", "conversation twin"
_SPEAKERS = ("customer", "agent", "peer")


def files() -> list[Path]:
    """The files with conversations, in order."""
    return sorted(FOLDER.glob("threads*.jsonl"))


def turns(paths: Sequence[Path]) -> list[Example]:
    """Every labelled turn of a customer, and their twins, in order; `thread` names the conversation.

    Raises DataError on the first line that is not a conversation, or if there is none.
    """
    found: list[Example] = []
    threads: set[str] = set()
    for path in paths:
        for place, fields in json_lines(path):
            if not isinstance(fields, dict) or not isinstance(fields.get("thread"), str):
                raise DataError(
                    f'{place}: no "thread" — a line is one conversation, see training/conversations.py'
                )
            if fields["thread"] in threads:
                raise DataError(f"{place}: thread {fields['thread']} appears twice — give each its own name")
            threads.add(fields["thread"])
            found += _examples(place, fields, path)
    if not found:
        raise DataError(f"{', '.join(map(str, paths))}: no customer's turn — give files with conversations")
    return found


def _examples(place: str, fields: dict[str, Any], path: Path) -> Iterator[Example]:
    spoken = fields.get("turns")
    if not isinstance(spoken, list) or not spoken:
        raise DataError(f'{place}: no "turns" — a conversation has at least one')
    for turn in spoken:
        if (
            not isinstance(turn, dict)
            or turn.get("by") not in _SPEAKERS
            or not isinstance(turn.get("text"), str)
        ):
            raise DataError(
                f"{place}: a turn is not {{by, text}} with by one of {', '.join(_SPEAKERS)} — mend it"
            )
        if turn["by"] == "customer":
            for kind, labelled in ((KIND, turn), (TWIN, turn.get("twin"))):
                if labelled and labelled.get("label") is not None:
                    yield _example(place, labelled, kind, fields, path)


def _example(place: str, labelled: dict[str, Any], kind: str, fields: dict[str, Any], path: Path) -> Example:
    if labelled["label"] not in LABELS:
        raise DataError(f"{place}: unknown label {labelled['label']!r} — use one of {', '.join(LABELS)}")
    return Example(
        labelled["text"],
        labelled["label"],
        kind,
        cleaned=clean(labelled["text"]),
        trade=fields.get("trade") or "",
        source=path.stem,
        thread=fields["thread"],
    )
