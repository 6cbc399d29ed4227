import random

from hypothesis import given
from hypothesis import strategies as st

from training.augment import augmented, greeted, typo, unpunctuated


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


@given(st.text(max_size=80), st.integers(0, 50))
def test_any_text_can_be_changed(text: str, seed: int) -> None:
    assert isinstance(augmented(text, random.Random(seed)), str)
