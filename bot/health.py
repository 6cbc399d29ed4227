"""What does not work, told to the triage channel once, and once more when it is over.

While the database cannot be written nothing can be queued either: then the word goes to Slack at once, past the outbox. While Slack
cannot be reached it waits in the outbox.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from bot.domain.actions import Notice
from bot.store import Store
from bot.workspace import Workspace

log = logging.getLogger(__name__)

MODEL = "The model does not answer"
GPU = "The GPU does not answer"
DATABASE = "The database cannot be used"
SLACK = "Slack cannot be reached"
TEMPLATES = "An answer cannot be made from its template"

_MEANWHILE = {
    MODEL: "Messages are taken in and come here unread, for a person.",
    GPU: "Messages are read on the CPU, more slowly. The next start, or another version, tries the GPU again.",
    DATABASE: "Messages cannot be taken in; Slack keeps them for a while, and what it gives up is read up on afterwards.",
    SLACK: "What is to be written waits.",
    TEMPLATES: "Questions for it come here, for a person. `softanswer templates check` names the line.",
}

DEGRADED = {GPU}
"""What is told, and keeps nothing from being done: no reason to start the bot anew."""

QUIET_S = 60.0
"""Something is over when it has worked for so long without failing: what fails now and then is not told now and then."""


class Health:
    def __init__(
        self,
        *,
        store: Store,
        workspace: Workspace,
        committed: Callable[[], None],
        clock: Callable[[], float],
        shout: Callable[[str], Awaitable[object]],
        quiet_s: float = QUIET_S,
    ) -> None:
        self._store = store
        self._workspace = workspace
        self._committed = committed
        self._clock = clock
        self._shout = shout
        self.quiet_s = quiet_s
        self.failing: dict[str, tuple[float, str]] = {}
        """What does not work: since when, and why."""
        self._failing: dict[str, set[str]] = {}
        """Which of a part's pieces (templates, say) failed last."""
        self._works_since: dict[str, float] = {}

    async def failed(self, part: str, why: object, piece: str | None = "") -> None:
        """Something failed. Told once, until it has worked for a while."""
        self._failing.setdefault(part, set()).add(piece or "")
        self._works_since.pop(part, None)
        if part in self.failing:
            return
        now, reason = (
            self._clock(),
            f"{type(why).__name__}: {why}" if isinstance(why, Exception) else str(why),
        )
        self.failing[part] = (now, reason)
        await self._tell(part, f"⚠️ {part} ({reason[:200]}). {_MEANWHILE[part]}", now)

    async def worked(self, part: str, piece: str | None = "") -> None:
        """It worked, or this piece of it."""
        if part not in self.failing:
            return
        self._failing[part].discard(piece or "")
        if not self._failing[part]:
            self._works_since.setdefault(part, self._clock())
            await self.look()

    async def look(self) -> None:
        """Tell what has been working again for long enough."""
        for part, since in list(self._works_since.items()):
            now = self._clock()
            if now - since < self.quiet_s:
                continue
            began, _ = self.failing.pop(part)
            del self._works_since[part], self._failing[part]
            over = f"{part[0].lower()}{part[1:]}"
            await self._tell(
                part, f"✅ Over after {_span(since - began)}: {over}. Everything is caught up on.", now
            )

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await asyncio.sleep(5)
            await self.look()

    async def _tell(self, part: str, text: str, now: float) -> None:
        log.warning("%s", text)
        action = Notice(key=f"health:{part}:{now}", text=text)
        try:
            if part == DATABASE and part in self.failing:
                await self._shout(text)
            else:
                await self._store.outbox.put(self._workspace.team, action, now)
                self._committed()
        except Exception as error:
            log.warning("the triage channel could not be told: %s", error)


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
