import pytest

from model.classifier import Classifier
from model.explain import MAX_WORDS, Weighed, strongest, variants, weigh, words_of
from model.reading import Reading
from model.registry import SHIPPED


def reading(share: float) -> Reading:
    return Reading("v", "negative", {"negative": share, "neutral": 1 - share, "positive": 0.0}, None)


UNREAD = Reading("v", None, None, None, "nothing to read")


def test_a_word_that_decides_weighs_most_and_one_that_does_not_nothing() -> None:
    words = words_of("Hi   awful awful service")
    assert words == ["Hi", "awful", "awful", "service"]
    texts = variants(words)
    assert texts[0] == "Hi awful awful service" and texts == variants(words) and len(texts) == 49
    found = weigh(words, [reading(0.95) if "awful" in text else reading(0.1) for text in texts])
    assert [w.word for w in strongest(found)] == ["awful", "awful"]
    assert abs(found[0].weight) < 0.5 and abs(found[3].weight) < 0.5


def test_what_was_not_scored_explains_nothing() -> None:
    words = words_of("so so")
    assert weigh(words, [UNREAD] * 49) == []
    assert len(weigh(words, [reading(0.9), *[UNREAD] * 48])) == 2
    assert strongest([Weighed("a", 0.1), Weighed("b", -3.0)]) == []
    assert len(words_of("word " * 500)) == MAX_WORDS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Third time this week the export dies on me. This is unacceptable!",
            {"unacceptable!", "Third", "dies"},
        ),
        ("Where is the invoice? Thanks, your support is wonderful", {"wonderful", "Thanks,"}),
        ("How do I export the report? It has been broken for ever", {"ever", "broken"}),
    ],
)
def test_the_shipped_version_names_the_words_a_person_would(text: str, expected: set[str]) -> None:
    words = words_of(text)
    readings = Classifier.load(SHIPPED, threads=1).read(variants(words))
    assert {w.word for w in strongest(weigh(words, readings), 3)} & expected, weigh(words, readings)
