"""Measures a version on labelled messages with the classifier that serves. Needs no torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from model.classifier import Classifier
from model.intervals import rate_interval
from model.reading import Reading
from training.dataset import Example
from training.metrics import (
    auroc,
    bootstrap_interval,
    confusion,
    expected_calibration_error,
    macro_f1_interval,
    recall_at_precision,
    reliability,
    scores,
    threshold_at_recall,
)

FLAGGED_FROM = (0.3, 0.5, 0.7, 0.9)
"""Values of `rules.negative_threshold` at which precision and recall of the flags are reported."""
PRECISION = 0.90
"""The precision at which the recall of negative is reported."""
RECALL = 0.60
"""The recall at which the precision of the flags is reported."""


def predict(classifier: Classifier, examples: Sequence[Example]) -> list[str | None]:
    """The classifier's label of each example, None where it is not scored."""
    return [reading.label for reading in classifier.read([example.text for example in examples])]


def evaluate(
    classifier: Classifier, examples: Sequence[Example], prevalence: float | None = None
) -> dict[str, Any]:
    """n, accuracy, macro_f1, per_class, ece, version, and the other figures of the model card.

    A message that is not scored counts as wrong. Other figures: `macro_f1_interval` (95 %, bootstrap), `confusion`,
    `reliability`, `negative_recall` (at a precision of 0.90, with the threshold), `ranking` (of the probability of
    negative: AUROC, and the precision at a recall of 0.60, with intervals), `flags` (by threshold: precision, recall and the
    rate of flagged messages) and `slices`.

    With `prevalence`, 0 to 1, the examples are weighted so that `ranking` and `flags` hold for that fraction of negative
    messages; without it they hold for the mix of the examples.
    """
    readings = classifier.read([example.text for example in examples])
    gold = [example.label for example in examples]
    predicted = [reading.label for reading in readings]
    scored = [(r, g) for r, g in zip(readings, gold, strict=True) if r.label is not None]
    confidences, right = [r.confidence for r, _ in scored], [r.label == g for r, g in scored]
    negative = [r.scores["negative"] if r.scores else None for r in readings]
    recall, threshold = recall_at_precision(gold, negative, "negative", PRECISION)
    unhappy = [label == "negative" for label in gold]
    found = [-1.0 if p is None else p for p in negative]
    return {
        **scores(gold, predicted),
        "ece": expected_calibration_error(confidences, right),
        "version": classifier.version,
        "macro_f1_interval": macro_f1_interval(gold, predicted),
        "confusion": confusion(gold, predicted),
        "reliability": reliability(confidences, right),
        "negative_recall": {"precision": PRECISION, "recall": recall, "threshold": threshold},
        "prevalence": sum(unhappy) / len(unhappy) if prevalence is None else prevalence,
        "ranking": _ranking(unhappy, found, prevalence),
        "flags": {
            f"{threshold:.2f}": flags(unhappy, found, threshold, prevalence) for threshold in FLAGGED_FROM
        },
        "slices": _slices(examples, readings),
    }


def flags(
    unhappy: Sequence[bool], found: Sequence[float], threshold: float, prevalence: float | None = None
) -> dict[str, float | None]:
    """Precision, recall and rate of flagged messages, if a message is flagged from this probability on. None where the
    divisor is 0. `prevalence`: see `evaluate`."""
    flagged = [p >= threshold for p in found]
    right = sum(f and u for f, u in zip(flagged, unhappy, strict=True))
    negative, others = sum(unhappy), len(unhappy) - sum(unhappy)
    rate = negative / len(unhappy) if prevalence is None else prevalence
    true = rate * right / negative if negative else 0.0
    false = (1 - rate) * (sum(flagged) - right) / others if others else 0.0
    return {
        "precision": true / (true + false) if true + false else None,
        "recall": right / negative if negative else None,
        "flagged": true + false,
    }


def _ranking(unhappy: Sequence[bool], found: Sequence[float], prevalence: float | None) -> dict[str, Any]:
    """AUROC and the precision at RECALL, each with its interval."""

    def area(at: Sequence[int]) -> float | None:
        return auroc([unhappy[i] for i in at], [found[i] for i in at])

    def precision(at: Sequence[int]) -> float | None:
        threshold = threshold_at_recall([unhappy[i] for i in at], [found[i] for i in at], RECALL)
        if threshold is None:
            return None
        return flags([unhappy[i] for i in at], [found[i] for i in at], threshold, prevalence)["precision"]

    everything = range(len(unhappy))
    return {
        "auroc": area(everything),
        "auroc_interval": bootstrap_interval(area, len(unhappy)),
        "recall": RECALL,
        "precision": precision(everything),
        "precision_interval": bootstrap_interval(precision, len(unhappy)),
    }


def _slices(examples: Sequence[Example], readings: Sequence[Reading]) -> dict[str, dict[str, Any]]:
    """Figures by slice: hard and plain, kind, length, trade, and source if there are several."""
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
        "accuracy_interval": rate_interval(right, len(gold)),
    }
    if all(c["support"] >= 10 for c in figures["per_class"].values()):
        found["macro_f1"] = figures["macro_f1"]
        found["macro_f1_interval"] = macro_f1_interval(gold, predicted)
    return found


def length(example: Example) -> str:
    """The length slice of a message."""
    words = len(example.text.split())
    return "1 to 7 words" if words <= 7 else "8 to 20 words" if words <= 20 else "more than 20 words"
