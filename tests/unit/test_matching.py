"""What examples say about a message near them."""

import numpy as np

from bot.matching import fit, metric


def test_an_example_among_anothers_counts_for_little() -> None:
    """One example of template 1 lies among three of template 0: what is nearest to it still belongs to 0."""
    around = np.array(
        [[1.0, 0.10, 0.0], [1.0, -0.10, 0.0], [1.0, 0.0, 0.10], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    )
    examples = around / np.linalg.norm(around, axis=1, keepdims=True)
    match = fit(examples, np.array([0, 0, 0, 1, 1]), 2)
    query = np.array([[1.0, 0.02, -0.02]]) / np.linalg.norm([1.0, 0.02, -0.02])
    assert (query @ examples.T).argmax() == 3
    scores = match(query)[0]
    assert scores[0] > scores[1]


def test_many_examples_do_not_speak_for_what_is_like_none_of_them() -> None:
    chance = np.random.default_rng(1)
    around = chance.normal(size=(30, 384)) + 3
    examples = around / np.linalg.norm(around, axis=1, keepdims=True)
    match = fit(examples, np.array([0] * 25 + [1] * 5), 2)
    stranger = chance.normal(size=(1, 384))
    scores = match(stranger / np.linalg.norm(stranger))
    assert np.abs(scores).max() < 0.1


def test_what_differs_within_a_template_counts_for_less() -> None:
    """Hundreds of examples tell that the third axis says nothing; a handful tells hardly anything, and one each nothing."""
    chance = np.random.default_rng(1)
    spread = np.array([0.05, 0.05, 1.0])

    def learned(each: int) -> np.ndarray:
        about = np.concatenate([axis + spread * chance.normal(size=(each, 3)) for axis in np.eye(3)[:2]])
        return metric(about, np.repeat([0, 1], each))

    much, little = learned(5000), learned(5)
    assert much[2, 2] < 0.9 * much[0, 0]
    assert np.abs(little - np.eye(3)).max() < 0.01
    assert (learned(1) == np.eye(3)).all()
