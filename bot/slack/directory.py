"""Fills the workspace from Slack: the ids of the channels and people in the settings, roles, shared channels."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.message import Role
from bot.settings import ChannelSettings, PeopleSettings, SettingsError
from bot.slack.client import UNREACHABLE, SlackRefused, pages, retried
from bot.workspace import Workspace

log = logging.getLogger(__name__)

_REFRESH_EVERY_S = 300.0
_SHARED = ("is_ext_shared", "is_pending_ext_shared", "is_shared")


class Directory:
    def __init__(
        self,
        client: AsyncWebClient,
        workspace: Workspace,
        channels: ChannelSettings,
        people: PeopleSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._workspace = workspace
        self._channels = channels
        self._people = people
        self._clock = clock

    async def load(self) -> None:
        """Check the bot token and resolve all names. Raises SettingsError with what to do."""
        try:
            await self._identify()
            await self._find_channels()
            for part in (self._find_shared, self._find_roles):
                await part()
        except SlackRefused as error:
            raise refused(error) from None
        except UNREACHABLE as error:
            raise unreachable(error) from None

    async def refresh(self) -> None:
        """Update the roles and the shared channels. A part that fails keeps its old values and does not stop the other.
        Raises the first error at the end."""
        errors: list[Exception] = []
        for part in (self._find_shared, self._find_roles):
            try:
                await part()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    async def keep_fresh(self, every_s: float = _REFRESH_EVERY_S) -> None:
        """Refresh regularly, until cancelled. Joins and leaves also come as events; this finds missed ones."""
        while True:
            await asyncio.sleep(every_s)
            try:
                await self.refresh()
            except Exception:
                log.exception("roles and channels could not all be refreshed; keeping what is known")

    async def _identify(self) -> None:
        identity = await retried(self._client.auth_test)
        self._compare_clocks(identity)
        self._workspace.team = str(identity["team_id"])
        self._workspace.bot_user = str(identity["user_id"])
        self._workspace.bot_id = str(identity.get("bot_id") or "")

    async def _find_channels(self) -> None:
        known: dict[str, Any] = {}
        async for answer in pages(
            self._client.conversations_list,
            types="public_channel,private_channel",
            exclude_archived=True,
            limit=1000,
        ):
            known |= {channel["id"]: channel for channel in answer["channels"]}
        workspace = self._workspace
        workspace.triage = _channel_id(known, self._channels.triage, "channels.triage")
        workspace.channels = {
            _channel_id(known, entry.channel, "channels.support"): entry.mode
            for entry in self._channels.support
        }
        if workspace.triage in workspace.channels:
            raise SettingsError(
                "softanswer.yaml: the triage channel is also a support channel — customers would see the cards; separate them"
            )

    async def _find_shared(self) -> None:
        shared = set()
        for channel in self._workspace.channels:
            answer = await retried(partial(self._client.conversations_info, channel=channel))
            self._compare_clocks(answer)
            if any(answer["channel"].get(flag) for flag in _SHARED):
                shared.add(channel)
        self._workspace.shared = shared

    async def _find_roles(self) -> None:
        agents = await self._agents()
        roles: dict[str, Role] = {user: "agent" for user in agents if user != self._workspace.bot_user}
        named = [entry for entry in self._people.admins if entry.startswith("@")]
        ids = await self._user_ids(named) if named else {}
        for entry in self._people.admins:
            roles[ids.get(entry, entry)] = "admin"
        self._workspace.roles = roles

    async def _agents(self) -> list[str]:
        """The user group's members, or the triage channel's."""
        wanted = self._people.agents_group
        if not wanted:
            triage = self._workspace.triage
            members = pages(self._client.conversations_members, channel=triage, limit=1000)
            return [user async for answer in members for user in answer["members"]]
        groups = await retried(self._client.usergroups_list)
        for group in groups["usergroups"]:
            if wanted in (group["id"], "@" + group["handle"]):
                users = await retried(partial(self._client.usergroups_users_list, usergroup=group["id"]))
                return list(users["users"])
        raise SettingsError(
            f"softanswer.yaml: people.agents_group: no user group {wanted} — use an @handle that exists"
        )

    async def _user_ids(self, names: list[str]) -> dict[str, str]:
        ids: dict[str, str] = {}
        async for answer in pages(self._client.users_list, limit=1000):
            ids |= {"@" + user["name"]: user["id"] for user in answer["members"] if not user.get("deleted")}
        for name in names:
            if name not in ids:
                raise SettingsError(
                    f"softanswer.yaml: people.admins: nobody is called {name} — use a name or id that exists"
                )
        return ids

    def _compare_clocks(self, answer: Any) -> None:
        ahead = _ahead(answer, self._clock())
        if ahead and abs(ahead - self._workspace.clock_offset_s) > 2:
            log.warning("this machine's clock is off by %.0f seconds against Slack's: set it", -ahead)
        self._workspace.clock_offset_s = ahead


async def ask_at_start(call: Callable[[], Awaitable[Any]]) -> Any:
    """Make a call that the bot needs to start. Raises SettingsError with what to do."""
    try:
        return await retried(call)
    except SlackRefused as error:
        raise refused(error) from None
    except UNREACHABLE as error:
        raise unreachable(error) from None


_ADVICE = {
    "invalid_auth": "check SLACK_BOT_TOKEN",
    "not_authed": "set SLACK_BOT_TOKEN",
    "account_inactive": "the app was removed from the workspace: install it again",
    "token_revoked": "the token was revoked: install the app again",
    "not_allowed_token_type": "SLACK_BOT_TOKEN must be a bot token (xoxb-)",
    "missing_scope": "install the app with config/slack-manifest.yaml, which has all scopes",
}


def refused(error: SlackRefused) -> SettingsError:
    """What an operator can do about a refusal at the start."""
    advice = _ADVICE.get(error.code, "see https://docs.slack.dev/reference/methods")
    return SettingsError(f"Slack refused {error.method} ({error.code or 'no valid answer'}) — {advice}")


def unreachable(error: Exception) -> SettingsError:
    return SettingsError(
        f"Slack cannot be reached ({str(error) or type(error).__name__}) — check the network and SLACK_API_URL"
    )


def _ahead(answer: Any, now: float) -> float:
    """Seconds by which Slack's clock is ahead of ours, by the date of its answer. Less than two seconds are rounding: 0."""
    try:
        ahead = (
            parsedate_to_datetime(answer.headers.get("Date") or answer.headers.get("date")).timestamp() - now
        )
    except (AttributeError, TypeError, ValueError):
        return 0.0
    return 0.0 if abs(ahead) < 2 else ahead


def _channel_id(known: dict[str, Any], wanted: str, key: str) -> str:
    for channel in known.values():
        if wanted in (channel["id"], "#" + channel["name"]):
            if not channel.get("is_member"):
                raise SettingsError(
                    f"softanswer.yaml: {key}: the bot is not in {wanted} — invite it there (/invite)"
                )
            return str(channel["id"])
    raise SettingsError(
        f"softanswer.yaml: {key}: no channel {wanted} that the bot can see — create it, invite the bot, or correct the name"
    )
