"""What one person sees, and nothing else: their channels, the ephemerals to them, their modal, their Home."""

from __future__ import annotations

import asyncio
from typing import Any

from sandbox.app_events import public
from sandbox.place import Place
from sandbox.web_people import person
from sandbox.workspace import Change, Channel

Push = dict[str, Any]


class Sight:
    """Looks for the persons' pages; a listener of the workspace that feeds every open page."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.pages: dict[str, list[asyncio.Queue[Push]]] = {}
        place.workspace.listeners.append(self.hear)

    def state(self, user: str) -> dict[str, Any]:
        """Everything this person sees now."""
        place = self.place
        mine = [c for c in place.workspace.channels.values() if user in c.members]
        return {
            "me": person(place, place.workspace.user(user)),
            "channels": [self.channel(channel, user) for channel in mine],
            "messages": {channel.id: self._messages(channel, user) for channel in mine},
            "home": place.views.homes.get(user),
            "view": place.views.top(user),
        }

    def channel(self, channel: Channel, user: str) -> dict[str, Any]:
        """A channel; a direct message is named after the other people in it."""
        others = [self.place.workspace.users[m]["name"] for m in channel.members if m != user]
        return {
            "id": channel.id,
            "name": channel.name if channel.kind in ("channel", "group") else ", ".join(others),
            "topic": channel.topic,
            "is_member": user in channel.members,
            "is_im": channel.kind == "im",
            "is_mpim": channel.kind == "mpim",
            "is_private": channel.kind != "channel",
            "members": channel.members,
        }

    def _messages(self, channel: Channel, user: str) -> list[dict[str, Any]]:
        whispered = {ts: message for ts, (to, message) in channel.ephemerals.items() if to == user}
        together = channel.messages | whispered
        return [public(together[ts]) for ts in sorted(together)]

    def hear(self, change: Change) -> None:
        """Push a change to the pages of those who see it."""
        channel, kind = change.channel, change.kind
        if kind in ("view", "home"):
            self._push([change.user], {"type": kind, "view": change.view})
        elif channel is None:
            return
        elif kind in ("message", "message_changed", "thread", "reaction_added", "reaction_removed"):
            self._push(channel.members, _message(channel, change))
        elif kind == "message_deleted":
            removed = {"type": "message_removed", "channel": channel.id, "ts": change.ts}
            self._push(channel.members, removed)
        elif kind == "ephemeral":
            self._push([change.user], _message(channel, change))
        elif kind == "ephemeral_removed":
            removed = {"type": "message_removed", "channel": channel.id, "ts": change.ts}
            self._push([change.user], removed)
        elif kind in ("channel", "joined", "left"):
            for member in channel.members:
                shown = self.channel(channel, member)
                if kind == "left":
                    # Told before it happens, so that the one who leaves hears of it too.
                    shown["members"] = [user for user in channel.members if user != change.user]
                    shown["is_member"] = member != change.user
                self._push([member], {"type": "channel", "channel": shown})

    def _push(self, users: list[str], push: Push) -> None:
        for user in users:
            for page in self.pages.get(user, []):
                page.put_nowait(push)


def _message(channel: Channel, change: Change) -> Push:
    return {"type": "message", "channel": channel.id, "message": public(change.message)}
