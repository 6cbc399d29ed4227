"""The shipped graph reads a message alike in any company; and how such a graph is made."""

import random

import numpy as np
import onnx
import pytest

from model.artefact_folder import GRAPH
from model.classifier import Classifier
from model.registry import SHIPPED
from training import dataset

MESSAGES = 600


@pytest.fixture(scope="module")
def texts() -> list[str]:
    holdout = dataset.split(dataset.load(dataset.corpus_files())).holdout
    return [e.text for e in holdout[:: len(holdout) // MESSAGES]][:MESSAGES]


def test_company_never_changes_a_reading(texts: list[str]) -> None:
    """Random batches of random size and order: no label flips, and no probability moves by 0.02."""
    classifier = Classifier.load(SHIPPED, threads=2)
    alone = [classifier.read([text])[0] for text in texts]
    chances = [(reading.scores or {})["negative"] for reading in alone]
    draw = random.Random(1)
    for _ in range(4):
        order = draw.sample(range(len(texts)), len(texts))
        while order:
            batch, order = order[: (size := draw.randint(2, 60))], order[size:]
            for place, reading in zip(batch, classifier.read([texts[i] for i in batch]), strict=True):
                assert reading.label == alone[place].label, texts[place]
                assert reading.scores is not None, texts[place]
                assert abs(reading.scores["negative"] - chances[place]) < 0.02, texts[place]


def test_no_scale_is_taken_from_the_batch() -> None:
    kinds = {node.op_type for node in onnx.load(SHIPPED / GRAPH).graph.node}
    assert "DynamicQuantizeLinear" not in kinds and "MatMulIntegerToFloat" in kinds


def test_a_scale_spans_its_range() -> None:
    from onnx import helper, numpy_helper

    from training.quantise import _scale

    node = helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "y_scale", "y_zero"])
    for low, high in ((-1.0, 3.0), (0.5, 2.0), (-4.0, -1.0), (0.0, 0.0)):
        scale, zero = (numpy_helper.to_array(part) for part in _scale(node, (low, high)))
        ends = (np.array([0, 255]) - int(zero)) * float(scale)
        # Nought is in every range, and has a number of its own.
        assert ends[0] <= min(low, 0) + float(scale) and ends[1] >= max(high, 0) - float(scale)
