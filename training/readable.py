"""Figures as lines of text for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PARTS = {
    "real": "real turns drawn at random from public help channels, which chose the settings",
    "chosen": "real turns that a model flagged, which chose the settings",
    "talk": "turns of our own conversations, held out",
    "holdout": "the corpus' holdout",
    "challenge": "the challenge, written to be beyond it",
    "extras": "one-liners and long mails, held out",
}
"""The parts in the order they are printed: other people's messages first."""


def parts(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """All parts that were measured, in the order of PARTS."""
    return "\n\n".join(f"{PARTS[name]}\n{part(figures[name])}" for name in PARTS if name in figures)


def part(figures: Mapping[str, Any]) -> str:
    """One part: macro-F1, the ranking of the unhappy, each label, and the flags at each threshold."""
    low, high = figures["macro_f1_interval"]
    lines = [
        f"{figures['version']} on {figures['n']:,} messages: macro-F1 {figures['macro_f1']:.3f} ({low:.3f}–{high:.3f}), "
        f"accuracy {figures['accuracy']:.3f}, calibration error {figures['ece']:.3f}"
    ]
    by_difficulty = [
        f"{name} {some['macro_f1']:.3f}"
        for name, some in figures["slices"]["difficulty"].items()
        if "macro_f1" in some
    ]
    if len(by_difficulty) > 1:
        lines.append(f"  macro-F1: {'  '.join(by_difficulty)}")
    ranking = figures["ranking"]
    if ranking["auroc"] is not None:
        lines.append(
            f"  the unhappy, {figures['prevalence']:.1%} of the messages: AUROC {ranking['auroc']:.3f}"
            f"{_interval(ranking['auroc_interval'])}; where {ranking['recall']:.0%} of them are found, "
            f"{ranking['precision']:.0%} of the flags are right{_interval(ranking['precision_interval'])}"
        )
    lines += [
        f"  {label:9} precision {c['precision']:.3f}  recall {c['recall']:.3f}  F1 {c['f1']:.3f}  n {c['support']}"
        for label, c in figures["per_class"].items()
    ]
    lines += [f"  flagged from {threshold} on: {flags(some)}" for threshold, some in figures["flags"].items()]
    return "\n".join(lines)


def flags(some: Mapping[str, float | None]) -> str:
    """The figures of a threshold as text."""
    precision, recall = some["precision"], some["recall"]
    found = "no unhappy customer to find" if recall is None else f"finds {recall:.0%} of the unhappy"
    right = (
        "nothing is flagged"
        if precision is None
        else f"{some['flagged']:.1%} of the messages, {precision:.0%} rightly"
    )
    return f"{right}; {found}"


def _interval(bounds: Any) -> str:
    return f" ({bounds[0]:.3f}–{bounds[1]:.3f})" if bounds else ""
