"""What does not work, told to the triage channel once, and once more when it is over.

While the database cannot be written nothing can be queued either: then the word goes to Slack at once, past the outbox. While Slack
cannot be reached it waits in the outbox.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from bot.domain import TRIAGE, Action
from bot.people import People
from bot.store import Store

log = logging.getLogger(__name__)

MODEL = "The model does not answer"
DATABASE = "The database cannot be used"
SLACK = "Slack cannot be reached"
TEMPLATES = "An answer cannot be made from its template"

_MEANWHILE = {
    MODEL: "Messages are taken in and come here unread, for a person.",
    DATABASE: "Messages cannot be taken in; Slack keeps them for a while, and what it gives up is read up on afterwards.",
    SLACK: "What is to be written waits.",
    TEMPLATES: "Questions for it come here, for a person. `softanswer templates check` names the line.",
}


class Health:
    def __init__(
        self,
        *,
        store: Store,
        people: People,
        committed: Callable[[], None],
        clock: Callable[[], float],
        shout: Callable[[str], Awaitable[object]],
    ) -> None:
        self._store = store
        self._people = people
        self._committed = committed
        self._clock = clock
        self._shout = shout
        self.ill: dict[str, tuple[float, str]] = {}
        """What does not work: since when, and why."""

    async def bad(self, part: str, why: object) -> None:
        """Something failed. Told once, until `good` says that it is over."""
        if part in self.ill:
            return
        now, reason = (
            self._clock(),
            f"{type(why).__name__}: {why}" if isinstance(why, Exception) else str(why),
        )
        self.ill[part] = (now, reason)
        await self._tell(part, f"⚠️ {part} ({reason[:200]}). {_MEANWHILE[part]}", now)

    async def good(self, part: str) -> None:
        """It worked."""
        if part not in self.ill:
            return
        since, _ = self.ill.pop(part)
        now = self._clock()
        await self._tell(
            part,
            f"✅ Over after {_span(now - since)}: {part[0].lower()}{part[1:]}. Everything is caught up on.",
            now,
        )

    async def _tell(self, part: str, text: str, now: float) -> None:
        log.warning("%s", text)
        action = Action("notice", f"health:{part}:{now}", TRIAGE, facts={"text": text})
        try:
            if part == DATABASE and part in self.ill:
                await self._shout(text)
            else:
                await self._store.outbox.put(self._people.team, action, now)
                self._committed()
        except Exception as error:
            log.warning("the triage channel could not be told: %s", error)


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
