"""The version in service: promotion, the swap between two batches, rollback, and removing old versions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from bot.domain.actions import Notice
from bot.pipeline.matching import Router
from bot.store import Store, StoreUnavailable
from bot.store.shadow_evaluations import SUPERSEDED
from bot.workspace import Workspace
from model.artefact_folder import ArtefactError
from model.batcher import Batcher
from model.classifier import Classifier
from model.registry import Registry

log = logging.getLogger(__name__)

NEVER_SERVED = ("rejected", "candidate")
"""States of versions that may be removed."""


class Overtaken(Exception):
    """Another version is in service than expected. The text is one line."""


def load_last_good(
    registry: Registry, load: Callable[[Path], Classifier]
) -> tuple[Classifier, dict[str, str]]:
    """Load the active version; if it is damaged, the latest one before it that can be loaded. Blocking.

    Also returns the damaged versions, each with the reason. Raises ArtefactError if none can be loaded, not even the
    shipped one, and if the active version does not exist: then an operator changed the folder and must know.
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
        """Add a trained version to the registry; raises ArtefactError. It does not serve yet."""
        return self._registry.add(candidate)

    async def promote(self, version: str, user: str, *, anyway: bool = False) -> str:
        """Promote a version for an admin; returns the answer for them. A rejected one needs `anyway`."""
        known = await asyncio.to_thread(self._registry.versions)
        if version not in [manifest.version for manifest in known]:
            return f"There is no version `{version[:80]}`; `/softanswer models` lists them."
        states = await self._store.records.model_states(self._workspace.team)
        if states.get(version) == "rejected" and not anyway:
            return f"Version `{version}` failed its release checks. To promote it anyway: `/softanswer promote {version} anyway`"
        try:
            previous = await self.take_over(version, user)
        except (ArtefactError, Overtaken) as error:
            return str(error)
        except (OSError, StoreUnavailable) as error:
            return (
                f"Version `{version}` could not be put in service: {error}. `{self.active}` stays in service."
            )
        return f"Version `{version}` serves now. For a while `{previous}` reads the same messages, to check that it was not better."

    async def take_over(self, version: str, user: str, instead_of: str | None = None) -> str:
        """Promote a version and start its shadow evaluation; returns the previous version.

        Raises ArtefactError if it cannot be loaded. Raises Overtaken if it serves already, or if the active version is
        not `instead_of`.
        """
        async with self._swap:
            previous = self._registry.active()
            if version == previous:
                raise Overtaken(f"Version `{version}` serves already.")
            if instead_of is not None and instead_of != previous:
                raise Overtaken(f"It was compared with `{instead_of}`, but `{previous}` serves now.")
            await self._serve(version, user, "promoted", previous)
        return previous

    async def rollback(self, user: str, *, of: str | None = None, ended: tuple[str, str] = SUPERSEDED) -> str:
        """Return to the version that served before; returns the answer for whoever asked.

        With `of`: only if that version is active. `ended`: how the open shadow evaluation ends (state, verdict).
        """
        async with self._swap:
            active, previous = self._registry.active(), self._registry.previous()
            if of is not None and of != active:
                return f"`{active}` serves now."
            if previous is None:
                return f"Nothing served before `{active}`, so there is nothing to roll back to."
            try:
                await self._serve(previous, user, "rolled back", None, ended)
            except ArtefactError as error:
                return str(error)
            except (OSError, StoreUnavailable) as error:
                return f"Version `{previous}` could not be put back in service: {error}. `{self.active}` stays in service."
        return f"Rolled back: version `{previous}` serves now."

    async def _serve(
        self,
        version: str,
        user: str,
        what: str,
        previous: str | None,
        ended: tuple[str, str] = SUPERSEDED,
    ) -> None:
        """Put a version in service; the caller holds the lock. `previous`: the version that a promotion replaces.

        Loading it and embedding the templates come first, so that no message waits for them. The rest is completed even
        if this call is cancelled.
        """
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
        """Change the registry's pointer, then the database in one transaction, then swap.

        If the database cannot be written, the pointer is set back. If the process dies in between, `reconcile` updates
        the database at the next start.
        """
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
        """At the start: report damaged versions in triage, and set the registry's pointer to the version that was loaded."""
        if not damaged:
            return
        team, now, version = self._workspace.team, self._clock(), self._batcher.classifier.version
        lines = [f"⚠️ Model version `{name}` is damaged ({why[:300]})." for name, why in damaged.items()]
        text = "\n".join(
            [
                *lines,
                f"`{version}`, which served before, serves instead. Restore the damaged folder and promote that version.",
            ]
        )
        log.warning("%s", text)
        action = Notice(key=f"damaged:{'+'.join(damaged)}:{now}", text=text)
        await self._store.outbox.put(team, action, now)
        self._registry.fall_back(version)
        await self._store.records.serve_model(team, version, "the bot's start", "fell back", now)

    async def reconcile(self) -> None:
        """At the start: if the registry's pointer and the database differ, follow the pointer. The last process died in between."""
        team, active, before = self._workspace.team, self._registry.active(), self._registry.previous()
        states = await self._store.records.model_states(team)
        in_database = [version for version, state in states.items() if state == "active"]
        if in_database == ([active] if active in states else []):
            return
        # It was a promotion if the database still has the previous version (none: the shipped one) as active.
        was_promotion = before in in_database if in_database else before not in states
        await self._store.records.serve_model(
            team,
            active,
            "the bot's start",
            "found serving",
            self._clock(),
            instead_of=before if was_promotion else None,
        )

    async def serves(self, version: str) -> bool:
        """Whether a version is in service. Waits while one is being put in service."""
        async with self._swap:
            return self._registry.active() == version

    async def reload_examples(self) -> None:
        """Add the approved examples to the router, if they have changed, with the active version's embeddings."""
        async with self._swap:
            examples = await self._store.examples.approved(self._workspace.team)
            if examples == self._examples:
                return
            self._router.add_examples(examples)
            version = self._batcher.classifier.version
            # Through the batcher: no other thread may use the classifier while it reads.
            embeddings = await self._batcher.embed(self._router.texts())
            await asyncio.to_thread(self._router.prepare, lambda texts: embeddings, version)
            self._examples = examples

    async def prune(self) -> None:
        """Remove the versions that never served, except the latest few."""
        states = await self._store.records.model_states(self._workspace.team)
        known = await asyncio.to_thread(self._registry.versions)
        never_served = [m.version for m in known if states.get(m.version) in NEVER_SERVED]
        for version in never_served[: -self._keep or None]:
            try:
                await asyncio.to_thread(self._registry.remove, version)
                log.info("removed version %s, which never served", version)
            except (OSError, ArtefactError) as error:
                log.warning("version %s could not be removed: %s", version, error)
