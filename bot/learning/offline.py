"""Learning from the command line while the bot is stopped: the same selection, training and release checks, without Slack."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bot.learning.outcome import take_in
from bot.learning.process import TRAINER, RunFailed, Snapshot, Step, train
from bot.learning.selection import Selection, select
from bot.settings import Settings
from bot.store import Store
from model.registry import Registry

RUNS = ".runs"
"""The folder inside the model folder where retrainings work."""

REJECTED = ("rejected", "failed")


async def selection(settings: Settings, store: Store) -> Selection:
    """The training rows, and the messages that are excluded."""
    team = await store.records.team()
    cleared = await store.records.recall(team, "cleared") or {}
    return select(await store.feedback.label_events(team, shared=None), settings.learning.feedback, cleared)


async def retrain(
    settings: Settings,
    store: Store,
    show: Callable[[Step], None],
    now: float,
    trainer: Sequence[str] = TRAINER,
) -> tuple[str, str, Step | None]:
    """Train a candidate and promote it if it passes. Returns state, summary and the process's last line.

    Raises RunFailed if consent is missing or the process ends without a verdict.
    """
    team, records = await store.records.team(), store.records
    if not await records.consent(team):
        raise RunFailed("consent is off — an admin must say /softanswer consent on in Slack")
    await records.fail_interrupted_runs(now)
    run_id = await records.begin_run(team, "command line", None, now)
    assert run_id is not None  # we hold the database's lock, and interrupted runs are closed
    registry = Registry(settings.model.folder)
    chosen = await selection(settings, store)
    snapshot = Snapshot(chosen.rows, await store.examples.golden(team))
    await records.note_data(run_id, snapshot.hash, len(chosen.to_learn), chosen.reasons)
    # The same folder as the bot's own runs: if this process is killed, the bot's next start removes it.
    runs = settings.model.folder / RUNS
    runs.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="cli-", dir=runs))

    async def on_step(step: Step) -> None:
        show(step)

    try:
        active = registry.active()
        done = await train(
            trainer, settings.learning, folder / "run", snapshot, registry.folder(active), on_step
        )
        state, summary, version = await _conclude_candidate(
            settings, store, registry, team, done, chosen, snapshot.hash, now
        )
        await records.end_run(run_id, state, summary, now, version)
        return state, summary, done
    except BaseException as error:
        await records.end_run(run_id, "failed", str(error) or type(error).__name__, now)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _conclude_candidate(
    settings: Settings,
    store: Store,
    registry: Registry,
    team: str,
    done: Step,
    chosen: Selection,
    data_hash: str,
    now: float,
) -> tuple[str, str, str | None]:
    parent = registry.active()
    outcome = await take_in(
        done,
        chosen=chosen,
        data_hash=data_hash,
        parent=parent,
        store=store,
        team=team,
        add=registry.add,
        promotion=settings.learning.promotion,
        now=now,
    )
    version, reasons = outcome.version, "; ".join(outcome.reasons)
    match outcome.state:
        case "not exported":
            return "rejected", f"it could not be exported: {reasons}", None
        case "rejected":
            return "rejected", f"{version} was rejected: {reasons}; {parent} stays in service", version
        case "manual":
            return "waiting", f"{version} passed: {reasons}; softanswer models promote {version}", version
        case "rolled back before":
            why = "a version with the same training data was rolled back by its shadow evaluation"
            return "waiting", f"{version} passed, but {why}; softanswer models promote {version}", version
    assert version
    registry.promote(version)
    # If this process dies here, the bot's next start updates the database (see Serving.reconcile).
    await store.records.serve_model(team, version, "the command line", "promoted", now, instead_of=parent)
    return "promoted", f"{version} passed and serves from the bot's next start: {reasons}", version
