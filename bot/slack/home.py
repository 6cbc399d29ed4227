"""The App Home, and the catch-all for events that need nothing done."""

from __future__ import annotations

import re
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.domain import Action
from bot.services import Services


def register(app: AsyncApp, services: Services) -> None:
    @app.event("app_home_opened")
    async def opened(body: dict[str, Any]) -> None:
        user = body["event"]["user"]
        action = Action("home", f"home:{user}:{body['event_id']}", user, facts={"user": user})
        await services.store.outbox.put(body["team_id"], action, services.clock())
        services.committed()


def register_catch_all(app: AsyncApp) -> None:
    """Registered last: an event that nothing listens to would be answered 404 and delivered again and again."""

    @app.event(re.compile(".*"))
    async def anything_else() -> None:
        return None
