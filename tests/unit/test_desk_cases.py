"""The life of a case: what each event does in each state, and what no sequence of events may do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.desk.cases import apply
from bot.domain.case import (
    Case,
    CaseEvent,
    Change,
    Corrected,
    CustomerWrote,
    Edited,
    Event,
    Flagged,
    Note,
    Resolve,
    StaffWrote,
    Take,
    TextErased,
)

OPEN = Case("open", "request", 1, opened_at=10.0)
TAKEN = Case("taken", "request", 1, opened_at=10.0, owner="UA", taken_at=20.0)
RESOLVED = Case("resolved", "request", 1, opened_at=10.0, owner="UA", taken_at=20.0, resolved_at=30.0)


def test_a_flagged_message_opens_a_case_and_posts_its_card() -> None:
    change = apply(None, Flagged(1, "request", "UC", 10.0))
    assert change == Change(OPEN, (CaseEvent("opened", 10.0, "UC", 1),), post_card=True)


def test_a_resolved_case_is_reopened_as_if_it_were_new_and_says_so() -> None:
    again = apply(RESOLVED, Flagged(2, "unhappy", "UC", 40.0))
    assert again.case == Case("open", "unhappy", 2, opened_at=40.0)
    assert again.history == (CaseEvent("reopened", 40.0, "UC", 2),)
    assert again.update_card and again.note == Note(2) and not again.post_card


@pytest.mark.parametrize(
    ("before", "flag", "shown"),
    [
        ("request", "unhappy", 2),
        ("request", "unread", 2),
        ("unhappy", "request", 1),
        ("unhappy", "unhappy", 2),
    ],
)
def test_the_card_shows_the_most_urgent_message_of_equals_the_latest(before, flag, shown) -> None:
    case = Case("taken", before, 1, opened_at=10.0, owner="UA", taken_at=20.0, corrected="neutral")
    change = apply(case, Flagged(2, flag, "UC", 30.0))
    assert change.case is not None and change.case.message == shown and change.case.owner == "UA"
    assert change.update_card is (shown == 2) and change.note == Note(2)
    assert change.case.corrected == (None if shown == 2 else "neutral")


@pytest.mark.parametrize(
    ("case", "event", "state", "owner", "kind"),
    [
        (OPEN, Take("UB", 20.0), "taken", "UB", "taken"),
        (OPEN, Resolve("UB", 20.0), "resolved", "UB", "resolved"),
        (TAKEN, Resolve("UB", 30.0), "resolved", "UA", "resolved"),
        (TAKEN, Take("UB", 30.0), "taken", "UA", None),
        (RESOLVED, Take("UB", 40.0), "resolved", "UA", None),
        (RESOLVED, Resolve("UB", 40.0), "resolved", "UA", None),
    ],
)
def test_buttons_move_a_case_once_and_a_stale_one_moves_nothing(case, event, state, owner, kind) -> None:
    change = apply(case, event)
    assert change.case is not None and (change.case.state, change.case.owner) == (state, owner)
    assert [e.kind for e in change.history] == ([kind] if kind else []) and change.update_card is bool(kind)
    if not kind:
        assert change == Change(case)


def test_the_card_says_why_the_customer_is_back_and_no_longer_why_they_came() -> None:
    for case in (None, OPEN, RESOLVED):
        change = apply(case, Flagged(2, "request", "UC", 40.0, cause="it did not help"))
        assert change.case is not None and change.case.cause == "it did not help"
        later = apply(change.case, Flagged(3, "request", "UC", 50.0))
        assert later.case is not None and later.case.cause is None


def test_the_first_reply_of_the_team_is_noted_once() -> None:
    first = apply(OPEN, StaffWrote(5, "UA", 15.0))
    assert first.case is not None and first.case.first_reply_at == 15.0
    assert first.history == (CaseEvent("first reply", 15.0, "UA", 5),)
    assert apply(first.case, StaffWrote(6, "UB", 16.0)) == Change(first.case)
    assert apply(RESOLVED, StaffWrote(6, "UB", 40.0)) == Change(RESOLVED)
    assert apply(None, StaffWrote(6, "UB", 40.0)) == Change(None)


def test_a_softened_complaint_stays_a_case_and_a_sharpened_one_notifies() -> None:
    unhappy = Case("open", "unhappy", 1, opened_at=10.0, corrected="neutral")
    softer = apply(unhappy, Edited(1, None, "UC", 20.0, ":20"))
    assert softer.case == Case("open", "unhappy", 1, opened_at=10.0) and softer.note is None
    assert softer.update_card and softer.history == (CaseEvent("edited", 20.0, "UC", 1),)
    sharper = apply(OPEN, Edited(1, "unhappy", "UC", 20.0, ":20"))
    assert sharper.case is not None and sharper.case.flag == "unhappy" and sharper.note == Note(1, ":20")


def test_an_edit_of_another_message_counts_if_its_words_want_a_person() -> None:
    assert apply(OPEN, Edited(2, None, "UC", 20.0, ":20")) == Change(OPEN)
    assert apply(None, Edited(2, None, "UC", 20.0, ":20")) == Change(None)
    assert apply(None, Edited(2, "unhappy", "UC", 20.0, ":20")).post_card
    assert apply(OPEN, Edited(2, "unhappy", "UC", 20.0, ":20")).note == Note(2, ":20")
    reopened = apply(RESOLVED, Edited(1, "unhappy", "UC", 40.0, ":40"))
    assert [e.kind for e in reopened.history] == ["reopened"]
    assert apply(RESOLVED, Edited(1, None, "UC", 40.0, ":40")) == Change(RESOLVED)


def test_a_label_or_an_erasure_changes_the_card_of_its_own_message_alone() -> None:
    labelled = apply(OPEN, Corrected(1, "neutral", 20.0))
    assert labelled.case is not None and labelled.case.corrected == "neutral" and labelled.update_card
    assert apply(OPEN, Corrected(2, "neutral", 20.0)) == Change(OPEN)
    assert apply(RESOLVED, TextErased(1, 40.0)) == Change(RESOLVED, update_card=True)
    assert apply(OPEN, TextErased(2, 20.0)) == Change(OPEN)


def test_what_a_customer_says_is_part_of_the_history() -> None:
    assert apply(OPEN, CustomerWrote(3, "UC", 20.0)) == Change(
        OPEN, (CaseEvent("customer wrote", 20.0, "UC", 3),)
    )
    assert apply(None, CustomerWrote(3, "UC", 20.0)) == Change(None)


MESSAGES, FLAGS = st.integers(1, 4), st.sampled_from(["unhappy", "request", "unread"])
CUSTOMERS, STAFF = st.sampled_from(["UC", "UD"]), st.sampled_from(["UA", "UB"])
EVENTS = st.one_of(
    st.builds(Flagged, MESSAGES, FLAGS, CUSTOMERS, st.just(0.0)),
    st.builds(CustomerWrote, MESSAGES, CUSTOMERS, st.just(0.0)),
    st.builds(Edited, MESSAGES, st.one_of(st.none(), FLAGS), CUSTOMERS, st.just(0.0), st.just(":1")),
    st.builds(StaffWrote, MESSAGES, STAFF, st.just(0.0)),
    st.builds(Take, STAFF, st.just(0.0)),
    st.builds(Resolve, STAFF, st.just(0.0)),
    st.builds(Corrected, MESSAGES, st.sampled_from(["negative", None]), st.just(0.0)),
    st.builds(TextErased, MESSAGES, st.just(0.0)),
)


@given(st.lists(EVENTS, max_size=30))
def test_no_sequence_of_events_loses_a_case_gives_it_two_owners_or_reopens_it_silently(
    events: list[Event],
) -> None:
    case: Case | None = None
    history: list[CaseEvent] = []
    for event in events:
        before = case
        change = apply(before, event)
        case, history = change.case, [*history, *change.history]
        kinds = [e.kind for e in change.history]
        assert case is not None or before is None
        assert change.post_card is (before is None and case is not None) is ("opened" in kinds)
        if before is None or case is None:
            continue
        assert ("reopened" in kinds) is (before.state == "resolved" and case.state != "resolved")
        if before.owner and case.owner != before.owner:
            assert "reopened" in kinds and case.owner is None
        if case != before:
            assert change.history or change.update_card
    if case is None:
        return
    assert (case.state == "open") <= (case.owner is None and case.taken_at is None)
    assert (case.state == "taken") <= (case.owner is not None and case.taken_at is not None)
    assert (case.state == "resolved") is (case.resolved_at is not None)
    assert (case.state == "resolved") <= (case.owner is not None)
    last_move = [e.kind for e in history if e.kind in ("opened", "reopened", "taken", "resolved")][-1]
    assert last_move == {"open": last_move, "taken": "taken", "resolved": "resolved"}[case.state]
    assert (case.state == "open") <= (last_move in ("opened", "reopened"))
