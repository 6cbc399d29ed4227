"""Listeners, through `app.async_dispatch` with signed payloads of Slack's shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.bootstrap import Bot
from bot.demo.story import ADA, ANNA, BEN, CARLA, HELP, TRIAGE
from tests.support import eventually, rows, signed

ANGRY = "Third time this week the export dies on me. This is unacceptable!"


def event(**fields: Any) -> dict[str, Any]:
    inner = {
        "type": "message",
        "channel": HELP,
        "channel_type": "channel",
        "user": CARLA,
        "ts": "1700000000.000100",
        **fields,
    }
    return {
        "token": "t",
        "team_id": "T0ACME",
        "api_app_id": "A0SOFT",
        "type": "event_callback",
        "event_id": "Ev1",
        "event_time": 1700000000,
        "event": inner,
    }


def press(user: str, action_id: str, value: Any, **place: Any) -> dict[str, str]:
    payload = {
        "type": "block_actions",
        "team": {"id": "T0ACME", "domain": "acme"},
        "user": {"id": user, "username": "x", "name": "x", "team_id": "T0ACME"},
        "api_app_id": "A0SOFT",
        "channel": {"id": TRIAGE, "name": "triage"},
        "container": {"type": "message", "message_ts": "1.1", "channel_id": TRIAGE},
        "message": {"ts": "1.1"},
        "trigger_id": "1.2.3",
        "response_url": "",
        "actions": [
            {
                "type": "button",
                "action_id": action_id,
                "block_id": "b",
                "value": json.dumps(value),
                "action_ts": "5.5",
            }
        ],
        **place,
    }
    return {"payload": json.dumps(payload)}


def command(user: str, text: str) -> dict[str, str]:
    return {
        "command": "/softanswer",
        "text": text,
        "user_id": user,
        "user_name": "x",
        "channel_id": TRIAGE,
        "channel_name": "triage",
        "team_id": "T0ACME",
        "team_domain": "acme",
        "api_app_id": "A0SOFT",
        "trigger_id": "1.2.3",
        "response_url": "http://127.0.0.1:9/none",
    }


async def say(bot: Bot, text: str, **fields: Any) -> None:
    response = await bot.app.async_dispatch(signed(event(text=text, **fields)))
    assert response.status == 200


async def ask(bot: Bot, user: str, text: str) -> str:
    response = await bot.app.async_dispatch(signed(command(user, text), form=True))
    assert response.status == 200
    answer = json.loads(response.body)
    assert answer["response_type"] == "ephemeral"
    return str(answer["text"])


async def test_an_event_is_on_disk_when_it_is_acked(bot: Bot, tmp_path: Path) -> None:
    await say(bot, "How do I export my data?")
    assert rows(tmp_path / "softanswer.db", "select channel, ts, kind from inbox") == [
        (HELP, "1700000000.000100", "message")
    ]


async def test_a_mention_that_comes_twice_is_one_message(bot: Bot, tmp_path: Path) -> None:
    await say(bot, "<@U0BOT> How do I export my data?")
    await say(bot, "<@U0BOT> How do I export my data?", type="app_mention")
    await eventually(lambda: rows(tmp_path / "softanswer.db", "select 1 from inbox where state = 'done'"))
    assert rows(tmp_path / "softanswer.db", "select count(*) from messages") == [(1,)]


@pytest.mark.parametrize(
    "kind", ["member_joined_channel", "reaction_added", "channel_rename", "something_new"]
)
async def test_every_event_is_acked_even_if_nothing_listens(bot: Bot, kind: str) -> None:
    response = await bot.app.async_dispatch(signed(event(type=kind)))
    assert response.status == 200


@pytest.mark.parametrize("wrong", [{"secret": "other"}, {"age_s": 301.0}])
async def test_an_unsigned_or_old_request_is_refused(bot: Bot, tmp_path: Path, wrong: dict[str, Any]) -> None:
    response = await bot.app.async_dispatch(signed(event(text="hello"), **wrong))
    assert response.status == 401
    assert rows(tmp_path / "softanswer.db", "select count(*) from inbox") == [(0,)]


async def test_a_case_from_flag_to_resolution(bot: Bot, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    await say(bot, ANGRY, user=BEN)
    await eventually(lambda: rows(database, "select 1 from actions where kind = 'card' and state = 'sent'"))
    for action_id, state in (("take_case", "taken"), ("resolve_case", "resolved")):
        response = await bot.app.async_dispatch(signed(press(ANNA, action_id, {"case": 1}), form=True))
        assert response.status == 200
        assert rows(database, "select state, owner from cases") == [(state, ANNA)]
    assert rows(database, "select user, what from audit order by id") == [
        (ANNA, "case taken"),
        (ANNA, "case resolved"),
    ]
    await eventually(
        lambda: rows(
            database,
            "select 1 where (select count(*) from actions where kind = 'card_update' and state = 'sent') = 2",
        )
    )


async def test_a_label_is_corrected_by_a_menu(bot: Bot, tmp_path: Path) -> None:
    await say(bot, ANGRY, user=BEN)
    await eventually(lambda: rows(tmp_path / "softanswer.db", "select 1 from cases"))
    chosen = {"type": "static_select", "action_id": "correct_label", "block_id": "b", "action_ts": "5.5"}
    chosen["selected_option"] = {"value": json.dumps({"case": 1, "label": "neutral"})}
    response = await bot.app.async_dispatch(
        signed(press(ANNA, "correct_label", {}, actions=[chosen]), form=True)
    )
    assert response.status == 200
    feedback = rows(tmp_path / "softanswer.db", "select kind, value, user, source, version from feedback")
    assert feedback == [("label", "neutral", ANNA, "card", bot.batcher.classifier.version)]


@pytest.mark.parametrize("action_id", ["take_case", "resolve_case", "send_draft"])
async def test_a_customer_who_forges_an_action_gets_a_polite_no(
    bot: Bot, tmp_path: Path, action_id: str
) -> None:
    database = tmp_path / "softanswer.db"
    await say(bot, ANGRY, user=BEN)
    await eventually(lambda: rows(database, "select 1 from cases"))
    body = press(CARLA, action_id, {"case": 1, "message": 1}, channel={"id": HELP, "name": "help"})
    response = await bot.app.async_dispatch(signed(body, form=True))
    assert response.status == 200
    assert rows(database, "select state from cases") == [("open",)]
    assert rows(database, "select user, what like 'refused: %' from audit") == [(CARLA, 1)]


@pytest.mark.parametrize(
    "value", ["not json", json.dumps([1]), json.dumps({"case": 999, "label": "furious"}), ""]
)
async def test_a_value_of_a_strange_shape_does_nothing(bot: Bot, tmp_path: Path, value: str) -> None:
    action = {
        "type": "button",
        "action_id": "correct_label",
        "block_id": "b",
        "value": value,
        "action_ts": "5.5",
    }
    response = await bot.app.async_dispatch(signed(press(ANNA, "", {}, actions=[action]), form=True))
    assert response.status == 200
    assert rows(tmp_path / "softanswer.db", "select count(*) from feedback") == [(0,)]


async def test_did_you_mean_is_answered_once(bot: Bot, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    await say(bot, "hello there, a question about things")
    await eventually(lambda: rows(database, "select 1 from messages"))
    for template in ("data_export", "refund"):
        body = press(
            CARLA, "choose_0", {"message": 1, "template": template}, channel={"id": HELP, "name": "help"}
        )
        assert (await bot.app.async_dispatch(signed(body, form=True))).status == 200
    assert rows(database, "select value from feedback where kind = 'choice'") == [("data_export",)]
    assert len(rows(database, "select 1 from actions where key like 'chosen:%'")) == 1


async def test_customers_learn_nothing_from_the_command(bot: Bot) -> None:
    for text in ("status", "models", "retrain", "", "help"):
        answer = await ask(bot, CARLA, text)
        assert answer.startswith("Write in the support channel")


async def test_agents_see_and_only_admins_change(bot: Bot, tmp_path: Path) -> None:
    assert "*Model*" in await ask(bot, ANNA, "status")
    assert "→" in await ask(bot, ANNA, "models")
    assert "retrain" not in await ask(bot, ANNA, "help")
    assert "retrain" in await ask(bot, ADA, "help")
    for text in ("retrain", "rollback", "promote x", "consent on"):
        assert "Only an admin" in await ask(bot, ANNA, text)
    assert rows(tmp_path / "softanswer.db", "select count(*) from audit where user = ?", ANNA) == [(4,)]
    assert "There is no command `dance`" in await ask(bot, ADA, "dance")


async def test_admins_words(bot: Bot) -> None:
    assert "consent on" in await ask(bot, ADA, "retrain")
    assert "Learning from this workspace is off" in await ask(bot, ADA, "consent")
    assert await ask(bot, ADA, "consent on") == "Recorded: learning from this workspace's messages is on."
    assert "Nothing served before" in await ask(bot, ADA, "rollback")
    assert "no model version 'v9'" in await ask(bot, ADA, "promote v9")
    assert "Which version?" in await ask(bot, ADA, "promote")


async def test_the_home_is_published(bot: Bot, tmp_path: Path) -> None:
    body = event(type="app_home_opened", user=CARLA, tab="home")
    assert (await bot.app.async_dispatch(signed(body))).status == 200
    database = tmp_path / "softanswer.db"
    await eventually(lambda: rows(database, "select 1 from actions where kind = 'home' and state = 'sent'"))
