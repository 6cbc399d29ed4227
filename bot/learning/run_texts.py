"""The texts of a run in the triage channel: start, progress, verdict. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.learning.outcome import name_of
from bot.learning.selection import Selection

STAGES = {
    "load": "reading the examples",
    "embed": "computing embeddings",
    "train": "training",
    "export": "exporting",
    "evaluate": "measuring on messages kept out of training",
    "gate": "comparing with the version in service",
}


def beginning(user: str | None, trigger: str, selection: Selection) -> str:
    """The announcement of a run: who started it, and how many corrections it has."""
    by = f"<@{user}>" if user else f"the {trigger}" if trigger == "schedule" else trigger
    text = f"🎓 Retraining, started by {by}. Corrections to learn from: {len(selection.to_learn)}"
    if selection.live:
        text += f", and {len(selection.live)} to measure with"
    text += "."
    if selection.excluded:
        reasons = "; ".join(f"{count} × {why}" for why, count in selection.reasons.items())
        text += f" Excluded: {reasons}."
    return text


def first_reasons(reasons: Sequence[str]) -> str:
    """The first two reasons of a verdict, and the number of the others."""
    more = len(reasons) - 2
    return "; ".join(reasons[:2]) + (f"; and {more} more in the table" if more > 0 else "")


def progress(step: Mapping[str, Any]) -> str:
    """One line of training progress."""
    parts = [f"🎓 Retraining: {STAGES.get(step['stage'], step['stage'])}", f"{step.get('progress', 0.0):.0%}"]
    if step.get("loss") is not None:
        parts.append(f"loss {step['loss']:.3f}")
    if step.get("eta_s"):
        parts.append(f"about {step['eta_s']:.0f} s left")
    return " · ".join(parts)


def verdict_table(verdict: Mapping[str, Any]) -> list[list[Any]] | None:
    """A row for each check with its numbers; None if there are no checks."""
    if not verdict["checks"]:
        return None
    rows: list[list[Any]] = [["Check", "Before", "After", "Limit", "Passed"]]
    for check in verdict["checks"]:
        numbers = [check[key] for key in ("active", "candidate", "limit")]
        # Slack shows numbers with three decimals; with those, such a figure and its limit would look the same.
        as_text = check["digits"] > 3
        cells = ["" if n is None else f"{n:.{check['digits']}f}" if as_text else float(n) for n in numbers]
        rows.append([name_of(check), *cells, "yes" if check["passed"] else "no"])
    return rows
