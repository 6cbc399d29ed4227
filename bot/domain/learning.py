"""The data of learning: label requests, examples, golden set, runs, shadow evaluations, the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from model.intervals import rate_interval

Why = Literal["random", "uncertain", "second", "third", "differ", "confirm"]


ADJUDICATIONS: tuple[Why, ...] = ("second", "third")
"""A second or third person's label. Another person is asked if the first cannot tell or does not answer."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A customer's message with a reading, which the team may be asked about."""

    message: int
    confidence: float
    flagged: bool


@dataclass(frozen=True, slots=True)
class LabelRequest:
    """A request to a person to label a message."""

    message: int
    why: Why
    person: str | None


@dataclass(frozen=True, slots=True)
class LabelRequestView:
    """A label request as its card shows it."""

    id: int
    message: int
    channel: str
    ts: str
    text: str | None
    """None once the text is erased."""
    person: str | None
    """Who is asked; None: anybody."""


@dataclass(frozen=True, slots=True)
class Adjudication:
    """An earlier label request because of somebody else's label."""

    message: int
    why: str
    person: str | None
    at: float
    open: bool
    """Neither answered nor declined."""


@dataclass(frozen=True, slots=True)
class SampleAnswer:
    """A person's label of a message in the random sample, and whether the bot had flagged it as unhappy."""

    channel: str
    flagged: bool
    label: str


@dataclass(frozen=True, slots=True)
class Example:
    """A message that an agent proposed as an example of a template."""

    id: int
    template: str
    text: str | None
    """Redacted; None once the text is erased."""
    user: str
    state: str
    """proposed, approved or rejected"""
    decided_by: str | None


@dataclass(frozen=True, slots=True)
class Golden:
    """A message that every version must read right."""

    id: int
    text: str
    label: str
    user: str


@dataclass(frozen=True, slots=True)
class Run:
    """One training run as it is stored."""

    id: int
    trigger: str
    user: str | None
    state: str
    version: str | None
    summary: str | None
    started_at: float
    ended_at: float | None
    data_hash: str | None


UNJUDGED = ("skipped", "failed", "running")
"""States of runs without a verdict."""


MIN_ANNOTATORS = 2
"""People who must have found the old version right before a rollback; in a team of one, one."""


@dataclass(frozen=True, slots=True)
class ShadowCounts:
    """The counts of a shadow evaluation so far."""

    readings: int
    """Messages that both models have read."""
    differ: int
    """Messages on which their labels differ."""
    old_right: int
    """Of these, the ones where people say that the old model is right."""
    new_right: int
    neither: int
    """Where people say that both are wrong."""
    expected: float
    """The rate at which the two differed in the release checks."""
    annotators: int = MIN_ANNOTATORS
    """How many people say that the old model is right."""


@dataclass(frozen=True, slots=True)
class ShadowEvaluation:
    """One shadow evaluation as it is stored."""

    id: int
    version: str
    previous: str
    started_at: float
    expected: float
    readings: int
    last_message: int


@dataclass(frozen=True, slots=True)
class Unread:
    """A message that the new version has read and the old one not yet."""

    message: int
    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Version:
    """One trained version, measured on the live holdout of its time."""

    name: str
    served: bool
    macro_f1: tuple[float, float, float]
    """With its 95 % interval."""
    before: float
    """The macro-F1 of the version that was active then, on the same messages."""
    n: int


@dataclass(frozen=True, slots=True)
class Week:
    """The readings shown to agents in a week, and how many of them they corrected."""

    begins: float
    """Seconds since the epoch; Mondays, UTC."""
    overridden: int
    shown: int


SOURCES = {"card": "card", "question": "label request", "shortcut": "shortcut", "reaction": "emoji"}
"""How the report names the sources of labels."""


@dataclass(frozen=True, slots=True)
class Report:
    versions: tuple[Version, ...]
    weeks: tuple[Week, ...]
    sources: Mapping[str, int]
    """Number of labels by source."""

    def figures(self) -> dict[str, Any]:
        """The report as JSON types, with the intervals of the rates; the picture is drawn from it."""
        weeks = [asdict(w) | dict(zip(("low", "high"), _interval(w), strict=True)) for w in self.weeks]
        return {
            "versions": [asdict(v) for v in self.versions],
            "weeks": weeks,
            "sources": {SOURCES.get(source, source): n for source, n in self.sources.items()},
        }

    def text(self) -> str:
        """The report in three lines, for people who cannot see the picture."""
        return "\n".join(("📈 *What learning did*", self._on_live(), self._overridden(), self._labels()))

    def _on_live(self) -> str:
        if not self.versions:
            return "None of your messages are set aside for measuring yet."
        last = self.versions[-1]
        f1, low, high = last.macro_f1
        return (
            f"On {last.n} of your messages, never learned from: macro-F1 {f1:.3f} ({low:.3f} to {high:.3f});"
            f" the version in service then: {last.before:.3f}."
        )

    def _overridden(self) -> str:
        if not self.weeks:
            return "I have not shown you any reading yet."
        last = self.weeks[-1]
        return f"This week you corrected {last.overridden} of the {last.shown} readings that I showed you."

    def _labels(self) -> str:
        if not self.sources:
            return "Nobody has given a label yet."
        return "Labels so far: " + ", ".join(f"{n} by {SOURCES.get(s, s)}" for s, n in self.sources.items())


def _interval(week: Week) -> tuple[float, float]:
    return rate_interval(week.overridden, week.shown)
