"""The App Home, uninstallation, and the catch-all for other events."""

from __future__ import annotations

import logging
import re
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.domain.actions import Home
from bot.services import Services

log = logging.getLogger(__name__)


def register(app: AsyncApp, services: Services) -> None:
    @app.event("app_home_opened")
    async def opened(body: dict[str, Any]) -> None:
        user = body["event"]["user"]
        action = Home.opened(user, body["event_id"])
        await services.store.outbox.put(services.workspace.team, action, services.clock())
        services.committed()

    @app.event("app_uninstalled")
    async def uninstalled(event: dict[str, Any]) -> None:
        await _erase_everything(services, "the app was uninstalled")

    @app.event("tokens_revoked")
    async def revoked(event: dict[str, Any]) -> None:
        if (event.get("tokens") or {}).get("bot"):  # a user's token does not matter
            await _erase_everything(services, "the bot's token was revoked")


async def _erase_everything(services: Services, why: str) -> None:
    """The app was removed from the workspace: erase all text that its people wrote."""
    forgotten = await services.forgetting.everything(why)
    log.warning("%s: erased the text of %d messages and all corrections of them", why, forgotten.messages)
    if forgotten.versions:
        log.warning(
            "versions that had learned from some: %s; the next retraining is without them",
            ", ".join(forgotten.versions),
        )


def register_catch_all(app: AsyncApp) -> None:
    """Register this last. Without it, an event without a listener is answered with 404, and Slack sends it again."""

    @app.event(re.compile(".*"))
    async def anything_else() -> None:
        return None
