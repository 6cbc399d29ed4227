"""Figures of merit from labels and probabilities. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from model.reading import LABELS

_BINS = 15


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
    if not confidences:
        return 0.0
    confidence, correct = np.asarray(confidences), np.asarray(right, dtype=float)
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [abs(float((confidence - correct)[bins == bin].sum())) for bin in range(_BINS)]
    return sum(gaps) / len(confidence)


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
