"""Every message is answered once: whatever Slack repeats, whenever the bot is killed. Real processes, real sockets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bot.demo.people import Persons, bot_reply
from bot.demo.process import BotProcess
from bot.demo.workspace import ANNA, BEN, CARLA, HELP, TRIAGE
from sandbox.server import Sandbox
from tests.support.database import actions, messages, not_sent
from tests.support.sandbox import observe, replies
from tests.support.wait import eventually

QUESTION = "How do I export my data?"


async def answered(persons: Persons, thread: str) -> None:
    await persons.until("an answer", lambda s: bot_reply(s, HELP, thread, "Export"), CARLA)


async def test_the_same_event_again_is_not_answered_again(
    sandbox: Sandbox, persons: Persons, start_bot: Callable[..., BotProcess]
) -> None:
    start_bot()
    asked = await persons.write(CARLA, HELP, QUESTION)
    await answered(persons, asked)
    event_id = next(d["event_id"] for d in await observe(sandbox, "deliveries") if d["event_id"])
    for number in (1, 2):
        await observe(sandbox, "redeliver", event_id=event_id, retry_num=number, retry_reason="timeout")
    later = await persons.write(BEN, HELP, "Where can I download my invoices?")
    await persons.until("the next answer", lambda s: bot_reply(s, HELP, later, "Invoices"), CARLA)
    assert len(await replies(persons, asked)) == 1


async def test_killed_between_ack_and_reply(
    sandbox: Sandbox, persons: Persons, start_bot: Callable[..., BotProcess], tmp_path: Path
) -> None:
    """The message is on disk and acked, the reply is not out: Slack is slow to take it. Kill, restart."""
    bot = start_bot()
    await observe(sandbox, "fail", method="chat.postMessage", times=2, status=503)
    asked = await persons.write(CARLA, HELP, QUESTION)
    await eventually(lambda: [a for a in actions(tmp_path / "softanswer.db") if a.attempts > 0])
    bot.process.kill()
    bot.process.wait()
    assert await replies(persons, asked) == []
    start_bot()
    await answered(persons, asked)
    assert len(await replies(persons, asked)) == 1


async def test_killed_after_the_post_and_before_its_answer(
    sandbox: Sandbox, persons: Persons, start_bot: Callable[..., BotProcess], tmp_path: Path
) -> None:
    """The reply stands in Slack, and the bot never learned of it. Kill, restart: it must look before it posts."""
    bot = start_bot()
    await observe(sandbox, "hold", method="chat.postMessage", times=1)
    asked = await persons.write(CARLA, HELP, QUESTION)
    await answered(persons, asked)
    assert [a.state for a in actions(tmp_path / "softanswer.db", kind="reply")] == ["sending"]
    bot.process.kill()
    bot.process.wait()
    start_bot()
    database = tmp_path / "softanswer.db"
    await eventually(lambda: actions(database, kind="reply", state="sent"))
    assert len(await replies(persons, asked)) == 1


async def test_killed_before_anything_was_read(
    sandbox: Sandbox, persons: Persons, start_bot: Callable[..., BotProcess], tmp_path: Path
) -> None:
    """Twenty messages, killed at once: what was acked is on disk, what was not comes again. Each is answered once."""
    bot = start_bot()
    asked = [await persons.write(CARLA if i % 2 else BEN, HELP, f"{QUESTION} ({i})") for i in range(20)]
    bot.process.kill()
    bot.process.wait()
    start_bot()
    database = tmp_path / "softanswer.db"
    await eventually(lambda: len(messages(database)) == 20, within_s=40)
    await eventually(lambda: not not_sent(database), within_s=40)
    # One conversation of one person gets one reply (the rules of conduct), so: at most one a thread, and both answered.
    counts = [len(await replies(persons, ts)) for ts in asked]
    assert max(counts) == 1
    assert sum(counts) == len(actions(database, kind=("reply", "clarify"))) >= 2


async def test_a_lost_socket_loses_nothing(
    sandbox: Sandbox, persons: Persons, start_bot: Callable[..., BotProcess]
) -> None:
    start_bot()
    await observe(sandbox, "disconnect", reason="refresh_requested")
    asked = await persons.write(CARLA, HELP, QUESTION)
    await answered(persons, asked)
    assert len(await replies(persons, asked)) == 1


async def test_the_card_comes_once_although_no_answer_came(
    sandbox: Sandbox, persons: Persons, start_bot: Callable[..., BotProcess], tmp_path: Path
) -> None:
    start_bot()
    await observe(sandbox, "hold", method="chat.postMessage", times=2, seconds=0.5)
    await persons.write(BEN, HELP, "Third time this week the export dies on me. This is unacceptable!")
    database = tmp_path / "softanswer.db"
    await eventually(lambda: [a for a in actions(database) if a.attempts > 0])
    await eventually(lambda: [a.state for a in actions(database)] == ["sent", "sent"])
    state = await persons.state(ANNA)
    assert len([m for m in state["messages"][TRIAGE] if m.get("bot_id")]) == 1
    assert len([m for m in state["messages"][HELP] if m.get("bot_id")]) == 1
