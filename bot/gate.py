"""The gate: which events are messages to read. Pure: an event and what is known of people in, a verdict out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.domain import Message, Mode, Role, Skip

_SPOKEN = {None, "file_share", "thread_broadcast", "me_message"}
"""The subtypes under which a person says something; every other subtype reports that something happened."""


def gate(
    event: Mapping[str, Any],
    *,
    team: str,
    channels: Mapping[str, Mode],
    roles: Mapping[str, Role],
    bot_user: str,
) -> Message | Skip:
    """Make a message of a `message` or `app_mention` event, or say why it is none.

    `channels` maps the ids of support channels to their mode; `roles` the ids of the team's people to
    their role (whoever is not in it is a customer).
    """
    subtype = event.get("subtype")
    user = event.get("user")
    if subtype not in _SPOKEN:
        return Skip(f"not something a person said ({subtype})")
    if event.get("bot_id") or user == bot_user:
        return Skip("written by a bot")
    if not user:
        return Skip("without an author")
    mode = channels.get(str(event.get("channel")))
    if mode is None:
        return Skip("not in a support channel")
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
    )
