"""What bootstrap builds and hands to the listeners."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from bot.insight.status import Status
from bot.learning.runs import Learning
from bot.pipeline.pipeline import Pipeline
from bot.pipeline.templates import Templates
from bot.privacy.forgetting import Forgetting
from bot.settings import Settings
from bot.store import Store
from bot.workspace import Workspace
from model.batcher import Batcher


class Background:
    """Work that continues after its listener has acked. It must handle its own errors."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)  # the event loop keeps only a weak reference
        task.add_done_callback(self._tasks.discard)

    async def close(self, timeout_s: float = 10.0) -> None:
        """Wait for running work, then cancel what is left."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=timeout_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    store: Store
    workspace: Workspace
    refresh_workspace: Callable[[], Awaitable[None]]
    """Load the roles and the shared channels from Slack again."""
    pipeline: Pipeline
    batcher: Batcher
    learning: Learning
    forgetting: Forgetting
    status: Status
    templates: Templates
    committed: Callable[[], None]
    """Call after queueing actions: it wakes the outbox."""
    clock: Callable[[], float]
    background: Background = field(default_factory=Background)

    def slack_time(self, timestamp: object = None) -> float:
        """A time by Slack's clock, in seconds since the epoch: the given timestamp if it is valid, otherwise now."""
        with contextlib.suppress(ValueError):
            at = float(str(timestamp))
            if math.isfinite(at):
                return at
        return self.clock() + self.workspace.clock_offset_s
