"""What happens to learning when something fails in the middle: the database, the disk, the process, the clock."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.bootstrap import Bot
from bot.demo.people import Persons
from bot.demo.story import ADA, ANNA
from bot.slack.commands import answer_command
from model.artefact_folder import ArtefactError
from tests.slack.test_feedback import submission
from tests.slack.test_learning import (
    Contrary,
    customers_write,
    retrain,
    run_ended,
    shown,
    trainer,
)
from tests.support import eventually, rows, signed

WATCHES = "select state from watches"


@trainer("dies")
@pytest.mark.settings(retrain_after=2)
async def test_a_run_that_fails_is_not_tried_again_until_there_is_more_to_learn(
    bot: Bot, tmp_path: Path
) -> None:
    database = tmp_path / "softanswer.db"
    await bot.services.store.records.set_consent("T0ACME", True, ADA, 1.0)
    await customers_write(bot, tmp_path, 4)
    correct = bot.services.store.feedback.correct
    for message in (1, 2):
        await correct("T0ACME", message, "neutral", ANNA, "card", bot.services.clock())
    for _ in range(3):
        await bot.services.learning.look_around()
        await eventually(lambda: run_ended(bot))
    assert rows(database, "select trigger, state from runs") == [("new labels", "failed")]
    for message in (3, 4):
        await correct("T0ACME", message, "neutral", ANNA, "card", bot.services.clock() + 1)
    await bot.services.learning.look_around()
    await eventually(lambda: run_ended(bot))
    assert rows(database, "select count(*) from runs") == [(2,)]


@trainer("better")
@pytest.mark.parametrize("what", ["records.serve_model", "watches.begin"])
async def test_a_database_that_cannot_be_written_promotes_nothing(
    bot: Bot, persons: Persons, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    shipped, (part, method) = bot.batcher.classifier.version, what.split(".")
    with monkeypatch.context() as patched:
        patched.setattr(getattr(bot.services.store, part), method, full)
        assert await retrain(bot) == "failed"
    assert "disk is full" in (await shown(persons, "Retraining failed"))[0]
    assert bot.batcher.classifier.version == shipped == bot.services.learning.serving.active
    await bot.services.learning._watcher.tick()
    assert ("open",) not in rows(tmp_path / "softanswer.db", WATCHES)


@trainer("better")
@pytest.mark.settings(promotion="manual")
async def test_a_pointer_that_cannot_be_written_leaves_everything_as_it_was(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "active")

    shipped, serving = bot.batcher.classifier.version, bot.services.learning.serving
    assert await retrain(bot) == "waiting"
    with monkeypatch.context() as patched:
        patched.setattr(serving._registry, "_write", full)
        said = await answer_command(bot.services, ADA, "promote taught-0-better")
    assert (
        "could not be put in service" in said and "No space left" in said and f"`{shipped}` goes on" in said
    )
    assert bot.batcher.classifier.version == shipped == serving.active
    assert rows(tmp_path / "softanswer.db", WATCHES) == [("stopped",)]
    assert rows(tmp_path / "softanswer.db", "select 1 from models where state = 'active'") == []
    assert "serves now" in await answer_command(bot.services, ADA, "promote taught-0-better")
    with monkeypatch.context() as patched:
        patched.setattr(serving._registry, "_write", full)
        said = await answer_command(bot.services, ADA, "rollback")
    assert "could not be put back" in said and serving.active == "taught-0-better"
    assert rows(tmp_path / "softanswer.db", "select state from models") == [("active",)]


@trainer("better")
async def test_a_run_whose_end_cannot_be_written_is_closed_as_soon_as_it_can(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, fails = bot.services.store.records, [True]
    really = records.end_run

    async def full(*args: Any) -> bool:
        if fails.pop() if fails else False:
            raise sqlite3.OperationalError("database or disk is full")
        return await really(*args)

    monkeypatch.setattr(records, "end_run", full)
    assert await retrain(bot) == "promoted"
    assert "Retraining started" in await bot.services.learning.start("command", ADA)


@trainer("better")
@pytest.mark.settings(promotion="manual")
async def test_a_process_that_died_between_books_and_pointer_promoted_nothing(
    bot: Bot, tmp_path: Path
) -> None:
    store, serving, database = bot.services.store, bot.services.learning.serving, tmp_path / "softanswer.db"
    shipped = serving.active
    assert await retrain(bot) == "waiting"
    await store.watches.begin("T0ACME", "taught-0-better", shipped, 0.0, 1.0)
    await store.records.serve_model("T0ACME", "taught-0-better", ADA, "promoted", 1.0)
    await serving.reconcile()  # as the next start does
    await bot.services.learning._watcher.tick()
    assert rows(database, "select state from models") == [("retired",)]
    assert rows(database, WATCHES) == [("stopped",)]
    assert "serves now" in await answer_command(bot.services, ADA, "promote taught-0-better")
    audit = rows(database, "select count(*) from audit")
    await serving.reconcile()  # nothing to do
    assert rows(database, "select count(*) from audit") == audit


@trainer("worse")
async def test_what_its_gate_refused_serves_only_if_an_admin_insists(bot: Bot) -> None:
    shipped = bot.batcher.classifier.version
    assert await retrain(bot) == "refused"
    said = await answer_command(bot.services, ADA, "promote taught-0-worse")
    assert "was refused" in said and "promote taught-0-worse anyway" in said
    assert bot.batcher.classifier.version == shipped
    assert "serves now" in await answer_command(bot.services, ADA, "promote taught-0-worse anyway")


@trainer("better")
async def test_a_watch_without_the_old_version_says_so(
    bot: Bot, persons: Persons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(version: str) -> None:
        raise ArtefactError(f"{version}: wrong hash")

    assert await retrain(bot) == "promoted"
    await customers_write(bot, tmp_path, 1)
    with monkeypatch.context() as patched:
        patched.setattr(bot.services.learning.serving, "load", damaged)
        await bot.services.learning._watcher.tick()
    assert "wrong hash" in (await shown(persons, "cannot be loaded"))[0]
    assert rows(tmp_path / "softanswer.db", WATCHES) == [("stopped",)]


@trainer("better")
async def test_who_takes_their_word_back_leaves_the_others_standing(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = bot.batcher.classifier.version
    assert await retrain(bot) == "promoted"
    learning, store = bot.services.learning, bot.services.store
    load = learning.serving.load
    monkeypatch.setattr(
        learning.serving, "load", lambda v: Contrary(v, "negative") if v == shipped else load(v)
    )
    await customers_write(bot, tmp_path, 1)
    await learning._watcher.tick()
    for user, word in ((ANNA, "negative"), (ADA, "neutral"), (ADA, "withdrawn")):
        await store.feedback.correct("T0ACME", 1, word, user, "card", 9.0)
    watch = await store.watches.current("T0ACME")
    assert watch and (await store.watches.seen(watch)).old_right == 1


async def test_a_run_that_was_due_while_the_bot_was_away_is_made_up_for(bot: Bot) -> None:
    learning, records = bot.services.learning, bot.services.store.records
    due = datetime.now(learning._cron.timezone).replace(hour=3, minute=0, second=0, microsecond=0)
    hours = timedelta(hours=1).total_seconds()

    async def missed(last_here: float | None, now: float) -> bool:
        await records.remember("T0ACME", "here", None if last_here is None else due.timestamp() + last_here)
        learning._clock = lambda: due.timestamp() + now
        return await learning._missed()

    assert not await missed(None, 1 * hours)  # the first start of all
    assert await missed(-2 * hours, 1 * hours)
    assert not await missed(-2 * hours, -1 * hours)  # not due yet
    assert not await missed(1 * hours, 2 * hours)  # it was there
    assert not await missed(-2 * hours, 8 * hours)  # longer ago than the grace
    await records.begin_run("T0ACME", "schedule", None, due.timestamp())
    assert not await missed(-2 * hours, 1 * hours)  # it had begun before the bot went


async def test_a_correction_of_what_is_gone_says_that_nothing_was_noted(bot: Bot, tmp_path: Path) -> None:
    for message in (99, None, 2**70):
        answer = await bot.app.async_dispatch(signed(submission(ANNA, message, label="neutral"), form=True))
        assert answer.status == 200 and "not here any more" in str(answer.body)
    await customers_write(bot, tmp_path, 1)
    await eventually(lambda: rows(tmp_path / "softanswer.db", "select 1 from messages"))
    answer = await bot.app.async_dispatch(signed(submission(ANNA, 1, label="neutral"), form=True))
    assert answer.status == 200 and not answer.body
    await asyncio.sleep(0)
