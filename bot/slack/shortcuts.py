"""The shortcut in a message's menu: how the bot read the message, which words mattered, and a form to correct the reading.

A modal must open within three seconds of the click, so it does not go through the outbox. Only the clicker sees it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.privacy.redaction import redacted
from bot.services import Services
from bot.slack import blocks, team_blocks
from bot.slack.rights import refused, role_of
from model import explain
from model.batcher import Overloaded
from model.reading import LABELS, Reading

log = logging.getLogger(__name__)

Ack = Callable[..., Awaitable[Any]]
_GONE = "Nothing was saved: the message is not here any more."


def register(app: AsyncApp, services: Services) -> None:
    @app.shortcut("sentiment")
    async def open_reading(ack: Ack, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        view = await _view(services, body)
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    @app.view("sentiment")
    async def submitted(ack: Ack, body: dict[str, Any]) -> None:
        why_not = await _submit(services, body)
        if why_not:
            await ack(response_action="update", view=blocks.modal("Softanswer", [blocks.section(why_not)]))
        else:
            await ack()
        services.committed()


async def _view(services: Services, body: Mapping[str, Any]) -> dict[str, Any]:
    message = body.get("message") or {}
    if role_of(services, body) == "customer":
        await refused(services, body, "see a reading")
        return blocks.modal("Softanswer", [blocks.section("Only the support team can see that.")])
    text = str(message.get("text") or "")
    channel, ts = str((body.get("channel") or {}).get("id")), str(message.get("ts"))
    message_id = await services.store.conversations.at(channel, ts)
    stored = await services.store.conversations.message(message_id) if message_id else None
    if stored is not None and (stored.role != "customer" or stored.text is None):
        stored = None
    if stored is not None and stored.text is not None:
        text = stored.text
    # A stored message can be shown without a new reading.
    reading: Reading | None = None
    weighed: list[explain.Weighed] = []
    failed = False
    try:
        async with asyncio.timeout(2.0):  # the trigger id of the click expires after three seconds
            reading, weighed = await _explained(services, text)
    except (TimeoutError, Overloaded):
        log.info("a reading for the shortcut took too long")
    except Exception:
        log.exception("a message could not be read for the shortcut")
        failed = True
    templates = [(template.id, template.title) for template in services.templates]
    return team_blocks.reading_modal(stored, reading, explain.strongest(weighed), templates, failed=failed)


async def _explained(services: Services, text: str) -> tuple[Reading, list[explain.Weighed]]:
    """The active version's reading, and how much each word contributed to it."""
    words = explain.words_of(text)
    reading = await services.batcher.read(text)
    if reading.label is None or len(words) < 2:
        return reading, []
    readings = await asyncio.gather(*(services.batcher.read(text) for text in explain.variants(words)))
    return reading, explain.weigh(words, readings)


async def _submit(services: Services, body: Mapping[str, Any]) -> str | None:
    """Store what the agent chose in the modal: the label, and the template that would have been right. Returns an error
    text if nothing could be stored."""
    user, view = body["user"]["id"], body["view"]
    team, now = services.workspace.team, services.clock()
    if role_of(services, body) == "customer":
        await refused(services, body, "correct a label")
        return "Only the support team can do that."
    try:
        message_id = int(json.loads(view.get("private_metadata") or "{}").get("message") or 0)
    except (ValueError, TypeError, AttributeError):
        return _GONE
    if message_id not in range(1, 2**63):
        return _GONE
    message = await services.store.conversations.message(message_id)
    if message is None or message.role != "customer" or message.text is None:
        return _GONE
    values = (view.get("state") or {}).get("values") or {}
    label = _chosen(values, "label")
    if label in LABELS:
        said_at = services.slack_time()
        await services.store.feedback.correct(
            team, message_id, label, user, "shortcut", now, said_at, exact=False
        )
    template = _chosen(values, "template")
    if template is not None and template in services.templates:
        text = blocks.readable(redacted(message.text))[:500]
        await services.store.examples.propose(team, message_id, template, text, user, now)
    return None


def _chosen(values: Mapping[str, Any], block: str) -> str | None:
    state = (values.get(block) or {}).get("choice") or {}
    option = state.get("selected_option") or {}
    value = option.get("value")
    return value if isinstance(value, str) else None
