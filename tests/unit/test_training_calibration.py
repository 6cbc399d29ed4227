"""Probabilities that mean what they say."""

import numpy as np
import pytest

from model.reading import LABELS
from training import calibration


def drawn(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits (count, 3) and labels that are drawn from their softmax."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(count, 3)) * 2
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return logits, np.array([random.choice(3, p=row) for row in shares])


def test_the_temperature_undoes_overconfidence() -> None:
    logits, gold = drawn(2000)
    assert calibration.fit(logits, gold).temperature == pytest.approx(1.0, rel=0.1)
    assert calibration.fit(logits * 3, gold).temperature == pytest.approx(3.0, rel=0.1)
    alone = calibration.fit(logits * 3, gold, with_bias=False)
    assert alone.temperature == pytest.approx(3.0, rel=0.1) and alone.bias == (0.0, 0.0, 0.0)


def test_the_bias_undoes_another_mix() -> None:
    """The model learned where a third is negative, and serves where one in twenty is."""
    logits, gold = drawn(60_000)
    negative = LABELS.index("negative")
    share = (gold == negative).mean()
    kept = (gold != negative) | (np.random.default_rng(1).random(len(gold)) < 0.1)
    logits, gold = logits[kept], gold[kept]
    found = calibration.fit(logits, gold)
    assert found.bias[LABELS.index("neutral")] == 0.0
    assert found.bias[negative] == pytest.approx(np.log(0.1), abs=0.15)
    scaled = logits / found.temperature + np.array(found.bias)
    shares = np.exp(scaled) / np.exp(scaled).sum(axis=1, keepdims=True)
    assert shares[:, negative].mean() == pytest.approx((gold == negative).mean(), rel=0.05)
    assert share > 0.3


def test_few_messages_move_it_little() -> None:
    logits, gold = np.zeros((3, 3)), np.array([0, 0, 0])
    found = calibration.fit(logits, gold)
    assert 0.2 <= found.temperature <= 5 and abs(found.bias[0]) < 2


def test_a_part_of_the_bias_is_taken() -> None:
    logits, gold = drawn(3000)
    kept = (gold != LABELS.index("negative")) | (np.random.default_rng(1).random(len(gold)) < 0.1)
    alone = calibration.fit(logits[kept], gold[kept], with_bias=False)
    whole, partly = (
        calibration.fit(logits[kept], gold[kept]),
        calibration.fit_partly(logits[kept], gold[kept]),
    )
    assert partly.bias == pytest.approx([calibration.SHIFT * b for b in whole.bias]) and min(whole.bias) < -1
    low, high = sorted([alone.temperature, whole.temperature])
    assert low < partly.temperature < high
