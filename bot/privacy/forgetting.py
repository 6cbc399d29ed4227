"""Forgetting, in one order whoever requests for it: a command, an event, the app's removal, the command line.

1. A retraining that may hold the words is stopped: nothing more is learned from them.
2. The words are erased; cards that showed them are queued to be updated, and it is noted in the audit. One transaction: what was
   erased is always noted.
3. The routing examples are loaded anew; golden messages are read from the database by each run.
4. The outbox is woken: the cards change.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from bot.domain.message import Deletion, Forgotten
from bot.store.erasure import Erasure

log = logging.getLogger(__name__)

T = TypeVar("T")

STOPPED = "words it may have held were forgotten"
"""Why a retraining ended."""


class Forgetting:
    def __init__(
        self,
        erasure: Erasure,
        *,
        interrupt: Callable[[str], Awaitable[bool]],
        reload_examples: Callable[[], Awaitable[None]],
        committed: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        """`interrupt` stops the retraining that is under way and says whether there was one."""
        self._erasure = erasure
        self._interrupt = interrupt
        self._reload_examples = reload_examples
        self._committed = committed
        self._clock = clock

    async def person(self, team: str, user: str, by: str) -> Forgotten:
        """Forget everything that a person wrote here; `by` asked for it."""
        gone, stopped = await self._in_order(
            await self._erasure.may_be_learned_of(user),
            STOPPED,
            lambda: self._erasure.forget(team, user, by, self._clock()),
        )
        return replace(gone, stopped=stopped)

    async def message(self, inbox_id: int, deletion: Deletion) -> None:
        """Forget a message that its author deleted, and commit the event that says so."""
        await self._in_order(
            await self._erasure.may_be_learned_at(deletion.channel, deletion.ts),
            STOPPED,
            lambda: self._erasure.erase(inbox_id, deletion, self._clock()),
        )

    async def everything(self, why: str) -> Forgotten:
        """The app was taken out of the workspace: forget what anybody wrote."""
        gone, stopped = await self._in_order(True, why, lambda: self._erasure.forget_all(why, self._clock()))
        return replace(gone, stopped=stopped)

    async def _in_order(
        self, may_be_learned: bool, why: str, erase: Callable[[], Awaitable[T]]
    ) -> tuple[T, bool]:
        stopped = may_be_learned and await self._interrupt(why)
        gone = await erase()
        if may_be_learned and await self._interrupt(why):  # one that began in between
            stopped = True
        try:
            await self._reload_examples()
        except Exception:  # the words are gone all the same, and examples are looked at again within minutes
            log.exception("the routing examples could not be loaded anew after words were forgotten")
        self._committed()
        return gone, stopped
