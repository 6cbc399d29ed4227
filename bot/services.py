"""What bootstrap builds and hands to the listeners."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.insight.status import Status
from bot.learning.runs import Learning
from bot.pipeline.pipeline import Pipeline
from bot.pipeline.templates import Templates
from bot.settings import Settings
from bot.store import Store
from bot.workspace import Workspace
from model.batcher import Batcher


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    store: Store
    workspace: Workspace
    refresh_workspace: Callable[[], Awaitable[None]]
    """Ask Slack again who is who and what is shared."""
    pipeline: Pipeline
    batcher: Batcher
    learning: Learning
    status: Status
    templates: Templates
    committed: Callable[[], None]
    """Call after queueing actions: it wakes the outbox."""
    clock: Callable[[], float]

    def slack_time(self, stamp: object = None) -> float:
        """A moment by Slack's clock, in seconds since the epoch: the one it wrote, or now where it wrote none."""
        with contextlib.suppress(ValueError):
            at = float(str(stamp))
            if math.isfinite(at):
                return at
        return self.clock() + self.workspace.clock_offset_s
