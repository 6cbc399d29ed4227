"""Words are not kept for ever: a few times a day, what is older than the settings allow is erased."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection

from bot.privacy.redaction import to_keep
from bot.store.erasure import Erasure

log = logging.getLogger(__name__)

_DAY_S = 86400.0
_BETWEEN_S = 6 * 3600.0


class Retention:
    def __init__(
        self,
        erasure: Erasure,
        days: int,
        labelled_days: int,
        consent: Callable[[], Awaitable[bool]],
        shared: Callable[[], Collection[str] | None],
        clock: Callable[[], float],
    ) -> None:
        """`labelled_days`: how long what somebody labelled stays, redacted, to be learned from, if there is consent, but not of
        the channels `shared` (None: of all)."""
        self._erasure = erasure
        self._days = days
        self._labelled_days = max(days, labelled_days)
        self._consent = consent
        self._shared = shared
        self._clock = clock

    async def run(self) -> None:
        """Erase what has become too old, at once and then every six hours, until cancelled."""
        while True:
            try:
                await self._round()
            except Exception:
                log.exception("old messages could not be erased; trying again in six hours")
            await asyncio.sleep(_BETWEEN_S)

    async def _round(self) -> None:
        now = self._clock()
        labelled = now - self._labelled_days * _DAY_S if await self._consent() else None
        gone = await self._erasure.expire(now - self._days * _DAY_S, to_keep, labelled, self._shared())
        if gone:
            log.info("erased the words of %d messages older than %d days", gone, self._days)
