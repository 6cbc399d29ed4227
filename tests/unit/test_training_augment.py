import random

from hypothesis import given
from hypothesis import strategies as st

from model.reading import LABELS
from training.augment import augmented, emphatic, greeted, introduced, typo, unpunctuated


def test_a_typo_is_one_slip_in_a_longer_word() -> None:
    for seed in range(200):
        text = typo("the export is broken", random.Random(seed))
        words = text.split(" ")
        assert len(words) == 4 and (words[0], words[2]) == ("the", "is")
        changed = sum(a != b for a, b in zip(words, ["the", "export", "is", "broken"], strict=True))
        assert changed <= 1


def test_short_words_codes_and_emoji_stay() -> None:
    assert typo("ok E504 is up :-) 🎉", random.Random(1)) == "ok E504 is up :-) 🎉"


def test_a_question_stays_a_question() -> None:
    for seed in range(20):
        assert unpunctuated("well, why?", random.Random(seed)) in ("well, why?", "well why?")


def test_a_greeting_comes_first() -> None:
    assert greeted("it is down", random.Random(3)).endswith("it is down")


def test_a_name_stands_before_or_after() -> None:
    seen = {
        introduced("it {x} is down", random.Random(seed)).replace("it {x} is down", "…") for seed in range(60)
    }
    assert any(text.startswith("…") for text in seen) and any(text.endswith("…") for text in seen)


def test_exclamation_marks_take_the_place_of_a_stop() -> None:
    assert emphatic("it is down.", random.Random(1)).rstrip("!") == "it is down"
    assert emphatic("it is down.", random.Random(1)).endswith("!")


def test_only_complaints_are_made_louder() -> None:
    for label in LABELS:
        louder = any("!" in augmented("it is down", label, random.Random(seed)) for seed in range(100))
        assert louder == (label == "negative")


@given(st.text(max_size=80), st.sampled_from(LABELS), st.integers(0, 50))
def test_any_text_can_be_changed(text: str, label: str, seed: int) -> None:
    assert isinstance(augmented(text, label, random.Random(seed)), str)
