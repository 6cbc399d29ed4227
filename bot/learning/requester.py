"""Posts label requests to the team, and says when there are enough new labels for a run."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from bot.learning.sampling import label_requests
from bot.learning.selection import Selection, select
from bot.settings import LearningSettings
from bot.store import Store
from bot.workspace import Workspace


class LabelRequester:
    def __init__(
        self,
        *,
        settings: LearningSettings,
        store: Store,
        workspace: Workspace,
        committed: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._store = store
        self._workspace = workspace
        self._committed = committed
        self._clock = clock

    async def selection(self) -> Selection:
        """The training rows as of now, and the messages that are excluded."""
        team = self._workspace.team
        events = await self._store.feedback.label_events(team, self._workspace.shared)
        cleared: Mapping[str, float] = await self._store.records.recall(team, "cleared") or {}
        return await asyncio.to_thread(select, events, self._settings.feedback, cleared)

    async def ask(self) -> int:
        """Queue the label requests that are due; returns how many are new."""
        team, now = self._workspace.team, self._clock()
        memory: dict[str, Any] = await self._store.records.recall(team, "asking") or {}
        secret = memory.get("secret") or secrets.token_hex(16)
        candidates = await self._store.label_requests.candidates(team, memory.get("last", 0))
        today = (
            datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
        )
        requests = label_requests(
            candidates,
            (await self.selection()).excluded,
            await self._store.label_requests.asked(team, today),
            self._workspace.staff,
            self._settings.label_requests,
            secret,
            await self._store.label_requests.adjudications(team),
            now,
        )
        new = await self._store.label_requests.put(team, requests, now)
        last = max((c.message for c in candidates), default=memory.get("last", 0))
        await self._store.records.remember(team, "asking", {"secret": secret, "last": last})
        if new:
            self._committed()
        return new

    async def enough_to_learn(self) -> bool:
        """Whether there are enough new labels for a run. False while a shadow evaluation is open.

        New means: since the last run began, however that ended. So a failed run is not repeated every ten minutes.
        """
        team = self._workspace.team
        if await self._store.shadow_evaluations.current(team):
            return False
        run = await self._store.records.last_run(team, but=("skipped",))
        since = run.started_at if run else 0.0
        return await self._store.feedback.labelled_since(team, since) >= self._settings.retrain_after
