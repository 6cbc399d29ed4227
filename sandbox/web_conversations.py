"""Web API: conversations.*"""

from __future__ import annotations

from typing import Any

from sandbox.arguments import Arguments
from sandbox.place import Place
from sandbox.web_chat import visible
from sandbox.workspace import Channel, Message, SlackError

_TYPES = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}


def conversation(place: Place, channel: Channel) -> dict[str, Any]:
    """A conversation object: https://docs.slack.dev/reference/objects/conversation-object"""
    bot = place.workspace.bot_user
    shown: dict[str, Any] = {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": channel.kind == "channel",
        "is_group": channel.kind == "group",
        "is_im": channel.kind == "im",
        "is_mpim": channel.kind == "mpim",
        "is_private": channel.kind != "channel",
        "created": channel.created,
        "is_archived": False,
        "is_general": False,
        "is_shared": False,
        "is_ext_shared": False,
        "is_org_shared": False,
        "is_member": bot in channel.members,
        "topic": {"value": channel.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "num_members": len(channel.members),
        "context_team_id": place.workspace.team["id"],
    }
    if channel.kind == "im":
        shown["user"] = next((user for user in channel.members if user != bot), bot)
        for name in ("name", "name_normalized", "is_member", "num_members"):
            del shown[name]
    return shown


def _channel(place: Place, args: Arguments, refusal: str = "") -> Channel:
    wanted = args.required("channel")
    if wanted not in place.workspace.channels:
        # Only posting takes names and user ids.
        raise SlackError("channel_not_found")
    return visible(place, place.workspace.channels[wanted], refusal)


def info(place: Place, args: Arguments) -> dict[str, Any]:
    """conversations.info"""
    return {"channel": conversation(place, _channel(place, args))}


def list_(place: Place, args: Arguments) -> dict[str, Any]:
    """conversations.list: what the app can see; public channels unless `types` says otherwise."""
    names = args.text("types", "public_channel").split(",")
    if any(name.strip() not in _TYPES for name in names):
        raise SlackError("invalid_types")
    kinds = {_TYPES[name.strip()] for name in names}
    bot = place.workspace.bot_user
    seen = [
        channel
        for channel in place.workspace.channels.values()
        if channel.kind in kinds and (channel.kind == "channel" or bot in channel.members)
    ]
    page, cursor = args.page(seen, 100)
    channels = [conversation(place, channel) for channel in page]
    return {"channels": channels, "response_metadata": {"next_cursor": cursor}}


def members(place: Place, args: Arguments) -> dict[str, Any]:
    """conversations.members"""
    page, cursor = args.page(_channel(place, args).members, 100)
    return {"members": page, "response_metadata": {"next_cursor": cursor}}


def history(place: Place, args: Arguments) -> dict[str, Any]:
    """conversations.history: newest first, without thread replies."""
    channel = _channel(place, args, "not_in_channel")
    tops = [m for ts, m in channel.messages.items() if m.get("thread_ts", ts) == ts]
    newest_first = sorted(_within(tops, args), key=lambda message: message["ts"], reverse=True)
    return _page(newest_first, args, 100)


def replies(place: Place, args: Arguments) -> dict[str, Any]:
    """conversations.replies: the root first on every page, then the replies, oldest first."""
    channel = _channel(place, args, "not_in_channel")
    ts = args.required("ts")
    if ts not in channel.messages:
        raise SlackError("thread_not_found")
    root, *answers = channel.thread(channel.messages[ts].get("thread_ts", ts))
    found = _page(_within(answers, args), args, 1000)
    found["messages"].insert(0, _shown(root, args))
    return found


def _within(messages: list[Message], args: Arguments) -> list[Message]:
    try:
        oldest = float(args.text("oldest") or 0)
        latest = float(args.text("latest") or "inf")
    except ValueError as slip:
        raise SlackError("invalid_ts_oldest") from slip
    inclusive = args.flag("inclusive")
    return [
        m
        for m in messages
        if oldest < float(m["ts"]) < latest or (inclusive and float(m["ts"]) in (oldest, latest))
    ]


def _page(messages: list[Message], args: Arguments, default: int) -> dict[str, Any]:
    page, cursor = args.page(messages, default)
    shown: dict[str, Any] = {"messages": [_shown(m, args) for m in page], "has_more": bool(cursor)}
    if cursor:
        shown["response_metadata"] = {"next_cursor": cursor}
    return shown


def _shown(message: Message, args: Arguments) -> Message:
    if args.flag("include_all_metadata"):
        return dict(message)
    return {name: value for name, value in message.items() if name != "metadata"}


def open_(place: Place, args: Arguments) -> dict[str, Any]:
    """conversations.open: a direct message with one user or several."""
    if args.has("channel"):
        channel = _channel(place, args)
    else:
        users = [user.strip() for user in args.required("users").split(",")]
        if len(users) > 8:
            raise SlackError("too_many_users")
        for user in users:
            place.workspace.user(user)
        channel = place.workspace.direct([*users, place.workspace.bot_user])
    shown = conversation(place, channel) if args.flag("return_im") else {"id": channel.id}
    return {"channel": shown}


def join(place: Place, args: Arguments) -> dict[str, Any]:
    """conversations.join: public channels only."""
    channel = _channel(place, args)
    if channel.kind != "channel":
        raise SlackError("method_not_supported_for_channel_type")
    answer: dict[str, Any] = {"channel": conversation(place, channel)}
    if place.workspace.bot_user in channel.members:
        answer |= {"warning": "already_in_channel"}
    place.workspace.join(channel, place.workspace.bot_user)
    return answer | {"channel": conversation(place, channel)}
