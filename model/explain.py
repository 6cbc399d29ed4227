"""Which words drove a reading: a linear model is fitted to readings of the message with random words left out (LIME, Ribeiro
et al. 2016).

Leaving out one word at a time is not enough: a complaint is often redundant, and the model stays as sure without any one word.
Pure: the caller reads the variants, in one batch with everything else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from model.reading import Reading
from model.text import clean

MAX_WORDS = 40
"""Only this many first words of a message are explained."""
_MIN_VARIANTS, _PER_WORD = 48, 4
"""Number of variants: the minimum, and per word."""
_RIDGE = 2.0


@dataclass(frozen=True, slots=True)
class Weighed:
    """A word and its weight for the label, in log-odds (natural logarithm); negative: against it."""

    word: str
    weight: float


def words_of(text: str) -> list[str]:
    """The words of a message as the model reads it, at most MAX_WORDS."""
    return re.findall(r"\S+", clean(text))[:MAX_WORDS]


def variants(words: Sequence[str]) -> list[str]:
    """The message, then variants with about half of its words left out; the same ones every time."""
    return [" ".join(w for w, kept in zip(words, row, strict=True) if kept) for row in _kept(len(words))]


def weigh(words: Sequence[str], readings: Sequence[Reading]) -> list[Weighed]:
    """The words with their weights, in their order; `readings` are those of `variants(words)`.

    Empty if the message was not scored. Variants that were not scored are skipped.
    """
    label = readings[0].label if readings else None
    if label is None:
        return []
    rows = [(kept, r.scores[label]) for kept, r in zip(_kept(len(words)), readings, strict=True) if r.scores]
    there = np.array([kept for kept, _ in rows], dtype=np.float64)
    odds = np.array([_log_odds(probability) for _, probability in rows])
    there, odds = there - there.mean(axis=0), odds - odds.mean()
    slopes = np.linalg.solve(there.T @ there + _RIDGE * np.eye(len(words)), there.T @ odds)
    return [Weighed(word, float(slope)) for word, slope in zip(words, slopes, strict=True)]


def strongest(weighed: Sequence[Weighed], count: int = 5, min_weight: float = 0.3) -> list[Weighed]:
    """The words with the largest weights for the label, in descending order."""
    return sorted((w for w in weighed if w.weight >= min_weight), key=lambda w: -w.weight)[:count]


def _kept(count: int) -> list[list[bool]]:
    """By variant, the words that stay; all of them in the first."""
    rng = np.random.default_rng(0)
    drawn = rng.random((max(_MIN_VARIANTS, _PER_WORD * count), count)) < 0.5
    return [[True] * count, *drawn.tolist()]


def _log_odds(probability: float) -> float:
    kept = min(max(probability, 1e-6), 1 - 1e-6)
    return log(kept / (1 - kept))
