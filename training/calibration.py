"""Calibration for a real channel: a temperature and one bias per label, fitted after quantisation.

A third of the training messages is unhappy, but only one in twenty of a channel's. The temperature corrects the model's
confidence, the bias how often it expects each label (prior shift, Saerens et al. 2002). Needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.reading import LABELS

SHIFT = 0.25
"""The fraction of the fitted bias that is used; chosen on dev and the real turns (docs/model.md)."""
_STEPS = 50
_PULL = 1.0
"""Ridge on the biases: twenty unhappy messages say little about a bias."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """logits / temperature + bias, before the softmax."""

    temperature: float
    bias: tuple[float, ...]


def fit_partly(logits: npt.NDArray[np.floating], gold: npt.NDArray[np.int64]) -> Calibration:
    """Interpolation by SHIFT between a temperature alone and temperature with bias, both fitted on the same messages. The
    full bias would give wrong labels to sharp messages such as the corpus', which have another mix."""
    without, whole = fit(logits, gold, with_bias=False), fit(logits, gold)
    return Calibration(
        without.temperature + SHIFT * (whole.temperature - without.temperature),
        tuple(SHIFT * b for b in whole.bias),
    )


def fit(logits: npt.NDArray[np.floating], gold: npt.NDArray[np.int64], with_bias: bool = True) -> Calibration:
    """The calibration under which the gold labels are most likely.

    `logits` is (n, labels), `gold` (n,) the label's position. Without `with_bias` the bias is 0. Newton's method: the negative
    log-likelihood is convex in the inverse of the temperature and the biases. The bias of *neutral* is 0, because only
    differences count. The temperature stays within 0.2 … 5.
    """
    scores = logits.astype(np.float64)
    free = [i for i, label in enumerate(LABELS) if label != "neutral"] if with_bias else []
    # Derivative of each logit by each parameter: (n, parameters, labels).
    moves = np.zeros((len(scores), 1 + len(free), scores.shape[1]))
    moves[:, 0] = scores
    for row, label in enumerate(free, start=1):
        moves[:, row, label] = 1.0
    wanted = np.eye(scores.shape[1])[gold]
    ridge = np.array([1e-6, *([_PULL] * len(free))])
    found = np.array([1.0, *([0.0] * len(free))])
    for _ in range(_STEPS):
        shifted = np.einsum("p,npl->nl", found, moves)
        shifted = np.exp(shifted - shifted.max(axis=1, keepdims=True))
        probabilities = shifted / shifted.sum(axis=1, keepdims=True)
        slope = np.einsum("npl,nl->p", moves, probabilities - wanted) + ridge * np.array([0.0, *found[1:]])
        weighted = moves * probabilities[:, None, :]
        mean = weighted.sum(axis=2)
        bend = np.einsum("npl,nql->pq", weighted, moves) - mean.T @ mean + np.diag(ridge)
        step = np.linalg.solve(bend, slope)
        found = found - step
        found[0] = np.clip(found[0], 0.2, 5.0)
        if np.abs(step).max() < 1e-9:
            break
    bias = np.zeros(scores.shape[1])
    bias[free] = found[1:]
    return Calibration(float(1 / found[0]), tuple(float(b) for b in bias))
