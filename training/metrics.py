"""Figures of merit from labels and probabilities. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from model.reading import LABELS

_BINS = 15
_RESAMPLES = 1000


def scores(gold: Sequence[str], predicted: Sequence[str | None]) -> dict[str, Any]:
    """n, accuracy, macro_f1 and, by label, precision, recall, f1 and support.

    A message that was not scored (None) counts as wrong.
    """
    per_class = {}
    for label in LABELS:
        support = sum(1 for g in gold if g == label)
        named = sum(1 for p in predicted if p == label)
        right = sum(1 for g, p in zip(gold, predicted, strict=True) if g == p == label)
        per_class[label] = {
            "precision": right / named if named else 0.0,
            "recall": right / support if support else 0.0,
            "f1": 2 * right / (named + support) if named + support else 0.0,
            "support": support,
        }
    agreeing = sum(1 for g, p in zip(gold, predicted, strict=True) if g == p)
    return {
        "n": len(gold),
        "accuracy": agreeing / len(gold) if gold else 0.0,
        "macro_f1": sum(figures["f1"] for figures in per_class.values()) / len(LABELS),
        "per_class": per_class,
    }


def expected_calibration_error(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Mean distance of confidence from accuracy over 15 equal bins, weighted by their counts (Guo et al. 2017)."""
    gaps = [b["n"] * abs(b["confidence"] - b["accuracy"]) for b in reliability(confidences, right)]
    return sum(gaps) / len(confidences) if confidences else 0.0


def reliability(confidences: Sequence[float], right: Sequence[bool]) -> list[dict[str, Any]]:
    """For each of 15 equal bins of confidence that is not empty: n, mean confidence, accuracy."""
    confidence, correct = np.asarray(confidences), np.asarray(right, dtype=float)
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    return [
        {
            "n": int((bins == bin).sum()),
            "confidence": float(confidence[bins == bin].mean()),
            "accuracy": float(correct[bins == bin].mean()),
        }
        for bin in sorted(set(bins.tolist()))
    ]


def confusion(gold: Sequence[str], predicted: Sequence[str | None]) -> list[list[int]]:
    """Counts: rows are the gold labels, columns the predicted ones and, last, not scored."""
    columns = [*LABELS, None]
    return [
        [
            sum(1 for g, p in zip(gold, predicted, strict=True) if g == row and p == column)
            for column in columns
        ]
        for row in LABELS
    ]


def macro_f1_interval(gold: Sequence[str], predicted: Sequence[str | None]) -> tuple[float, float]:
    """95 % interval of macro-F1 by the percentile bootstrap: 1,000 resamples of the messages, the same each time."""
    classes = len(LABELS) + 1
    cells = np.array(
        [
            LABELS.index(g) * classes + (LABELS.index(p) if p is not None else classes - 1)
            for g, p in zip(gold, predicted, strict=True)
        ]
    )
    if not len(cells):
        return 0.0, 0.0
    chance = np.random.default_rng(0)
    figures = []
    for _ in range(_RESAMPLES):
        drawn = cells[chance.integers(len(cells), size=len(cells))]
        table = np.bincount(drawn, minlength=len(LABELS) * classes).reshape(len(LABELS), classes)
        right = np.diag(table)
        figures.append(float(np.mean(2 * right / np.maximum(table.sum(1) + table[:, :-1].sum(0), 1))))
    low, high = np.percentile(figures, [2.5, 97.5])
    return float(low), float(high)


def recall_at_precision(
    gold: Sequence[str], scores_of_label: Sequence[float | None], label: str, precision: float
) -> tuple[float, float]:
    """The largest recall of `label` that some threshold on its score gives at that precision or better, and the
    threshold; (0.0, 1.0) if none does. What was not scored (None) is never found, and counts among what there was."""
    pairs = [(s, g == label) for s, g in zip(scores_of_label, gold, strict=True) if s is not None]
    pairs.sort(key=lambda pair: -pair[0])
    there, found, best = sum(g == label for g in gold), 0, (0.0, 1.0)
    for position, (score, hit) in enumerate(pairs, start=1):
        found += hit
        # Equal scores fall on one side of any threshold.
        is_cut = position == len(pairs) or pairs[position][0] < score
        if is_cut and found and found / position >= precision:
            best = (found / there, score)
    return best


def fit_temperature(logits: np.ndarray, gold: np.ndarray) -> float:
    """The temperature in 0.2 … 5 under which the gold labels are most likely.

    `logits` is (n, labels), `gold` (n,) the label's position. One parameter: a fine grid finds the minimum.
    """
    candidates = np.geomspace(0.2, 5.0, 321)
    losses = []
    for temperature in candidates:
        scaled = logits.astype(np.float64) / temperature
        scaled -= scaled.max(axis=1, keepdims=True)
        picked = scaled[np.arange(len(gold)), gold] - np.log(np.exp(scaled).sum(axis=1))
        losses.append(-picked.mean())
    return float(candidates[int(np.argmin(losses))])
