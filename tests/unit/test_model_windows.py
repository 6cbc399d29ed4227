"""Long messages are read whole: which window speaks for them."""

import numpy as np

from model.classifier import Classifier
from model.registry import SHIPPED
from model.windows import speaking

NEGATIVE, POSITIVE = 0, 2
CALM, MILD, ANGRY, GLAD = [0.0, 4.0, 0.0], [2.0, 1.0, 0.0], [5.0, 0.0, 0.0], [0.0, 0.0, 3.0]


def spoken(*windows: list[float]) -> list[float]:
    return speaking(np.array(windows, dtype=np.float32), NEGATIVE, POSITIVE).tolist()


def test_the_unhappiest_window_decides() -> None:
    assert spoken(CALM) == CALM
    assert spoken(CALM, ANGRY, GLAD) == ANGRY
    assert spoken(MILD, CALM, ANGRY) == ANGRY


def test_joy_decides_where_nobody_is_unhappy() -> None:
    assert spoken(CALM, GLAD, CALM) == GLAD
    # A window in which negative is likely, but not likeliest, is calm.
    assert spoken([2.0, 3.0, 0.0], GLAD) == GLAD


def test_calm_windows_are_averaged() -> None:
    assert spoken([0.0, 4.0, 0.0], [1.0, 2.0, 0.0]) == [0.5, 3.0, 0.0]


def test_a_feeling_after_the_first_window_is_read() -> None:
    classifier = Classifier.load(SHIPPED)
    calm = "We moved the nightly import to the second server and compared both logs line by line. " * 25
    assert classifier.read([calm])[0].label == "neutral"
    angry = (
        f"{calm} And honestly, this is the third time it is broken and nobody answers. I am fed up with you."
    )
    reading = classifier.read([angry])[0]
    assert reading.label == "negative"
    assert reading.embedding is not None and abs(float(np.linalg.norm(reading.embedding)) - 1) < 1e-5
    # Company makes no difference, and the order stays.
    both = classifier.read(["thank you so much, it works!", angry, calm])
    assert [r.label for r in both] == ["positive", "negative", "neutral"]
