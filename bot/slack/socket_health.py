"""Replaces dead sockets. A socket can stay open and answer pings, yet deliver no events.

The SDK replaces a socket whose pings are not answered. For the other case, a backfill runs after some silence. If it finds
messages that the socket should have delivered, the socket is replaced.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

log = logging.getLogger(__name__)

SILENCE_S = 120.0
"""After this much silence a backfill runs. It costs one call per channel."""
BUSY_SILENCE_S = 20.0
"""In a busy workspace the limit is lower: thirty times the usual gap between events, but not less than this."""


class SocketHealth:
    def __init__(
        self,
        look: Callable[[], Awaitable[int]],
        replace: Callable[[], Awaitable[Any]],
        clock: Callable[[], float],
        silence_s: float | None = None,
    ) -> None:
        self._look = look
        self._replace = replace
        self._clock = clock
        self._silence_s = SILENCE_S if silence_s is None else silence_s
        self._heard_at = clock()
        self._usual_gap = self._silence_s

    async def heard(self, _client: object, _message: Mapping[str, Any], _raw: str | None = None) -> None:
        """A listener of the socket: every message shows that the socket works."""
        gap = self._clock() - self._heard_at
        self._usual_gap += 0.1 * (gap - self._usual_gap)
        self._heard_at = self._clock()

    @property
    def max_silence_s(self) -> float:
        """Seconds of silence after which a backfill runs."""
        return min(self._silence_s, max(BUSY_SILENCE_S, 30 * self._usual_gap))

    @property
    def silent_for(self) -> float:
        """Seconds since anything came over the socket."""
        return max(0.0, self._clock() - self._heard_at)

    async def run(self) -> None:
        """Check every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(5)
            try:
                await self.once()
            except Exception:
                log.exception("the socket could not be checked; trying again")

    async def once(self) -> bool:
        """Replace the socket if it is dead; returns whether it was."""
        if self.silent_for < self.max_silence_s:
            return False
        self._heard_at = self._clock()  # one backfill per silence
        self._usual_gap = self._silence_s
        if await self._look() == 0:
            return False
        log.warning("the socket was silent while messages were written; opening another")
        await self._replace()
        return True
