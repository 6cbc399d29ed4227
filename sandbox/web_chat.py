"""Web API: chat.* and reactions.*"""

from __future__ import annotations

import json
from typing import Any

from sandbox.arguments import Arguments
from sandbox.blocks import accepted
from sandbox.place import Place
from sandbox.typed_text import escape_stray
from sandbox.workspace import Channel, Message, SlackError

LONGEST_TEXT = 40_000
MOST_METADATA = 8_000


def posting_channel(place: Place, args: Arguments) -> Channel:
    """The channel to write to; a private channel that the app is not in does not exist for it."""
    channel = place.workspace.channel(args.required("channel"))
    return visible(place, channel, "not_in_channel")


def visible(place: Place, channel: Channel, refusal: str = "") -> Channel:
    """Raises `channel_not_found` for what the app cannot see, `refusal` for what it sees but is not in."""
    if place.workspace.bot_user not in channel.members:
        if channel.kind != "channel":
            raise SlackError("channel_not_found")
        if refusal:
            raise SlackError(refusal)
    return channel


def _content(args: Arguments) -> tuple[str, list[dict[str, Any]] | None]:
    """Text and blocks of a message, checked."""
    text = escape_stray(args.text("text"))
    blocks = args.json("blocks", "invalid_blocks_format")
    if blocks is not None and not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    attachments = args.json("attachments", "invalid_attachments")
    if not text and not blocks and not attachments:
        raise SlackError("no_text")
    if len(text) > LONGEST_TEXT:
        raise SlackError("msg_too_long")
    return text, accepted(blocks) if blocks else None


def _metadata(args: Arguments) -> dict[str, Any] | None:
    metadata = args.json("metadata", "invalid_metadata_format")
    if metadata is None:
        return None
    if not isinstance(metadata, dict):
        raise SlackError("invalid_metadata_format")
    if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_schema")
    if len(json.dumps(metadata)) > MOST_METADATA:
        raise SlackError("metadata_too_large")
    return metadata


def post_message(place: Place, args: Arguments) -> dict[str, Any]:
    """chat.postMessage"""
    channel = posting_channel(place, args)
    text, blocks = _content(args)
    author = place.workspace.author(place.workspace.bot_user)
    if username := args.text("username"):
        author = {"subtype": "bot_message", "username": username, **_without_user(author)}
    message = place.workspace.post(
        channel,
        author,
        text,
        blocks=blocks,
        attachments=args.json("attachments", "invalid_attachments"),
        metadata=_metadata(args),
        thread_ts=args.text("thread_ts"),
    )
    return {"channel": channel.id, "ts": message["ts"], "message": message}


def _without_user(author: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in author.items() if name != "user"}


def post_ephemeral(place: Place, args: Arguments) -> dict[str, Any]:
    """chat.postEphemeral"""
    channel = posting_channel(place, args)
    user = args.required("user")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    text, blocks = _content(args)
    author = place.workspace.author(place.workspace.bot_user)
    message = place.workspace.post_ephemeral(
        channel, user, author, text, blocks=blocks, thread_ts=args.text("thread_ts")
    )
    return {"message_ts": message["ts"]}


def _own(place: Place, channel: Channel, ts: str, refusal: str) -> Message:
    message = place.workspace.message(channel, ts)
    if message.get("bot_id") != place.app["bot_id"]:
        raise SlackError(refusal)
    return message


def update(place: Place, args: Arguments) -> dict[str, Any]:
    """chat.update: what is not given stays as it was; an empty list takes the blocks away."""
    channel = visible(place, place.workspace.channel(args.required("channel")))
    ts = args.required("ts")
    _own(place, channel, ts, "cant_update_message")
    text, blocks = _content(args)
    fields: dict[str, Any] = {}
    if args.has("text"):
        fields["text"] = text
    if args.has("blocks"):
        fields["blocks"] = blocks
    if args.has("metadata"):
        fields["metadata"] = _metadata(args)
    message = place.workspace.edit(channel, ts, place.workspace.bot_user, **fields)
    return {"channel": channel.id, "ts": ts, "text": message["text"], "message": message}


def delete(place: Place, args: Arguments) -> dict[str, Any]:
    """chat.delete"""
    channel = visible(place, place.workspace.channel(args.required("channel")))
    ts = args.required("ts")
    _own(place, channel, ts, "cant_delete_message")
    place.workspace.delete(channel, ts)
    return {"channel": channel.id, "ts": ts}


def get_permalink(place: Place, args: Arguments) -> dict[str, Any]:
    """chat.getPermalink"""
    channel = visible(place, place.workspace.channel(args.required("channel")))
    message = place.workspace.message(channel, args.required("message_ts"))
    link = f"https://{place.workspace.team['domain']}.slack.com/archives/{channel.id}"
    link += "/p" + message["ts"].replace(".", "")
    if message.get("parent_user_id") is not None:
        link += f"?thread_ts={message['thread_ts']}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def add_reaction(place: Place, args: Arguments) -> dict[str, Any]:
    """reactions.add"""
    channel = visible(place, place.workspace.channel(args.required("channel")), "not_in_channel")
    place.workspace.react(channel, args.required("timestamp"), place.workspace.bot_user, _emoji(args))
    return {}


def remove_reaction(place: Place, args: Arguments) -> dict[str, Any]:
    """reactions.remove"""
    channel = visible(place, place.workspace.channel(args.required("channel")), "not_in_channel")
    place.workspace.unreact(channel, args.required("timestamp"), place.workspace.bot_user, _emoji(args))
    return {}


def get_reactions(place: Place, args: Arguments) -> dict[str, Any]:
    """reactions.get"""
    channel = visible(place, place.workspace.channel(args.required("channel")), "not_in_channel")
    message = place.workspace.message(channel, args.required("timestamp"))
    shown = {name: value for name, value in message.items() if name != "metadata"}
    return {"type": "message", "channel": channel.id, "message": shown}


def _emoji(args: Arguments) -> str:
    name = args.required("name").strip(":")
    if not name.replace("_", "").replace("-", "").replace("+", "").replace("'", "").isalnum():
        raise SlackError("invalid_name")
    return name
