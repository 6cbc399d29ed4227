"""The gate decides which events are messages to read. Pure: takes an event, the channels and the roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.domain.message import Deletion, Edit, Message, Mode, Role, Skip

_WRITTEN_BY_PEOPLE = {None, "file_share", "thread_broadcast", "me_message"}
"""The subtypes of messages that a person wrote. All other subtypes report events."""

_ELSEWHERE = "not in a support channel"


def gate(
    event: Mapping[str, Any],
    *,
    team: str,
    channels: Mapping[str, Mode],
    roles: Mapping[str, Role],
    bot_user: str,
) -> Message | Edit | Deletion | Skip:
    """Turn a `message` or `app_mention` event into a Message, an Edit or a Deletion; otherwise a Skip with the reason.

    `channels` maps the ids of support channels to their mode. `roles` maps the ids of agents and admins to their role;
    everybody else is a customer.
    """
    channel = str(event.get("channel"))
    if event.get("subtype") == "message_deleted":
        known = channel in channels
        return Deletion(team, channel, str(event["deleted_ts"])) if known else Skip(_ELSEWHERE)
    if event.get("subtype") != "message_changed":
        return _message(event, team, channels, roles, bot_user)
    inner, before = event["message"], event.get("previous_message") or {}
    if inner.get("subtype") == "tombstone":  # what is left of a deleted message that had replies
        return Deletion(team, channel, str(inner["ts"])) if channel in channels else Skip(_ELSEWHERE)
    if inner.get("text") == before.get("text"):
        return Skip("an edit that did not change the text")  # a link was unfurled, a reply was counted
    message = _message({**inner, "channel": channel}, team, channels, roles, bot_user)
    if isinstance(message, Skip):
        return message
    return Edit(message, float((inner.get("edited") or event)["ts"]))


def as_it_is(event: Mapping[str, Any], *, team: str, channels: Mapping[str, Mode]) -> Message | None:
    """The event as a customer's message without any further check, for the team to read where the gate itself has failed.
    None if the event does not look like one in a support channel."""
    channel, ts, user, text = (event.get(key) for key in ("channel", "ts", "user", "text"))
    if not all(isinstance(part, str) and part for part in (channel, ts, user, text)):
        return None
    if event.get("subtype") is not None or event.get("bot_id") or str(channel) not in channels:
        return None
    try:
        float(str(ts))
    except ValueError:
        return None
    thread, written = str(event.get("thread_ts") or ts), str(text).encode("utf-8", "replace").decode("utf-8")
    return Message(
        team, str(channel), str(ts), thread, str(user), written, "customer", channels[str(channel)]
    )


def _message(
    event: Mapping[str, Any],
    team: str,
    channels: Mapping[str, Mode],
    roles: Mapping[str, Role],
    bot_user: str,
) -> Message | Skip:
    subtype = event.get("subtype")
    user = event.get("user")
    if subtype not in _WRITTEN_BY_PEOPLE:
        return Skip(f"not written by a person ({subtype})")
    if event.get("bot_id") or user == bot_user:
        return Skip("written by a bot")
    if not user:
        return Skip("no author")
    mode = channels.get(str(event.get("channel")))
    if mode is None:
        return Skip(_ELSEWHERE)
    ts = str(event["ts"])
    return Message(
        team=team,
        channel=str(event["channel"]),
        ts=ts,
        thread=str(event.get("thread_ts") or ts),
        user=str(user),
        text=str(event.get("text") or "").encode("utf-8", "replace").decode("utf-8"),
        role=roles.get(str(user), "customer"),
        mode=mode,
        late=event.get("late"),
        author_team=_name(event.get("user_team")) or _name(event.get("team")),
    )


def _name(value: object) -> str | None:
    return value if isinstance(value, str) else None
