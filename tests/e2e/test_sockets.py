"""Two sockets at once, and sockets that are refreshed while customers write: every message is taken once and answered once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.bootstrap import Bot
from bot.demo.people import Persons
from bot.demo.process import BotProcess
from bot.demo.workspace import BEN, CARLA, HELP
from bot.slack.intake import Socket
from sandbox.deliveries import Delivery
from sandbox.server import Sandbox
from tests.support.database import actions, inbox, messages, not_sent
from tests.support.sandbox import observe, replies
from tests.support.wait import eventually

QUESTION = "<@U0BOT> How do I export my data?"


@pytest.fixture
async def two_sockets(bot: Bot, sandbox: Sandbox) -> AsyncIterator[list[list[str]]]:
    """The bot of this process, with two connections to Slack; Slack uses both for everything. What each of them heard."""
    sockets, heard = [], [list[str](), list[str]()]
    for envelopes in heard:
        web_client = AsyncWebClient(token=sandbox.app_token, base_url=sandbox.api_url)
        sockets.append(Socket(bot.app, sandbox.app_token, web_client, bot.backfill.want))
        sockets[-1].message_listeners.append(partial(note, envelopes))
        await sockets[-1].connect()
    await eventually(lambda: len(sandbox.place.socket_mode.links) == 2)
    sandbox.place.socket_mode.on_every_socket = True
    yield heard
    for socket in sockets:
        await socket.close()


async def note(envelopes: list[str], _client: object, message: dict[str, Any], _raw: str | None) -> None:
    if "envelope_id" in message:
        envelopes.append(message["envelope_id"])


def as_another_team(sandbox: Sandbox, ts: str) -> None:
    """The events of a message once more, as Slack Connect may send them: with the other organisation's team id."""
    for delivery in [d for d in theirs(sandbox) if d.payload["event"]["ts"] == ts]:
        other = {**delivery.payload, "team_id": "T0OTHER", "event_id": f"{delivery.payload['event_id']}X"}
        assert sandbox._loop
        sandbox._loop.call_soon_threadsafe(sandbox.place.deliveries.event, other)


def theirs(sandbox: Sandbox) -> list[Delivery]:
    """The events of what customers wrote."""
    return [d for d in list(sandbox.place.deliveries.all) if d.payload["event"].get("user") in (CARLA, BEN)]


async def test_what_comes_over_two_sockets_as_two_kinds_from_two_teams_is_answered_once(
    two_sockets: list[list[str]], sandbox: Sandbox, persons: Persons, tmp_path: Path
) -> None:
    database = tmp_path / "softanswer.db"
    asked = []
    for user in (CARLA, BEN):
        asked.append(await persons.write(user, HELP, QUESTION))
        as_another_team(sandbox, asked[-1])
    # Message and mention, of two teams, for each of two.
    await eventually(lambda: len(list(theirs(sandbox))) == 8)
    await eventually(lambda: all(d.acked for d in theirs(sandbox)))
    await eventually(lambda: len(messages(database)) == 2)
    await eventually(lambda: not not_sent(database))
    assert [d.attempts for d in theirs(sandbox)] == [1] * 8  # nothing had to be sent again
    sent = {d.envelope_id for d in theirs(sandbox)}
    assert all(sent <= set(envelopes) for envelopes in two_sockets)
    assert len(inbox(database)) == 2
    assert [len(await replies(persons, ts)) for ts in asked] == [1, 1]


@pytest.mark.parametrize("reason", ["refresh_requested", "warning"])
async def test_a_refresh_under_traffic_leaves_no_gap(
    sandbox: Sandbox, persons: Persons, start_bot: Callable[..., BotProcess], tmp_path: Path, reason: str
) -> None:
    """Slack refreshes every socket five times while customers write; nothing is lost, doubled, or waits for long."""
    start_bot()
    database = tmp_path / "softanswer.db"
    asked: list[str] = []
    done = asyncio.Event()

    async def refresh() -> None:
        for grace in (0.0, 0.3, 0.0, 0.6, 0.0):
            await asyncio.sleep(0.5)
            await observe(sandbox, "disconnect", reason=reason, grace=grace)
        done.set()

    refreshing = asyncio.create_task(refresh())
    began = time.time()
    while not done.is_set() or len(asked) < 40:
        user = CARLA if len(asked) % 2 else BEN
        asked.append(await persons.write(user, HELP, f"How do I export my data? ({len(asked)})"))
        await asyncio.sleep(0.05)
    await refreshing
    await eventually(lambda: len(messages(database)) == len(asked))
    await eventually(lambda: not not_sent(database), within_s=30)
    assert time.time() - began < 40
    waited = max(e.received_at - float(e.ts) for e in inbox(database))
    assert waited < 6.0  # once or twice the time after which Slack sends again what was not acked
    assert len({m.ts for m in messages(database)}) == len(asked)
    due = len(actions(database, kind=("reply", "clarify")))
    counts = [len(await replies(persons, ts)) for ts in asked]
    assert max(counts) == 1 and sum(counts) == due >= 2
