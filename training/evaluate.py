"""Measuring a model version on labelled messages, through the very classifier that serves. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from model.classifier import Classifier
from training.dataset import Example
from training.metrics import expected_calibration_error, scores


def predict(classifier: Classifier, examples: Sequence[Example]) -> list[str | None]:
    """The label of each example as the classifier reads it, None where it is not scored."""
    return [reading.label for reading in classifier.read([example.text for example in examples])]


def evaluate(classifier: Classifier, examples: Sequence[Example]) -> dict[str, Any]:
    """n, accuracy, macro_f1, per_class, ece and version. A message that is not scored counts as wrong."""
    readings = classifier.read([example.text for example in examples])
    gold = [example.label for example in examples]
    scored = [(r, g) for r, g in zip(readings, gold, strict=True) if r.label is not None]
    ece = expected_calibration_error([r.confidence for r, _ in scored], [r.label == g for r, g in scored])
    return {**scores(gold, [r.label for r in readings]), "ece": ece, "version": classifier.version}
