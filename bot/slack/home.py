"""The App Home, and the catch-all for events that need nothing done."""

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
        await _gone(services, "the app was uninstalled")

    @app.event("tokens_revoked")
    async def revoked(event: dict[str, Any]) -> None:
        if (event.get("tokens") or {}).get("bot"):  # a person's token alone takes nothing away
            await _gone(services, "the bot's token was revoked")


async def _gone(services: Services, why: str) -> None:
    """The workspace has thrown the app out: nothing that its people wrote may stay."""
    gone = await services.forgetting.everything(why)
    log.warning("%s: the words of %d messages and all corrections of them are erased", why, gone.messages)
    if gone.versions:
        log.warning(
            "versions that had learned from some: %s; the next retraining is without them",
            ", ".join(gone.versions),
        )


def register_catch_all(app: AsyncApp) -> None:
    """Registered last: an event that nothing listens to would be answered 404 and delivered again and again."""

    @app.event(re.compile(".*"))
    async def anything_else() -> None:
        return None
