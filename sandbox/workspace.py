"""What a workspace holds — people, channels, messages, threads, reactions — and the rules of changing it.

Nothing here knows of HTTP. Whoever wants to hear of changes (the app's events, the persons' pages) appends
a function to `Workspace.listeners`; it is called with a `Change` after the change has happened.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

Message = dict[str, Any]


class SlackError(Exception):
    """A refusal in Slack's words: `code` is the `error` of the answer, `extra` its other fields."""

    def __init__(self, code: str, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.extra = extra


@dataclass(frozen=True)
class Change:
    """Something that happened: `kind` names it, the other fields are filled as the kind needs them."""

    kind: str
    channel: Channel | None = None
    message: Message = field(default_factory=dict)
    previous: Message = field(default_factory=dict)
    user: str = ""
    name: str = ""
    view: dict[str, Any] | None = None
    ts: str = ""


@dataclass
class Channel:
    """A channel, a private channel or a direct message, with everything written in it by `ts`."""

    id: str
    name: str
    topic: str = ""
    members: list[str] = field(default_factory=list)
    kind: str = "channel"  # as in events: channel | group | im | mpim
    created: int = 0
    messages: dict[str, Message] = field(default_factory=dict)
    replies: dict[str, list[str]] = field(default_factory=dict)  # root → its replies, oldest first
    ephemerals: dict[str, tuple[str, Message]] = field(default_factory=dict)  # ts → (addressee, message)

    def thread(self, root: str) -> list[Message]:
        """The root and its replies, oldest first."""
        return [self.messages[ts] for ts in [root, *self.replies.get(root, [])]]


class Workspace:
    """The state of one team with one app installed in it."""

    def __init__(self, seed: dict[str, Any], now: Callable[[], float] = time.time) -> None:
        self.now = now
        self.team: dict[str, Any] = seed["team"]
        self.app: dict[str, Any] = seed["app"]
        self.bot_user: str = self.app["bot_user"]
        self.users: dict[str, dict[str, Any]] = {u["id"]: u for u in seed["users"]}
        self.users.setdefault(
            self.bot_user,
            {"id": self.bot_user, "name": self.app["name"].lower(), "real_name": self.app["name"]},
        )
        self.users[self.bot_user].update(is_bot=True, bot_id=self.app["bot_id"])
        self.usergroups: dict[str, dict[str, Any]] = {g["id"]: g for g in seed.get("usergroups", [])}
        self.channels: dict[str, Channel] = {}
        self.listeners: list[Callable[[Change], None]] = []
        self._last_micros = 0
        started = int(now())
        for entry in seed["channels"]:
            kind = "group" if entry.get("is_private") else "channel"
            members = list(entry.get("members", []))
            self.channels[entry["id"]] = Channel(
                entry["id"], entry["name"], entry.get("topic", ""), members, kind, started
            )
        for user in self.users:
            if user != self.bot_user:
                self.direct([user, self.bot_user])

    # -- looking things up -----------------------------------------------------------------------------

    def next_ts(self, at: float | None = None) -> str:
        """A time stamp that no other message has: microseconds, always growing."""
        micros = int((self.now() if at is None else at) * 1_000_000)
        self._last_micros = max(micros, self._last_micros + 1)
        return f"{self._last_micros // 1_000_000}.{self._last_micros % 1_000_000:06d}"

    def channel(self, reference: str) -> Channel:
        """By id, by `#name`, or by a user's id (the direct message with the app)."""
        if found := self.channels.get(reference):
            return found
        if reference in self.users and reference != self.bot_user:
            return self.direct([reference, self.bot_user])
        name = reference.removeprefix("#")
        for channel in self.channels.values():
            if channel.kind in ("channel", "group") and channel.name == name:
                return channel
        raise SlackError("channel_not_found")

    def user(self, user_id: str) -> dict[str, Any]:
        """Raises `user_not_found`."""
        if user_id not in self.users:
            raise SlackError("user_not_found")
        return self.users[user_id]

    def message(self, channel: Channel, ts: str) -> Message:
        """Raises `message_not_found`."""
        if ts not in channel.messages:
            raise SlackError("message_not_found")
        return channel.messages[ts]

    def direct(self, users: Iterable[str]) -> Channel:
        """The direct (or group direct) message of exactly these users, made when it is first asked for."""
        members = sorted(set(users))
        for channel in self.channels.values():
            if channel.kind in ("im", "mpim") and sorted(channel.members) == members:
                return channel
        kind = "im" if len(members) <= 2 else "mpim"
        prefix = "D" if kind == "im" else "G"
        # A person's conversation with the app has an id that can be told in advance.
        others = [user for user in members if user != self.bot_user]
        ident = prefix + (others[0][1:] if kind == "im" and len(others) == 1 else uuid4().hex[:10].upper())
        name = "mpdm-" + "--".join(self.users[user]["name"] for user in members) if kind == "mpim" else ""
        channel = Channel(ident, name, members=members, kind=kind, created=int(self.now()))
        self.channels[ident] = channel
        self.tell(Change("channel", channel))
        return channel

    def author(self, user_id: str) -> dict[str, Any]:
        """The fields by which a message says who wrote it."""
        user = self.user(user_id)
        if user_id == self.bot_user:
            profile = {
                "id": self.app["bot_id"],
                "app_id": self.app["id"],
                "name": self.app["name"],
                "deleted": False,
                "updated": 0,
                "team_id": self.team["id"],
            }
            return {
                "user": user_id,
                "bot_id": self.app["bot_id"],
                "app_id": self.app["id"],
                "team": self.team["id"],
                "bot_profile": profile,
            }
        if user.get("is_bot"):
            return {
                "subtype": "bot_message",
                "bot_id": user.get("bot_id", "B" + user_id[1:]),
                "username": user["name"],
            }
        return {"user": user_id, "team": self.team["id"]}

    # -- changing things -------------------------------------------------------------------------------

    def tell(self, change: Change) -> None:
        """Let every listener know."""
        for listener in self.listeners:
            listener(change)

    def post(self, channel: Channel, author: dict[str, Any], text: str, **fields: Any) -> Message:
        """Write a message; `thread_ts` in `fields` may be any message of the thread, `at` a time in the past."""
        at = fields.pop("at", None)
        root = fields.pop("thread_ts", None)
        if root:
            if root not in channel.messages:
                raise SlackError("cannot_reply_to_message")
            root = channel.messages[root].get("thread_ts", root)
        message = {
            "type": "message",
            **author,
            "text": text,
            "ts": self.next_ts(at),
            **{k: v for k, v in fields.items() if v},
        }
        channel.messages[message["ts"]] = message
        if root:
            self._join_thread(channel, message, root)
        self.tell(Change("message", channel, message))
        if root:
            # The root's reply count has changed: people see it at once, the app hears nothing of it.
            self.tell(Change("thread", channel, channel.messages[root]))
        return message

    def _join_thread(self, channel: Channel, message: Message, root: str) -> None:
        parent = channel.messages[root]
        message["thread_ts"] = root
        message["parent_user_id"] = parent.get("user", "")
        parent["thread_ts"] = root
        channel.replies.setdefault(root, []).append(message["ts"])
        self._count_replies(channel, root)

    def _count_replies(self, channel: Channel, root: str) -> None:
        parent = channel.messages[root]
        replies = channel.thread(root)[1:]
        if not replies:
            for name in ("reply_count", "reply_users", "reply_users_count", "latest_reply", "thread_ts"):
                parent.pop(name, None)
            return
        users = list(dict.fromkeys(m.get("user") or m.get("bot_id", "") for m in replies))
        parent.update(
            reply_count=len(replies),
            reply_users=users,
            reply_users_count=len(users),
            latest_reply=replies[-1]["ts"],
        )

    def edit(self, channel: Channel, ts: str, user: str, **fields: Any) -> Message:
        """Change a message; a field given as None is removed."""
        message = self.message(channel, ts)
        previous = copy.deepcopy(message)
        message.update(fields)
        for name in [name for name, value in fields.items() if value is None]:
            del message[name]
        message["edited"] = {"user": user, "ts": self.next_ts()}
        self.tell(Change("message_changed", channel, message, previous))
        return message

    def delete(self, channel: Channel, ts: str) -> None:
        """Remove a message. A root with replies leaves a tombstone, so that the thread stays readable."""
        message = self.message(channel, ts)
        if message.get("reply_count"):
            kept = {k: v for k, v in message.items() if k.startswith(("reply_", "latest_", "thread_"))}
            tombstone = {
                "type": "message",
                "subtype": "tombstone",
                "user": "USLACKBOT",
                "text": "This message was deleted.",
                "hidden": True,
                "ts": ts,
                **kept,
            }
            channel.messages[ts] = tombstone
            self.tell(Change("message_changed", channel, tombstone, message))
            return
        del channel.messages[ts]
        self.tell(Change("message_deleted", channel, previous=message, ts=ts))
        root = message.get("thread_ts")
        if root in channel.messages:
            channel.replies[root].remove(ts)
            self._count_replies(channel, root)
            self.tell(Change("thread", channel, channel.messages[root]))

    def post_ephemeral(
        self, channel: Channel, user: str, author: dict[str, Any], text: str, **fields: Any
    ) -> Message:
        """Write a message that one person sees."""
        shown = {k: v for k, v in fields.items() if v}
        message = {
            "type": "message",
            **author,
            "text": text,
            "ts": self.next_ts(),
            "ephemeral": True,
            **shown,
        }
        channel.ephemerals[message["ts"]] = (user, message)
        self.tell(Change("ephemeral", channel, message, user=user))
        return message

    def rewhisper(self, channel: Channel, ts: str, **fields: Any) -> None:
        """Change an ephemeral message before its reader's eyes."""
        user, message = channel.ephemerals[ts]
        message.update(fields)
        for name in [name for name, value in fields.items() if value is None]:
            del message[name]
        self.tell(Change("ephemeral", channel, message, user=user))

    def unwhisper(self, channel: Channel, ts: str) -> None:
        """Take an ephemeral message away from its reader."""
        user, _ = channel.ephemerals.pop(ts)
        self.tell(Change("ephemeral_removed", channel, user=user, ts=ts))

    def react(self, channel: Channel, ts: str, user: str, name: str) -> None:
        """Add a reaction; raises `already_reacted`."""
        message = self.message(channel, ts)
        reactions = message.setdefault("reactions", [])
        entry = next((r for r in reactions if r["name"] == name), None)
        if entry is None:
            entry = {"name": name, "users": [], "count": 0}
            reactions.append(entry)
        if user in entry["users"]:
            raise SlackError("already_reacted")
        entry["users"].append(user)
        entry["count"] += 1
        self.tell(Change("reaction_added", channel, message, user=user, name=name))

    def unreact(self, channel: Channel, ts: str, user: str, name: str) -> None:
        """Take a reaction back; raises `no_reaction`."""
        message = self.message(channel, ts)
        entry = next((r for r in message.get("reactions", []) if r["name"] == name), None)
        if entry is None or user not in entry["users"]:
            raise SlackError("no_reaction")
        entry["users"].remove(user)
        entry["count"] -= 1
        message["reactions"] = [r for r in message["reactions"] if r["count"]]
        if not message["reactions"]:
            del message["reactions"]
        self.tell(Change("reaction_removed", channel, message, user=user, name=name))

    def join(self, channel: Channel, user: str, inviter: str = "") -> None:
        """Make a user a member; nothing happens to who is one already."""
        if user in channel.members:
            return
        channel.members.append(user)
        self.tell(Change("joined", channel, user=user, name=inviter))
        author = {"subtype": "channel_join", "user": user}
        self.post(channel, author, f"<@{user}> has joined the channel", inviter=inviter)

    def leave(self, channel: Channel, user: str) -> None:
        """End a membership; raises `not_in_channel`. The app still hears when it is itself that leaves."""
        if user not in channel.members:
            raise SlackError("not_in_channel")
        self.post(channel, {"subtype": "channel_leave", "user": user}, f"<@{user}> has left the channel")
        self.tell(Change("left", channel, user=user))
        channel.members.remove(user)
