"""Learning with a trainer that does as it is told (fake_trainer.py), started, waited for and read in triage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.bootstrap import Bot
from bot.demo.people import Persons, find, texts
from bot.demo.workspace import ADA, BEN, TRIAGE
from tests.support.database import messages
from tests.support.dispatch import say
from tests.support.wait import eventually

FAKE_TRAINER = str(Path(__file__).parent / "fake_trainer.py")


def trainer(how: str) -> pytest.MarkDecorator:
    """Mark a test so that its bot trains with the fake trainer, which goes as `how` says."""
    return pytest.mark.trainer(FAKE_TRAINER, how)


async def retrain(bot: Bot) -> str:
    """Consent, start a run and wait for its end; returns its state."""
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
    """The texts of the message in triage that shows these words, once it is there."""
    return texts(await persons.until(words, lambda s: find(s, TRIAGE, words), ADA))


async def a_picture(facts: Mapping[str, Any]) -> bytes:
    """Stands in for the painter, a process that loads matplotlib: a PNG's first bytes."""
    return b"\x89PNG\r\n"


async def customers_write(bot: Bot, database: Path, count: int, start: int = 0) -> None:
    """So many messages, read by the bot; their ids follow on `start`."""
    for i in range(start, start + count):
        await say(
            bot, f"Message number {i}: where do I find invoice {i}?", ts=f"17000{i:05}.000100", user=BEN
        )
    await eventually(lambda: messages(database, id=start + count))
