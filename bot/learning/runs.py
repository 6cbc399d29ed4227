"""Learning: trigger → lease → snapshot → subprocess → verdict → swap → report.

Training runs in a process of its own at low priority; the bot goes on answering, and never imports torch.
Whatever happens to that process, the version in service stays as it is until a candidate is proven.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.domain import TRIAGE, Action
from bot.learning.process import TRAINER, Step, train
from bot.learning.schedule import cron
from bot.people import People
from bot.settings import Learning as LearningSettings
from bot.store import Store
from bot.store.records import Corrected
from bot.templates import Router
from model.artefact_folder import ArtefactError
from model.batcher import Batcher
from model.classifier import Classifier
from model.registry import Registry

log = logging.getLogger(__name__)

STAGES = {
    "load": "reading the examples",
    "embed": "asking the base model",
    "train": "training",
    "export": "exporting",
    "evaluate": "measuring on messages kept out of training",
    "gate": "comparing with the version in service",
}
_REPORT_EVERY_S = 10.0


class Learning:
    def __init__(
        self,
        *,
        settings: LearningSettings,
        runs: Path,
        store: Store,
        registry: Registry,
        batcher: Batcher,
        router: Router,
        people: People,
        load: Callable[[Path], Classifier],
        committed: Callable[[], None],
        clock: Callable[[], float],
        trainer: Sequence[str] = TRAINER,
    ) -> None:
        self._settings = settings
        self._runs = runs
        self._store = store
        self._registry = registry
        self._batcher = batcher
        self._router = router
        self._people = people
        self._load = load
        self._committed = committed
        self._clock = clock
        self._trainer = trainer
        self._cron = cron(settings)
        self._scheduler = AsyncIOScheduler(timezone=self._cron.timezone)
        self._task: asyncio.Task[None] | None = None
        self._swap = asyncio.Lock()
        self._stopped_because = "the bot stopped during the run"

    async def open(self) -> None:
        """Close what an earlier process left running, and start the schedule."""
        if await self._store.records.fail_interrupted_runs(self._clock()):
            log.warning(
                "a training run was interrupted when the bot stopped; the version in service is unchanged"
            )
        shutil.rmtree(self._runs, ignore_errors=True)
        self._scheduler.add_job(
            self.start,
            self._cron,
            args=["schedule", None],
            id="retrain",
            replace_existing=True,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=self._settings.misfire_grace_s,
        )
        self._scheduler.start()

    async def close(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        if self._task:
            with contextlib.suppress(asyncio.CancelledError):
                self._task.cancel()
                await self._task

    async def interrupt(self, why: str) -> bool:
        """Stop the run that is under way, if one is; the version in service is unchanged."""
        if self._task is None or self._task.done():
            return False
        self._stopped_because = why
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return True

    def next_run(self) -> datetime | None:
        job = self._scheduler.get_job("retrain")
        return job.next_run_time if job else None

    async def start(self, trigger: str, user: str | None) -> str:
        """Start a run unless one is running or consent is lacking; returns what to tell the one who asked."""
        team = self._people.team
        if not await self._store.records.consent(team):
            log.info("not retraining: consent is off")
            return "Learning is off: an admin must first say `/softanswer consent on` (it is recorded who said so)."
        run_id = await self._store.records.begin_run(team, trigger, user, self._clock())
        if run_id is None:
            return "A retraining is running already; its progress is in the triage channel."
        try:
            corrections = await self._store.records.corrections(team)
            by = f"<@{user}>" if user else f"the {trigger}"
            text = f"🎓 Retraining, started by {by}. Corrections to learn from: {len(corrections)}."
            await self._report(run_id, text, first=True)
        except BaseException:
            await self._store.records.end_run(run_id, "failed", "could not be started", self._clock())
            raise
        self._task = asyncio.create_task(self._run(run_id, corrections, user or trigger))
        return "Retraining started. Progress and result are in the triage channel."

    async def _run(self, run_id: int, corrections: Sequence[Corrected], user: str) -> None:
        folder = self._runs / str(run_id)
        try:
            done = await self._train(run_id, folder, corrections)
            table = _verdict_table(
                done["verdict"]
            )  # before anything serves: a verdict that cannot be shown is none
            state, text, version = await self._judge(done, corrections, user)
            await self._store.records.end_run(run_id, state, text, self._clock(), version)
            await self._report(run_id, f"🎓 {text}", table=table)
        except asyncio.CancelledError:
            await self._store.records.end_run(run_id, "failed", self._stopped_because, self._clock())
            raise
        except Exception as error:
            log.exception("retraining failed")
            text = f"Retraining failed: {error}. The version in service is unchanged."
            await self._store.records.end_run(run_id, "failed", text, self._clock())
            await self._report(run_id, f"⚠️ {text}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _train(self, run_id: int, folder: Path, corrections: Sequence[Corrected]) -> Step:
        """Train a candidate in `folder`, with its progress shown in the run's message."""
        shown, shown_at = "", 0.0

        async def report(step: Step) -> None:
            nonlocal shown, shown_at
            if step["stage"] != shown or self._clock() - shown_at > _REPORT_EVERY_S:
                shown, shown_at = step["stage"], self._clock()
                await self._report(run_id, _progress(step))

        active = self._registry.folder(self._registry.active())
        return await train(self._trainer, self._settings, folder, corrections, active, report)

    async def _judge(
        self, done: Mapping[str, Any], corrections: Sequence[Corrected], user: str
    ) -> tuple[str, str, str | None]:
        """Take the candidate in; let it serve if it is proven. Returns the run's state, its summary, the version."""
        parent, verdict, reasons = (
            self._registry.active(),
            done["verdict"],
            "; ".join(done["verdict"]["reasons"]),
        )
        if done["candidate"] is None:
            text = f"The trained version does not serve, it could not be exported: {reasons}. `{parent}` goes on serving."
            return "refused", text, None
        version = self._registry.add(Path(done["candidate"]))
        ids = [i for correction in corrections for i in correction.feedback_ids]
        state = "candidate" if verdict["promote"] else "refused"
        team = self._people.team
        await self._store.records.add_model(team, version, parent, verdict, state, ids, self._clock())
        if not verdict["promote"]:
            return (
                "refused",
                f"Version `{version}` does not serve: {reasons}. `{parent}` goes on serving.",
                version,
            )
        if self._settings.promotion == "manual":
            return (
                "waiting",
                f"Version `{version}` passed. It serves when an admin says `/softanswer promote {version}`.",
                version,
            )
        await self._serve(version, user, "promoted")
        return "promoted", f"Version `{version}` passed and serves now, in place of `{parent}`.", version

    async def promote(self, version: str, user: str) -> str:
        """An admin's decision to let a version serve; returns what to tell them."""
        if version not in [manifest.version for manifest in self._registry.versions()]:
            return f"There is no version `{version[:80]}`; `/softanswer models` lists them."
        try:
            await self._serve(version, user, "promoted")
        except ArtefactError as error:
            return str(error)
        return f"Version `{version}` serves now."

    async def rollback(self, user: str) -> str:
        """Back to the version that served before; returns what to tell the admin."""
        previous = self._registry.previous()
        if previous is None:
            return f"Nothing served before `{self._registry.active()}`, so there is nothing to roll back to."
        try:
            await self._serve(previous, user, "rolled back", back=True)
        except ArtefactError as error:
            return str(error)
        return f"Rolled back: version `{previous}` serves now."

    async def _serve(self, version: str, user: str, what: str, *, back: bool = False) -> None:
        """Swap between two batches. Loading and embedding the templates come first, so that nothing waits for them."""
        async with self._swap:
            folder = self._registry.folder(version)
            classifier = await asyncio.to_thread(self._load, folder)
            await asyncio.to_thread(self._router.prepare, classifier.embed, classifier.version)
            if back:
                self._registry.rollback()
            else:
                self._registry.promote(version)
            await self._batcher.swap(classifier)
            await self._store.records.serve_model(self._people.team, version, user, what, self._clock())

    async def _report(
        self, run_id: int, text: str, *, first: bool = False, table: Sequence[Sequence[Any]] | None = None
    ) -> None:
        """One message a run in the triage channel, kept up to date."""
        facts: dict[str, Any] = {"text": text}
        if table:
            facts |= {"table": table, "caption": "Before and after, on messages kept out of training"}
        if first:
            action = Action("notice", f"run:{run_id}", TRIAGE, facts=facts)
        else:
            key = f"run:{run_id}:{self._clock()}"
            action = Action("notice_update", key, TRIAGE, facts=facts | {"of": f"run:{run_id}"})
        await self._store.outbox.put(self._people.team, action, self._clock())
        self._committed()


def _progress(step: Mapping[str, Any]) -> str:
    parts = [f"🎓 Retraining: {STAGES.get(step['stage'], step['stage'])}", f"{step.get('progress', 0.0):.0%}"]
    if step.get("loss") is not None:
        parts.append(f"loss {step['loss']:.3f}")
    if step.get("eta_s"):
        parts.append(f"about {step['eta_s']:.0f} s left")
    return " · ".join(parts)


def _verdict_table(verdict: Mapping[str, Any]) -> list[list[Any]] | None:
    """Every check with its numbers; None where there was nothing to measure."""
    if not verdict["checks"]:
        return None
    rows: list[list[Any]] = [["Check", "Before", "After", "Limit", "Passed"]]
    for check in verdict["checks"]:
        numbers = [check.get(key) for key in ("active", "candidate", "limit")]
        cells = [float(n) if isinstance(n, int | float) else str(n) for n in numbers]
        rows.append([check["name"], *cells, "yes" if check["passed"] else "no"])
    return rows
