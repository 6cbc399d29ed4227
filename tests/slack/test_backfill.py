"""What was written while the bot was away. The fixture's bot has no socket: it hears of nothing but what it reads up on."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from bot.bootstrap import Bot
from bot.demo.people import Persons
from bot.demo.workspace import ANNA, BEN, CARLA, HELP, TRIAGE
from sandbox.server import Sandbox
from tests.support.database import actions, cases, inbox, messages, waiting
from tests.support.dispatch import stop_pipeline
from tests.support.wait import eventually

ANGRY = "Third time this week the export dies on me. This is unacceptable!"
QUESTION = "How do I export my data?"


@pytest.fixture
async def away(bot: Bot, tmp_path: Path) -> Path:
    """The bot was there a moment ago; returns its database."""
    assert await bot.backfill.once() == 0
    return tmp_path / "softanswer.db"


async def settled(database: Path, count: int) -> None:
    await eventually(lambda: len(messages(database)) == count)
    await eventually(lambda: not waiting(database))


async def test_what_was_written_before_the_bot_came_is_not_its_business(
    bot: Bot, persons: Persons, tmp_path: Path
) -> None:
    await persons.write(CARLA, HELP, QUESTION)
    assert await bot.backfill.once() == 0
    assert inbox(tmp_path / "softanswer.db") == []


async def test_what_was_missed_is_answered_and_flagged_once(bot: Bot, persons: Persons, away: Path) -> None:
    asked = await persons.write(CARLA, HELP, QUESTION)
    angry = await persons.write(BEN, HELP, ANGRY)
    assert await bot.backfill.once() == 2
    await settled(away, 2)
    await bot.backfill.once()  # the overlap is read again, and nothing is taken twice
    assert len(inbox(away, state="done")) == 2
    assert sorted((m.ts, m.flag) for m in messages(away)) == [
        (asked, None),
        (angry, "unhappy"),
    ]
    state = await persons.state(CARLA)
    answers = [m for m in state["messages"][HELP] if m.get("bot_id") and m.get("thread_ts") == asked]
    assert len(answers) == 1


async def test_missed_replies_in_threads_are_found(bot: Bot, persons: Persons, away: Path) -> None:
    root = await persons.write(BEN, HELP, "Good morning!")
    assert await bot.backfill.once() == 1
    await settled(away, 1)
    await persons.write(BEN, HELP, ANGRY, thread=root)
    await bot.backfill.once()
    await settled(away, 2)
    assert [(c.thread, c.flag) for c in cases(away)] == [(root, "unhappy")]


async def test_a_thread_with_an_open_case_is_looked_into_however_old(
    bot: Bot, persons: Persons, away: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.slack.backfill.THREADS_S", 0.0)  # no thread is young enough
    monkeypatch.setattr("bot.slack.backfill.OVERLAP_S", 0.0)
    root = await persons.write(BEN, HELP, ANGRY)
    await bot.services.pipeline.accept(
        "T0ACME", {"type": "message", "channel": HELP, "user": BEN, "ts": root, "text": ANGRY}
    )
    await settled(away, 1)
    await bot.services.store.records.set_seen_until("T0ACME", HELP, float(root) + 1e-4)
    await persons.write(BEN, HELP, "Hello?! I am still waiting, this costs us customers!", thread=root)
    await bot.backfill.once()
    await settled(away, 2)


async def test_threads_in_which_only_the_bot_wrote_cost_no_call(
    bot: Bot, persons: Persons, away: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of answered label_requests and open cases must not keep what is new waiting behind them."""
    await persons.write(CARLA, HELP, QUESTION)
    angry = await persons.write(BEN, HELP, ANGRY)
    await bot.backfill.once()
    await settled(away, 2)
    looked_into, replies = [], bot.client.conversations_replies

    async def counted(**page: Any) -> Any:
        looked_into.append(page["ts"])
        return await replies(**page)

    monkeypatch.setattr(bot.client, "conversations_replies", counted)
    await bot.backfill.once()
    assert looked_into == []
    await persons.write(BEN, HELP, "Hello?!", thread=angry)
    await bot.backfill.once()
    await settled(away, 3)
    assert looked_into == [angry]


async def test_what_is_new_anywhere_comes_before_older_threads(
    bot: Bot, persons: Persons, away: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, history = [], bot.client.conversations_history

    async def noted(**page: Any) -> Any:
        asked.append("older" if "latest" in page else "new")
        return await history(**page)

    monkeypatch.setattr(bot.client, "conversations_history", noted)
    await bot.backfill.once()
    channels = len(bot.services.workspace.channels)
    assert asked == ["new"] * channels + ["older"] * channels


async def test_whom_a_person_has_answered_the_bot_leaves_alone(
    bot: Bot, persons: Persons, away: Path
) -> None:
    asked = await persons.write(CARLA, HELP, QUESTION)
    await persons.write(ANNA, HELP, "Settings, then Export.", thread=asked)
    await bot.backfill.once()
    await settled(away, 2)
    assert actions(away) == []
    reasons = messages(away, user=CARLA)[0].reasons
    assert "the team has answered meanwhile" in reasons


async def test_what_is_found_too_late_goes_to_a_person(bot: Bot, persons: Persons, away: Path) -> None:
    await persons.write(CARLA, HELP, QUESTION)
    bot.services.pipeline._clock = lambda: time.time() + 7200
    await bot.backfill.once()
    await eventually(lambda: messages(away))
    assert [(m.reply, m.flag) for m in messages(away)] == [(None, "request")]
    assert [a.kind for a in actions(away)] == ["card"]


async def test_an_edit_made_meanwhile_is_read(bot: Bot, persons: Persons, away: Path) -> None:
    ts = await persons.write(BEN, HELP, "Good morning!")
    await bot.backfill.once()
    await settled(away, 1)
    # As if it had been written long ago: outside the gap, but edited within it.
    services = bot.services
    await services.store.records.set_seen_until("T0ACME", HELP, float(ts) + 61.0)
    edited = {"user": BEN, "edited": {"user": BEN, "ts": f"{float(ts) + 5:.6f}"}, "text": ANGRY}
    sandbox_message: dict[str, Any] = {"type": "message", "ts": ts, **edited}

    async def history(**_: Any) -> dict[str, Any]:
        return {"messages": [sandbox_message]}

    bot.client.conversations_history = history
    await bot.backfill.once()
    await eventually(lambda: [(m.text, m.flag) for m in messages(away)] == [(ANGRY, "unhappy")])


async def test_it_reads_on_each_connection_and_survives_a_slack_that_does_not_answer(
    bot: Bot, sandbox: Sandbox, persons: Persons, away: Path
) -> None:
    sandbox.place.interventions.fail("conversations.history", 1, "fatal_error", None, None)
    running = asyncio.create_task(bot.backfill.run())
    await asyncio.sleep(0.3)  # the first reading fails
    await persons.write(CARLA, HELP, QUESTION)
    await bot.backfill.heard(None, {"type": "events_api"})
    await bot.backfill.heard(None, {"type": "hello"})
    await settled(away, 1)
    running.cancel()
    assert TRIAGE not in {m.channel for m in messages(away)}


async def test_an_edit_within_the_gap_of_a_message_heard_before_is_read(
    bot: Bot, persons: Persons, away: Path
) -> None:
    ts = await persons.write(BEN, HELP, "Good morning!")
    await bot.backfill.once()
    await settled(away, 1)
    await persons.post(BEN, "edit", channel=HELP, ts=ts, text=ANGRY)
    await bot.backfill.once()
    await eventually(lambda: [(m.text, m.flag) for m in messages(away)] == [(ANGRY, "unhappy")])


async def test_a_case_whose_message_is_gone_holds_up_nothing(bot: Bot, persons: Persons, away: Path) -> None:
    ts = await persons.write(BEN, HELP, ANGRY)
    await bot.backfill.once()
    await settled(away, 1)
    excluded = [
        m
        for m in (await persons.state(BEN))["messages"][HELP]
        if m.get("thread_ts") == ts and m.get("bot_id")
    ]
    for reply in excluded:  # nothing keeps the thread alive
        await bot.client.chat_delete(channel=HELP, ts=reply["ts"])
    await persons.post(BEN, "delete", channel=HELP, ts=ts)
    await persons.write(CARLA, HELP, QUESTION)
    await bot.backfill.once()
    await settled(away, 2)


async def test_a_channel_that_cannot_be_read_is_read_up_on_later(
    bot: Bot, sandbox: Sandbox, persons: Persons, away: Path
) -> None:
    await persons.write(CARLA, HELP, QUESTION)
    sandbox.place.interventions.fail("conversations.history", 1, "not_in_channel", None, None)
    assert await bot.backfill.once() == 0
    assert await bot.backfill.once() == 1


async def test_what_waited_since_before_the_bot_stopped_is_late_too(bot: Bot, away: Path) -> None:
    old = {
        "type": "message",
        "channel": HELP,
        "user": CARLA,
        "text": QUESTION,
        "ts": f"{time.time() - 9000:.6f}",
    }
    stop_pipeline()
    await bot.services.pipeline.accept("T0ACME", old)
    running = asyncio.create_task(bot.services.pipeline.run())
    await settled(away, 1)
    running.cancel()
    assert [(m.reply, m.flag) for m in messages(away)] == [(None, "request")]


async def test_how_far_slacks_clock_is_ahead_is_looked_at_again_and_again(
    bot: Bot, caplog: pytest.LogCaptureFixture
) -> None:
    workspace, directory, now = bot.services.workspace, bot.directory, time.time()
    assert workspace.clock_offset_s == 0.0
    directory._clock = lambda: now - 300.0  # our clock is turned back while the bot runs
    await directory.refresh()
    await directory.refresh()
    assert 290 < workspace.clock_offset_s < 320
    assert caplog.text.count("against Slack's: set it") == 1
    directory._clock = time.time  # somebody has set it
    await directory.refresh()
    assert workspace.clock_offset_s == 0.0
