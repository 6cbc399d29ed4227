"""What happens to learning when something fails in the middle: the database, the disk, the process, the clock."""

from __future__ import annotations

import asyncio
import errno
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bot.bootstrap import Bot
from bot.demo.people import Persons
from bot.demo.workspace import ADA, ANNA
from bot.slack.commands import answer_command
from bot.store import StoreUnavailable
from model.artefact_folder import ArtefactError
from tests.support.database import audit, models, runs, shadow_evaluations
from tests.support.learning import customers_write, retrain, run_ended, shown, trainer
from tests.support.models import ConstantClassifier
from tests.support.requests import signed, submission
from tests.support.wait import eventually


@trainer("dies")
@pytest.mark.settings(retrain_after=2)
async def test_a_run_that_fails_is_not_tried_again_until_there_is_more_to_learn(
    bot: Bot, tmp_path: Path
) -> None:
    database = tmp_path / "softanswer.db"
    await bot.services.store.records.set_consent("T0ACME", True, ADA, 1.0)
    await customers_write(bot, tmp_path / "softanswer.db", 4)
    correct = bot.services.store.feedback.correct
    for message in (1, 2):
        await correct("T0ACME", message, "neutral", ANNA, "card", bot.services.clock())
    for _ in range(3):
        await bot.services.learning.look_around()
        await eventually(lambda: run_ended(bot))
    assert [(r.trigger, r.state) for r in runs(database)] == [("new labels", "failed")]
    for message in (3, 4):
        await correct("T0ACME", message, "neutral", ANNA, "card", bot.services.clock() + 1)
    await bot.services.learning.look_around()
    await eventually(lambda: run_ended(bot))
    assert len(runs(database)) == 2


async def full(*_: Any, **__: Any) -> None:
    raise StoreUnavailable("full", "database or disk is full")


@trainer("better")
async def test_a_database_that_cannot_be_written_promotes_nothing_and_rolls_nothing_back(
    bot: Bot, persons: Persons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped, serving, records = (
        bot.batcher.classifier.version,
        bot.services.learning.serving,
        bot.services.store.records,
    )
    with monkeypatch.context() as patched:
        patched.setattr(records, "serve_model", full)
        assert await retrain(bot) == "failed"
    assert "disk is full" in (await shown(persons, "Retraining failed"))[0]
    assert bot.batcher.classifier.version == shipped == serving.active
    assert shadow_evaluations(tmp_path / "softanswer.db") == []
    assert "serves now" in await answer_command(bot.services, ADA, "promote taught-0-better")
    with monkeypatch.context() as patched:
        patched.setattr(records, "serve_model", full)
        assert "could not be put back" in await answer_command(bot.services, ADA, "rollback")
    assert bot.batcher.classifier.version == "taught-0-better" == serving.active
    assert [s.state for s in shadow_evaluations(tmp_path / "softanswer.db")] == ["open"]
    assert "Rolled back" in await answer_command(bot.services, ADA, "rollback")


@trainer("better")
@pytest.mark.settings(promotion="manual")
async def test_a_pointer_that_cannot_be_written_leaves_everything_as_it_was(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "active")

    shipped, serving = bot.batcher.classifier.version, bot.services.learning.serving
    assert await retrain(bot) == "waiting"
    with monkeypatch.context() as patched:
        patched.setattr(serving._registry, "_write", no_space)
        said = await answer_command(bot.services, ADA, "promote taught-0-better")
    assert (
        "could not be put in service" in said
        and "No space left" in said
        and f"`{shipped}` stays in service" in said
    )
    assert bot.batcher.classifier.version == shipped == serving.active
    assert shadow_evaluations(tmp_path / "softanswer.db") == []
    assert [m.state for m in models(tmp_path / "softanswer.db")] == ["candidate"]
    assert "serves now" in await answer_command(bot.services, ADA, "promote taught-0-better")
    with monkeypatch.context() as patched:
        patched.setattr(serving._registry, "_write", no_space)
        said = await answer_command(bot.services, ADA, "rollback")
    assert "could not be put back" in said and serving.active == "taught-0-better"
    assert [m.state for m in models(tmp_path / "softanswer.db")] == ["active"]
    assert [s.state for s in shadow_evaluations(tmp_path / "softanswer.db")] == ["open"]


@trainer("better")
async def test_a_run_whose_end_cannot_be_written_is_closed_as_soon_as_it_can(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, fails = bot.services.store.records, [True]
    really = records.end_run

    async def seldom(*args: Any) -> bool:
        if fails:
            fails.pop()
            raise StoreUnavailable("full", "database or disk is full")
        return await really(*args)

    monkeypatch.setattr(records, "end_run", seldom)
    assert await retrain(bot) == "promoted" and not fails
    assert "Retraining started" in await bot.services.learning.start("command", ADA)


@trainer("better")
async def test_a_run_whose_end_cannot_be_written_does_not_keep_the_bot_from_stopping(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learning, records = bot.services.learning, bot.services.store.records
    await records.set_consent("T0ACME", True, ADA, 1.0)
    tried = asyncio.Event()

    async def never(*_: Any) -> bool:
        tried.set()
        raise StoreUnavailable("full", "database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(records, "end_run", never)
        await learning.start("command", ADA)
        await asyncio.wait_for(tried.wait(), 30)
        await asyncio.wait_for(learning.close(), 10)
    assert [r.state for r in runs(tmp_path / "softanswer.db")] == ["running"]
    assert len(await records.fail_interrupted_runs(2.0)) == 1  # as the next start does


@trainer("better")
@pytest.mark.settings(promotion="manual")
async def test_a_process_that_died_between_pointer_and_books_is_brought_up_to_the_pointer(
    bot: Bot, tmp_path: Path
) -> None:
    serving, database = bot.services.learning.serving, tmp_path / "softanswer.db"
    shipped = serving.active
    assert await retrain(bot) == "waiting"
    serving._registry.promote("taught-0-better")
    await serving.reconcile()  # as the next start does
    assert [m.state for m in models(database)] == ["active"]
    assert [(s.version, s.previous, s.state) for s in shadow_evaluations(database)] == [
        ("taught-0-better", shipped, "open")
    ]
    noted = audit(database)
    await serving.reconcile()  # nothing to do
    assert audit(database) == noted
    serving._registry.rollback()
    await serving.reconcile()
    assert [m.state for m in models(database)] == ["retired"]
    assert [s.state for s in shadow_evaluations(database)] == ["stopped"]


@trainer("better")
async def test_a_call_back_that_fails_is_tried_again(
    bot: Bot, persons: Persons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = bot.batcher.classifier.version
    assert await retrain(bot) == "promoted"
    shadow_evaluator, store = bot.services.learning._shadow_evaluator, bot.services.store
    monkeypatch.setattr("bot.learning.shadow_evaluation.is_worse", lambda seen: True)
    monkeypatch.setattr("bot.learning.shadow_evaluation.is_one_annotator", lambda seen, team: False)
    with monkeypatch.context() as patched:
        patched.setattr(store.records, "serve_model", full)
        await shadow_evaluator.tick()
        await shadow_evaluator.tick()
    assert "could not be put back" in (await shown(persons, "worse than"))[0]
    assert [s.state for s in shadow_evaluations(tmp_path / "softanswer.db")] == ["open"]
    await shadow_evaluator.tick()
    assert bot.batcher.classifier.version == shipped
    assert [s.state for s in shadow_evaluations(tmp_path / "softanswer.db")] == ["worse"]


@trainer("worse")
async def test_what_its_release_checks_rejected_serves_only_if_an_admin_insists(bot: Bot) -> None:
    shipped = bot.batcher.classifier.version
    assert await retrain(bot) == "rejected"
    said = await answer_command(bot.services, ADA, "promote taught-0-worse")
    assert "failed its release checks" in said and "promote taught-0-worse anyway" in said
    assert bot.batcher.classifier.version == shipped
    assert "serves now" in await answer_command(bot.services, ADA, "promote taught-0-worse anyway")


@trainer("better")
async def test_a_watch_without_the_old_version_says_so(
    bot: Bot, persons: Persons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(version: str) -> None:
        raise ArtefactError(f"{version}: wrong hash")

    assert await retrain(bot) == "promoted"
    await customers_write(bot, tmp_path / "softanswer.db", 1)
    with monkeypatch.context() as patched:
        patched.setattr(bot.services.learning.serving, "load", damaged)
        await bot.services.learning._shadow_evaluator.tick()
    assert "wrong hash" in (await shown(persons, "cannot be loaded"))[0]
    assert [s.state for s in shadow_evaluations(tmp_path / "softanswer.db")] == ["stopped"]


@trainer("better")
async def test_who_takes_their_word_back_leaves_the_others_standing(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = bot.batcher.classifier.version
    assert await retrain(bot) == "promoted"
    learning, store = bot.services.learning, bot.services.store
    load = learning.serving.load
    monkeypatch.setattr(
        learning.serving, "load", lambda v: ConstantClassifier(v, "negative") if v == shipped else load(v)
    )
    await customers_write(bot, tmp_path / "softanswer.db", 1)
    await learning._shadow_evaluator.tick()
    for user, word in ((ANNA, "negative"), (ADA, "neutral"), (ADA, "withdrawn")):
        await store.feedback.correct("T0ACME", 1, word, user, "card", 9.0)
    watch = await store.shadow_evaluations.current("T0ACME")
    assert watch and (await store.shadow_evaluations.counts(watch)).old_right == 1


async def test_a_run_that_was_due_while_the_bot_was_away_is_made_up_for(bot: Bot) -> None:
    learning, records = bot.services.learning, bot.services.store.records
    due = datetime.now(learning._cron.timezone).replace(hour=3, minute=0, second=0, microsecond=0)
    hours = 3600.0

    async def missed(last_here: float | None, now: float) -> bool:
        await records.remember("T0ACME", "here", None if last_here is None else due.timestamp() + last_here)
        learning._clock = lambda: due.timestamp() + now
        return await learning._missed()

    assert not await missed(None, 1 * hours)  # the first start of all
    assert await missed(-2 * hours, 1 * hours)
    assert not await missed(-2 * hours, -1 * hours)  # not due yet
    assert not await missed(1 * hours, 2 * hours)  # it was there
    assert await missed(60.0, 120.0)  # and gone again before the jitter was over
    assert not await missed(-2 * hours, 8 * hours)  # longer ago than the grace
    await records.begin_run("T0ACME", "schedule", None, due.timestamp())
    assert not await missed(-2 * hours, 1 * hours)  # it had begun before the bot went


async def test_a_correction_of_what_is_gone_says_that_nothing_was_noted(bot: Bot, tmp_path: Path) -> None:
    for message in (99, None, 2**70):
        answer = await bot.app.async_dispatch(signed(submission(ANNA, message, label="neutral"), form=True))
        assert answer.status == 200 and "not here any more" in str(answer.body)
    await customers_write(bot, tmp_path / "softanswer.db", 1)
    answer = await bot.app.async_dispatch(signed(submission(ANNA, 1, label="neutral"), form=True))
    assert answer.status == 200 and not answer.body
