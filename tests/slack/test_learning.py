"""Learning, with a trainer that does as it is told: lease, verdict, swap, rollback, and every way it can go wrong."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from bot.bootstrap import Bot
from bot.demo.people import Persons, find, texts
from bot.demo.story import ADA, TRIAGE
from tests.support import eventually, rows

FAKE = str(Path(__file__).parent / "fake_trainer.py")


def trainer(how: str) -> pytest.MarkDecorator:
    return pytest.mark.trainer(FAKE, how)


async def retrain(bot: Bot) -> str:
    learning, records = bot.services.learning, bot.services.store.records
    await records.set_consent("T0ACME", True, ADA, 1.0)
    assert "Retraining started" in await learning.start("command", ADA)
    await eventually(lambda: run_ended(bot))
    run = await records.last_run("T0ACME")
    assert run
    return run.state


async def run_ended(bot: Bot) -> bool:
    run = await bot.services.store.records.last_run("T0ACME")
    return bool(run and run.state != "running")


async def shown(persons: Persons, words: str) -> list[str]:
    return texts(await persons.until(words, lambda s: find(s, TRIAGE, words), ADA))


@trainer("better")
async def test_a_better_candidate_serves_and_can_be_rolled_back(
    bot: Bot, persons: Persons, tmp_path: Path
) -> None:
    shipped = bot.batcher.classifier.version
    assert await retrain(bot) == "promoted"
    assert bot.batcher.classifier.version == "taught-0-better"
    report = await shown(persons, "serves now")
    assert "Check" in report[1] and "0.900" in report[2]
    states = rows(tmp_path / "softanswer.db", "select version, state, parent from models")
    assert states == [("taught-0-better", "active", shipped)]

    reading = await bot.batcher.read("How do I export my data?")
    near = bot.services.pipeline._near(reading)
    assert near[0].template == "data_export"

    assert "Rolled back" in await bot.services.learning.rollback(ADA)
    assert bot.batcher.classifier.version == shipped
    assert "Nothing served before" in await bot.services.learning.rollback(ADA)
    assert "serves now" in await bot.services.learning.promote("taught-0-better", ADA)
    assert (tmp_path / "models" / "active").read_text().split()[0] == "taught-0-better"
    assert not list((tmp_path / "models" / ".runs").iterdir())


@trainer("worse")
async def test_a_worse_candidate_is_refused_with_reasons(bot: Bot, persons: Persons, tmp_path: Path) -> None:
    shipped = bot.batcher.classifier.version
    assert await retrain(bot) == "refused"
    assert bot.batcher.classifier.version == shipped
    report = await shown(persons, "does not serve")
    assert "macro-F1 fell from 0.890 to 0.700" in report[0]
    assert rows(tmp_path / "softanswer.db", "select state from models") == [("refused",)]


@trainer("unexported")
async def test_a_candidate_that_could_not_be_exported_is_refused(
    bot: Bot, persons: Persons, tmp_path: Path
) -> None:
    assert await retrain(bot) == "refused"
    assert "int8 differs from fp32" in (await shown(persons, "does not serve"))[0]
    assert rows(tmp_path / "softanswer.db", "select count(*) from models") == [(0,)]


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


@trainer("hangs")
async def test_one_lease_for_everybody_and_a_clean_stop(bot: Bot, tmp_path: Path) -> None:
    learning, records = bot.services.learning, bot.services.store.records
    assert "consent on" in await learning.start("schedule", None)
    await records.set_consent("T0ACME", True, ADA, 1.0)
    starts = await asyncio.gather(*(learning.start("command", ADA) for _ in range(3)))
    assert sum("Retraining started" in s for s in starts) == 1
    assert sum("running already" in s for s in starts) == 2
    await eventually(
        lambda: rows(tmp_path / "softanswer.db", "select 1 from actions where kind = 'notice_update'")
    )
    began = time.monotonic()
    await learning.close()
    assert time.monotonic() - began < 10
    assert rows(tmp_path / "softanswer.db", "select state, summary from runs") == [
        ("failed", "the bot stopped during the run")
    ]


async def test_the_schedule_is_visible(bot: Bot) -> None:
    moment = bot.services.learning.next_run()
    assert moment and (moment.hour, moment.minute) == (3, 0)
    lines = await bot.services.status.lines()
    assert any("next" in line and "03:00 UTC" in line for line in lines)


async def test_no_message_is_dropped_by_a_swap(bot: Bot) -> None:
    """Readings that are under way while versions swap all arrive, from the one or the other."""
    load = bot.services.learning._load
    folder = bot.services.learning._registry.folder(bot.batcher.classifier.version)
    reads = [
        asyncio.create_task(bot.batcher.read(f"message number {i}, is the export down?")) for i in range(200)
    ]
    for _ in range(5):
        await asyncio.sleep(0)
        await bot.batcher.swap(load(folder))
    readings = await asyncio.gather(*reads)
    assert len(readings) == 200 and all(r.label for r in readings)
