"""Slack's requests, made by hand: events, button presses, shortcuts, commands, and their signature."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import time
from typing import Any
from urllib.parse import urlencode

from slack_bolt.request.async_request import AsyncBoltRequest

from bot.demo.workspace import BEN, CARLA, HELP, TRIAGE
from sandbox.server import Sandbox

SIGNING_SECRET = "sandbox-signing-secret"
TS = "1700000000.000100"
"""The timestamp of a message where a test names no other."""
ANGRY = "Third time this week the export dies on me. This is unacceptable!"


def signed(
    payload: dict[str, Any], *, form: bool = False, age_s: float = 0.0, secret: str = SIGNING_SECRET
) -> AsyncBoltRequest:
    """A request as Slack would send it over HTTP: an event (JSON), or an action or command (a form)."""
    body = urlencode(payload) if form else json.dumps(payload)
    timestamp = str(int(time.time() - age_s))
    digest = hmac.new(secret.encode(), f"v0:{timestamp}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "content-type": ["application/x-www-form-urlencoded" if form else "application/json"],
        "x-slack-signature": [f"v0={digest}"],
        "x-slack-request-timestamp": [timestamp],
    }
    return AsyncBoltRequest(body=body, headers=headers)


def event(**fields: Any) -> dict[str, Any]:
    """An event; without `type`, a message of Carla's in #help."""
    inner = {
        "type": "message",
        "channel": HELP,
        "channel_type": "channel",
        "user": CARLA,
        "ts": TS,
        **fields,
    }
    return {
        "token": "t",
        "team_id": "T0ACME",
        "api_app_id": "A0SOFT",
        "type": "event_callback",
        "event_id": "Ev1",
        "event_time": 1700000000,
        "event": inner,
    }


def press(user: str, action_id: str, value: Any, **place: Any) -> dict[str, str]:
    """A button pressed on a card in #triage, or at another `place` (see `at`)."""
    payload = {
        "type": "block_actions",
        "team": {"id": "T0ACME", "domain": "acme"},
        "user": {"id": user, "username": "x", "name": "x", "team_id": "T0ACME"},
        "api_app_id": "A0SOFT",
        "channel": {"id": TRIAGE, "name": "triage"},
        "container": {"type": "message", "message_ts": "1.1", "channel_id": TRIAGE},
        "message": {"ts": "1.1"},
        "trigger_id": "1.2.3",
        "response_url": "",
        "actions": [
            {
                "type": "button",
                "action_id": action_id,
                "block_id": "b",
                "value": json.dumps(value),
                "action_ts": "5.5",
            }
        ],
        **place,
    }
    return {"payload": json.dumps(payload)}


def at(channel: str, ts: str) -> dict[str, Any]:
    """The place of a press: in this message."""
    container = {"type": "message", "message_ts": ts, "channel_id": channel}
    return {"channel": {"id": channel, "name": "x"}, "container": container, "message": {"ts": ts}}


_triggers = (f"1.2.{number}" for number in itertools.count())


def command(user: str, text: str, **more: str) -> dict[str, str]:
    """A slash command in #triage; `more` replaces fields of it."""
    return {
        "command": "/softanswer",
        "text": text,
        "user_id": user,
        "user_name": "x",
        "channel_id": TRIAGE,
        "channel_name": "triage",
        "team_id": "T0ACME",
        "team_domain": "acme",
        "api_app_id": "A0SOFT",
        "trigger_id": next(_triggers),
        "response_url": "http://127.0.0.1:9/none",
        **more,
    }


def reaction(
    user: str, emoji: str, kind: str = "reaction_added", ts: str = TS, at: float = 1700000009.1
) -> dict[str, Any]:
    """An emoji on a message of Ben's."""
    item = {"type": "message", "channel": HELP, "ts": ts}
    return event(type=kind, user=user, reaction=emoji, item=item, item_user=BEN, event_ts=f"{at}")


def shortcut(sandbox: Sandbox, user: str, text: str = ANGRY, ts: str = TS) -> dict[str, str]:
    """The message shortcut *Sentiment of this message*."""
    payload = {
        "type": "message_action",
        "callback_id": "sentiment",
        "trigger_id": sandbox.place.views.trigger(user),
        "team": {"id": "T0ACME"},
        "user": {"id": user},
        "channel": {"id": HELP},
        "message": {"type": "message", "user": BEN, "ts": ts, "text": text},
        "message_ts": ts,
        "response_url": "",
    }
    return {"payload": json.dumps(payload)}


def submission(user: str, message: Any, **chosen: str) -> dict[str, str]:
    """The shortcut's modal, filled in and sent."""
    values = {
        block: {"choice": {"type": "x", "selected_option": {"value": v}}} for block, v in chosen.items()
    }
    view = {
        "id": "V1",
        "type": "modal",
        "callback_id": "sentiment",
        "private_metadata": json.dumps({"message": message}),
        "state": {"values": values},
    }
    payload = {"type": "view_submission", "team": {"id": "T0ACME"}, "user": {"id": user}, "view": view}
    return {"payload": json.dumps(payload)}
