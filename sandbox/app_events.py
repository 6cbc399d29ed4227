"""What the app hears of a change in the workspace: the Events API's callbacks.

The app hears of channels it is a member of and of nothing else: https://docs.slack.dev/reference/events
"""

from __future__ import annotations

import copy
from typing import Any
from uuid import uuid4

from sandbox.deliveries import Deliveries
from sandbox.workspace import Change, Channel, Message, Workspace


class AppEvents:
    """Turns changes into event deliveries; a listener of the workspace."""

    def __init__(self, workspace: Workspace, deliveries: Deliveries) -> None:
        self.workspace = workspace
        self.deliveries = deliveries

    def __call__(self, change: Change) -> None:
        channel = change.channel
        if channel is not None and self.workspace.bot_user not in channel.members:
            return
        match change.kind:
            case "message" if channel is not None:
                self._message(channel, change.message)
            case "message_changed" if channel is not None:
                fields: dict[str, Any] = {
                    "message": public(change.message),
                    "previous_message": public(change.previous),
                }
                self._hidden(channel, "message_changed", fields)
            case "message_deleted" if channel is not None:
                fields = {"deleted_ts": change.ts, "previous_message": public(change.previous)}
                self._hidden(channel, "message_deleted", fields)
            case "reaction_added" | "reaction_removed" if channel is not None:
                item = {"type": "message", "channel": channel.id, "ts": change.message["ts"]}
                author = change.message.get("user", "")
                event = {"user": change.user, "reaction": change.name, "item": item, "item_user": author}
                self.send({"type": change.kind, **event})
            case "joined" | "left" if channel is not None:
                letter = "G" if channel.kind == "group" else "C"
                event = {"user": change.user, "channel": channel.id, "channel_type": letter}
                inviter = {"inviter": change.name} if change.name else {}
                self.send({"type": f"member_{change.kind}_channel", **event, **inviter, "team": self._team})
            case "home_opened":
                view = {"view": change.view} if change.view else {}
                channel_id = self.workspace.direct([change.user, self.workspace.bot_user]).id
                event = {"user": change.user, "channel": channel_id, "tab": "home"}
                self.send({"type": "app_home_opened", **event, **view})

    @property
    def _team(self) -> str:
        return str(self.workspace.team["id"])

    def _message(self, channel: Channel, message: Message) -> None:
        event = {
            **public(message),
            "channel": channel.id,
            "event_ts": message["ts"],
            "channel_type": channel.kind,
        }
        self.send(event)
        mentioned = f"<@{self.workspace.bot_user}>" in message["text"]
        if mentioned and channel.kind != "im" and message.get("user") != self.workspace.bot_user:
            mention = {k: v for k, v in event.items() if k not in ("channel_type", "parent_user_id")}
            self.send({**mention, "type": "app_mention"})

    def _hidden(self, channel: Channel, subtype: str, fields: dict[str, Any]) -> None:
        ts = self.workspace.next_ts()
        event = {"type": "message", "subtype": subtype, "hidden": True, "channel": channel.id, "ts": ts}
        self.send({**event, **fields, "event_ts": ts, "channel_type": channel.kind})

    def send(self, event: dict[str, Any]) -> None:
        """Queue one event in its envelope."""
        event.setdefault("event_ts", self.workspace.next_ts())
        authorization = {
            "enterprise_id": None,
            "team_id": self._team,
            "user_id": self.workspace.bot_user,
            "is_bot": True,
            "is_enterprise_install": False,
        }
        self.deliveries.event(
            {
                "token": "sandbox-verification-token",
                "team_id": self._team,
                "context_team_id": self._team,
                "context_enterprise_id": None,
                "api_app_id": self.workspace.app["id"],
                # A snapshot: the message may change before this is delivered, the event may not.
                "event": copy.deepcopy(event),
                "type": "event_callback",
                "event_id": "Ev" + uuid4().hex[:10].upper(),
                "event_time": int(self.workspace.now()),
                "authorizations": [authorization],
                "is_ext_shared_channel": False,
                "event_context": uuid4().hex,
            }
        )


def public(message: Message) -> Message:
    """A message as everybody gets it: metadata is handed out by the Web API alone, and only on request."""
    return {name: value for name, value in message.items() if name != "metadata"}
