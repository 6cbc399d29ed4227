"""What the teacher says of the corpus' messages and of the transfer texts, kept beside the corpus; see training.teacher."""

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
    """The teacher's logits: by message (see `key`), and of texts without a label."""

    messages: dict[str, Logits]
    transfer: list[tuple[str, Logits]]

    def of(self, example: Example) -> Logits | None:
        """What the teacher says of a message; None if it has not read it, or under another label than it has now."""
        return self.messages.get(key(example))

    @property
    def digest(self) -> str:
        """sha256 of all that the teacher says."""
        text = json.dumps([sorted(self.messages.items()), self.transfer], ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


NONE = SoftLabels({}, [])


def key(example: Example) -> str:
    """A message and its label, by hash: what the teacher learned for another label it must not repeat."""
    return hashlib.sha256(f"{example.label} {example.cleaned}".encode("utf-8", "surrogatepass")).hexdigest()[
        :16
    ]


def load(folder: Path = FOLDER, texts: Iterable[str] = ()) -> SoftLabels:
    """The soft labels in a folder; none if there is no such folder. `texts` are real turns without a label, cleaned: of those the
    teacher has read the folder holds what it says, by hash. Raises DataError naming file and line."""
    if not folder.is_dir():
        return NONE
    messages = {str(row["key"]): _logits(place, row) for place, row in _rows(folder / "messages.jsonl")}
    transfer = [(str(row["text"]), _logits(place, row)) for place, row in _rows(folder / "transfer.jsonl")]
    if (unlabelled := folder / UNLABELLED).exists():
        said = {str(row["key"]): _logits(place, row) for place, row in _rows(unlabelled)}
        transfer += [(text, said[name]) for text in texts if (name := text_key(text)) in said]
    return SoftLabels(messages, transfer)


def text_key(text: str) -> str:
    """A text without a label, by hash."""
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
