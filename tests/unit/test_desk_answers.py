"""What follows from 👍 and 👎, from a clarify question's buttons, and from a draft that is sent."""

from __future__ import annotations

from typing import Any

import pytest

from bot.desk.answers import NONE_OF_THESE, NOT_YOURS, Choice, after_choice, choose, rate, send_draft
from bot.domain.actions import KINDS, Action, Clarify, Draft, Queued, Reply, read_action
from bot.domain.feedback import RatingContext
from bot.domain.message import StoredMessage

OFFERED = [{"template": "export", "title": "Exports"}, {"template": "gone", "title": "Gone"}]
ASKED = Clarify(key="reply:C1:1.0", channel="C1", thread="1.0", text="Is this about…", options=OFFERED)


def question(**more: Any) -> StoredMessage:
    facts: dict[str, Any] = {
        "id": 7, "team": "T1", "channel": "C1", "ts": "1.0", "thread": "1.0", "user": "UC", "role": "customer",
        "text": "exports?", "label": "neutral", "confidence": 0.9, "version": "v", "reply": "clarify", "flag": None,
        "edited_at": None, "edit_ts": None, "shared": False, "redacted": False,
    }  # fmt: skip
    return StoredMessage(**facts | more)


@pytest.mark.parametrize(
    ("value", "is_our_answer", "said_before", "wants_person"),
    [
        ("helpful", True, False, False),
        ("helpful", False, True, None),
        ("not_helpful", True, False, True),
        ("not_helpful", False, False, None),
        ("person", False, True, True),
        ("person", True, False, None),
        ("nonsense", True, True, None),
    ],
)
def test_a_rating_counts_where_it_may_be_said(value, is_our_answer, said_before, wants_person) -> None:
    rating = rate(RatingContext(value, is_our_answer, said_before))
    assert (None if rating is None else rating.cause is not None) is wants_person
    if rating:
        assert rating.may_ask_for_person is (value == "not_helpful")


def test_only_the_asker_chooses_and_only_what_was_offered_and_is_there() -> None:
    known = {"export", "refund"}
    assert choose(question(), ASKED, "export", "UC", known) == Choice(template="export")
    assert choose(question(), ASKED, None, "UC", known) == Choice(hand_off=True)
    assert choose(question(), ASKED, "export", "UX", known) == Choice(refusal=NOT_YOURS)
    for template in ("refund", "gone"):
        assert choose(question(), ASKED, template, "UC", known) is None
    assert choose(None, ASKED, "export", "UC", known) is None
    assert choose(question(reply="template"), ASKED, "export", "UC", known) is None
    assert choose(question(), None, "export", "UC", known) is None


def test_after_a_choice_the_buttons_go_and_a_template_asks_to_be_rated() -> None:
    reply, close = after_choice(question(), Choice(template="export"), "Like this.", "Exports")
    assert (reply.key, reply.thread, reply.reply, reply.rate) == ("chosen:C1:1.0", "1.0", "template", True)
    assert (close.of, close.text) == (ASKED.key, "You asked about: Exports")
    reply, close = after_choice(question(), Choice(hand_off=True), "Someone will reply.", None)
    assert (reply.reply, reply.template, reply.rate) == ("handover", None, False)
    assert close.text.startswith("None of these") and NONE_OF_THESE


def test_a_draft_is_sent_as_the_agent_read_it() -> None:
    draft = Draft(
        key="draft:C1:1.0", text="As drafted.", reply="template", template="export", rate=True,
        customer_channel="C1", customer_thread="1.0",
    )  # fmt: skip
    sent = send_draft(question(), draft, "UA")
    assert sent is not None
    reply, close = sent
    assert (reply.key, reply.text, reply.template, reply.rate) == (
        "reply:C1:1.0",
        "As drafted.",
        "export",
        True,
    )
    assert (close.of, close.state) == (draft.key, "Sent by <@UA>")
    assert send_draft(question(text=None), draft, "UA") is None
    assert send_draft(None, draft, "UA") is None and send_draft(question(), None, "UA") is None


def test_every_kind_of_action_comes_back_from_its_payload() -> None:
    reply = Reply(
        key="k", channel="C1", thread="1.0", text="t", reply="template", template="export", rate=True
    )
    for action in (reply, ASKED):
        back = read_action(action.kind, action.key, action.channel, action.thread, action.payload)
        assert back == action
    later = reply.payload | {"of a newer version": 1}
    assert read_action("reply", "k", "C1", "1.0", later) == reply
    with pytest.raises(KeyError):
        read_action("unknown", "k", "C1", None, {})
    assert all(kind == of.kind and issubclass(of, Action) for kind, of in KINDS.items())
    assert Queued.__dataclass_fields__.keys() >= {"action", "state", "attempts"}
