"""What bootstrap builds and hands to the listeners."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.learning.runs import Learning
from bot.people import People
from bot.pipeline import Pipeline
from bot.settings import Settings
from bot.status import Status
from bot.store import Store
from bot.templates import Templates
from model.batcher import Batcher


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    store: Store
    people: People
    pipeline: Pipeline
    batcher: Batcher
    learning: Learning
    status: Status
    templates: Templates
    committed: Callable[[], None]
    """Call after queueing actions: it wakes the outbox."""
    clock: Callable[[], float]
