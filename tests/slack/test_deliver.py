"""The outbox worker when Slack or the disk does not cooperate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.bootstrap import Bot
from bot.demo.people import Persons
from bot.demo.workspace import ADA, ANNA, BEN, CARLA, HELP, TRIAGE
from bot.domain.actions import Notice
from bot.slack.client import SlackRefused
from bot.slack.commands import answer_command
from bot.store import StoreUnavailable
from sandbox.server import Sandbox
from tests.support.database import actions
from tests.support.wait import eventually


async def post(bot: Bot, key: str, channel: str = HELP, **facts: Any) -> None:
    action = Notice(key=key, channel=channel, text=key, **facts)
    await bot.services.store.outbox.put("T0ACME", action, bot.services.clock())
    bot.services.committed()


async def posts(persons: Persons, text: str, channel: str = HELP, user: str = CARLA) -> int:
    state = await persons.state(user)
    return len([m for m in state["messages"][channel] if m.get("bot_id") and m["text"] == text])


def states(database: Path) -> list[tuple[Any, ...]]:
    return [(a.key, a.state) for a in actions(database)]


async def test_a_rate_limit_while_looking_sends_nothing_twice(
    bot: Bot, sandbox: Sandbox, persons: Persons, tmp_path: Path
) -> None:
    """The post landed, its answer was lost; then Slack is too busy to say whether it did."""
    sandbox.place.interventions.hold("chat.postMessage", 1, 0.2)
    sandbox.place.interventions.fail("conversations.history", 1, None, 429, 1)
    await post(bot, "once")
    await eventually(lambda: states(tmp_path / "softanswer.db") == [("once", "sent")])
    assert await posts(persons, "once") == 1


@pytest.mark.parametrize("moment", ["sending", "sent"])
async def test_a_locked_database_loses_no_reply(
    bot: Bot, persons: Persons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """An outside reader holds its transaction for longer than writes wait, before the post or right after it."""
    outbox, note = bot.services.store.outbox, getattr(bot.services.store.outbox, moment)
    locked = iter([StoreUnavailable("busy", "database is locked")])

    async def note_unless_locked(*arguments: Any) -> Any:
        for error in locked:
            raise error
        return await note(*arguments)

    monkeypatch.setattr(outbox, moment, note_unless_locked)
    await post(bot, "patience")
    await eventually(lambda: states(tmp_path / "softanswer.db") == [("patience", "sent")])
    assert await posts(persons, "patience") == 1


@pytest.mark.parametrize("error", ["not_in_channel", "invalid_auth", "internal_error"])
async def test_what_may_be_over_later_is_tried_again(
    bot: Bot, sandbox: Sandbox, persons: Persons, tmp_path: Path, error: str
) -> None:
    sandbox.place.interventions.fail("chat.postMessage", 1, error, None, None)
    await post(bot, "later")
    await eventually(lambda: states(tmp_path / "softanswer.db") == [("later", "sent")])
    assert await posts(persons, "later") == 1


async def test_what_slack_will_never_take_is_set_aside(bot: Bot, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.place.interventions.fail("chat.postMessage", 1, "msg_too_long", None, None)
    await post(bot, "never")
    await post(bot, "next")
    expected = [("never", "failed"), ("next", "sent")]
    await eventually(lambda: states(tmp_path / "softanswer.db") == expected)
    assert [a.error for a in actions(tmp_path / "softanswer.db", key="never")] == ["msg_too_long"]


async def test_what_was_given_up_is_sent_on_an_admins_word(
    bot: Bot, sandbox: Sandbox, persons: Persons, tmp_path: Path
) -> None:
    async def outbox(word: str = "", user: str = ADA) -> str:
        answer = await answer_command(bot.services, user, f"outbox {word}")
        bot.services.committed()
        return answer

    assert "Everything is sent or on its way" in await outbox() and "nothing to retry" in await outbox(
        "retry"
    )
    sandbox.place.interventions.fail("chat.postMessage", 1, "msg_too_long", None, None)
    await post(bot, "given up")
    await eventually(lambda: states(tmp_path / "softanswer.db") == [("given up", "failed")])
    assert f"notice for <#{HELP}>: msg_too_long" in await outbox()
    assert "Only an admin" in await outbox("retry", ANNA)
    assert "`outbox retry`" in await outbox("send")
    assert await outbox("retry") == "Trying 1 again."
    await eventually(lambda: states(tmp_path / "softanswer.db") == [("given up", "sent")])
    assert await posts(persons, "given up") == 1

    # It was given up although it stands in Slack: it is found, and not posted again.
    await bot.services.store.outbox.fail(1, 40, "TimeoutError")
    await outbox("retry")
    await eventually(lambda: states(tmp_path / "softanswer.db") == [("given up", "sent")])
    assert await posts(persons, "given up") == 1


async def test_a_slow_channel_does_not_hold_up_another(
    bot: Bot, sandbox: Sandbox, persons: Persons, tmp_path: Path
) -> None:
    sandbox.place.interventions.hold("chat.postMessage", 1, 20)
    await post(bot, "slow", TRIAGE)
    await eventually(lambda: states(tmp_path / "softanswer.db") == [("slow", "sending")])
    await post(bot, "quick", HELP)
    await eventually(lambda: ("quick", "sent") in states(tmp_path / "softanswer.db"), within_s=5)


async def test_an_older_slack_gets_plain_blocks(
    bot: Bot, sandbox: Sandbox, persons: Persons, tmp_path: Path
) -> None:
    sandbox.place.interventions.fail("chat.postMessage", 1, "invalid_blocks", None, None)
    await post(bot, "table", table=[["What", "Before"], ["answers", 12]], caption="c")
    await eventually(lambda: states(tmp_path / "softanswer.db") == [("table", "sent")])
    state = await persons.state(BEN)
    shown = next(m for m in state["messages"][HELP] if m["text"] == "table")
    assert [b["type"] for b in shown["blocks"]] == ["section", "section"]


async def test_a_deleted_thread_holds_up_nobody_else(
    bot: Bot, sandbox: Sandbox, persons: Persons, tmp_path: Path
) -> None:
    """The post of a reply is of unknown outcome, and its thread is gone: what comes behind it goes on."""
    asked = await persons.write(CARLA, HELP, "a question")
    await persons.post(CARLA, "delete", channel=HELP, ts=asked)
    sandbox.place.interventions.fail("chat.postMessage", 1, None, 503, None)
    action = Notice(key="into nothing", channel=HELP, thread=asked, text="into nothing")
    await bot.services.store.outbox.put("T0ACME", action, bot.services.clock())
    await post(bot, "behind it")
    await eventually(lambda: ("behind it", "sent") in states(tmp_path / "softanswer.db"))


async def test_a_limit_while_looking_is_kept_and_counts_for_no_attempt(
    bot: Bot, sandbox: Sandbox, persons: Persons, tmp_path: Path
) -> None:
    sandbox.place.interventions.hold("chat.postMessage", 1, 0.05)
    sandbox.place.interventions.fail("conversations.history", 1, None, 429, 30)
    await post(bot, "later")
    found = await eventually(lambda: actions(tmp_path / "softanswer.db", error="rate limited"))
    assert 20 < found[0].due_at - bot.services.clock() <= 30 and found[0].attempts == 1


@pytest.mark.parametrize(
    ("header", "wait"), [("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 30.0), ("-3", 0.1)]
)
def test_a_retry_after_of_any_shape(header: str, wait: float) -> None:
    class Answer(dict[str, str]):
        status_code, headers = 429, {"Retry-After": header}

    assert SlackRefused("chat.postMessage", Answer(error="ratelimited")).retry_after == wait
    fine = Answer(error="channel_not_found")
    fine.status_code = 200
    assert SlackRefused("chat.postMessage", fine).retry_after is None


async def test_what_nobody_thought_of_is_tried_again_later_not_at_once(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = []

    async def broken(action_id: int) -> bool:
        calls.append(action_id)
        raise RuntimeError("what is this")

    with monkeypatch.context() as patched:
        patched.setattr(bot.services.store.outbox, "sending", broken)
        await post(bot, "odd")
        await eventually(lambda: actions(tmp_path / "softanswer.db", attempts=1))
    assert len(calls) == 1
    await eventually(lambda: states(tmp_path / "softanswer.db") == [("odd", "sent")])
