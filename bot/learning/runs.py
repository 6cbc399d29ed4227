"""Learning: trigger → lease → snapshot → subprocess → verdict → swap → report.

Training runs in a process of its own at low priority. The bot keeps answering and never imports torch.
The active version stays in service until a candidate has passed its release checks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.domain.actions import Action, Notice, NoticeUpdate, Picture
from bot.domain.learning import UNJUDGED
from bot.learning.outcome import take_in
from bot.learning.process import TRAINER, RunFailed, Snapshot, Step, train
from bot.learning.requester import LabelRequester
from bot.learning.run_texts import beginning, first_reasons, progress, verdict_table
from bot.learning.schedule import cron
from bot.learning.selection import Selection
from bot.learning.serving import Overtaken, Serving
from bot.learning.shadow_evaluation import ShadowEvaluator
from bot.settings import LearningSettings
from bot.store import Store, StoreUnavailable
from bot.workspace import Workspace

log = logging.getLogger(__name__)

_REPORT_EVERY_S = 10.0
_WEEK_S = 7 * 86400.0
_NO_CONSENT = "Learning is off: an admin must first say `/softanswer consent on` (we record who said so)."


class Learning:
    def __init__(
        self,
        *,
        settings: LearningSettings,
        runs: Path,
        store: Store,
        serving: Serving,
        requester: LabelRequester,
        shadow_evaluator: ShadowEvaluator,
        workspace: Workspace,
        committed: Callable[[], None],
        clock: Callable[[], float],
        trainer: Sequence[str] = TRAINER,
    ) -> None:
        self._settings = settings
        self._runs = runs
        self._store = store
        self.serving = serving
        self.requester = requester
        self._shadow_evaluator = shadow_evaluator
        self._workspace = workspace
        self._committed = committed
        self._clock = clock
        self._trainer = trainer
        self._cron = cron(settings)
        self._scheduler = AsyncIOScheduler(timezone=self._cron.timezone)
        self._task: asyncio.Task[None] | None = None
        self._stopped_because = "the bot stopped during the run"
        self._closing = asyncio.Event()

    async def open(self) -> None:
        """Close the runs that an earlier process left open, and start the schedule."""
        for run_id in await self._store.records.fail_interrupted_runs(self._clock()):
            log.warning("a training run was interrupted when the bot stopped")
            await self._report(run_id, "⏹️ Retraining stopped: the bot stopped during the run.")
        await self.serving.reconcile()
        await self.serving.reload_examples()
        missed = await self._missed()
        await self._record_heartbeat()
        shutil.rmtree(self._runs, ignore_errors=True)
        once = {"replace_existing": True, "coalesce": True, "max_instances": 1}
        self._scheduler.add_job(
            self.start, self._cron, args=["schedule", None], id="retrain",
            misfire_grace_time=self._settings.misfire_grace_s, **once,
        )  # fmt: skip
        self._scheduler.add_job(
            self.look_around, "interval", minutes=10, jitter=60, id="ask", misfire_grace_time=600, **once
        )
        self._scheduler.add_job(
            self._shadow_evaluator.tick, "interval", seconds=20, id="watch", misfire_grace_time=600, **once
        )
        self._scheduler.start()
        if missed:
            await self.start("schedule", None)

    async def _record_heartbeat(self) -> None:
        await self._store.records.remember(self._workspace.team, "here", self._clock())

    async def _missed(self) -> bool:
        """Whether a scheduled run fell into the time the bot was down, and its grace period is not over."""
        team, now = self._workspace.team, self._clock()
        last_seen: float = await self._store.records.recall(team, "here") or now
        # The bot may have stopped between the scheduled minute and the end of the jitter.
        since = max(last_seen - self._settings.jitter_s, now - self._settings.misfire_grace_s)
        due = cron(replace(self._settings, jitter_s=0)).get_next_fire_time(
            None, datetime.fromtimestamp(since, self._cron.timezone)
        )
        run = await self._store.records.last_run(team)
        return due is not None and due.timestamp() <= now and not (run and run.started_at >= since)

    async def look_around(self) -> None:
        """Post the label requests that are due, and start a run if there are enough new labels."""
        await self._record_heartbeat()
        await self.requester.ask()
        await self.serving.reload_examples()
        if await self._store.records.consent(self._workspace.team) and await self.requester.enough_to_learn():
            await self.start("new labels", None)

    async def close(self) -> None:
        self._closing.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        if self._task:
            with contextlib.suppress(asyncio.CancelledError):
                self._task.cancel()
                await self._task

    async def interrupt(self, why: str) -> bool:
        """Stop the current run; returns whether there was one. The active version does not change."""
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
        """Start a run unless one is running or consent is missing; returns the answer for whoever asked."""
        team = self._workspace.team
        if not await self._store.records.consent(team):
            log.info("not retraining: consent is off")
            if user is None:
                await self._remind_of_consent()
            return _NO_CONSENT
        run_id = await self._store.records.begin_run(team, trigger, user, self._clock())
        if run_id is None:
            return "A retraining is running already; its progress is in the triage channel."
        self._stopped_because = "the bot stopped during the run"
        self._task = asyncio.create_task(self._run(run_id, trigger, user))
        return "Retraining started. Progress and result are in the triage channel."

    async def cancel(self, user: str) -> str:
        """Stop the run for an admin; returns the answer for them."""
        if not await self.interrupt(f"cancelled by <@{user}>"):
            return "No retraining is running."
        return "The retraining was cancelled. The version in service is unchanged."

    async def _remind_of_consent(self) -> None:
        """Say once a week that a scheduled run did not start because consent is off."""
        team, now = self._workspace.team, self._clock()
        reminded_at: float = await self._store.records.recall(team, "told of consent") or 0.0
        if now - reminded_at < _WEEK_S:
            return
        await self._store.records.remember(team, "told of consent", now)
        text = f"🎓 I would have retrained now, but I may not learn from your messages yet. {_NO_CONSENT}"
        await self._store.outbox.put(team, Notice(key=f"consent:{now:.0f}", text=text), now)
        self._committed()

    async def _run(self, run_id: int, trigger: str, user: str | None) -> None:
        """One run from selection to report. The active version changes only if the candidate is promoted."""
        folder, records = self._runs / str(run_id), self._store.records
        try:
            selection = await self.requester.selection()
            snapshot = Snapshot(selection.rows, await self._store.examples.golden(self._workspace.team))
            reason = None if user else await self._reason_to_skip(snapshot)
            if reason:
                await records.end_run(run_id, "skipped", reason, self._clock())
                return
            await records.note_data(run_id, snapshot.hash, len(selection.to_learn), selection.reasons)
            await self._report(run_id, beginning(user, trigger, selection), first=True)
            active = self.serving.active
            done = await self._train(run_id, folder, snapshot)
            if not await self._store.feedback.still_here([row.message for row in selection.rows]):
                raise RunFailed(
                    "a message that it learned from was deleted or forgotten in the meantime; retrain without it"
                )
            concluding = asyncio.create_task(
                self._conclude(run_id, done, selection, snapshot.hash, active, user or trigger)
            )
            try:
                await asyncio.shield(concluding)
            except asyncio.CancelledError:
                await concluding  # short: the registry and the database must agree on the active version
                raise
            await self.serving.prune()
        except asyncio.CancelledError:
            if await self._end(run_id, "failed", self._stopped_because):
                await self._report(run_id, f"⏹️ Retraining stopped: {self._stopped_because}.")
            raise
        except Exception as error:
            log.exception("retraining failed")
            text = f"Retraining failed: {error}. `{self.serving.active}` stays in service."
            if await asyncio.shield(asyncio.create_task(self._end(run_id, "failed", text))):
                await self._report(run_id, f"⚠️ {text}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _conclude(
        self, run_id: int, done: Step, selection: Selection, data_hash: str, active: str, user: str
    ) -> None:
        """Add the candidate, promote it if it passed, close the run and report it."""
        # First of all: nothing may be promoted by a verdict that cannot be shown.
        table = verdict_table(done["verdict"])
        state, text, version = await self._conclude_candidate(done, selection, data_hash, active, user)
        await self._end(run_id, state, text, version)
        await self._report(run_id, f"🎓 {text}", table=table, worse=done.get("worse"))
        report = await self._store.reports.learning(self._workspace.team, self._clock())
        action = Picture.of_run(run_id, report.text(), report.figures())
        await self._store.outbox.put(self._workspace.team, action, self._clock())
        self._committed()

    async def _end(self, run_id: int, state: str, text: str, version: str | None = None) -> bool:
        """Close a run; returns whether this call closed it.

        It retries while the database cannot be written: an open run would block all later ones. It gives up when the
        bot stops, and the next start closes the run.
        """
        wait = 1.0
        while True:
            try:
                return await self._store.records.end_run(run_id, state, text, self._clock(), version)
            except StoreUnavailable as error:
                log.warning("run %d cannot be closed yet: %s", run_id, error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), wait)
            if self._closing.is_set():
                return False
            wait = min(60.0, 2 * wait)

    async def _reason_to_skip(self, snapshot: Snapshot) -> str | None:
        """Why a run that nobody asked for should be skipped; None if it should not."""
        team = self._workspace.team
        if await self._store.shadow_evaluations.current(team):
            return "the shadow evaluation of the active version is still open"
        judged = await self._store.records.last_run(team, but=UNJUDGED)
        if judged and judged.data_hash == snapshot.hash:
            return "there are no new labels since the last run"
        return None

    async def _train(self, run_id: int, folder: Path, snapshot: Snapshot) -> Step:
        """Train a candidate in `folder`, and show the progress in the run's message."""
        shown, shown_at = "", 0.0

        async def report(step: Step) -> None:
            nonlocal shown, shown_at
            if step["stage"] != shown or self._clock() - shown_at > _REPORT_EVERY_S:
                shown, shown_at = step["stage"], self._clock()
                await self._report(run_id, progress(step))

        return await train(
            self._trainer, self._settings, folder, snapshot, self.serving.active_folder, report
        )

    async def _conclude_candidate(
        self, done: Step, selection: Selection, data_hash: str, parent: str, user: str
    ) -> tuple[str, str, str | None]:
        """Add the candidate and promote it if it passed. Returns the run's state, its summary, the version.

        `parent` was active when the run began; the candidate was compared with it.
        """
        outcome = await take_in(
            done,
            chosen=selection,
            data_hash=data_hash,
            parent=parent,
            store=self._store,
            team=self._workspace.team,
            add=self.serving.add,
            promotion=self._settings.promotion,
            now=self._clock(),
        )
        version, reasons = outcome.version, first_reasons(outcome.reasons)
        how = f"An admin can put it in service with `/softanswer promote {version}`."
        match outcome.state:
            case "not exported":
                text = f"The new version could not be exported: {reasons}. `{parent}` stays in service."
                return "rejected", text, None
            case "rejected":
                return (
                    "rejected",
                    f"Version `{version}` was rejected: {reasons}. `{parent}` stays in service.",
                    version,
                )
            case "manual":
                return "waiting", f"Version `{version}` passed: {reasons}. {how}", version
            case "rolled back before":
                text = f"Version `{version}` passed, but a version with the same training data was rolled back before. {how}"
                return "waiting", text, version
        assert version
        try:
            await self.serving.take_over(version, user, instead_of=parent)
        except Overtaken as overtaken:
            return "waiting", f"Version `{version}` passed, but was not promoted: {overtaken} {how}", version
        return (
            "promoted",
            f"Version `{version}` passed and serves now instead of `{parent}`: {reasons}.",
            version,
        )

    async def _report(
        self,
        run_id: int,
        text: str,
        *,
        first: bool = False,
        table: Sequence[Sequence[Any]] | None = None,
        worse: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """Post the run's message in the triage channel, or update it: each run has one."""
        content: dict[str, Any] = {"text": text, "table": table}
        if table:
            content["caption"] = "Before and after, on messages kept out of training"
        if worse:
            content["worse"] = [dict(message) for message in worse]
        of = Notice.key_of_run(run_id)
        action: Action = (
            Notice(key=of, **content)
            if first
            else NoticeUpdate(key=f"{of}:{self._clock()}", of=of, **content)
        )
        await self._store.outbox.put(self._workspace.team, action, self._clock())
        self._committed()
