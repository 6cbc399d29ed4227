"""An agent's emoji on a customer's message is a label. Emoji in shared channels are ignored."""

from __future__ import annotations

from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.services import Services


def register(app: AsyncApp, services: Services) -> None:
    @app.event("reaction_added")
    async def added(event: dict[str, Any]) -> None:
        await _note(services, event, withdrawn=False)

    @app.event("reaction_removed")
    async def removed(event: dict[str, Any]) -> None:
        await _note(services, event, withdrawn=True)


async def _note(services: Services, event: dict[str, Any], *, withdrawn: bool) -> None:
    """Store the label before the ack."""
    user, item = str(event.get("user")), event.get("item") or {}
    emoji = str(event.get("reaction") or "").partition("::")[0]  # without the skin tone
    label = services.settings.learning.feedback.reactions.get(emoji)
    channel = str(item.get("channel"))
    if label is None or item.get("type") != "message" or channel in services.workspace.shared:
        return
    if services.workspace.role(user) == "customer":
        return
    message = await services.store.conversations.at(channel, str(item.get("ts")))
    if message is None:
        return
    # By Slack's clock: an event that is delivered late or twice must not replace a later label.
    team, now = services.workspace.team, services.clock()
    said_at = services.slack_time(event.get("event_ts"))
    if await services.store.feedback.react(team, message, label, user, now, said_at, withdrawn=withdrawn):
        services.committed()
