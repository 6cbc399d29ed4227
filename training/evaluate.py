"""Measuring a model version on labelled messages, through the very classifier that serves. Needs no torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from model.classifier import Classifier
from model.intervals import share_interval
from model.reading import Reading
from training.dataset import Example
from training.metrics import (
    confusion,
    expected_calibration_error,
    macro_f1_interval,
    recall_at_precision,
    reliability,
    scores,
)

FLAGGED_FROM = (0.3, 0.5, 0.7, 0.9)
"""Thresholds of `rules.negative_threshold` at which it is told how many of the unhappy are flagged, and how many flags are right."""
PRECISION = 0.90
"""Of ten messages flagged as negative, nine should be: the point at which the recall of negative is reported."""


def predict(classifier: Classifier, examples: Sequence[Example]) -> list[str | None]:
    """The label of each example as the classifier reads it, None where it is not scored."""
    return [reading.label for reading in classifier.read([example.text for example in examples])]


def evaluate(classifier: Classifier, examples: Sequence[Example]) -> dict[str, Any]:
    """n, accuracy, macro_f1, per_class, ece, version, and what the model card shows besides.

    A message that is not scored counts as wrong. Besides: `macro_f1_interval` (95 %, bootstrap), `confusion`,
    `reliability`, `negative_recall` (at a precision of 0.90, with the threshold), `flags` (precision and recall of negative by
    threshold) and `slices`.
    """
    readings = classifier.read([example.text for example in examples])
    gold = [example.label for example in examples]
    predicted = [reading.label for reading in readings]
    scored = [(r, g) for r, g in zip(readings, gold, strict=True) if r.label is not None]
    confidences, right = [r.confidence for r, _ in scored], [r.label == g for r, g in scored]
    negative = [r.scores["negative"] if r.scores else None for r in readings]
    recall, threshold = recall_at_precision(gold, negative, "negative", PRECISION)
    return {
        **scores(gold, predicted),
        "ece": expected_calibration_error(confidences, right),
        "version": classifier.version,
        "macro_f1_interval": macro_f1_interval(gold, predicted),
        "confusion": confusion(gold, predicted),
        "reliability": reliability(confidences, right),
        "negative_recall": {"precision": PRECISION, "recall": recall, "threshold": threshold},
        "flags": {f"{least:.2f}": _flags(gold, negative, least) for least in FLAGGED_FROM},
        "slices": _slices(examples, readings),
    }


def _flags(gold: Sequence[str], negative: Sequence[float | None], least: float) -> dict[str, float | None]:
    """Precision and recall of negative if a message counts as such from this probability on; None where there is nothing."""
    flagged = [p is not None and p >= least for p in negative]
    unhappy = [label == "negative" for label in gold]
    right = sum(f and u for f, u in zip(flagged, unhappy, strict=True))
    return {
        "precision": right / sum(flagged) if any(flagged) else None,
        "recall": right / sum(unhappy) if any(unhappy) else None,
    }


def _slices(examples: Sequence[Example], readings: Sequence[Reading]) -> dict[str, dict[str, Any]]:
    """Figures of parts of the messages: hard and plain, each kind, each length, each trade, each source of several."""
    views: dict[str, Callable[[Example], str]] = {
        "difficulty": lambda e: ("plain" if e.kind == "plain" else "hard") if e.kind else "",
        "kind": lambda e: e.kind,
        "length": length,
        "trade": lambda e: e.trade,
        "source": lambda e: e.source,
    }
    found: dict[str, dict[str, Any]] = {}
    for view, name_of in views.items():
        groups: dict[str, list[int]] = defaultdict(list)
        for position, example in enumerate(examples):
            if name := name_of(example):
                groups[name].append(position)
        if view == "source" and len(groups) == 1:
            groups.clear()
        found[view] = {
            name: _slice([examples[i].label for i in at], [readings[i].label for i in at])
            for name, at in sorted(groups.items())
        }
    return found


def _slice(gold: Sequence[str], predicted: Sequence[str | None]) -> dict[str, Any]:
    """n, accuracy with its interval; macro-F1 with its interval where each label occurs ten times."""
    figures = scores(gold, predicted)
    right = round(figures["accuracy"] * len(gold))
    found = {
        "n": len(gold),
        "accuracy": figures["accuracy"],
        "accuracy_interval": share_interval(right, len(gold)),
    }
    if all(c["support"] >= 10 for c in figures["per_class"].values()):
        found["macro_f1"] = figures["macro_f1"]
        found["macro_f1_interval"] = macro_f1_interval(gold, predicted)
    return found


def length(example: Example) -> str:
    """The slice of its length that a message belongs to."""
    words = len(example.text.split())
    return "1 to 7 words" if words <= 7 else "8 to 20 words" if words <= 20 else "more than 20 words"
