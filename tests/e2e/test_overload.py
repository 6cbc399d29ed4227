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
from bot.demo.story import BEN, CARLA, HELP
from bot.slack.intake import MOST_AT_ONCE, Socket
from model.classifier import Classifier
from model.reading import Reading
from sandbox.server import Sandbox
from tests.support import eventually, rows

MESSAGES = 300
UNHAPPY = range(200, MESSAGES, 25)
"""Four of the newer ones."""


@pytest.fixture
async def socket(bot: Bot, sandbox: Sandbox) -> AsyncIterator[Socket]:
    """The bot of this process, connected as `softanswer run` connects it."""
    web_client = AsyncWebClient(token=sandbox.app_token, base_url=sandbox.api_url)
    socket = Socket(bot.app, sandbox.app_token, web_client, bot.catch_up.want)
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
    assert rows(database, "select count(*) from inbox where state = 'pending'") == [(MESSAGES,)]
    assert rows(database, "select count(*) from messages") == [(0,)]
    assert most <= 32 and tasks < 32 + MOST_AT_ONCE + 20

    go.set()
    await eventually(lambda: rows(database, f"select 1 where (select count(*) from messages) = {MESSAGES}"))
    in_order = "select count(*) from messages a join messages b on b.id = a.id + 1 where cast(b.ts as real) < cast(a.ts as real)"
    assert rows(database, in_order) == [(0,)]  # oldest first
    cards = "select count(*) from actions where kind = 'card' and state = 'sent'"
    replies = "select count(*) from actions where kind = 'reply' and state = 'sent'"
    await eventually(lambda: rows(database, cards) == [(len(UNHAPPY),)])
    # Slack takes an answer a second; the cards of the newest do not stand behind those of the oldest.
    assert rows(database, replies)[0][0] < 40
    assert rows(database, "select flag, count(*) from messages where flag is not null group by 1") == [
        ("unhappy", len(UNHAPPY))
    ]

    # By and by the rest is too late. It is dropped at once, not one a second, and a person is called to each thread.
    bot.deliverer._too_late_s = 0.0
    bot.deliverer.wake()
    waiting = "select count(*) from actions where channel = ? and state in ('pending', 'sending')"
    await eventually(lambda: rows(database, waiting, HELP) == [(0,)], within_s=40)
    sent = rows(database, replies)[0][0]
    assert sent < 80
    dropped = rows(
        database, "select error, count(*) from actions where kind = 'reply' and state = 'dropped' group by 1"
    )
    answered = rows(database, "select count(*) from actions where kind = 'reply'")[0][0]
    assert dropped == [("too late to answer", answered - sent)]
    without = (
        "select count(*) from actions a join messages m on m.id = a.message_id where a.kind = 'reply' and a.state = 'dropped'"
        " and not exists (select 1 from cases c where c.thread = m.thread)"
    )
    assert rows(database, without) == [(0,)]
