"""How the bot is doing, in words, for the team's eyes alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from bot.learning.runs import Learning
from bot.people import People
from bot.store import Store
from bot.store.records import Run
from model.batcher import Batcher
from model.registry import Registry


class Status:
    def __init__(
        self,
        store: Store,
        people: People,
        batcher: Batcher,
        registry: Registry,
        learning: Learning,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._people = people
        self._batcher = batcher
        self._registry = registry
        self._learning = learning
        self._clock = clock

    async def lines(self) -> list[str]:
        """The state of everything an admin or operator would ask for, one line each."""
        inbox, outbox = await self._store.inbox.counts(), await self._store.outbox.counts()
        cases = await self._store.conversations.open_cases(self._people.team, limit=1000)
        run = await self._store.records.last_run(self._people.team)
        consent = await self._store.records.consent(self._people.team)
        classifier = self._batcher.classifier
        waiting = outbox.get("pending", 0) + outbox.get("sending", 0)
        return [
            f"*Model* `{classifier.version}` on {classifier.device}",
            f"*Messages* {inbox.get('done', 0)} settled, {inbox.get('pending', 0)} waiting, {inbox.get('failed', 0)} failed",
            f"*Replies and cards* {outbox.get('sent', 0)} sent, {waiting} waiting, {outbox.get('failed', 0)} failed",
            f"*Open cases* {len(cases)}",
            f"*Learning* consent {'on' if consent else 'off'} · next {_when(self._learning.next_run())} · last {_told(run)}",
        ]

    async def models(self) -> list[str]:
        """All versions with their figures on the holdout, oldest first."""
        states = await self._store.records.model_states(self._people.team)
        active = self._registry.active()
        lines = []
        for manifest in self._registry.versions():
            macro_f1 = manifest.metrics.get("holdout", {}).get("macro_f1")
            figure = (
                f"macro-F1 {macro_f1:.3f} on messages kept out of training"
                if macro_f1 is not None
                else "no figure"
            )
            state = "serving" if manifest.version == active else states.get(manifest.version, "shipped")
            lines.append(
                f"{'→' if manifest.version == active else '·'} `{manifest.version}` {state}, {figure}"
            )
        return lines


def _when(moment: datetime | None) -> str:
    return moment.strftime("%a %d %b %H:%M %Z") if moment else "not scheduled"


def _told(run: Run | None) -> str:
    if run is None:
        return "never"
    at = datetime.fromtimestamp(run.started_at, UTC).strftime("%a %d %b %H:%M UTC")
    return f"{at}, {run.state}" + (f": {run.summary}" if run.summary else "")
