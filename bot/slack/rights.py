"""Who may do what: asked at every command, button, shortcut and modal, for a button may be stale and an action id forged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.domain.message import Role
from bot.services import Services


def role_of(services: Services, body: Mapping[str, Any]) -> Role:
    """The role of whoever sent an interaction. Who comes from another workspace is a customer, whatever their id."""
    user = body["user"]
    team = user.get("team_id") or (body.get("team") or {}).get("id")
    if team and team != services.workspace.team:
        return "customer"
    return services.workspace.role(str(user["id"]))


async def refused(services: Services, body: Mapping[str, Any], what: str) -> None:
    """Note in the audit that somebody tried what is not theirs to do."""
    await services.store.records.audit(
        services.workspace.team, str(body["user"]["id"]), f"refused: {what}", {}, services.clock()
    )
