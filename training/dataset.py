"""Labelled messages: reads them with errors that name file and line, and splits them without leaks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from model.errors import UserError
from model.reading import LABELS
from model.text import clean

CORPUS = Path(__file__).parent / "corpus"
CHALLENGE = CORPUS / "challenge"
"""Parts written to be too hard for the model; trained on like the others, and measured separately (see CARD.md)."""
MIN_PER_CLASS = 20

# Of 20 hash buckets 4 are the holdout, a fifth; 2 are dev, for settings and early stopping.
_BUCKETS = 20
_HOLDOUT = range(0, 4)
_DEV = range(4, 6)


class DataError(UserError):
    """Training data cannot be used. One line: file and line, what is wrong, what to do."""


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled message."""

    text: str
    label: str
    kind: str = ""
    pair: str | None = None
    """Contrast pairs share a name: they differ in a few words and in the label."""
    cleaned: str = ""
    trade: str = ""
    source: str = ""
    """The row's own source, or else the name of its file."""
    message: int | None = None
    """A team's message: its number in the bot's database."""
    live: bool = False
    """Part of the team's live holdout: measured, never trained on."""
    challenge: bool = False
    """From the challenge parts."""
    thread: str | None = None
    """The conversation of a turn, which is never split between training and measuring."""
    borderline: bool = False
    """An annotator found another label possible."""


@dataclass(frozen=True, slots=True)
class Split:
    """Training rows, rows to choose settings on, and held-out rows."""

    train: list[Example]
    dev: list[Example]
    holdout: list[Example]
    challenge: list[Example] = field(default_factory=list)
    """The held-out fifth of the challenge parts."""
    talk: list[Example] = field(default_factory=list)
    """The held-out fifth of our own conversations: every turn of a customer, at the mix of a channel."""
    extras: list[Example] = field(default_factory=list)
    """The held-out fifth of one-liners and long mails."""
    channel: list[Example] = field(default_factory=list)
    """Messages at the mix of a channel, to fit the calibration: turns of our own conversations' dev, and real ones where given."""
    real: list[Example] = field(default_factory=list)
    """Real turns drawn at random, to choose settings, where their text is given; see training.real_turns."""
    chosen: list[Example] = field(default_factory=list)
    """Real turns picked because a model flagged them; to choose settings, too."""


def rows(paths: Sequence[Path]) -> list[Example]:
    """Every example of JSON-lines files: `{"text", "label"}` and optional `kind`, `pair`, `trade`, `source`.

    Raises DataError on the first bad line, or if there is none.
    """
    return [example for _, example in _examples(paths)]


def load(paths: Sequence[Path]) -> list[Example]:
    """The examples to train on: each message once, without those that cleaning leaves empty.

    Raises DataError as `rows` does, and on a message that occurs with two labels.
    """
    first: dict[str, tuple[str, Example]] = {}
    for place, example in _examples(paths):
        earlier_place, earlier = first.setdefault(" ".join(example.text.split()), (place, example))
        if earlier.label != example.label:
            raise DataError(
                f"{place}: labelled {example.label}, but {earlier.label} in {earlier_place} — decide on one"
            )
    # Texts that differ only in code or case are the same to the model: they must not be in two parts.
    distinct: dict[tuple[str, str], Example] = {}
    for _, example in first.values():
        if example.cleaned:
            distinct.setdefault((example.cleaned.lower(), example.label), example)
    return list(distinct.values())


def corpus_files() -> list[Path]:
    """The files of the project's own corpus, in order."""
    return sorted([*CORPUS.glob("*.jsonl"), *CHALLENGE.glob("*.jsonl")], key=lambda file: file.name)


def split(examples: Iterable[Example], holdout: bool = True) -> Split:
    """Split by a hash, so that an example's part never depends on the others; contrast pairs stay together.

    Without `holdout`, the holdout's rows are trained on.
    """
    parts = Split([], [], [])
    for example in examples:
        bucket = _hash(example.thread or example.pair or example.text) % _BUCKETS
        if holdout and bucket in _HOLDOUT:
            (parts.challenge if example.challenge else parts.holdout).append(example)
        elif bucket in _DEV:
            parts.dev.append(example)
        else:
            parts.train.append(example)
    return parts


def sample(examples: Sequence[Example], size: int) -> list[Example]:
    """About `size` examples with the same mix of labels; the same ones every time."""
    chosen: list[Example] = []
    for label in LABELS:
        of_label = sorted((e for e in examples if e.label == label), key=lambda e: _hash(e.text))
        chosen += of_label[: round(size * len(of_label) / len(examples))]
    return chosen


MAX_REPEATS = 8
"""The maximum repeats of a correction in an epoch."""
OWN_RATE = 0.33
"""The fraction of an epoch that the team's own messages fill when they are few: fifty among thousands would be lost."""


MAX_OWN_RATE = 0.4
"""The maximum fraction of an epoch for the team's messages, against forgetting; beyond it, only the latest are used."""


def replay(corpus: Split, corrections: Sequence[Example]) -> Split:
    """The corpus with the team's corrections added to the training rows, repeated to fill OWN_RATE.

    A correction supersedes the corpus' label of the same message. Rows of dev, holdout or live holdout are not trained on, or
    the release checks would measure memorised messages.
    """
    live = [e for e in corrections if e.live]
    measured = [*corpus.dev, *corpus.holdout, *corpus.challenge, *corpus.talk, *corpus.extras, *corpus.real]
    kept_out = _read_as([*measured, *live])
    usable = [e for e in corrections if e.cleaned.lower() not in kept_out]
    corrected = _read_as(usable)
    kept = [e for e in corpus.train if e.cleaned.lower() not in corrected | _read_as(live)]
    max_own = round(MAX_OWN_RATE / (1 - MAX_OWN_RATE) * len(kept))
    usable = sorted(usable, key=lambda e: e.message or 0)[-max_own:]
    wanted = OWN_RATE / (1 - OWN_RATE) * len(kept) / max(1, len(usable))
    repeats = max(1, min(MAX_REPEATS, round(wanted)))
    return replace(corpus, train=kept + usable * repeats)


def without_holdout(data: Split, corpus: Split) -> Split:
    """Other data without the corpus' holdout, so that no version is measured on rows it memorised."""
    kept_out = _read_as([*corpus.holdout, *corpus.challenge])
    return Split(
        [e for e in data.train if e.cleaned.lower() not in kept_out],
        [e for e in data.dev if e.cleaned.lower() not in kept_out],
        data.holdout,
    )


def _read_as(examples: Iterable[Example]) -> set[str]:
    """The texts as the model reads them, in lower case."""
    return {e.cleaned.lower() for e in examples}


def require_enough(examples: Sequence[Example], source: str) -> None:
    """Raises DataError if a class has too few examples."""
    for label in LABELS:
        count = sum(1 for example in examples if example.label == label)
        if count < MIN_PER_CLASS:
            raise DataError(f"{source}: {count} examples of {label} — at least {MIN_PER_CLASS} are needed")


def data_hash(examples: Iterable[Example]) -> str:
    """sha256 over texts and labels, independent of their order."""
    rows = sorted(json.dumps([e.text, e.label], ensure_ascii=False) for e in examples)
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()


def _examples(paths: Sequence[Path]) -> list[tuple[str, Example]]:
    """Examples with their places, file:line."""
    found = [(place, _example(place, fields, path)) for path in paths for place, fields in json_lines(path)]
    if not found:
        raise DataError(f"{', '.join(map(str, paths))}: no examples — give a file with labelled messages")
    return found


def json_lines(path: Path) -> Iterable[tuple[str, Any]]:
    """Place ("file:line") and value of each line that is not empty. Raises DataError."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror} — give a readable JSON-lines file") from None
    for number, line in enumerate(raw.splitlines(), start=1):
        place = f"{path}:{number}"
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{place}: not UTF-8 at byte {error.start} — save the file as UTF-8") from None
        if not text.strip():
            continue
        try:
            yield place, json.loads(text)
        except ValueError as error:
            raise DataError(f"{place}: not JSON ({error}) — write one object a line") from None


def _example(place: str, fields: Any, file: Path) -> Example:
    if not isinstance(fields, dict) or not isinstance(fields.get("text"), str):
        raise DataError(f'{place}: no "text" — a line is {{"text": "…", "label": "neutral"}}')
    label = fields.get("label")
    if label not in LABELS:
        raise DataError(f"{place}: unknown label {label!r} — use one of {', '.join(LABELS)}")
    for name in ("kind", "pair", "trade", "source"):
        if not isinstance(fields.get(name) or "", str):
            raise DataError(f"{place}: {name} is {fields[name]!r} — write it as text, or leave it out")
    return Example(
        fields["text"],
        label,
        fields.get("kind") or "",
        fields.get("pair"),
        clean(fields["text"]),
        fields.get("trade") or "",
        fields.get("source") or file.stem,
        fields["message"] if isinstance(fields.get("message"), int) else None,
        fields.get("live") is True,
        file.parent == CHALLENGE,
    )


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
