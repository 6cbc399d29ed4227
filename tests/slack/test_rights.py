"""Nobody in: every button, menu, shortcut, modal and command, by a customer, a stranger of another workspace, and stale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.bootstrap import Bot
from bot.demo.people import Persons
from bot.demo.workspace import ANNA, BEN, CARLA, HELP, TRIAGE
from bot.slack.commands import FOR_ADMINS, FOR_AGENTS
from sandbox.server import Sandbox
from tests.support.database import (
    Case,
    Example,
    Feedback,
    actions,
    audit,
    cases,
    examples,
    feedback,
    messages,
    update,
)
from tests.support.dispatch import answer_to, ask, modal, reply_ts, say, write
from tests.support.requests import ANGRY, at, command, press, shortcut, signed, submission
from tests.support.wait import eventually

TEAM_ACTIONS = [
    "take_case", "resolve_case", "correct_label", "send_draft", "answer_ask_negative", "answer_ask_pass",
    "approve_example", "reject_example",
]  # fmt: skip
VALUE = {"case": 1, "message": 1, "label": "neutral", "example": 1}


def changeable(database: Path) -> tuple[list[Feedback], list[Case], list[Example]]:
    """What the buttons of the team change."""
    return feedback(database), cases(database), examples(database)


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
    await eventually(lambda: cases(database))
    await bot.services.store.examples.propose("T0ACME", 1, "data_export", "text", ANNA, 1.0)
    before = changeable(database)
    user = CARLA if who == "customer" else ANNA  # the id of an agent, but from elsewhere
    body = press(user, action_id, VALUE, channel={"id": HELP, "name": "help"})
    if who == "stranger":
        payload = json.loads(body["payload"])
        payload["user"]["team_id"] = payload["team"]["id"] = "T0OTHER"
        body = {"payload": json.dumps(payload)}
    assert (await bot.app.async_dispatch(signed(body, form=True))).status == 200
    assert changeable(database) == before
    refused = [e for e in audit(database) if e.what.startswith("refused")]
    assert [(e.user, e.what.startswith("refused: ")) for e in refused] == [(user, True)]
    ephemeral = actions(database, kind="ephemeral")[0]
    assert "Only the support team can do that." in str(ephemeral.payload)


async def test_an_agent_decides_on_no_example_and_runs_no_admins_command(bot: Bot, tmp_path: Path) -> None:
    await say(bot, ANGRY, user=BEN)
    await eventually(lambda: messages(tmp_path / "softanswer.db"))
    await bot.services.store.examples.propose("T0ACME", 1, "data_export", "text", ANNA, 1.0)
    await bot.app.async_dispatch(signed(press(ANNA, "approve_example", {"example": 1}), form=True))
    assert [e.state for e in examples(tmp_path / "softanswer.db")] == ["proposed"]
    for name in FOR_ADMINS:
        assert "Only an admin can do that" in await ask(bot, ANNA, f"{name} on")
    assert (
        len([e for e in audit(tmp_path / "softanswer.db") if e.what.startswith("refused")])
        == len(FOR_ADMINS) + 1
    )


async def test_no_command_tells_a_customer_or_a_stranger_anything(bot: Bot) -> None:
    for name in [*FOR_AGENTS, *FOR_ADMINS, "", "nonsense"]:
        assert "Write in the support channel" in await ask(bot, CARLA, f"{name} on")
        stranger = command(ANNA, name) | {"team_id": "T0OTHER"}
        assert "Write in the support channel" in await answer_to(bot, stranger)


async def test_a_strangers_shortcut_and_modal(bot: Bot, tmp_path: Path, sandbox: Sandbox) -> None:
    await say(bot, ANGRY, user=BEN)
    await eventually(lambda: messages(tmp_path / "softanswer.db"))
    for body in (shortcut(sandbox, ANNA), submission(ANNA, 1, label="neutral")):
        payload = json.loads(body["payload"])
        payload["user"]["team_id"] = "T0OTHER"
        await bot.app.async_dispatch(signed({"payload": json.dumps(payload)}, form=True))
    assert "Only the support team" in modal(sandbox, ANNA)
    assert feedback(tmp_path / "softanswer.db") == []
    assert len([e for e in audit(tmp_path / "softanswer.db") if e.what.startswith("refused")]) == 2


CALM = "How do I export my data?"


@pytest.mark.parametrize(
    ("word", "message", "channel", "spoil"),
    [
        ("helpful", 1, "C0OTHER", None),  # the button of one channel's answer, pressed in another
        ("helpful", 1, TRIAGE, None),
        ("not_helpful", 2, HELP, None),  # at an answer, for another message than it answers
        ("not_helpful", 3, HELP, None),  # for one that has no answer
        ("helpful", 99, HELP, None),
        ("helpful", 1, HELP, {"table": "messages", "team": "T0OTHER"}),
        ("helpful", 1, HELP, {"table": "actions", "slack_ts": "1.1"}),  # a stale button
        ("helpful", 1, HELP, {"table": "actions", "asks_rating": 0}),
        ("person", 1, HELP, None),  # by who did not say before that it was no help
        ("wonderful", 1, HELP, None),
    ],
)
async def test_a_rating_that_is_forged_or_stale_is_noted_and_counts_nothing(
    bot: Bot,
    persons: Persons,
    tmp_path: Path,
    word: str,
    message: int,
    channel: str,
    spoil: dict[str, Any] | None,
) -> None:
    database = tmp_path / "softanswer.db"
    await write(bot, persons, CARLA, CALM)
    await write(bot, persons, BEN, "Where can I download my invoices?")
    await write(bot, persons, CARLA, "thanks!")
    ts = await reply_ts(database)
    await reply_ts(database, 2)
    await eventually(lambda: messages(database, id=3))
    if spoil:
        update(database, **spoil)
    body = press(CARLA, "rate_answer", {"message": message, "word": word}, **at(channel, ts))
    assert (await bot.app.async_dispatch(signed(body, form=True))).status == 200
    assert feedback(database) == [] and cases(database) == []
    assert [(e.user, e.what) for e in audit(database)] == [(CARLA, "refused: rate an answer")]
    (said,) = actions(database, kind="ephemeral")
    assert "no answer of mine here to rate" in str(said.payload)
