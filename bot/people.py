"""Who is who: the ids behind the names in the settings, and each person's role. Asked from Slack, kept in memory."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain import Mode, Role
from bot.refusals import code_of, retry_after
from bot.settings import Channels, SettingsError
from bot.settings import People as PeopleSettings

log = logging.getLogger(__name__)


class People:
    """Channels by id and roles by user id. Whoever has no role is a customer."""

    def __init__(
        self,
        client: AsyncWebClient,
        channels: Channels,
        people: PeopleSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._now = clock
        self._client = client
        self._channel_settings = channels
        self._people_settings = people
        self.team = ""
        self.bot_user = ""
        self.bot_id = ""
        self.triage = ""
        self.channels: dict[str, Mode] = {}
        self.roles: dict[str, Role] = {}
        self.slack_is_ahead_s = 0.0
        """Of our clock; what Slack dates must be compared by Slack's."""
        self.shared: set[str] = set()
        """Support channels shared with another organisation (Slack Connect)."""

    @property
    def team_members(self) -> list[str]:
        """Agents and admins, in a fixed order."""
        return sorted(self.roles)

    def role(self, user: str) -> Role:
        return self.roles.get(user, "customer")

    async def load(self) -> None:
        """Check the bot token and resolve all names; raises SettingsError with what to do."""
        identity = await ask("auth.test", self._client.auth_test)
        self._compare_clocks(identity)
        self.team, self.bot_user = str(identity["team_id"]), str(identity["user_id"])
        self.bot_id = str(identity.get("bot_id") or "")
        kinds = {"types": "public_channel,private_channel", "exclude_archived": True}
        channels = await self._pages(self._client.conversations_list, "channels", **kinds)
        known = {c["id"]: c for c in channels}
        self.triage = _find_channel(known, self._channel_settings.triage, "channels.triage")
        self.channels = {
            _find_channel(known, entry.channel, "channels.support"): entry.mode
            for entry in self._channel_settings.support
        }
        if self.triage in self.channels:
            raise SettingsError(
                "softanswer.yaml: the triage channel is also a support channel — customers would see the cards; separate them"
            )
        await self.refresh()

    async def refresh(self) -> None:
        """Ask again who the agents and admins are, and which channels are shared."""
        self.shared = {channel for channel in self.channels if await self._is_shared(channel)}
        group = self._people_settings.agents_group
        if group:
            agents = await self._group(group)
        else:
            agents = await self._pages(self._client.conversations_members, "members", channel=self.triage)
        roles: dict[str, Role] = {user: "agent" for user in agents if user != self.bot_user}
        names = [entry for entry in self._people_settings.admins if entry.startswith("@")]
        ids = await self._user_ids(names) if names else {}
        for entry in self._people_settings.admins:
            roles[ids.get(entry, entry)] = "admin"
        self.roles = roles

    async def keep_fresh(self, every_s: float = 300.0) -> None:
        """Refresh for ever; joins and leaves are heard at once, this catches what was missed."""
        while True:
            await asyncio.sleep(every_s)
            try:
                await self.refresh()
            except Exception:
                log.exception("roles could not be refreshed; keeping the known ones")

    def _compare_clocks(self, answer: Any) -> None:
        ahead = _ahead(answer, self._now())
        if ahead and abs(ahead - self.slack_is_ahead_s) > 2:
            log.warning("this machine's clock is off by %.0f seconds against Slack's: set it", -ahead)
        self.slack_is_ahead_s = ahead

    async def _is_shared(self, channel: str) -> bool:
        answer = await ask("conversations.info", lambda: self._client.conversations_info(channel=channel))
        self._compare_clocks(answer)
        return any(answer["channel"].get(flag) for flag in _SHARED)

    async def _user_ids(self, names: list[str]) -> dict[str, str]:
        users = await self._pages(self._client.users_list, "members")
        ids = {"@" + u["name"]: u["id"] for u in users if not u.get("deleted")}
        for name in names:
            if name not in ids:
                raise SettingsError(
                    f"softanswer.yaml: people.admins: nobody is called {name} — use a name or id that exists"
                )
        return ids

    async def _group(self, group: str) -> list[str]:
        answer = await ask("usergroups.list", self._client.usergroups_list)
        for entry in answer["usergroups"]:
            if group in (entry["id"], "@" + entry["handle"]):
                list_users = partial(self._client.usergroups_users_list, usergroup=entry["id"])
                users = await ask("usergroups.users.list", list_users)
                return list(users["users"])
        raise SettingsError(
            f"softanswer.yaml: people.agents_group: no user group {group} — use an @handle that exists"
        )

    async def _pages(self, method: Any, key: str, **arguments: Any) -> list[Any]:
        found: list[Any] = []
        arguments["limit"] = 1000
        while True:
            answer = await ask(key, lambda: method(**arguments))
            found += answer[key]
            arguments["cursor"] = (answer.get("response_metadata") or {}).get("next_cursor")
            if not arguments["cursor"]:
                return found


async def ask(what: str, call: Callable[[], Any]) -> Any:
    """Make a Web API call at the start; wait where Slack says so, and give a passing fault another chance.

    A refusal becomes a SettingsError: one line that says what to do.
    """
    for patience in (2.0, 5.0, None):
        try:
            return await call()
        except SlackApiError as error:
            code, wait = code_of(error) or "no valid answer", retry_after(error)
            passing = wait is not None or getattr(error.response, "status_code", 200) >= 500
            if patience is None or not passing:
                advice = _ADVICE.get(code, "see https://docs.slack.dev/reference/methods")
                raise SettingsError(f"Slack refused {what} ({code}) — {advice}") from None
            await asyncio.sleep(patience if wait is None else wait)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if patience is None or isinstance(error, aiohttp.ClientConnectorError):
                reason = str(error) or type(error).__name__
                raise SettingsError(
                    f"Slack cannot be reached ({reason}) — check the network and SLACK_API_URL"
                ) from None
            await asyncio.sleep(patience)
    raise AssertionError("unreachable")


_SHARED = ("is_ext_shared", "is_pending_ext_shared", "is_shared")


def _ahead(answer: Any, now: float) -> float:
    """By how many seconds Slack's clock is ahead of ours, as the date of its answer says; less than two are rounding."""
    try:
        ahead = (
            parsedate_to_datetime(answer.headers.get("Date") or answer.headers.get("date")).timestamp() - now
        )
    except (AttributeError, TypeError, ValueError):
        return 0.0
    return 0.0 if abs(ahead) < 2 else ahead


_ADVICE = {
    "invalid_auth": "check SLACK_BOT_TOKEN",
    "not_authed": "set SLACK_BOT_TOKEN",
    "account_inactive": "the app was removed from the workspace: install it again",
    "token_revoked": "the token was revoked: install the app again",
    "not_allowed_token_type": "SLACK_BOT_TOKEN must be a bot token (xoxb-)",
    "missing_scope": "install the app with config/slack-manifest.yaml, which has all scopes",
}


def _find_channel(known: dict[str, Any], wanted: str, key: str) -> str:
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
