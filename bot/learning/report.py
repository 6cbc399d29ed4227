"""What learning did for the team: its figures, in words. The picture of them is drawn by bot.learning.picture. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from model.intervals import share_interval


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
class Share:
    """A week's readings that agents were shown, and how many of them they set right."""

    begins: float
    """Seconds since the epoch; Mondays, UTC."""
    overridden: int
    shown: int


@dataclass(frozen=True, slots=True)
class Report:
    versions: tuple[Version, ...]
    weeks: tuple[Share, ...]
    sources: Mapping[str, int]
    """Labels by where people gave them."""

    def facts(self) -> dict[str, Any]:
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


SOURCES = {"card": "card", "question": "question", "shortcut": "shortcut", "reaction": "emoji"}
"""The words for where a label was given."""


def _interval(week: Share) -> tuple[float, float]:
    return share_interval(week.overridden, week.shown)
