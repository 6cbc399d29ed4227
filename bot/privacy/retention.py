"""Retention: a few times a day, messages older than the settings allow are erased."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection

from bot.privacy.redaction import to_keep
from bot.store.erasure import Erasure

log = logging.getLogger(__name__)

_DAY_S = 86400.0
_INTERVAL_S = 6 * 3600.0


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
        """`labelled_days`: how long labelled messages are kept, redacted, for learning; only with consent, and not those of
        the channels `shared` (None: all)."""
        self._erasure = erasure
        self._days = days
        self._labelled_days = max(days, labelled_days)
        self._consent = consent
        self._shared = shared
        self._clock = clock

    async def run(self) -> None:
        """Erase old messages now and then every six hours, until cancelled."""
        while True:
            try:
                await self._erase_old()
            except Exception:
                log.exception("old messages could not be erased; trying again in six hours")
            await asyncio.sleep(_INTERVAL_S)

    async def _erase_old(self) -> None:
        now = self._clock()
        labelled = now - self._labelled_days * _DAY_S if await self._consent() else None
        count = await self._erasure.expire(now - self._days * _DAY_S, to_keep, labelled, self._shared())
        if count:
            log.info("erased the texts of %d messages older than %d days", count, self._days)
