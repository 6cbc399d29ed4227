"""Events → inbox. The ack is sent when the listener returns, that is, once the event is on disk."""

from __future__ import annotations

import re
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.services import Services


def register(app: AsyncApp, services: Services) -> None:
    @app.event("message")
    async def message(body: dict[str, Any]) -> None:
        await services.pipeline.accept(services.workspace.team, body["event"])

    @app.event("app_mention")
    async def mention(body: dict[str, Any]) -> None:
        await services.pipeline.accept(services.workspace.team, body["event"])

    @app.event(re.compile("channel_(shared|unshared)"))
    async def sharing(event: dict[str, Any]) -> None:
        if event.get("channel") in services.workspace.channels:
            await services.refresh_workspace()

    @app.event(re.compile("member_(joined|left)_channel"))
    async def membership(event: dict[str, Any]) -> None:
        if event.get("channel") == services.workspace.triage:
            await services.refresh_workspace()
