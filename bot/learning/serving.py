"""Which version serves: promotion, the swap between two batches, the way back, and what is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from bot.domain.actions import Notice
from bot.pipeline.matching import Router
from bot.store import Store, StoreUnavailable
from bot.store.shadow_evaluations import SUCCEEDED
from bot.workspace import Workspace
from model.artefact_folder import ArtefactError
from model.batcher import Batcher
from model.classifier import Classifier
from model.registry import Registry

log = logging.getLogger(__name__)

NEVER_SERVED = ("rejected", "candidate")
"""States of versions that may be removed."""


class Overtaken(Exception):
    """Another version serves than was thought. One line."""


def load_last_good(
    registry: Registry, load: Callable[[Path], Classifier]
) -> tuple[Classifier, dict[str, str]]:
    """The version in service; where it is damaged, the latest that served before it and is whole. Blocking.

    Also the versions passed over, each with what is wrong with it. Raises ArtefactError if none is whole, not even the shipped one,
    and if what should serve is no version at all: then a person has put something in place, and must hear of it.
    """
    if not registry.exists(registry.active()):
        registry.folder(registry.active())
    damaged: dict[str, str] = {}
    for version in registry.served():
        try:
            return load(registry.folder(version)), damaged
        except ArtefactError as error:
            damaged[version] = str(error)
    raise ArtefactError(next(iter(damaged.values())))


class Serving:
    def __init__(
        self,
        *,
        store: Store,
        registry: Registry,
        batcher: Batcher,
        router: Router,
        workspace: Workspace,
        load: Callable[[Path], Classifier],
        clock: Callable[[], float],
        keep: int,
    ) -> None:
        self._store = store
        self._registry = registry
        self._batcher = batcher
        self._router = router
        self._workspace = workspace
        self._load = load
        self._clock = clock
        self._keep = keep
        self._swap = asyncio.Lock()
        self._examples: dict[str, tuple[str, ...]] = {}

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

    async def promote(self, version: str, user: str, *, anyway: bool = False) -> str:
        """Let a version serve because a person says so; returns what to tell them. A refused one only `anyway`."""
        known = await asyncio.to_thread(self._registry.versions)
        if version not in [manifest.version for manifest in known]:
            return f"There is no version `{version[:80]}`; `/softanswer models` lists them."
        states = await self._store.records.model_states(self._workspace.team)
        if states.get(version) == "rejected" and not anyway:
            return f"Version `{version}` failed its release checks. Shall it serve all the same? `/softanswer promote {version} anyway`"
        try:
            previous = await self.take_over(version, user)
        except (ArtefactError, Overtaken) as error:
            return str(error)
        except (OSError, StoreUnavailable) as error:
            return (
                f"Version `{version}` could not be put in service: {error}. `{self.active}` goes on serving."
            )
        return f"Version `{version}` serves now. For a while `{previous}` reads along, to see whether it was better."

    async def take_over(self, version: str, user: str, instead_of: str | None = None) -> str:
        """Let a version serve, and watch it; returns the one whose place it took.

        Raises ArtefactError if it cannot be loaded, Overtaken if it serves already or, with `instead_of`, another one than that does.
        """
        async with self._swap:
            previous = self._registry.active()
            if version == previous:
                raise Overtaken(f"Version `{version}` serves already.")
            if instead_of is not None and instead_of != previous:
                raise Overtaken(f"It was measured against `{instead_of}`, and `{previous}` serves by now.")
            await self._serve(version, user, "promoted", previous)
        return previous

    async def rollback(self, user: str, *, of: str | None = None, ended: tuple[str, str] = SUCCEEDED) -> str:
        """Back to the version that served before; returns what to tell who said so. With `of` only if that one serves now; `ended`
        is how the watch that is open ends with it (state, verdict)."""
        async with self._swap:
            active, previous = self._registry.active(), self._registry.previous()
            if of is not None and of != active:
                return f"`{active}` serves by now."
            if previous is None:
                return f"Nothing served before `{active}`, so there is nothing to roll back to."
            try:
                await self._serve(previous, user, "rolled back", None, ended)
            except ArtefactError as error:
                return str(error)
            except (OSError, StoreUnavailable) as error:
                return f"Version `{previous}` could not be put back in service: {error}. `{self.active}` goes on serving."
        return f"Rolled back: version `{previous}` serves now."

    async def _serve(
        self,
        version: str,
        user: str,
        what: str,
        previous: str | None,
        ended: tuple[str, str] = SUCCEEDED,
    ) -> None:
        """Swap between two batches, holding the lock. Loading and embedding the templates come first, so that nothing waits for
        them; what follows is done as a whole, whoever is cancelled meanwhile. `previous`: what a promotion takes the place of."""
        classifier = await asyncio.to_thread(self.load, version)
        await asyncio.to_thread(self._router.prepare, classifier.embed, classifier.version)
        put = asyncio.create_task(self._put(classifier, user, what, previous, ended))
        try:
            await asyncio.shield(put)
        except asyncio.CancelledError:
            await put
            raise

    async def _put(
        self,
        classifier: Classifier,
        user: str,
        what: str,
        previous: str | None,
        ended: tuple[str, str],
    ) -> None:
        """The pointer, then the books with the watch in one stroke, then the swap. If the books cannot be written the pointer goes
        back; should the process die in between, `reconcile` brings them up to it at the next start."""
        version, team, now = classifier.version, self._workspace.team, self._clock()
        before = self._registry.active()
        if previous is None:
            self._registry.rollback()
        else:
            self._registry.promote(version)
        try:
            await self._store.records.serve_model(
                team, version, user, what, now, instead_of=previous, ended=ended
            )
        except Exception:
            if previous is None:
                self._registry.promote(before)
            else:
                self._registry.rollback()
            raise
        await self._batcher.swap(classifier)

    async def fall_back(self, damaged: Mapping[str, str]) -> None:
        """At the start: what now serves does so because these versions are damaged. Triage is told, then the pointer follows."""
        if not damaged:
            return
        team, now, version = self._workspace.team, self._clock(), self._batcher.classifier.version
        lines = [f"⚠️ Model version `{name}` is damaged ({why[:300]})." for name, why in damaged.items()]
        text = "\n".join(
            [*lines, f"`{version}`, which served before, serves instead. Put the folder back and promote it."]
        )
        log.warning("%s", text)
        action = Notice(key=f"damaged:{'+'.join(damaged)}:{now}", text=text)
        await self._store.outbox.put(team, action, now)
        self._registry.fall_back(version)
        await self._store.records.serve_model(team, version, "the bot's start", "fell back", now)

    async def reconcile(self) -> None:
        """At the start: should the last process have died between the registry's pointer and the database, the pointer is right."""
        team, active, before = self._workspace.team, self._registry.active(), self._registry.previous()
        states = await self._store.records.model_states(team)
        in_database = [version for version, state in states.items() if state == "active"]
        if in_database == ([active] if active in states else []):
            return
        # If what the books have in service (nothing: the shipped version) stands behind the pointer's, that was a promotion.
        behind = before in in_database if in_database else before not in states
        await self._store.records.serve_model(
            team,
            active,
            "the bot's start",
            "found serving",
            self._clock(),
            instead_of=before if behind else None,
        )

    async def serves(self, version: str) -> bool:
        """Whether a version serves; while one is being put in service, this waits for it."""
        async with self._swap:
            return self._registry.active() == version

    async def reload_examples(self) -> None:
        """Take the approved examples into the router, if they have changed, as the version in service understands them."""
        async with self._swap:
            examples = await self._store.examples.approved(self._workspace.team)
            if examples == self._examples:
                return
            self._router.add_examples(examples)
            version = self._batcher.classifier.version
            # By the batcher: another thread must not use the classifier while it reads.
            embeddings = await self._batcher.embed(self._router.texts())
            await asyncio.to_thread(self._router.prepare, lambda texts: embeddings, version)
            self._examples = examples

    async def prune(self) -> None:
        """Remove versions that never served, but for the latest few."""
        states = await self._store.records.model_states(self._workspace.team)
        known = await asyncio.to_thread(self._registry.versions)
        kept_out = [m.version for m in known if states.get(m.version) in NEVER_SERVED]
        for version in kept_out[: -self._keep or None]:
            try:
                await asyncio.to_thread(self._registry.remove, version)
                log.info("removed version %s, which never served", version)
            except (OSError, ArtefactError) as error:
                log.warning("version %s could not be removed: %s", version, error)
