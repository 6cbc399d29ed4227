"""Soft labels: the teacher's logits for the corpus and the transfer texts; see training.teacher."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.dataset import DataError, Example

FOLDER = Path(__file__).parent / "soft_labels"

UNLABELLED = "unlabelled.jsonl"

Logits = tuple[float, float, float]
"""In the order of model.reading.LABELS."""


@dataclass(frozen=True, slots=True)
class SoftLabels:
    """The teacher's logits: by message (see `key`), and for texts without a label."""

    messages: dict[str, Logits]
    transfer: list[tuple[str, Logits]]

    def of(self, example: Example) -> Logits | None:
        """The teacher's logits for a message; None if it has none, or was trained with another label for it."""
        return self.messages.get(key(example))

    @property
    def digest(self) -> str:
        """sha256 over all soft labels."""
        text = json.dumps([sorted(self.messages.items()), self.transfer], ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


NONE = SoftLabels({}, [])


def key(example: Example) -> str:
    """Hash of a message and its label: soft labels do not outlive a changed label."""
    return hashlib.sha256(f"{example.label} {example.cleaned}".encode("utf-8", "surrogatepass")).hexdigest()[
        :16
    ]


def load(folder: Path = FOLDER, texts: Iterable[str] = ()) -> SoftLabels:
    """The soft labels in a folder; none if there is no such folder. `texts` are cleaned real turns without a label: the folder
    holds their logits by hash. Raises DataError naming file and line."""
    if not folder.is_dir():
        return NONE
    messages = {str(row["key"]): _logits(place, row) for place, row in _rows(folder / "messages.jsonl")}
    transfer = [(str(row["text"]), _logits(place, row)) for place, row in _rows(folder / "transfer.jsonl")]
    if (unlabelled := folder / UNLABELLED).exists():
        logits = {str(row["key"]): _logits(place, row) for place, row in _rows(unlabelled)}
        transfer += [(text, logits[name]) for text in texts if (name := text_key(text)) in logits]
    return SoftLabels(messages, transfer)


def text_key(text: str) -> str:
    """Hash of a text without a label."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _logits(place: str, row: dict[str, Any]) -> Logits:
    found = row.get("logits")
    if not isinstance(found, list) or len(found) != 3 or not all(isinstance(v, int | float) for v in found):
        raise DataError(f"{place}: no three logits — write them again with python -m training teach")
    return (float(found[0]), float(found[1]), float(found[2]))


def _rows(file: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{file}: cannot be read ({error}) — write them again with python -m training teach"
        ) from None
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not ("key" in row or "text" in row):
            raise DataError(
                f"{file}:{number}: not a soft label — write them again with python -m training teach"
            )
        yield f"{file}:{number}", row
