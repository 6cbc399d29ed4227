from hypothesis import given
from hypothesis import strategies as st

from bot.domain.learning import ShadowCounts
from bot.learning.shadow import is_one_annotator, is_worse, known, odds, summary

counts = st.integers(0, 400)


def test_a_version_that_is_plainly_worse_is_rolled_back() -> None:
    assert is_worse(ShadowCounts(150, 16, 13, 3, 0, 0.03))
    assert "150 messages" in summary(ShadowCounts(150, 16, 13, 3, 0, 0.03))


def test_one_that_holds_or_is_better_stays() -> None:
    assert not is_worse(ShadowCounts(200, 6, 3, 3, 0, 0.03))
    assert not is_worse(ShadowCounts(200, 20, 4, 16, 0, 0.03))
    assert not is_worse(ShadowCounts(0, 0, 0, 0, 0, 0.0))


def test_two_equal_models_on_unlike_messages_differ_often_and_that_alone_is_nothing() -> None:
    assert odds(ShadowCounts(300, 40, 20, 20, 0, 0.03)) > 50
    assert not is_worse(ShadowCounts(300, 40, 20, 20, 0, 0.03))


def test_what_nobody_answered_does_not_speak_for_the_new_one() -> None:
    half = ShadowCounts(400, 20, 9, 1, 0, 0.03)
    assert known(half) == 0.5 * 380 + 10
    assert odds(half) > odds(ShadowCounts(400, 10, 9, 1, 0, 0.03))
    assert known(ShadowCounts(400, 20, 0, 0, 0, 0.03)) == 0
    assert known(ShadowCounts(400, 20, 9, 1, 10, 0.03)) == 400
    assert "10 not answered" in summary(half)


def test_one_persons_word_is_not_enough_where_there_are_others() -> None:
    alone = ShadowCounts(150, 16, 13, 3, 0, 0.03, annotators=1)
    assert is_one_annotator(alone, team=2) and not is_one_annotator(alone, team=1)
    assert not is_one_annotator(ShadowCounts(150, 16, 13, 3, 0, 0.03, annotators=2), team=9)


@given(counts, counts, counts, st.floats(0, 0.3))
def test_more_proof_against_the_new_one_never_helps_it(
    silent: int, old: int, new: int, expected: float
) -> None:
    readings = silent + old + new
    before = ShadowCounts(readings, old + new, old, new, 0, expected)
    after = ShadowCounts(readings + 1, old + new + 1, old + 1, new, 0, expected)
    assert odds(after) >= odds(before)
    assert is_worse(after) or not is_worse(before)
