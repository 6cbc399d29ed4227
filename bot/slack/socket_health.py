"""A socket can die without a word: it stays open, answers pings, and carries nothing. So silence is looked into.

The SDK replaces a socket whose pings go unanswered. Against the other kind: when nothing was heard for a while, the channels are
read up on; if something is found that the socket should have brought, it is replaced.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

log = logging.getLogger(__name__)

SILENCE_S = 120.0
"""So long nothing may be heard before the channels are looked at. Each look costs one call a channel."""
BUSY_SILENCE_S = 20.0
"""In a busy workspace less will do: thirty times as long as it usually takes until something comes, but not less than this."""


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
        self.replaced = 0
        """How many sockets were found dead."""

    async def heard(self, _client: object, _message: Mapping[str, Any], _raw: str | None = None) -> None:
        """A listener of the socket: whatever comes says that it lives."""
        gap = self._clock() - self._heard_at
        self._usual_gap += 0.1 * (gap - self._usual_gap)
        self._heard_at = self._clock()

    @property
    def too_long(self) -> float:
        """A silence of so many seconds is looked into."""
        return min(self._silence_s, max(BUSY_SILENCE_S, 30 * self._usual_gap))

    @property
    def silent_for(self) -> float:
        """Seconds since anything came over the socket."""
        return max(0.0, self._clock() - self._heard_at)

    async def run(self) -> None:
        """Look into silences until cancelled."""
        while True:
            await asyncio.sleep(5)
            try:
                await self.once()
            except Exception:
                log.exception("the socket could not be looked after; trying again")

    async def once(self) -> bool:
        """Whether the socket was dead, and was replaced."""
        if self.silent_for < self.too_long:
            return False
        self._heard_at = self._clock()  # one look a silence
        self._usual_gap = self._silence_s
        if await self._look() == 0:
            return False
        log.warning("the socket was silent while messages were written; opening another")
        self.replaced += 1
        await self._replace()
        return True
