"""What the app is sent when a person presses, chooses, submits, closes or commands.

Shapes: https://docs.slack.dev/reference/interaction-payloads
"""

from __future__ import annotations

import copy
from typing import Any

from sandbox.app_events import public
from sandbox.elements import state_values
from sandbox.response_urls import ResponseUrls
from sandbox.views import View, Views
from sandbox.workspace import Channel, Message, Workspace

TOKEN = "sandbox-verification-token"


class Payloads:
    """Builds interaction payloads; each carries a fresh trigger."""

    def __init__(self, workspace: Workspace, views: Views, urls: ResponseUrls) -> None:
        self.workspace = workspace
        self.views = views
        self.urls = urls

    def _common(self, type_: str, user: str) -> dict[str, Any]:
        name = self.workspace.users[user]["name"]
        team = self.workspace.team
        return {
            "type": type_,
            "user": {"id": user, "username": name, "name": name, "team_id": team["id"]},
            "api_app_id": self.workspace.app["id"],
            "token": TOKEN,
            "trigger_id": self.views.trigger(user),
            "team": {"id": team["id"], "domain": team["domain"]},
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def block_actions(
        self, user: str, action: dict[str, Any], *, channel: Channel, message: Message
    ) -> dict[str, Any]:
        """Something in a message was pressed; an ephemeral message is not sent along."""
        hidden = bool(message.get("ephemeral"))
        container: dict[str, Any] = {
            "type": "message",
            "message_ts": message["ts"],
            "channel_id": channel.id,
            "is_ephemeral": hidden,
        }
        if "thread_ts" in message:
            container["thread_ts"] = message["thread_ts"]
        return {
            **self._common("block_actions", user),
            "container": container,
            "channel": {"id": channel.id, "name": shown_name(channel)},
            **({} if hidden else {"message": copy.deepcopy(public(message))}),
            "state": {"values": state_values(message.get("blocks", []), _given(action))},
            "response_url": self.urls.issue(channel.id, user, message["ts"]),
            "actions": [{**action, "action_ts": self.workspace.next_ts()}],
        }

    def view_actions(self, user: str, action: dict[str, Any], view: View) -> dict[str, Any]:
        """Something in a modal or a Home was pressed."""
        return {
            **self._common("block_actions", user),
            "container": {"type": "view", "view_id": view["id"]},
            "view": copy.deepcopy(view),
            "actions": [{**action, "action_ts": self.workspace.next_ts()}],
        }

    def view_submission(self, user: str, view: View) -> dict[str, Any]:
        """A modal was submitted."""
        return {
            **self._common("view_submission", user),
            "view": copy.deepcopy(view),
            "response_urls": [],
        }

    def view_closed(self, user: str, view: View, *, is_cleared: bool) -> dict[str, Any]:
        """A modal that asked for it (`notify_on_close`) was closed."""
        payload = self._common("view_closed", user)
        del payload["trigger_id"]
        return {**payload, "view": copy.deepcopy(view), "is_cleared": is_cleared}

    def message_action(
        self, user: str, callback_id: str, channel: Channel, message: Message
    ) -> dict[str, Any]:
        """A shortcut in a message's menu was chosen."""
        return {
            **self._common("message_action", user),
            "callback_id": callback_id,
            "channel": {"id": channel.id, "name": shown_name(channel)},
            "message_ts": message["ts"],
            "message": copy.deepcopy(public(message)),
            "response_url": self.urls.issue(channel.id, user, message["ts"]),
            "action_ts": self.workspace.next_ts(),
        }

    def command(self, user: str, command: str, text: str, channel: Channel) -> dict[str, str]:
        """A slash command: form fields, all of them text."""
        team = self.workspace.team
        return {
            "token": TOKEN,
            "team_id": team["id"],
            "team_domain": team["domain"],
            "channel_id": channel.id,
            "channel_name": shown_name(channel),
            "user_id": user,
            "user_name": self.workspace.users[user]["name"],
            "command": command,
            "text": text,
            "api_app_id": self.workspace.app["id"],
            "is_enterprise_install": "false",
            "response_url": self.urls.issue(channel.id, user),
            "trigger_id": self.views.trigger(user),
        }


def shown_name(channel: Channel) -> str:
    """The name that payloads carry."""
    return {"im": "directmessage", "group": "privategroup"}.get(channel.kind, channel.name)


def _given(action: dict[str, Any]) -> dict[str, Any]:
    """The one value that an action changes, as `state_values` takes it."""
    stateless = ("button", "overflow", "feedback_buttons", "icon_button")
    return {} if action["type"] in stateless else {action["block_id"]: {action["action_id"]: action}}
