"""Backfill: reads messages from Slack's history that were written while the bot was not connected, and marks them late.

It runs on each new connection, and every half hour in case a connection was dead without a sign. The inbox takes no event
twice, so reading too much does no harm.
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
"""Each backfill starts this much earlier: clocks differ, and an event may still be on its way."""
THREADS_S = 86400.0
"""Threads that began up to this long before the gap are read, too. Older ones are read only while their case is open."""
_MAX_PAGES = 10
"""Pages of 200 messages, newest first. Older messages are not read."""

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
        """A listener of the socket: messages may have been missed before each new connection."""
        if message.get("type") == "hello":
            self.want()

    def want(self) -> None:
        """Run a backfill soon, as events may have been missed."""
        self._wanted.set()

    async def run(self) -> None:
        """Run a backfill at once, whenever `want` is called, and every half hour, until cancelled."""
        while True:
            self._wanted.clear()
            await self.once()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._wanted.wait()

    async def once(self) -> int:
        """Read what was written since the last backfill; returns how many messages of people were new.

        A channel that the bot joined just now is not read: older messages do not concern it. A channel that cannot be read
        does not delay the others. New messages of all channels come first (one call each), then new replies in older
        threads, as there are many of them.
        """
        team, began = self._workspace.team, self._clock() + self._workspace.clock_offset_s
        count, due = 0, dict[str, float]()
        for channel in self._workspace.channels:
            with _errors_logged(channel):
                last = await self._store.records.seen_until(team, channel)
                if last is None:
                    await self._store.records.set_seen_until(team, channel, began)
                else:
                    count += await self._new_threads(channel, last - OVERLAP_S)
                    due[channel] = last - OVERLAP_S
        for channel, since in due.items():
            with _errors_logged(channel):
                count += await self._in_older_threads(channel, since)
                await self._store.records.set_seen_until(team, channel, began)
        return count

    async def _new_threads(self, channel: str, since: float) -> int:
        """Messages that were written to the channel since then, with their replies."""
        roots = await self._roots(channel, oldest=since)
        return await self._take(channel, since, roots, [root for root in roots if self._has_replies(root)])

    async def _in_older_threads(self, channel: str, since: float) -> int:
        """Replies and edits, since then, in threads that began before."""
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
        """Put the new and edited ones among the roots and the threads' replies into the inbox, in the order of writing."""
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
                edit: dict[str, Any] = {"type": "message", "subtype": "message_changed", "channel": channel}
                # Slack dates edits in whole seconds, so two messages may have been edited at the same time.
                edit |= {"ts": f"{edited}/{message['ts']}", "message": dict(message)}
                await self._accept(self._workspace.team, edit)
        return count

    def _has_replies(self, root: Found) -> bool:
        """Whether anybody but the bot replied. Slack names at most five authors, and gives their number."""
        named = root.get("reply_users", ())
        others = set(named) - {self._workspace.bot_user, self._workspace.bot_id}
        return bool(others) or int(root.get("reply_users_count", root.get("reply_count", 0))) > len(named)

    def _is_a_persons(self, message: Found) -> bool:
        """Whether a person wrote it. Bots' messages do not come over our socket, so they are always new here."""
        return (
            bool(message.get("user")) and not message.get("bot_id") and message.get("subtype") != "tombstone"
        )

    def _answered(self, message: Found, others: Sequence[Found] | Any) -> bool:
        """Whether someone from the team wrote in the same thread later."""
        thread = message.get("thread_ts", message["ts"])
        return any(
            float(other["ts"]) > float(message["ts"])
            and other.get("thread_ts") == thread
            and self._workspace.role(str(other.get("user"))) != "customer"
            and not other.get("bot_id")
            for other in others
        )

    async def _roots(self, channel: str, oldest: float, latest: float | None = None) -> list[Found]:
        """The channel's top-level messages from `oldest` to `latest`, both included."""
        span: dict[str, Any] = {"oldest": f"{oldest:.6f}"}
        if latest is not None:
            span |= {"latest": f"{latest:.6f}", "inclusive": True}
        found: list[Found] = []
        pages_read = 0
        async for answer in pages(self._client.conversations_history, channel=channel, limit=200, **span):
            found += answer["messages"]
            pages_read += 1
            if pages_read == _MAX_PAGES:
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
def _errors_logged(channel: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        log.warning("the backfill of %s failed; trying again later: %s", channel, error)
