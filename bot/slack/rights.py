"""Who may do what. Checked at every command, button, shortcut and modal, as a button may be stale or an action id forged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.domain.message import Role
from bot.services import Services


def role_of(services: Services, body: Mapping[str, Any]) -> Role:
    """The role of the person who sent an interaction. People from other workspaces are customers, whatever their id."""
    user = body["user"]
    team = user.get("team_id") or (body.get("team") or {}).get("id")
    if team and team != services.workspace.team:
        return "customer"
    return services.workspace.role(str(user["id"]))


async def refused(services: Services, body: Mapping[str, Any], what: str) -> None:
    """Write into the audit log that somebody lacked the right for something."""
    await services.store.records.audit(
        services.workspace.team, str(body["user"]["id"]), f"refused: {what}", {}, services.clock()
    )
