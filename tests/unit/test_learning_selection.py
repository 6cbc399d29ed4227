"""From people's words to training data: every rule that holds a label back, and that nothing else does."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.feedback import WITHDRAWN, LabelEvent
from bot.learning import selection
from bot.learning.selection import Selection, select
from bot.privacy.redaction import MAX_LENGTH, to_keep
from bot.settings import FeedbackSettings

ALL = FeedbackSettings(live_holdout_rate=0.0)
HALF_LIVE = dataclasses.replace(ALL, live_holdout_rate=0.5)
"""Nothing is put aside for the live holdout, so that every message can be told."""

TEXTS = (
    "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel",
    "india", "juliet", "kilo", "lima", "mike", "november", "oscar", "papa",
)  # fmt: skip


def text(message: int) -> str:
    """Sixteen words by sixteen: messages that have little in common."""
    return f"the {TEXTS[message % 16]} page {TEXTS[message // 16 % 16]} is {TEXTS[message // 256 % 16]} today"


def word(id: int, message: int, label: str = "neutral", user: str = "UA", **more: Any) -> LabelEvent:
    return LabelEvent(
        id, message, **({"text": text(message), "label": label, "user": user, "at": id * 4000.0} | more)
    )


def whys(found: Selection) -> list[str]:
    return [excluded.why for excluded in found.excluded]


def test_a_label_that_nobody_contradicts_is_used() -> None:
    found = select([word(1, 1)], ALL)
    assert [(u.message, u.label, u.label_events, u.users, u.live) for u in found.rows] == [
        (1, "neutral", (1,), ("UA",), False)
    ]
    assert found.excluded == () and found.to_learn == found.rows and found.live == ()


def test_a_persons_later_word_supersedes_their_earlier_one_and_can_be_taken_back() -> None:
    said = [word(1, 1, "negative"), word(2, 1, "positive"), word(3, 2), word(4, 2, WITHDRAWN)]
    assert [(u.message, u.label, u.label_events) for u in select(said, ALL).rows] == [(1, "positive", (2,))]


def test_a_dispute_waits_for_a_third_person() -> None:
    said = [word(1, 1, "negative", "UA"), word(2, 1, "neutral", "UB")]
    assert whys(select(said, ALL)) == [selection.DISPUTED]
    third = [*said, word(3, 1, "neutral", "UC")]
    assert [u.label for u in select(third, ALL).rows] == ["neutral"]
    of_three_minds = [*said, word(3, 1, "positive", "UC")]
    assert whys(select(of_three_minds, ALL)) == [selection.DISPUTED]


def test_a_flip_of_a_sure_reading_wants_two_people() -> None:
    sure = {"read_label": "negative", "read_confidence": 0.95}
    assert whys(select([word(1, 1, **sure)], ALL)) == [selection.SURE]
    assert len(select([word(1, 1, **sure), word(2, 1, user="UB", **sure)], ALL).rows) == 1
    assert len(select([word(1, 1, read_label="negative", read_confidence=0.89)], ALL).rows) == 1
    assert len(select([word(1, 1, "negative", **sure)], ALL).rows) == 1


def test_shared_channels_stay_out_unless_they_are_let_in() -> None:
    assert whys(select([word(1, 1, shared=True)], ALL)) == [selection.SHARED]
    assert (
        select(
            [word(1, 1, shared=True)], FeedbackSettings(shared_channels=True, live_holdout_rate=0.0)
        ).excluded
        == ()
    )


def burst(count: int, start: float = 0.0) -> list[LabelEvent]:
    return [
        word(i + 1, i, "positive", at=start + i, read_label="negative", read_confidence=0.5)
        for i in range(count)
    ]


def test_a_burst_in_one_direction_waits_for_an_admin() -> None:
    assert len(select(burst(30), ALL).rows) == 30
    assert whys(select(burst(31), ALL)) == [selection.BURST] * 31
    assert len(select(burst(31), ALL, cleared={"UA": 40.0}).rows) == 31
    assert whys(select(burst(31, start=100.0), ALL, cleared={"UA": 40.0})) == [selection.BURST] * 31


def test_many_labels_that_agree_with_the_model_are_no_burst() -> None:
    said = [word(i + 1, i, "negative", at=i, read_label="negative") for i in range(60)]
    assert len(select(said, ALL).rows) == 60


def test_a_burst_spread_over_hours_is_none() -> None:
    said = [word(i + 1, i, "positive", at=i * 200.0, read_label="negative") for i in range(60)]
    assert len(select(said, ALL).rows) == 60


def test_somebody_elses_calm_word_carries_a_message_through_a_burst() -> None:
    said = [*burst(31), word(99, 0, "positive", "UB")]
    assert [u.message for u in select(said, ALL).rows] == [0]


def test_nearly_the_same_words_count_once_and_not_at_all_if_they_contradict() -> None:
    one = "the weekly export to our own bucket has stopped again since monday morning"
    same = "The weekly export to our own bucket has stopped again since Monday morning!!"
    near = "the weekly export to our own bucket has stopped again since friday morning ok"
    found = select([word(1, 1, text=one), word(2, 2, text=same)], ALL)
    assert [u.message for u in found.rows] == [1] and whys(found) == [selection.REPEATED]
    found = select([word(1, 1, text=one), word(2, 2, "negative", text=same)], ALL)
    assert found.rows == () and whys(found) == [selection.CONTRADICTED] * 2
    assert len(select([word(1, 1, text=one), word(2, 2, "negative", text=near)], ALL).rows) == 2
    assert len(select([word(1, 1, text="not good"), word(2, 2, "positive", text="good")], ALL).rows) == 2


def test_what_differs_only_in_what_is_redacted_is_the_same() -> None:
    found = select(
        [word(1, 1, text="<@U07ANNA1> ok, thanks"), word(2, 2, "positive", text="<@U07BOB22> ok, thanks")],
        ALL,
    )
    assert found.rows == () and whys(found) == [selection.CONTRADICTED] * 2
    found = select([word(1, 1, text="ask a@x.org, please"), word(2, 2, text="ask b@x.org, please")], ALL)
    assert [u.message for u in found.rows] == [1]


@given(
    st.text(max_size=300)
    | st.from_regex(r"(pwd=|call |mail |<@U1|jo@x\.de| |\+49 30 1234567|k[0-9a-f]{30}|pin: )+")
)
def test_what_is_kept_of_a_message_is_the_same_message_to_learn_from(text: str) -> None:
    kept = to_keep(text)
    if kept is not None:
        original, again = (select([word(1, 1, text=t)], HALF_LIVE) for t in (text, kept))
        assert [(u.text, u.live) for u in original.rows] == [(u.text, u.live) for u in again.rows]


def test_ordinary_words_are_kept() -> None:
    assert to_keep("mail me at jo@example.com, pwd=letmein") == "mail me at an address, pwd=a secret"
    assert len(to_keep("word " * 1000) or "") == MAX_LENGTH


def test_few_of_many_messages_are_compared_word_by_word(monkeypatch: pytest.MonkeyPatch) -> None:
    compared, alike = [], selection._is_nearly_identical
    monkeypatch.setattr(selection, "_is_nearly_identical", lambda *bags: compared.append(1) or alike(*bags))

    def said(i: int) -> str:
        who = f"{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676 % 26)}"
        return f"the {TEXTS[i % 16]} page of client {who} is {TEXTS[i // 16 % 16]} and we wait since noon"

    many = [word(i + 1, i, user=f"U{i % 40}", text=said(i)) for i in range(3000)]
    found = select(many)
    assert len(found.rows) + len(found.excluded) == 3000
    assert len(compared) < 0.1 * 3000 * 2999 / 2


def test_one_person_has_no_more_than_their_share() -> None:
    many = [word(i + 1, i) for i in range(60)]
    others = [word(100 + i, 100 + i, user=f"U{i % 3}") for i in range(30)]
    found = select([*many, *others], ALL)
    by_one = [u for u in found.rows if u.users == ("UA",)]
    assert set(whys(found)) == {selection.OVER_RATE}
    assert len(by_one) / len(found.rows) <= 0.30
    assert [u.message for u in by_one] == list(range(60 - len(by_one), 60))  # the latest stay


def test_a_team_of_two_may_have_a_half_each_and_one_alone_everything() -> None:
    said = [word(i + 1, i, user="UA" if i % 2 else "UB") for i in range(20)]
    assert len(select(said, ALL).rows) == 20
    assert len(select([word(i + 1, i) for i in range(20)], ALL).rows) == 20


def test_what_leaves_is_redacted_and_what_then_says_nothing_is_held() -> None:
    assert (
        select([word(1, 1, text="mail jo@example.com, it is broken")], ALL).rows[0].text
        == "mail an address, it is broken"
    )
    assert whys(select([word(1, 1, text="!!! :(")], ALL)) == [selection.UNREADABLE]


def test_the_live_holdout_is_a_fifth_for_ever_whatever_the_capitals() -> None:
    said = [word(i + 1, i, user=f"U{i % 9}") for i in range(2000)]
    found = select(said)
    assert 0.16 < len(found.live) / len(found.rows) < 0.24
    assert {u.message for u in select(said[:700]).live} <= {u.message for u in found.live}
    some = found.live[0].text
    assert select([word(1, 1, text=some.upper() + "!")]).live


labels = st.sampled_from(["negative", "neutral", "positive", WITHDRAWN])
reads = st.sampled_from([None, "negative", "neutral", "positive"])


@st.composite
def words(draw: st.DrawFn) -> Sequence[LabelEvent]:
    count = draw(st.integers(0, 40))
    return [
        LabelEvent(
            i + 1, draw(st.integers(0, 12)), draw(st.sampled_from(["a b", "A b!", "c d", "e", "…", "f@x.org g"])),
            draw(labels), draw(st.sampled_from(["UA", "UB", "UC"])), draw(st.floats(0, 9000)), draw(reads),
            draw(st.floats(0, 1)), draw(st.booleans()),
        )
        for i in range(count)
    ]  # fmt: skip


@given(words())
def test_every_message_somebody_spoke_on_is_used_or_held_once(said: Sequence[LabelEvent]) -> None:
    found = select(said, FeedbackSettings(burst_per_hour=3))
    spoken = {w.message for w in said}
    of_one_text = [u.message for u in found.rows] + [h.message for h in found.excluded]
    assert len(of_one_text) == len(set(of_one_text)) and set(of_one_text) <= spoken
    assert all("@" not in u.text for u in found.rows)
    assert all(u.label != WITHDRAWN and u.label for u in found.rows)
