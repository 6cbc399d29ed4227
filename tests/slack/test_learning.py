"""Learning, with a trainer that does as it is told: lease, verdict, swap, rollback, and every way it can go wrong."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from pathlib import Path

import pytest

from bot.bootstrap import Bot
from bot.demo.people import Persons
from bot.demo.workspace import ADA, ANNA, BEN
from bot.domain.learning import UNJUDGED
from bot.learning.process import Snapshot
from bot.slack.commands import answer_command
from tests.support.database import actions, audit, label_requests, lineage, models, runs, shadow_evaluations
from tests.support.dispatch import say
from tests.support.learning import customers_write, retrain, run_ended, shown, trainer
from tests.support.models import ConstantClassifier
from tests.support.wait import eventually


@trainer("better")
async def test_a_better_candidate_serves_and_can_be_rolled_back(
    bot: Bot, persons: Persons, tmp_path: Path
) -> None:
    shipped = bot.batcher.classifier.version
    assert await retrain(bot) == "promoted"
    assert bot.batcher.classifier.version == "taught-0-better"
    report = await shown(persons, "serves now")
    assert "Check" in report[1] and "0.900" in report[2]
    states = [(m.version, m.state, m.parent) for m in models(tmp_path / "softanswer.db")]
    assert states == [("taught-0-better", "active", shipped)]

    reading = await bot.batcher.read("How do I export my data?")
    near = bot.services.pipeline._matches(reading, "How do I export my data?")
    assert near[0].template == "data_export"

    assert "Rolled back" in await bot.services.learning.serving.rollback(ADA)
    assert bot.batcher.classifier.version == shipped
    assert "Nothing served before" in await bot.services.learning.serving.rollback(ADA)
    assert "serves now" in await bot.services.learning.serving.promote("taught-0-better", ADA)
    assert (tmp_path / "models" / "active").read_text().split()[0] == "taught-0-better"
    assert not list((tmp_path / "models" / ".runs").iterdir())


@trainer("worse")
async def test_a_worse_candidate_is_refused_with_reasons(bot: Bot, persons: Persons, tmp_path: Path) -> None:
    shipped = bot.batcher.classifier.version
    assert await retrain(bot) == "rejected"
    assert bot.batcher.classifier.version == shipped
    report = await shown(persons, "was rejected")
    assert "macro-F1 fell from 0.890 to 0.700" in report[0]
    assert any("“No thanks &amp; bye” is neutral, was read as negative" in text for text in report)
    assert any("1.2004" in text and "1.2000" in text for text in report)
    assert [m.state for m in models(tmp_path / "softanswer.db")] == ["rejected"]


@trainer("unexported")
async def test_a_candidate_that_could_not_be_exported_is_refused(
    bot: Bot, persons: Persons, tmp_path: Path
) -> None:
    assert await retrain(bot) == "rejected"
    assert "int8 differs from fp32" in (await shown(persons, "could not be exported"))[0]
    assert models(tmp_path / "softanswer.db") == []


@trainer("better")
@pytest.mark.settings(promotion="manual")
async def test_the_last_word_can_be_an_admins(bot: Bot, persons: Persons) -> None:
    shipped = bot.batcher.classifier.version
    assert await retrain(bot) == "waiting"
    assert bot.batcher.classifier.version == shipped
    await shown(persons, "/softanswer promote taught-0-better")


@pytest.mark.parametrize(
    ("how", "why"),
    [
        pytest.param("dies", "the disk is full", marks=trainer("dies")),
        pytest.param("babbles", "this is not JSON", marks=trainer("babbles")),
        pytest.param("broken", "model.onnx", marks=trainer("broken")),
    ],
)
async def test_a_run_that_fails_leaves_the_version_in_service(
    bot: Bot, persons: Persons, tmp_path: Path, how: str, why: str
) -> None:
    shipped = bot.batcher.classifier.version
    assert await retrain(bot) == "failed"
    assert why in (await shown(persons, "Retraining failed"))[0]
    assert bot.batcher.classifier.version == shipped
    assert not (tmp_path / "models" / "active").exists()
    assert (await bot.batcher.read("hello, where is my invoice?")).version == shipped
    assert "Retraining started" in await bot.services.learning.start("command", ADA)


@pytest.mark.parametrize(
    "stage",
    [
        pytest.param(stage, marks=trainer(f"killed at {stage}"))
        for stage in ("load", "embed", "train", "export", "evaluate", "gate")
    ],
)
async def test_a_run_killed_at_any_stage_changes_nothing(
    bot: Bot, persons: Persons, tmp_path: Path, stage: str
) -> None:
    shipped = bot.batcher.classifier.version
    assert await retrain(bot) == "failed"
    assert "ended with status -9" in (await shown(persons, "Retraining failed"))[0]
    assert bot.batcher.classifier.version == shipped
    assert not list((tmp_path / "models" / ".runs").iterdir())
    assert models(tmp_path / "softanswer.db") == []


@trainer("better")
async def test_a_full_disk_stops_a_run_and_nothing_else(
    bot: Bot, persons: Persons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "snapshot.jsonl")

    with monkeypatch.context() as patched:
        patched.setattr(Snapshot, "write", full)
        assert await retrain(bot) == "failed"
    assert "No space left on device" in (await shown(persons, "Retraining failed"))[0]
    with monkeypatch.context() as patched:
        patched.setattr("model.registry.shutil.move", full)
        assert await retrain(bot) == "failed"
    assert models(tmp_path / "softanswer.db") == []
    assert await retrain(bot) == "promoted"


@trainer("better")
async def test_a_clock_that_jumps_moves_no_run(bot: Bot, tmp_path: Path) -> None:
    jumps = iter([1.7e9, 1.6e9, 1.9e9] * 1000)
    bot.services.learning._clock = lambda: next(jumps)
    assert await retrain(bot) == "promoted"
    assert await bot.services.learning.requester.ask() == 0


@trainer("hangs")
async def test_one_lease_for_everybody_and_a_clean_stop(bot: Bot, tmp_path: Path) -> None:
    learning, records = bot.services.learning, bot.services.store.records
    assert "consent on" in await learning.start("schedule", None)
    await records.set_consent("T0ACME", True, ADA, 1.0)
    starts = await asyncio.gather(*(learning.start("command", ADA) for _ in range(3)))
    assert sum("Retraining started" in s for s in starts) == 1
    assert sum("running already" in s for s in starts) == 2
    await eventually(lambda: actions(tmp_path / "softanswer.db", kind="notice_update"))
    began = time.monotonic()
    await learning.close()
    assert time.monotonic() - began < 10
    assert [(r.state, r.summary) for r in runs(tmp_path / "softanswer.db")] == [
        ("failed", "the bot stopped during the run")
    ]


@trainer("better")
@pytest.mark.parametrize("step", ["take_over", "prune"])
async def test_a_stop_after_the_verdict_does_not_undo_it(
    bot: Bot, persons: Persons, tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving, reached = bot.services.learning.serving, asyncio.Event()
    really = getattr(serving, step)

    async def slowly(*args: str, **kwargs: str) -> None:
        reached.set()
        await asyncio.sleep(0.2)
        await really(*args, **kwargs)

    monkeypatch.setattr(serving, step, slowly)
    await bot.services.store.records.set_consent("T0ACME", True, ADA, 1.0)
    await bot.services.learning.start("command", ADA)
    await asyncio.wait_for(reached.wait(), 30)
    await bot.services.learning.close()
    database = tmp_path / "softanswer.db"
    assert [(r.state, r.version) for r in runs(database)] == [("promoted", "taught-0-better")]
    assert [m.version for m in models(database, state="active")] == ["taught-0-better"]
    assert not [a for a in actions(database) if "Retraining stopped" in str(a.payload)]


async def test_the_schedule_is_visible(bot: Bot) -> None:
    moment = bot.services.learning.next_run()
    assert moment and moment.hour == 3 and moment.minute <= 5
    lines = await bot.services.status.lines()
    assert any("next" in line and "03:0" in line for line in lines)


async def test_no_message_is_dropped_by_a_swap(bot: Bot) -> None:
    """Readings that are under way while versions swap all arrive, from the one or the other."""
    load, version = bot.services.learning.serving.load, bot.batcher.classifier.version
    reads = [
        asyncio.create_task(bot.batcher.read(f"message number {i}, is the export down?")) for i in range(200)
    ]
    for _ in range(5):
        await asyncio.sleep(0)
        await bot.batcher.swap(load(version))
    readings = await asyncio.gather(*reads)
    assert len(readings) == 200 and all(r.label for r in readings)


@trainer("hangs")
async def test_an_admin_cancels_a_run(bot: Bot, persons: Persons, tmp_path: Path) -> None:
    learning, records = bot.services.learning, bot.services.store.records
    assert "No retraining is running" in await answer_command(bot.services, ADA, "retrain cancel")
    await records.set_consent("T0ACME", True, ADA, 1.0)
    await learning.start("command", ADA)
    await eventually(lambda: list((tmp_path / "models" / ".runs").glob("*/snapshot.jsonl")))
    assert "Only an admin" in await answer_command(bot.services, ANNA, "retrain cancel")
    assert "was cancelled" in await answer_command(bot.services, ADA, "retrain cancel")
    assert f"cancelled by <@{ADA}>" in (await shown(persons, "Retraining stopped"))[0]
    assert not list((tmp_path / "models" / ".runs").iterdir())
    assert [r.state for r in runs(tmp_path / "softanswer.db")] == ["failed"]
    assert "Retraining started" in await learning.start("command", ADA)


async def test_without_consent_the_schedule_trains_nothing_and_says_so_once_a_week(
    bot: Bot, tmp_path: Path
) -> None:
    learning, now = bot.services.learning, [1_700_000_000.0]
    learning._clock = lambda: now[0]
    for days, notices in ((0, 1), (1, 1), (6, 1), (8, 2)):
        now[0] = 1_700_000_000.0 + days * 86400
        assert "consent on" in await learning.start("schedule", None)
        told = [
            a for a in actions(tmp_path / "softanswer.db", kind="notice") if "consent on" in str(a.payload)
        ]
        assert len(told) == notices
    assert runs(tmp_path / "softanswer.db") == []


@trainer("better")
@pytest.mark.settings(retrain_after=3)
async def test_enough_new_labels_start_a_run(bot: Bot, tmp_path: Path) -> None:
    await customers_write(bot, tmp_path / "softanswer.db", 3)
    for message in (1, 2):
        await bot.services.store.feedback.correct("T0ACME", message, "neutral", ANNA, "card", 9.0)
    await bot.services.store.records.set_consent("T0ACME", True, ADA, 1.0)
    await bot.services.learning.look_around()
    assert runs(tmp_path / "softanswer.db") == []
    await bot.services.store.feedback.correct("T0ACME", 3, "neutral", ADA, "card", 9.0)
    await bot.services.store.records.serve_model("T0ACME", "a", ADA, "promoted", 1.0, instead_of="b")
    await bot.services.learning.look_around()
    assert runs(tmp_path / "softanswer.db") == []
    await bot.services.store.records.serve_model("T0ACME", "b", ADA, "rolled back", 2.0)
    await bot.services.learning.look_around()
    await eventually(lambda: run_ended(bot))
    assert [(r.trigger, r.state) for r in runs(tmp_path / "softanswer.db")] == [("new labels", "promoted")]


@trainer("better")
async def test_the_snapshot_is_redacted_and_the_lineage_known(bot: Bot, tmp_path: Path) -> None:
    await say(bot, "Mail jo@example.com, the invoice is fine", ts="1600000000.000100", user=BEN)
    await customers_write(bot, tmp_path / "softanswer.db", 12, start=1)
    for message in range(1, 14):
        user = (ANNA, ADA)[message % 2]
        await bot.services.store.feedback.correct("T0ACME", message, "neutral", user, "card", 9.0)
    seen: list[Snapshot] = []
    write = Snapshot.write
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Snapshot, "write", lambda self, folder: (seen.append(self), write(self, folder))[1])
        assert await retrain(bot) == "promoted"
    lines = "\n".join(seen[0].lines())
    assert "jo@" not in lines and "an address" in lines
    learned = [used for used in seen[0].rows if not used.live]
    assert [(r.data_hash, r.learned) for r in runs(tmp_path / "softanswer.db")] == [
        (seen[0].hash, len(learned))
    ]
    assert lineage(tmp_path / "softanswer.db") == sorted(i for row in learned for i in row.label_events)


@trainer("worse")
async def test_the_schedule_does_not_train_on_what_it_knows_nor_under_a_watch(
    bot: Bot, tmp_path: Path
) -> None:
    assert await retrain(bot) == "rejected"
    await bot.services.learning.start("schedule", None)
    await eventually(lambda: run_ended(bot))
    last = runs(tmp_path / "softanswer.db")[-1]
    assert (last.state, last.summary) == ("skipped", "there are no new labels since the last run")
    (learning,) = [line for line in await bot.services.status.lines() if line.startswith("*Learning*")]
    assert (
        ", skipped: there are no new labels" in learning
        and "last verdict" in learning
        and ", rejected: Version" in learning
    )
    await customers_write(bot, tmp_path / "softanswer.db", 1)
    await bot.services.store.feedback.correct("T0ACME", 1, "neutral", ANNA, "card", 9.0)
    await bot.services.store.records.serve_model("T0ACME", "a", ADA, "promoted", 1.0, instead_of="b")
    await bot.services.learning.start("schedule", None)
    await eventually(lambda: run_ended(bot))
    last = runs(tmp_path / "softanswer.db")[-1]
    assert (last.state, last.summary) == (
        "skipped",
        "the shadow evaluation of the active version is still open",
    )
    judged = await bot.services.store.records.last_run("T0ACME", but=UNJUDGED)
    assert judged and judged.state == "rejected"  # a run that was skipped judges nothing


@trainer("better")
async def test_a_run_whose_message_was_deleted_meanwhile_comes_to_nothing(
    bot: Bot, persons: Persons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await customers_write(bot, tmp_path / "softanswer.db", 12)
    for message in range(1, 13):
        await bot.services.store.feedback.correct(
            "T0ACME", message, "neutral", (ANNA, ADA)[message % 2], "card", 9.0
        )
    write = Snapshot.write

    def and_delete(self: Snapshot, folder: Path) -> None:
        write(self, folder)
        bot.services.store.database.transaction_blocking(
            lambda db: db.update("messages", self.rows[0].message, {"text": None})
        )

    monkeypatch.setattr(Snapshot, "write", and_delete)
    assert await retrain(bot) == "failed"
    assert "deleted or forgotten in the meantime" in (await shown(persons, "Retraining failed"))[0]
    assert models(tmp_path / "softanswer.db") == []


@trainer("better")
async def test_what_was_measured_against_another_version_waits_for_an_admin(
    bot: Bot, persons: Persons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped, serving = bot.batcher.classifier.version, bot.services.learning.serving
    monkeypatch.setattr(type(serving), "active", property(lambda self: "other"))
    monkeypatch.setattr(type(serving), "active_folder", property(lambda self: self._registry.folder(shipped)))
    assert await retrain(bot) == "waiting"
    assert (
        "was not promoted: It was compared with `other`" in (await shown(persons, "passed, but was not"))[0]
    )
    assert bot.batcher.classifier.version == shipped


@trainer("better")
async def test_two_rollbacks_at_once_are_one_after_the_other(bot: Bot, tmp_path: Path) -> None:
    shipped = bot.batcher.classifier.version
    assert await retrain(bot) == "promoted"
    serving = bot.services.learning.serving
    answers = await asyncio.gather(serving.rollback(ADA), serving.rollback(ADA))
    assert sum("serves now" in a for a in answers) == 1 and sum("Nothing served" in a for a in answers) == 1
    assert bot.batcher.classifier.version == shipped == serving.active


@trainer("worse")
@pytest.mark.settings(keep_versions=1)
async def test_versions_that_never_served_are_cleared_away(bot: Bot, tmp_path: Path) -> None:
    assert await retrain(bot) == "rejected"
    await customers_write(bot, tmp_path / "softanswer.db", 1)
    await bot.services.store.feedback.correct("T0ACME", 1, "neutral", ANNA, "card", 9.0)
    folders = tmp_path / "models"
    assert [f.name for f in folders.iterdir() if f.is_dir() and f.name[0] != "."] == ["taught-0-worse"]
    assert await retrain(bot) == "rejected"
    await eventually(lambda: len([f for f in folders.iterdir() if f.is_dir() and f.name[0] != "."]) == 1)


@trainer("better")
@pytest.mark.settings(watch={"readings": 20, "hours": 0.0})
async def test_a_promoted_version_that_proves_worse_is_rolled_back(
    bot: Bot, persons: Persons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, shipped = tmp_path / "softanswer.db", bot.batcher.classifier.version
    assert await retrain(bot) == "promoted"
    learning, shadow_evaluator = bot.services.learning, bot.services.learning._shadow_evaluator
    load = learning.serving.load
    monkeypatch.setattr(
        learning.serving, "load", lambda v: ConstantClassifier(v, "negative") if v == shipped else load(v)
    )
    await customers_write(bot, tmp_path / "softanswer.db", 12)
    await shadow_evaluator.tick()
    assert [(s.readings, s.state) for s in shadow_evaluations(database)] == [(12, "open")]
    assert len(label_requests(database, why="differ")) == 12
    await shown(persons, "did this customer feel")
    for message in range(1, 13):
        await bot.services.store.feedback.correct("T0ACME", message, "negative", ANNA, "question", 9.0)
    monkeypatch.setattr(learning.serving, "load", load)
    await shadow_evaluator.tick()
    await shadow_evaluator.tick()
    assert bot.batcher.classifier.version != shipped
    assert len(await shown(persons, "So far one person finds")) == 1
    confirm = [(r.message_id, r.person) for r in label_requests(database, why="confirm")]
    assert len(confirm) == 3 and ANNA not in {person for _, person in confirm}
    for message in range(1, 13):  # and agrees on everything: two voices all the same
        await bot.services.store.feedback.correct("T0ACME", message, "negative", ADA, "question", 9.0)
    await shadow_evaluator.tick()
    assert bot.batcher.classifier.version == shipped
    assert [s.state for s in shadow_evaluations(database)] == ["worse"]
    assert "the old one on 12 (0 not answered)" in (await shown(persons, "worse than"))[0]
    assert ("the shadow evaluation", "rolled back") in [(e.user, e.what) for e in audit(database)]


@trainer("better")
@pytest.mark.settings(watch={"readings": 20, "hours": 0.0})
async def test_a_promoted_version_that_holds_stays(bot: Bot, persons: Persons, tmp_path: Path) -> None:
    assert await retrain(bot) == "promoted"
    await customers_write(bot, tmp_path / "softanswer.db", 20)
    await bot.services.learning._shadow_evaluator.tick()
    assert (
        "passed its shadow evaluation: both read 20 messages"
        in (await shown(persons, "passed its shadow"))[0]
    )
    assert bot.batcher.classifier.version == "taught-0-better"
    await bot.services.learning._shadow_evaluator.tick()
    assert [s.state for s in shadow_evaluations(tmp_path / "softanswer.db")] == ["passed"]


@trainer("better")
async def test_a_rollback_by_hand_ends_the_watch(bot: Bot, tmp_path: Path) -> None:
    assert await retrain(bot) == "promoted"
    await bot.services.learning.serving.rollback(ADA)
    assert [s.state for s in shadow_evaluations(tmp_path / "softanswer.db")] == ["stopped"]
    await bot.services.learning._shadow_evaluator.tick()
