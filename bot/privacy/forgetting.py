"""Forgetting, always in the same order: for a command, an event, the app's removal and the command line.

1. A retraining that may use the texts is stopped, so that nothing more is learned from them.
2. The texts are erased, updates of the cards that showed them are queued, and the audit records it: one transaction.
3. The routing examples are loaded again. Golden messages need no reload: each run reads them from the database.
4. The outbox is woken, so that the cards change.
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

STOPPED = "messages that it may have learned from were forgotten"
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
        """`interrupt` stops the current retraining and returns whether there was one."""
        self._erasure = erasure
        self._interrupt = interrupt
        self._reload_examples = reload_examples
        self._committed = committed
        self._clock = clock

    async def person(self, team: str, user: str, by: str) -> Forgotten:
        """Forget everything that a person wrote; `by` asked for it."""
        forgotten, stopped = await self._run(
            await self._erasure.may_be_learned_of(user),
            STOPPED,
            lambda: self._erasure.forget(team, user, by, self._clock()),
        )
        return replace(forgotten, stopped=stopped)

    async def message(self, inbox_id: int, deletion: Deletion) -> None:
        """Forget a message that its author deleted, and close the event of its deletion."""
        await self._run(
            await self._erasure.may_be_learned_at(deletion.channel, deletion.ts),
            STOPPED,
            lambda: self._erasure.erase(inbox_id, deletion, self._clock()),
        )

    async def everything(self, why: str) -> Forgotten:
        """The app was removed from the workspace: forget every message."""
        forgotten, stopped = await self._run(True, why, lambda: self._erasure.forget_all(why, self._clock()))
        return replace(forgotten, stopped=stopped)

    async def _run(self, may_be_learned: bool, why: str, erase: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        stopped = may_be_learned and await self._interrupt(why)
        forgotten = await erase()
        if may_be_learned and await self._interrupt(why):  # a run that began in between
            stopped = True
        try:
            await self._reload_examples()
        except Exception:  # the texts are erased; the examples are reloaded within minutes
            log.exception("the routing examples could not be reloaded after messages were forgotten")
        self._committed()
        return forgotten, stopped
