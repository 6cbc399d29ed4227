"""The gate lets through what a person said in a support channel, and says why it keeps the rest back."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.message import Deletion, Edit, Message, Skip
from bot.pipeline.gate import as_it_is, gate


def pass_gate(**event: Any) -> Message | Edit | Deletion | Skip:
    event = {"type": "message", "channel": "C1", "user": "U1", "text": "hello", "ts": "100.1", **event}
    return gate(
        event,
        team="T1",
        channels={"C1": "auto", "C2": "observe"},
        roles={"UAGENT": "agent", "UADMIN": "admin"},
        bot_user="UBOT",
    )


def edited(before: str, after: str, **fields: Any) -> dict[str, Any]:
    message = {"user": "U1", "ts": "90.0", "text": after, **fields}
    return {"subtype": "message_changed", "message": message, "previous_message": {"text": before}}


def test_a_customers_message_passes() -> None:
    assert pass_gate() == Message("T1", "C1", "100.1", "100.1", "U1", "hello", "customer", "auto")


def test_a_reply_keeps_its_thread_and_the_channel_its_mode() -> None:
    message = pass_gate(channel="C2", thread_ts="90.0")
    assert isinstance(message, Message)
    assert (message.thread, message.mode, message.is_reply) == ("90.0", "observe", True)
    assert message.written_at == 100.1


def test_an_edit_is_the_message_as_it_reads_now() -> None:
    message = Message("T1", "C1", "90.0", "80.0", "U1", "now", "customer", "auto")
    assert pass_gate(**edited("before", "now", thread_ts="80.0")) == Edit(message, 100.1)
    told = edited("before", "now", thread_ts="80.0", edited={"user": "U1", "ts": "95.0"})
    assert pass_gate(**told) == Edit(message, 95.0)


def test_the_authors_team_is_kept_apart_from_ours() -> None:
    for told in ({"user_team": "T2", "team": "T1"}, {"team": "T2"}):
        message = pass_gate(**told)
        assert isinstance(message, Message) and (message.team, message.author_team) == ("T1", "T2")
        edit = pass_gate(**edited("before", "now", **told))
        assert isinstance(edit, Edit) and (edit.message.team, edit.message.author_team) == ("T1", "T2")


def test_a_deletion_names_the_message() -> None:
    assert pass_gate(subtype="message_deleted", deleted_ts="90.0") == Deletion("T1", "C1", "90.0")
    # What is left of a deleted message that had replies.
    assert pass_gate(**edited("before", "", subtype="tombstone")) == Deletion("T1", "C1", "90.0")


def test_what_was_read_up_on_is_late() -> None:
    message = pass_gate(late="answered")
    assert isinstance(message, Message)
    assert message.late == "answered"


PLAIN = {"type": "message", "channel": "C1", "user": "U1", "text": "hello", "ts": "100.1"}


def test_what_is_plainly_a_message_can_be_had_without_the_gate() -> None:
    def read(**changed: Any) -> Message | None:
        return as_it_is(PLAIN | changed, team="T1", channels={"C1": "auto"})

    assert read() == pass_gate()
    assert read(thread_ts="90.0") == pass_gate(thread_ts="90.0")
    for changed in (
        {"ts": None}, {"ts": "soon"}, {"user": ["U1"]}, {"text": ""}, {"channel": "C9"}, {"channel": {}},
        {"bot_id": "B1"}, {"subtype": "channel_join"},
    ):  # fmt: skip
        assert read(**changed) is None


@pytest.mark.parametrize(("user", "role"), [("UAGENT", "agent"), ("UADMIN", "admin"), ("UX", "customer")])
def test_roles(user: str, role: str) -> None:
    message = pass_gate(user=user)
    assert isinstance(message, Message)
    assert message.role == role


@pytest.mark.parametrize("subtype", ["file_share", "thread_broadcast", "me_message"])
def test_other_ways_to_say_something(subtype: str) -> None:
    assert isinstance(pass_gate(subtype=subtype), Message)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (edited("hello", "hello"), "an edit that did not change the text"),
        (edited("hello", "hi", bot_id="B1"), "written by a bot"),
        (edited("hello", "hi") | {"channel": "C9"}, "not in a support channel"),
        ({"subtype": "message_deleted", "deleted_ts": "90.0", "channel": "C9"}, "not in a support channel"),
        (edited("hello", "", subtype="tombstone") | {"channel": "C9"}, "not in a support channel"),
        ({"subtype": "channel_join"}, "not written by a person (channel_join)"),
        ({"bot_id": "B1"}, "written by a bot"),
        ({"user": "UBOT"}, "written by a bot"),
        ({"user": None}, "no author"),
        ({"channel": "C9"}, "not in a support channel"),
        ({"channel": "D1"}, "not in a support channel"),
    ],
)
def test_what_is_kept_back(event: dict[str, Any], reason: str) -> None:
    assert pass_gate(**event) == Skip(reason)


def test_a_message_without_text_passes_as_empty() -> None:
    message = pass_gate(text=None)
    assert isinstance(message, Message)
    assert message.text == ""
