"""What was written while nobody listened: read from Slack's history and put on the road, as late.

On each new connection, and now and then in case a connection was silently dead. What is in the inbox already is not
taken twice, so reading too much does no harm.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.client import SlackRefused, pages
from bot.store import Store
from bot.workspace import Workspace

log = logging.getLogger(__name__)

EVERY_S = 1800.0
OVERLAP_S = 60.0
"""Clocks differ, and an event may be on its way."""
THREADS_S = 86400.0
"""Threads that began so long before the gap are looked into, too; older ones only while their case is open."""
_PAGES = 10
"""200 messages each, newest first: who was away for longer than that starts where the channel is now."""

Found = Mapping[str, Any]


class Backfill:
    def __init__(
        self,
        client: AsyncWebClient,
        store: Store,
        workspace: Workspace,
        accept: Callable[[str, Mapping[str, Any]], Awaitable[bool]],
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._store = store
        self._workspace = workspace
        self._accept = accept
        self._clock = clock
        self._wanted = asyncio.Event()

    async def heard(self, _client: object, message: Mapping[str, Any], _raw: str | None = None) -> None:
        """A listener of the socket: with each new connection something may have been missed before it."""
        if message.get("type") == "hello":
            self.want()

    def want(self) -> None:
        """Something may have been missed: catch up soon."""
        self._wanted.set()

    async def run(self) -> None:
        """Catch up at once, on each new connection, when something was turned away, and every half hour, until cancelled."""
        while True:
            self._wanted.clear()
            await self.once()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._wanted.wait()

    async def once(self) -> int:
        """Read what was written since the last time; returns how many messages of people were new. In a channel's first time
        nothing: what was written before the bot came is not its business. A channel that cannot be read holds up no other.

        First what is new in all channels, a call each; then what was added to older threads, for these are many.
        """
        team, began = self._workspace.team, self._clock() + self._workspace.clock_offset_s
        count, due = 0, dict[str, float]()
        for channel in self._workspace.channels:
            with _holding_up_no_other(channel):
                last = await self._store.records.seen_until(team, channel)
                if last is None:
                    await self._store.records.set_seen_until(team, channel, began)
                else:
                    count += await self._news(channel, last - OVERLAP_S)
                    due[channel] = last - OVERLAP_S
        for channel, since in due.items():
            with _holding_up_no_other(channel):
                count += await self._in_older_threads(channel, since)
                await self._store.records.set_seen_until(team, channel, began)
        return count

    async def _news(self, channel: str, since: float) -> int:
        """What began since then, with the replies in it."""
        roots = await self._roots(channel, oldest=since)
        return await self._take(channel, since, roots, [root for root in roots if self._has_replies(root)])

    async def _in_older_threads(self, channel: str, since: float) -> int:
        """What was added, since then, to what began before; and what was edited there."""
        roots = await self._roots(channel, oldest=since - THREADS_S, latest=since)
        cases, listed = set(await self._store.cases.open_threads(channel)), {str(m["ts"]) for m in roots}
        threads = [
            root
            for root in roots
            if self._has_replies(root)
            and (root["ts"] in cases or float(root.get("latest_reply") or 0) > since)
        ]
        older = [{"ts": case} for case in sorted(cases - listed) if float(case) <= since]
        return await self._take(channel, since, roots, [*threads, *older])

    async def _take(
        self, channel: str, since: float, roots: Sequence[Found], threads: Sequence[Found]
    ) -> int:
        """Put on the road what is new or edited among the roots and the replies in the threads, in the order of writing."""
        found = {str(m["ts"]): m for m in roots}
        for thread in threads:
            found |= {str(m["ts"]): m for m in await self._replies(channel, str(thread["ts"]), since)}
        count = 0
        for message in sorted(found.values(), key=lambda m: float(m["ts"])):
            if float(message["ts"]) > since:
                late = "answered" if self._answered(message, found.values()) else "open"
                fresh = {"type": "message", "channel": channel, "late": late}
                is_new = await self._accept(self._workspace.team, {**message, **fresh})
                count += is_new and self._is_a_persons(message)
            edited = (message.get("edited") or {}).get("ts")
            if float(edited or 0) > since:
                edit = {"type": "message", "subtype": "message_changed", "channel": channel}
                # Whole seconds: two messages may have been edited in the same one.
                what = {"ts": f"{edited}/{message['ts']}", "message": dict(message)}
                await self._accept(self._workspace.team, edit | what)
        return count

    def _has_replies(self, root: Found) -> bool:
        """Whether anybody but the bot wrote below it. Slack names at most five who did, and says how many there are."""
        named = root.get("reply_users", ())
        others = set(named) - {self._workspace.bot_user, self._workspace.bot_id}
        return bool(others) or int(root.get("reply_users_count", root.get("reply_count", 0))) > len(named)

    def _is_a_persons(self, message: Found) -> bool:
        """What bots write does not come over our socket anyway, so that it is new says nothing."""
        return (
            bool(message.get("user")) and not message.get("bot_id") and message.get("subtype") != "tombstone"
        )

    def _answered(self, message: Found, others: Sequence[Found] | Any) -> bool:
        """Whether a person of the team wrote in the same thread afterwards."""
        thread = message.get("thread_ts", message["ts"])
        return any(
            float(other["ts"]) > float(message["ts"])
            and other.get("thread_ts") == thread
            and self._workspace.role(str(other.get("user"))) != "customer"
            and not other.get("bot_id")
            for other in others
        )

    async def _roots(self, channel: str, oldest: float, latest: float | None = None) -> list[Found]:
        """The messages of a channel that began a thread or stand alone, those at the very moment of `latest` with them."""
        span: dict[str, Any] = {"oldest": f"{oldest:.6f}"}
        if latest is not None:
            span |= {"latest": f"{latest:.6f}", "inclusive": True}
        found: list[Found] = []
        read = 0
        async for answer in pages(self._client.conversations_history, channel=channel, limit=200, **span):
            found += answer["messages"]
            read += 1
            if read == _PAGES:
                break
        return found

    async def _replies(self, channel: str, thread: str, oldest: float) -> list[Found]:
        """The replies in a thread since then."""
        found: list[Found] = []
        span: dict[str, Any] = {"ts": thread, "oldest": f"{oldest:.6f}"}
        try:
            async for answer in pages(self._client.conversations_replies, channel=channel, limit=200, **span):
                found += [m for m in answer["messages"] if m["ts"] != thread]
        except SlackRefused as error:
            if error.code == "thread_not_found":
                return []  # its first message was deleted
            raise
        return found


@contextlib.contextmanager
def _holding_up_no_other(channel: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        log.warning("%s could not be read up on; trying again later: %s", channel, error)
