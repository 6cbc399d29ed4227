"""Which version serves: promotion, the swap between two batches, the way back, and what is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from bot.people import People
from bot.store import Store
from bot.templates import Router
from model.artefact_folder import ArtefactError
from model.batcher import Batcher
from model.classifier import Classifier
from model.registry import Registry

log = logging.getLogger(__name__)

NEVER_SERVED = ("refused", "candidate")
"""States of versions that may be removed."""


class Serving:
    def __init__(
        self,
        *,
        store: Store,
        registry: Registry,
        batcher: Batcher,
        router: Router,
        people: People,
        load: Callable[[Path], Classifier],
        clock: Callable[[], float],
        keep: int,
    ) -> None:
        self._store = store
        self._registry = registry
        self._batcher = batcher
        self._router = router
        self._people = people
        self._load = load
        self._clock = clock
        self._keep = keep
        self._swap = asyncio.Lock()

    @property
    def active(self) -> str:
        return self._registry.active()

    @property
    def active_folder(self) -> Path:
        return self._registry.folder(self._registry.active())

    def load(self, version: str) -> Classifier:
        """Load a version; blocking. Raises ArtefactError."""
        return self._load(self._registry.folder(version))

    def add(self, candidate: Path) -> str:
        """Take a trained version in; raises ArtefactError. It does not serve yet."""
        return self._registry.add(candidate)

    async def promote(self, version: str, user: str, expected: float = 0.0) -> str:
        """Let a version serve; returns what to tell who said so. `expected`: see bot.learning.watch.Seen."""
        if version not in [manifest.version for manifest in self._registry.versions()]:
            return f"There is no version `{version[:80]}`; `/softanswer models` lists them."
        previous = self._registry.active()
        if version == previous:
            return f"Version `{version}` serves already."
        try:
            await self.serve(version, user, "promoted")
        except ArtefactError as error:
            return str(error)
        await self._store.watches.begin(self._people.team, version, previous, expected, self._clock())
        return f"Version `{version}` serves now. For a while `{previous}` reads along, to see whether it was better."

    async def rollback(self, user: str) -> str:
        """Back to the version that served before; returns what to tell who said so."""
        previous = self._registry.previous()
        if previous is None:
            return f"Nothing served before `{self._registry.active()}`, so there is nothing to roll back to."
        try:
            await self.serve(previous, user, "rolled back", back=True)
        except ArtefactError as error:
            return str(error)
        await self._store.watches.stop(self._people.team, self._clock())
        return f"Rolled back: version `{previous}` serves now."

    async def serve(self, version: str, user: str, what: str, *, back: bool = False) -> None:
        """Swap between two batches. Loading and embedding the templates come first, so that nothing waits for them."""
        async with self._swap:
            classifier = await asyncio.to_thread(self.load, version)
            await asyncio.to_thread(self._router.prepare, classifier.embed, classifier.version)
            if back:
                self._registry.rollback()
            else:
                self._registry.promote(version)
            await self._batcher.swap(classifier)
            await self._store.records.serve_model(self._people.team, version, user, what, self._clock())

    async def teach(self) -> None:
        """Take the approved examples into the router, as the version in service understands them."""
        async with self._swap:
            self._router.add_examples(await self._store.teaching.approved(self._people.team))
            classifier = self._batcher.classifier
            await asyncio.to_thread(self._router.prepare, classifier.embed, classifier.version)

    async def prune(self) -> None:
        """Remove versions that never served, but for the latest few."""
        states = await self._store.records.model_states(self._people.team)
        kept_out = [m.version for m in self._registry.versions() if states.get(m.version) in NEVER_SERVED]
        for version in kept_out[: -self._keep or None]:
            try:
                await asyncio.to_thread(self._registry.remove, version)
                log.info("removed version %s, which never served", version)
            except OSError as error:
                log.warning("version %s could not be removed: %s", version, error)
