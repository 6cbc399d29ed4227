"""The outbox worker, the only writer to Slack. It sends each action on disk once, in order within a channel.

An action is marked *sending* before the request and *sent* after the answer. Without an answer (a crash, a timeout) the
outcome is unknown. Then the worker looks in Slack for a message with the action's id before it sends again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from functools import partial

from bot.domain.actions import Queued
from bot.health import DATABASE, SLACK, Health
from bot.slack.client import UNREACHABLE, SlackRefused
from bot.slack.writers import Writers
from bot.store import StoreUnavailable
from bot.store.outbox import Outbox

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 40
UNREACHABLE_AFTER = 3
"""After this many attempts without an answer, Slack is reported as failing."""
_MAX_WAIT_S = 300.0
_TEMPORARY = {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
"""Temporary errors of Slack's. The action may have been carried out all the same."""

_GONE = {"thread_not_found", "message_not_found"}

_ACCESS = {
    "not_in_channel",
    "channel_not_found",
    "invalid_auth",
    "not_authed",
    "token_revoked",
    "account_inactive",
    "missing_scope",
}
"""Refusals that an operator can fix (an invitation, a token). Nothing was written; a later attempt may succeed."""


class Pace:
    """A token bucket for each channel: Slack allows about one post per second into a channel, with short bursts."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, channel: str, now: float) -> float:
        """Seconds until the next post into the channel may be sent; 0 means now."""
        return max(0.0, (1.0 - self._tokens(channel, now)) / self._per_second)

    def take(self, channel: str, now: float) -> None:
        """Use one token for a post."""
        self._buckets[channel] = (self._tokens(channel, now) - 1.0, now)

    def _tokens(self, channel: str, now: float) -> float:
        tokens, at = self._buckets.get(channel, (float(self._burst), now))
        return min(float(self._burst), tokens + max(0.0, now - at) * self._per_second)


class Deliverer:
    def __init__(
        self,
        writers: Writers,
        outbox: Outbox,
        health: Health,
        drop_answer: Callable[[int, str, float], Awaitable[None]],
        clock: Callable[[], float],
        pace: Pace,
        too_late_s: float,
    ) -> None:
        """`too_late_s`: an answer that waited longer than this is dropped, and the message goes to the team instead."""
        self._writers = writers
        self._outbox = outbox
        self._health = health
        self._drop_answer = drop_answer
        self._clock = clock
        self._too_late_s = too_late_s
        self._pace = pace
        self._queued = asyncio.Event()
        self._sending: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        self._queued.set()

    async def run(self) -> None:
        """Send due actions until cancelled. Channels do not wait for each other."""
        try:
            while True:
                await self._round()
        finally:
            for sending in self._sending.values():
                sending.cancel()
            await asyncio.gather(*self._sending.values(), return_exceptions=True)

    async def _round(self) -> None:
        """Start the next due action in each idle channel, then wait for a change."""
        self._queued.clear()
        try:
            heads = await self._outbox.heads()
        except Exception as error:
            log.exception("the outbox cannot be read; trying again in a second")
            await self._health.failed(DATABASE, error)
            await asyncio.sleep(1)
            return
        now = self._clock()
        waits = [_MAX_WAIT_S]
        for queued in heads:
            if queued.action.channel in self._sending:
                continue
            if queued.due_at > now:
                waits.append(queued.due_at - now)
                continue
            if queued.action.posts and not self._too_late(queued):
                if (wait := self._pace.wait(queued.action.channel, now)) > 0:
                    waits.append(wait)
                    continue
                self._pace.take(queued.action.channel, now)
            task = asyncio.create_task(self._send(queued))
            self._sending[queued.action.channel] = task
            task.add_done_callback(partial(self._sent, queued.action.channel))
        # Not wait_for: before Python 3.12 it swallows a cancellation that comes at the same time as the event.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.05, min(waits))):
                await self._queued.wait()

    def _too_late(self, queued: Queued) -> bool:
        """Whether it is an answer to a customer that waited too long."""
        return queued.action.to_customer and self._clock() - queued.created_at > self._too_late_s

    def _sent(self, channel: str, task: asyncio.Task[None]) -> None:
        del self._sending[channel]
        self._queued.set()

    async def _send(self, queued: Queued) -> None:
        """Send one action and store the outcome. If the database fails, the row stays as it is."""
        try:
            if queued.state == "sending" and await self._was_found(queued):
                return
            if self._too_late(queued):
                await self._drop_answer(queued.id, "too late to answer", self._clock())
                self.wake()
                return
            if await self._outbox.sending(queued.id):
                await self._write(queued)
        except StoreUnavailable:
            log.exception("the outcome of action %s could not be stored; trying again in a second", queued.id)
            await asyncio.sleep(1)
        except Exception as error:
            log.exception("action %s (%s) failed unexpectedly", queued.id, queued.action.kind)
            await self._again(queued, queued.attempts + 1, _code(error), known=False)

    async def _was_found(self, queued: Queued) -> bool:
        """Whether an action of unknown outcome is in Slack. It is not sent again until Slack has answered that."""
        try:
            written = await self._writers.find(queued)
        except SlackRefused as error:
            code = _code(error)
            if code in _GONE:
                return False  # the thread is gone, and so is any post in it; the next attempt gets Slack's answer
            if (wait := error.retry_after) is not None:
                await self._outbox.retry(
                    queued.id, queued.attempts, self._clock() + wait, "rate limited", known=False
                )
            else:
                await self._again(queued, queued.attempts + 1, f"looking: {code}", known=False)
            return True
        except UNREACHABLE as error:
            await self._unreachable(queued, queued.attempts + 1, error)
            return True
        if written is not None:
            await self._outbox.sent(queued.id, *written, self._clock())
            await self._health.worked(SLACK)
        return written is not None

    async def _write(self, queued: Queued) -> None:
        attempts = queued.attempts + 1
        try:
            written = await self._writers.write(queued)
        except SlackRefused as error:
            await self._refused(queued, attempts, error)
        except UNREACHABLE as error:
            await self._unreachable(queued, attempts, error)
        except StoreUnavailable:
            raise
        except Exception as error:
            log.exception("action %s (%s) cannot be sent", queued.id, queued.action.kind)
            await self._outbox.fail(queued.id, attempts, _code(error))
        else:
            await self._outbox.sent(queued.id, *written, self._clock())
            await self._health.worked(SLACK)

    async def _refused(self, queued: Queued, attempts: int, error: SlackRefused) -> None:
        code, status = error.code, error.status
        if (wait := error.retry_after) is not None:
            due_at = self._clock() + wait
            await self._outbox.retry(queued.id, queued.attempts, due_at, "rate limited", known=True)
        elif code in _ACCESS:
            await self._again(queued, attempts, code, known=True)
        elif status >= 500 or code in _TEMPORARY or not code:
            await self._again(queued, attempts, code or f"status {status}, not Slack's answer", known=False)
        else:
            log.error("Slack refused action %s (%s): %s", queued.id, queued.action.kind, code)
            await self._outbox.fail(queued.id, attempts, code)

    async def _unreachable(self, queued: Queued, attempts: int, error: Exception) -> None:
        """No answer came, or it was not Slack's."""
        if attempts >= UNREACHABLE_AFTER:
            await self._health.failed(SLACK, _code(error))
        await self._again(queued, attempts, _code(error), known=False)

    async def _again(self, queued: Queued, attempts: int, error: str, *, known: bool) -> None:
        """Try again later, with growing waits. After `MAX_ATTEMPTS` (some hours) the action is marked failed."""
        if attempts >= MAX_ATTEMPTS:
            log.error(
                "action %s (%s) failed after %d attempts: %s",
                queued.id,
                queued.action.kind,
                attempts,
                error,
            )
            await self._outbox.fail(queued.id, attempts, error)
            return
        wait = min(_MAX_WAIT_S, 2.0**attempts) * random.uniform(0.5, 1.0)
        await self._outbox.retry(queued.id, attempts, self._clock() + wait, error, known=known)


def _code(error: Exception) -> str:
    """The error for the log and the outbox: Slack's code (empty if it gave none), or the exception's name and text."""
    if isinstance(error, SlackRefused):
        return error.code
    return f"{type(error).__name__}: {error}"[:300]
