"""What learning remembers: label_requests to the team, examples, runs, what was seen after a promotion, the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from model.intervals import rate_interval

Why = Literal["random", "uncertain", "second", "third", "differ", "confirm"]


ADJUDICATIONS: tuple[Why, ...] = ("second", "third")
"""Of a person more, on what others said. Asked of the next one if the first cannot tell or is silent."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A customer's message that was read."""

    message: int
    confidence: float
    flagged: bool


@dataclass(frozen=True, slots=True)
class LabelRequest:
    """One question to one person."""

    message: int
    why: Why
    person: str | None


@dataclass(frozen=True, slots=True)
class LabelRequestView:
    """A question to the team as its card shows it."""

    id: int
    message: int
    channel: str
    ts: str
    text: str | None
    """None once the words are gone."""
    person: str | None
    """Whom it is asked of; None: of anybody."""


@dataclass(frozen=True, slots=True)
class Adjudication:
    """A question for a person's adjudication on what others said, as it was asked before."""

    message: int
    why: str
    person: str | None
    at: float
    open: bool
    """Neither answered nor passed on."""


@dataclass(frozen=True, slots=True)
class SampleAnswer:
    """How a person says the customer of a message drawn by lot felt, and whether it had been flagged as unhappy."""

    channel: str
    flagged: bool
    label: str


@dataclass(frozen=True, slots=True)
class Example:
    """A message that an agent says belongs to a template."""

    id: int
    template: str
    text: str | None
    """Redacted; None once the words are gone."""
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
    """One training run as the database remembers it."""

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
"""States of runs that have come to no verdict."""


MIN_ANNOTATORS = 2
"""So many people must have found the old version right; in a team of one, that one."""


@dataclass(frozen=True, slots=True)
class ShadowCounts:
    """What a watch has seen so far."""

    readings: int
    """Messages that both models have read."""
    differ: int
    """On how many their labels differ."""
    old_right: int
    """Of these, where people say that the old model is right."""
    new_right: int
    neither: int
    """Where they say that both are wrong."""
    expected: float
    """The share on which the two differed when the gate measured them."""
    annotators: int = MIN_ANNOTATORS
    """How many people are among those who say that the old model is right."""


@dataclass(frozen=True, slots=True)
class ShadowEvaluation:
    """One watch as the database remembers it."""

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
    """One trained version on the live holdout of its day."""

    name: str
    served: bool
    macro_f1: tuple[float, float, float]
    """With its 95 % interval."""
    before: float
    """What the version that served then had on the same messages."""
    n: int


@dataclass(frozen=True, slots=True)
class Week:
    """A week's readings that agents were shown, and how many of them they set right."""

    begins: float
    """Seconds since the epoch; Mondays, UTC."""
    overridden: int
    shown: int


SOURCES = {"card": "card", "question": "question", "shortcut": "shortcut", "reaction": "emoji"}
"""The words for where a label was given."""


@dataclass(frozen=True, slots=True)
class Report:
    versions: tuple[Version, ...]
    weeks: tuple[Week, ...]
    sources: Mapping[str, int]
    """Labels by where people gave them."""

    def figures(self) -> dict[str, Any]:
        """As JSON knows it, with the intervals of the shares: what the picture is drawn from."""
        weeks = [asdict(w) | dict(zip(("low", "high"), _interval(w), strict=True)) for w in self.weeks]
        return {
            "versions": [asdict(v) for v in self.versions],
            "weeks": weeks,
            "sources": {SOURCES.get(source, source): n for source, n in self.sources.items()},
        }

    def text(self) -> str:
        """The same in three lines, for whoever cannot see the picture."""
        return "\n".join(("📈 *What learning did*", self._on_live(), self._overridden(), self._labels()))

    def _on_live(self) -> str:
        if not self.versions:
            return "No message of yours is set aside to measure by yet."
        last = self.versions[-1]
        f1, low, high = last.macro_f1
        return (
            f"On {last.n} of your messages, never learned from: macro-F1 {f1:.3f} ({low:.3f} to {high:.3f});"
            f" the version in service then: {last.before:.3f}."
        )

    def _overridden(self) -> str:
        if not self.weeks:
            return "You were shown no reading yet."
        last = self.weeks[-1]
        return f"This week you set {last.overridden} of the {last.shown} readings right that you were shown."

    def _labels(self) -> str:
        if not self.sources:
            return "Nobody has given a label yet."
        return "Labels so far: " + ", ".join(f"{n} by {SOURCES.get(s, s)}" for s, n in self.sources.items())


def _interval(week: Week) -> tuple[float, float]:
    return rate_interval(week.overridden, week.shown)
