"""The gate lets through what a person said in a support channel, and says why it keeps the rest back."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain import Message, Skip
from bot.gate import gate


def pass_gate(**event: Any) -> Message | Skip:
    event = {"type": "message", "channel": "C1", "user": "U1", "text": "hello", "ts": "100.1", **event}
    return gate(
        event,
        team="T1",
        channels={"C1": "auto", "C2": "observe"},
        roles={"UAGENT": "agent", "UADMIN": "admin"},
        bot_user="UBOT",
    )


def test_a_customers_message_passes() -> None:
    assert pass_gate() == Message("T1", "C1", "100.1", "100.1", "U1", "hello", "customer", "auto")


def test_a_reply_keeps_its_thread_and_the_channel_its_mode() -> None:
    message = pass_gate(channel="C2", thread_ts="90.0")
    assert isinstance(message, Message)
    assert (message.thread, message.mode, message.is_reply) == ("90.0", "observe", True)
    assert message.written_at == 100.1


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
        ({"subtype": "message_changed"}, "not something a person said (message_changed)"),
        ({"subtype": "channel_join"}, "not something a person said (channel_join)"),
        ({"bot_id": "B1"}, "written by a bot"),
        ({"user": "UBOT"}, "written by a bot"),
        ({"user": None}, "without an author"),
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
