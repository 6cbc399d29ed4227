"""The workspace of one installation, as plain data: its channels and people. `bot.slack.directory` fills it."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.domain.message import Mode, Role


@dataclass(slots=True)
class Workspace:
    """What the bot knows about its workspace now. Everybody without a role is a customer."""

    team: str = ""
    """Slack's id of the workspace in which the app is installed. An event's author may belong to another one."""
    bot_user: str = ""
    bot_id: str = ""
    triage: str = ""
    """Id of the triage channel."""
    channels: dict[str, Mode] = field(default_factory=dict)
    """Support channels by id."""
    roles: dict[str, Role] = field(default_factory=dict)
    """Agents and admins by user id."""
    shared: set[str] = field(default_factory=set)
    """Support channels shared with another organisation (Slack Connect)."""
    clock_offset_s: float = 0.0
    """Seconds by which Slack's clock is ahead of ours. Slack's timestamps are compared by Slack's clock."""

    @property
    def staff(self) -> list[str]:
        """Agents and admins, in a fixed order."""
        return sorted(self.roles)

    def role(self, user: str) -> Role:
        return self.roles.get(user, "customer")
