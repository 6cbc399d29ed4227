"""The learning report in triage: after each run, below it, once; in words alone where there can be no picture."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.bootstrap import Bot
from bot.demo.people import Message, Persons, texts
from bot.demo.workspace import ADA, ANNA, TRIAGE
from bot.learning.picture import NotDrawn
from bot.slack.writers import Writers
from sandbox.server import Sandbox
from tests.support.database import cases, messages
from tests.support.dispatch import say
from tests.support.learning import a_picture, retrain, trainer
from tests.support.wait import eventually


def writers(bot: Bot) -> Writers:
    return bot.deliverer._writers


def below_the_run(state: dict[str, Any]) -> list[Message]:
    """The reports in triage; each must stand in the thread of its run."""
    written = state["messages"][TRIAGE]
    runs = {m["ts"] for m in written if "🎓" in " ".join(texts(m))}
    reports = [m for m in written if "What learning did" in str(m.get("text"))]
    assert all(m.get("thread_ts") in runs for m in reports)
    return reports


async def reports(persons: Persons, number: int = 1) -> list[Message]:
    found = await persons.until(
        "the report", lambda s: r if len(r := below_the_run(s)) >= number else None, ADA
    )
    return list(found)


@trainer("better")
@pytest.mark.painter
async def test_a_picture_stands_below_the_run(bot: Bot, persons: Persons, tmp_path: Path) -> None:
    await say(bot, "This is broken again and I have had enough of it!!")
    await eventually(lambda: cases(tmp_path / "softanswer.db"))
    message = messages(tmp_path / "softanswer.db")[0].id
    await bot.services.store.feedback.correct("T0ACME", message, "neutral", ANNA, "card", time.time())
    assert await retrain(bot) == "promoted"
    (report,) = await reports(persons)
    assert "On 300 of your messages, never learned from: macro-F1 0.900" in report["text"]
    assert "1 by card" in report["text"]
    (file,) = report["files"]
    async with httpx.AsyncClient() as browser:
        content = (await browser.get(file["url_private"])).content
    assert content.startswith(b"\x89PNG\r\n") and content != await a_picture({})


@trainer("worse")
async def test_without_a_painter_it_is_said_in_words(bot: Bot, persons: Persons) -> None:
    async def paints_nothing(facts: Mapping[str, Any]) -> bytes:
        raise NotDrawn("No module named 'matplotlib'")

    writers(bot).draw = paints_nothing
    assert await retrain(bot) == "rejected"
    (report,) = await reports(persons)
    assert not report.get("files") and "macro-F1 0.700" in " ".join(texts(report))


@trainer("better")
async def test_without_the_scope_it_is_said_in_words(bot: Bot, persons: Persons, sandbox: Sandbox) -> None:
    sandbox.place.interventions.fail("files.getUploadURLExternal", 1, "missing_scope", None, None)
    assert await retrain(bot) == "promoted"
    (report,) = await reports(persons)
    assert not report.get("files")


@trainer("better")
async def test_a_picture_whose_answer_was_lost_is_not_shared_twice(
    bot: Bot, persons: Persons, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete, lost = bot.client.files_completeUploadExternal, 0

    async def loses_the_answer(**call: Any) -> Any:
        nonlocal lost
        await complete(**call)
        lost += 1
        raise TimeoutError

    monkeypatch.setattr(bot.client, "files_completeUploadExternal", loses_the_answer)
    assert await retrain(bot) == "promoted"
    await reports(persons)
    await eventually(lambda: settled(bot), within_s=20)
    assert lost == 1 and len(await reports(persons)) == 1


async def settled(bot: Bot) -> bool:
    await asyncio.sleep(0.1)
    return set(await bot.services.store.outbox.counts()) == {"sent"}
