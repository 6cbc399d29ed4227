"""Figures of merit from labels and probabilities. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
    distances = [b["n"] * abs(b["confidence"] - b["accuracy"]) for b in reliability(confidences, right)]
    return sum(distances) / len(confidences) if confidences else 0.0


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
    rng = np.random.default_rng(0)
    figures = []
    for _ in range(_RESAMPLES):
        drawn = cells[rng.integers(len(cells), size=len(cells))]
        table = np.bincount(drawn, minlength=len(LABELS) * classes).reshape(len(LABELS), classes)
        right = np.diag(table)
        figures.append(float(np.mean(2 * right / np.maximum(table.sum(1) + table[:, :-1].sum(0), 1))))
    low, high = np.percentile(figures, [2.5, 97.5])
    return float(low), float(high)


def recall_at_precision(
    gold: Sequence[str], scores_of_label: Sequence[float | None], label: str, precision: float
) -> tuple[float, float]:
    """The largest recall of `label` that some threshold on its score gives at that precision or better, and the
    threshold; (0.0, 1.0) if none does. A message that was not scored (None) counts as not found."""
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


def auroc(positive: Sequence[bool], found: Sequence[float]) -> float | None:
    """The probability that a positive scores above a negative, ties counting half; None where either is missing."""
    is_positive, scored = np.asarray(positive, dtype=bool), np.asarray(found, dtype=np.float64)
    count = int(is_positive.sum())
    if not count or count == len(is_positive):
        return None
    _, place, size = np.unique(scored, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(size) - (size - 1) / 2)[place]
    above = ranks[is_positive].sum() - count * (count + 1) / 2
    return float(above / (count * (len(is_positive) - count)))


def threshold_at_recall(positive: Sequence[bool], found: Sequence[float], recall: float) -> float | None:
    """The highest threshold with this recall; None where there are no positives."""
    hits = sorted((score for score, hit in zip(found, positive, strict=True) if hit), reverse=True)
    return hits[math.ceil(recall * len(hits)) - 1] if hits else None


def bootstrap_interval(
    figure: Callable[[list[int]], float | None], count: int, resamples: int = 400
) -> tuple[float, float] | None:
    """95 % interval of a figure of `count` messages, by the percentile bootstrap; `figure` takes the positions drawn. The same
    each time. None if it is None in more than a tenth of the draws."""
    if not count:
        return None
    draw = np.random.default_rng(0)
    drawn = [figure(draw.integers(count, size=count).tolist()) for _ in range(resamples)]
    known = [value for value in drawn if value is not None]
    if len(known) < 0.9 * resamples:
        return None
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
