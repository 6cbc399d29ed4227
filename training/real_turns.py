"""Turns of real people in public help channels: the labels are here, the texts are not.

The texts have licences of their own. So `real_turns.tsv` holds, for each turn, a hash of its text and the label that annotators
gave it by our guide. Whoever has the texts (sources in docs/model.md) passes them with `--real FILE…`, lines of
`{"text": …}`, and trains on the same rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from model.reading import LABELS
from model.text import clean
from training.dataset import DataError, Example, json_lines

LABEL_FILE = Path(__file__).parent / "real_turns.tsv"
KIND = "real talk"
TRAIN, RANDOM, CHOSEN = "train", "dev-random", "dev-chosen"
"""Parts: to train on; to choose settings, drawn at random at the mix of the channels; to choose settings, picked because a
model flagged them."""


@dataclass(frozen=True, slots=True)
class Label:
    """The annotators' label of one turn."""

    label: str
    source: str
    part: str
    borderline: bool
    """An annotator marked it as borderline."""


@dataclass(frozen=True, slots=True)
class RealTurns:
    """The turns whose text was given."""

    train: list[Example] = field(default_factory=list)
    random: list[Example] = field(default_factory=list)
    chosen: list[Example] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)
    """Cleaned texts without a label, for the teacher."""


def key(text: str) -> str:
    """The hash that identifies a turn."""
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def load(paths: Sequence[Path]) -> RealTurns:
    """The turns of JSON-lines files with a `text` each, with their labels. Raises DataError as training.dataset does."""
    found = RealTurns()
    known = labels(LABEL_FILE)
    seen: set[str] = set()
    for path in paths:
        for place, fields in json_lines(path):
            if not isinstance(fields, dict) or not isinstance(fields.get("text"), str):
                raise DataError(f'{place}: no "text" — a line is {{"text": "…"}}')
            name, cleaned = key(fields["text"]), clean(fields["text"])
            if name in seen or not cleaned:
                continue
            seen.add(name)
            if label := known.get(name):
                _part(found, label.part).append(
                    Example(
                        fields["text"],
                        label.label,
                        KIND,
                        cleaned=cleaned,
                        source=label.source,
                        borderline=label.borderline,
                    )
                )
            else:
                found.unlabelled.append(cleaned)
    if paths and not (found.train or found.random or found.chosen):
        raise DataError(
            f"{', '.join(map(str, paths))}: no text of {LABEL_FILE.name} — give the files docs/model.md names"
        )
    return found


def _part(found: RealTurns, part: str) -> list[Example]:
    return {TRAIN: found.train, RANDOM: found.random, CHOSEN: found.chosen}[part]


@cache
def labels(file: Path) -> dict[str, Label]:
    """By hash. Raises DataError naming the line."""
    found = {}
    for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
        cells = line.split("\t")
        if len(cells) != 5 or cells[1] not in LABELS or cells[3] not in (TRAIN, RANDOM, CHOSEN):
            raise DataError(
                f"{file}:{number}: not hash, label, source, part, borderline — take the file from the repository"
            )
        found[cells[0]] = Label(cells[1], cells[2], cells[3], cells[4] == "1")
    return found


def written(rows: Iterable[tuple[str, Label]]) -> str:
    """`real_turns.tsv` of texts and their labels, sorted by hash, so that it does not reveal the order of the texts."""
    lines = {
        key(text): f"{key(text)}\t{row.label}\t{row.source}\t{row.part}\t{int(row.borderline)}\n"
        for text, row in rows
    }
    return "".join(lines[name] for name in sorted(lines))
