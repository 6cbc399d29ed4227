"""Reports failing parts to the triage channel: once when a part starts failing, and once when it has recovered.

While the database is failing nothing can be queued, so that notice goes directly to Slack. While Slack is failing, the
notice waits in the outbox.
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
    MODEL: "New messages come here unread, so please look at each of them.",
    GPU: "I read messages on the CPU, which is slower. The next start, or another version, tries the GPU again.",
    DATABASE: "I cannot take in new messages. Slack keeps them for a while; I look up the rest afterwards.",
    SLACK: "My replies and cards wait until it answers again.",
    TEMPLATES: "Questions about it come here for you to answer. `softanswer templates check` names the line.",
}
_RECOVERED = {
    MODEL: "the model answers again",
    GPU: "the GPU answers again",
    DATABASE: "the database works again",
    SLACK: "Slack can be reached again",
    TEMPLATES: "the answer can be made again",
}

DEGRADED = {GPU}
"""Parts without which the bot still does all its work. `/healthz` answers 200 while only these are failing."""

QUIET_S = 60.0
"""A part has recovered once it has worked this long without failing, so that a flaky part is not reported repeatedly."""


class Health:
    def __init__(
        self,
        *,
        store: Store,
        workspace: Workspace,
        committed: Callable[[], None],
        clock: Callable[[], float],
        post_now: Callable[[str], Awaitable[object]],
        quiet_s: float = QUIET_S,
    ) -> None:
        """`post_now` posts to the triage channel directly, without the outbox."""
        self._store = store
        self._workspace = workspace
        self._committed = committed
        self._clock = clock
        self._post_now = post_now
        self.quiet_s = quiet_s
        self.failing: dict[str, tuple[float, str]] = {}
        """The failing parts: since when, and why."""
        self._failing_pieces: dict[str, set[str]] = {}
        """The failing pieces of each part, say single templates."""
        self._works_since: dict[str, float] = {}

    async def failed(self, part: str, why: object, piece: str | None = "") -> None:
        """Note a failure. It is reported once, until the part has recovered."""
        self._failing_pieces.setdefault(part, set()).add(piece or "")
        self._works_since.pop(part, None)
        if part in self.failing:
            return
        now = self._clock()
        reason = f"{type(why).__name__}: {why}" if isinstance(why, Exception) else str(why)
        self.failing[part] = (now, reason)
        await self._tell(part, f"⚠️ {part} ({reason[:200]}). {_MEANWHILE[part]}", now)

    async def worked(self, part: str, piece: str | None = "") -> None:
        """Note that a part worked, or one piece of it."""
        if part not in self.failing:
            return
        self._failing_pieces[part].discard(piece or "")
        if not self._failing_pieces[part]:
            self._works_since.setdefault(part, self._clock())
            await self.report_recovered()

    async def report_recovered(self) -> None:
        """Report the parts that have been working again for long enough."""
        for part, since in list(self._works_since.items()):
            now = self._clock()
            if now - since < self.quiet_s:
                continue
            began, _ = self.failing.pop(part)
            del self._works_since[part], self._failing_pieces[part]
            await self._tell(part, f"✅ Recovered after {_span(since - began)}: {_RECOVERED[part]}.", now)

    async def run(self) -> None:
        """Check for recovered parts every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(5)
            await self.report_recovered()

    async def _tell(self, part: str, text: str, now: float) -> None:
        log.warning("%s", text)
        action = Notice(key=f"health:{part}:{now}", text=text)
        try:
            if part == DATABASE and part in self.failing:
                await self._post_now(text)
            else:
                await self._store.outbox.put(self._workspace.team, action, now)
                self._committed()
        except Exception as error:
            log.warning("this notice could not be sent to the triage channel: %s", error)


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
