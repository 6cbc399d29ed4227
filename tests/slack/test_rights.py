"""Nobody in: every button, menu, shortcut, modal and command, by a customer, a stranger of another workspace, and stale."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.bootstrap import Bot
from bot.demo.people import Persons
from bot.demo.story import ANNA, BEN, CARLA, HELP, TRIAGE
from bot.slack.commands import FOR_ADMINS, FOR_AGENTS
from sandbox.server import Sandbox
from tests.slack.test_feedback import shortcut, shown, submission
from tests.slack.test_listeners import ANGRY, answer_at, answer_to, ask, at, command, press, say, write
from tests.support import eventually, rows, signed

TEAM_ACTIONS = [
    "take_case", "resolve_case", "correct_label", "send_draft", "answer_ask_negative", "answer_ask_pass",
    "approve_example", "reject_example",
]  # fmt: skip
VALUE = {"case": 1, "message": 1, "label": "neutral", "example": 1}
CHANGED = """
    select (select count(*) from feedback), (select group_concat(state || coalesce(owner, '')) from cases),
    (select count(*) from examples where state != 'proposed')
"""


def test_every_listener_is_listed_here() -> None:
    source = Path("bot/slack/actions.py").read_text("utf-8")
    guarded = source.count("await _is_team(")
    assert guarded == 6  # take, resolve, correct, answer_ask, decide_example, send_draft
    open_to_all = {"rate_", "choose_"}  # customers' own buttons: their message and their word alone
    assert source.count("@app.action(") == guarded + len(open_to_all)


@pytest.mark.parametrize("action_id", TEAM_ACTIONS)
@pytest.mark.parametrize("who", ["customer", "stranger"])
async def test_a_forged_button_changes_nothing_and_is_noted(
    bot: Bot, tmp_path: Path, action_id: str, who: str
) -> None:
    database = tmp_path / "softanswer.db"
    await say(bot, ANGRY, user=BEN)
    await eventually(lambda: rows(database, "select 1 from cases"))
    await bot.services.store.teaching.propose("T0ACME", 1, "data_export", "text", ANNA, 1.0)
    before = rows(database, CHANGED)
    user = CARLA if who == "customer" else ANNA  # the id of an agent, but from elsewhere
    body = press(user, action_id, VALUE, channel={"id": HELP, "name": "help"})
    if who == "stranger":
        payload = json.loads(body["payload"])
        payload["user"]["team_id"] = payload["team"]["id"] = "T0OTHER"
        body = {"payload": json.dumps(payload)}
    assert (await bot.app.async_dispatch(signed(body, form=True))).status == 200
    assert rows(database, CHANGED) == before
    assert rows(database, "select user, what like 'refused: %' from audit where what like 'refused%'") == [
        (user, 1)
    ]
    whisper = rows(database, "select facts from actions where kind = 'whisper'")
    assert "Only the support team can do that." in whisper[0][0]


async def test_an_agent_decides_on_no_example_and_runs_no_admins_command(bot: Bot, tmp_path: Path) -> None:
    await say(bot, ANGRY, user=BEN)
    await eventually(lambda: rows(tmp_path / "softanswer.db", "select 1 from messages"))
    await bot.services.store.teaching.propose("T0ACME", 1, "data_export", "text", ANNA, 1.0)
    await bot.app.async_dispatch(signed(press(ANNA, "approve_example", {"example": 1}), form=True))
    assert rows(tmp_path / "softanswer.db", "select state from examples") == [("proposed",)]
    for name in FOR_ADMINS:
        assert "Only an admin can do that" in await ask(bot, ANNA, f"{name} on")
    assert (
        len(rows(tmp_path / "softanswer.db", "select 1 from audit where what like 'refused%'"))
        == len(FOR_ADMINS) + 1
    )


async def test_no_command_tells_a_customer_or_a_stranger_anything(bot: Bot) -> None:
    for name in [*FOR_AGENTS, *FOR_ADMINS, "", "nonsense"]:
        assert "Write in the support channel" in await ask(bot, CARLA, f"{name} on")
        stranger = command(ANNA, name) | {"team_id": "T0OTHER"}
        assert "Write in the support channel" in await answer_to(bot, stranger)


async def test_a_strangers_shortcut_and_modal(bot: Bot, tmp_path: Path, sandbox: Sandbox) -> None:
    await say(bot, ANGRY, user=BEN)
    await eventually(lambda: rows(tmp_path / "softanswer.db", "select 1 from messages"))
    for body in (shortcut(sandbox, ANNA), submission(ANNA, 1, label="neutral")):
        payload = json.loads(body["payload"])
        payload["user"]["team_id"] = "T0OTHER"
        await bot.app.async_dispatch(signed({"payload": json.dumps(payload)}, form=True))
    assert "Only the support team" in shown(sandbox, ANNA)
    assert rows(tmp_path / "softanswer.db", "select count(*) from feedback") == [(0,)]
    assert rows(tmp_path / "softanswer.db", "select count(*) from audit where what like 'refused%'") == [(2,)]


CALM = "How do I export my data?"


@pytest.mark.parametrize(
    ("word", "message", "channel", "spoil"),
    [
        ("helpful", 1, "C0OTHER", ""),  # the button of one channel's answer, pressed in another
        ("helpful", 1, TRIAGE, ""),
        ("not_helpful", 2, HELP, ""),  # at an answer, for another message than it answers
        ("not_helpful", 3, HELP, ""),  # for one that has no answer
        ("helpful", 99, HELP, ""),
        ("helpful", 1, HELP, "update messages set team = 'T0OTHER'"),
        ("helpful", 1, HELP, "update actions set slack_ts = '1.1' where message_id = 1"),  # a stale button
        ("helpful", 1, HELP, "update actions set asks_rating = 0"),
        ("person", 1, HELP, ""),  # by who did not say before that it was no help
        ("wonderful", 1, HELP, ""),
    ],
)
async def test_a_rating_that_is_forged_or_stale_is_noted_and_counts_nothing(
    bot: Bot, persons: Persons, tmp_path: Path, word: str, message: int, channel: str, spoil: str
) -> None:
    database = tmp_path / "softanswer.db"
    await write(bot, persons, CARLA, CALM)
    await write(bot, persons, BEN, "Where can I download my invoices?")
    await write(bot, persons, CARLA, "thanks!")
    ts = await answer_at(database)
    await answer_at(database, 2)
    await eventually(lambda: rows(database, "select 1 from messages where id = 3"))
    await bot.services.store.database.transaction(lambda db: spoil and db.execute(spoil))
    body = press(CARLA, "rate_answer", {"message": message, "word": word}, **at(channel, ts))
    assert (await bot.app.async_dispatch(signed(body, form=True))).status == 200
    assert rows(database, "select (select count(*) from feedback), (select count(*) from cases)") == [(0, 0)]
    assert rows(database, "select user, what from audit") == [(CARLA, "refused: rate an answer")]
    ((said,),) = rows(database, "select facts from actions where kind = 'whisper'")
    assert "no answer of mine here to rate" in said
