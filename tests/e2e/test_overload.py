"""A backlog of 300 messages that came while the model stood still: nothing is lost, memory stays bounded, and the order of service."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.bootstrap import Bot
from bot.demo.people import Persons
from bot.demo.workspace import BEN, CARLA, HELP
from bot.slack.intake import MAX_CONCURRENT, Socket
from model.classifier import Classifier
from model.reading import Reading
from sandbox.server import Sandbox
from tests.support.database import actions, cases, inbox, messages, waiting
from tests.support.wait import eventually

MESSAGES = 300
UNHAPPY = range(200, MESSAGES, 25)
"""Four of the newer ones."""


@pytest.fixture
async def socket(bot: Bot, sandbox: Sandbox) -> AsyncIterator[Socket]:
    """The bot of this process, connected as `softanswer run` connects it."""
    web_client = AsyncWebClient(token=sandbox.app_token, base_url=sandbox.api_url)
    socket = Socket(bot.app, sandbox.app_token, web_client, bot.backfill.want)
    await socket.connect()
    yield socket
    await socket.close()


async def test_a_backlog_is_served_in_its_order(
    bot: Bot,
    sandbox: Sandbox,
    persons: Persons,
    socket: Socket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database, go, read = tmp_path / "softanswer.db", threading.Event(), Classifier.read

    def held(self: Classifier, texts: Sequence[str]) -> list[Reading]:
        go.wait(120)
        return read(self, texts)

    monkeypatch.setattr(Classifier, "read", held)
    bot.services.pipeline._rules = replace(bot.services.settings.rules, conversation_s=0)
    tasks = most = 0
    for i in range(MESSAGES):
        text = (
            "This is the third outage this week, unacceptable!"
            if i in UNHAPPY
            else "How do I export my data?"
        )
        await persons.write(BEN if i % 2 else CARLA, HELP, f"{text} ({i})")
        tasks, most = max(tasks, len(asyncio.all_tasks())), max(most, len(bot.batcher._waiting))
    # Everything is acked, so on disk, though nothing is read; and nothing piles up in memory.
    await eventually(lambda: all(d.acked for d in list(sandbox.place.deliveries.all)))
    assert len(inbox(database, state="pending")) == MESSAGES
    assert messages(database) == []
    assert most <= 32 and tasks < 32 + MAX_CONCURRENT + 20

    go.set()
    await eventually(lambda: len(messages(database)) == MESSAGES)
    order = [float(m.ts) for m in messages(database)]
    assert order == sorted(order)  # oldest first
    await eventually(lambda: len(actions(database, kind="card", state="sent")) == len(UNHAPPY))
    # Slack takes an answer a second; the cards of the newest do not stand behind those of the oldest.
    assert len(actions(database, kind="reply", state="sent")) < 40
    assert [m.flag for m in messages(database) if m.flag is not None] == ["unhappy"] * len(UNHAPPY)

    # By and by the rest is too late. It is dropped at once, not one a second, and a person is called to each thread.
    bot.deliverer._too_late_s = 0.0
    bot.deliverer.wake()
    await eventually(lambda: not waiting(database, channel=HELP), within_s=40)
    sent = len(actions(database, kind="reply", state="sent"))
    assert sent < 80
    dropped = actions(database, kind="reply", state="dropped")
    answered = len(actions(database, kind="reply"))
    assert [a.error for a in dropped] == ["too late to answer"] * (answered - sent)
    answered_late = {m.thread for a in dropped for m in messages(database, id=a.message_id)}
    assert answered_late and answered_late <= {c.thread for c in cases(database)}
