"""What examples say about a message matches them."""

from collections.abc import Sequence

import numpy as np
import pytest

from bot.pipeline.matching import Router, Words, fit, level, metric
from bot.pipeline.templates import Template, Templates


def test_an_example_among_anothers_counts_for_little() -> None:
    """One example of template 1 lies among three of template 0: what is nearest to it still belongs to 0."""
    around = np.array(
        [[1.0, 0.10, 0.0], [1.0, -0.10, 0.0], [1.0, 0.0, 0.10], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    )
    examples = around / np.linalg.norm(around, axis=1, keepdims=True)
    match = fit(examples, np.array([0, 0, 0, 1, 1]), 2, list("abcde"))
    query = np.array([[1.0, 0.02, -0.02]]) / np.linalg.norm([1.0, 0.02, -0.02])
    assert (query @ examples.T).argmax() == 3
    scores = match(query, None)[0]
    assert scores[0] > scores[1]


def test_many_examples_do_not_speak_for_what_is_like_none_of_them() -> None:
    chance = np.random.default_rng(1)
    around = chance.normal(size=(30, 384)) + 3
    examples = around / np.linalg.norm(around, axis=1, keepdims=True)
    match = fit(examples, np.array([0] * 25 + [1] * 5), 2, [str(number) for number in range(30)])
    stranger = chance.normal(size=(1, 384))
    scores = match(stranger / np.linalg.norm(stranger), ["new"])
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


def test_between_two_that_mean_nearly_the_same_the_words_decide() -> None:
    """The meaning is a little nearer to the first, the words are the second's; without words the meaning stands in."""
    examples = np.eye(3)[:2]
    match = fit(examples, np.array([0, 1]), 2, ["reset the password", "reset the token"])
    query = np.array([[0.62, 0.60, 0.0]]) / np.linalg.norm([0.62, 0.60])
    by_meaning, by_words = match(query, None)[0], match(query, ["my token"])[0]
    assert by_meaning[0] > by_meaning[1]
    assert by_words[1] > by_words[0]
    assert match(examples, None).diagonal() == pytest.approx([0.9, 0.9], abs=0.02)
    assert match(examples, ["reset the password", "reset the token"]).diagonal() == pytest.approx(
        [0.9, 0.9], abs=0.02
    )


def test_rare_words_and_words_in_sequence_count_for_more() -> None:
    words = Words(["the export fails", "the import fails", "fails the import"])
    same, other, turned = words.shared(["The IMPORT fails"])[0][[1, 0, 2]]
    assert same == pytest.approx(1)
    assert same > turned > other > 0
    rare, common = words.shared(["export", "fails"])[:, 0]
    assert rare > common
    assert (words.shared(["zebra", ""]) == 0).all()
    assert words.shared(["import zebra"]) == pytest.approx(words.shared(["import"]))


def test_the_level_of_a_template_is_what_its_examples_score_without_themselves() -> None:
    """Near 1 where there are few of them; nothing is known of one that stands alone."""
    owners = np.array([0] * 10 + [1] * 10 + [2] * 2 + [3])
    high, low, few, single = level(np.array([0.6] * 10 + [0.2] * 10 + [-0.1] * 2 + [0.0]), owners, 4)
    mean = 0.8 * 10 / 22
    assert high == pytest.approx((10 * 0.6 / mean + 5) / 15)
    assert low == pytest.approx((10 * 0.2 / mean + 5) / 15)
    assert few == pytest.approx(5 / 7)
    assert single == 1
    assert (level(np.zeros(2), np.array([0, 1]), 3) == 1).all()
    assert (level(np.array([-0.1, -0.2]), np.array([0, 0]), 1) == 1).all()


def test_a_template_of_loose_examples_asks_for_less() -> None:
    """The same likeness says more for it; which template is best stays as it was."""
    tight = [[1.0, 0.1 * turn, 0.0, 0.0] for turn in (-1, 0, 1)]
    loose = [[0.0, 0.0, 1.0, 1.2 * turn] for turn in (-1, 0, 1)]
    examples = np.array(tight + loose)
    examples /= np.linalg.norm(examples, axis=1, keepdims=True)
    owners, texts = np.repeat([0, 1], 3), list("abcdef")
    alone = [fit(examples[owners == own], np.zeros(3, int), 1, list("abc")) for own in (0, 1)]
    match = fit(examples, owners, 2, texts)
    both = match(examples, None)
    plain = [alone[own](examples[owners == own], None)[:, 0] for own in (0, 1)]
    assert (both.argmax(axis=1) == owners).all()
    assert both[3:, 1].mean() > 1.05 * plain[1].mean()
    assert both[:3, 0].mean() < 0.95 * plain[0].mean()
    between = np.array([[np.cos(np.radians(44)), 0.0, np.sin(np.radians(44)), 0.0]])
    scores = match(between, None)[0]
    assert scores[1] < scores[0] < 1.05 * scores[1]


def test_the_router_hands_the_words_on_and_cleans_the_examples_as_the_messages_are() -> None:
    def same(texts: Sequence[str]) -> np.ndarray:
        return np.ones((len(texts), 1), dtype=np.float32)

    templates = [
        Template(name, name, (text,), None, {"neutral": "x"})
        for name, text in (("a", "one"), ("b", "R&amp;D"))
    ]
    router = Router(Templates(templates, {}))
    router.prepare(same, "v1")
    alike = router.nearest(same(["?"])[0], "v1")
    assert alike[0].similarity == pytest.approx(alike[1].similarity)
    for said, wanted in (("one", "a"), ("r d", "b")):
        first, second = router.nearest(same([said])[0], "v1", said)
        assert first.template == wanted
        assert first.similarity > second.similarity + 0.1
    amp = router.nearest(same(["?"])[0], "v1", "amp")
    assert amp[0].similarity == pytest.approx(amp[1].similarity)
