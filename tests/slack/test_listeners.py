"""Listeners, through `app.async_dispatch` with signed payloads of Slack's shape."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bot.bootstrap import Bot
from bot.demo.people import Persons, find
from bot.demo.workspace import ADA, ANNA, BEN, CARLA, HELP, TRIAGE
from bot.domain.learning import LabelRequest
from bot.pipeline.gate import gate
from bot.store import StoreUnavailable
from sandbox.server import Sandbox
from sandbox.workspace import Channel
from tests.support.database import actions, audit, cases, feedback, inbox, messages, waiting
from tests.support.dispatch import ask, reply_ts, say, write
from tests.support.requests import ANGRY, at, command, event, press, signed
from tests.support.wait import eventually


async def test_an_event_is_on_disk_when_it_is_acked(bot: Bot, tmp_path: Path) -> None:
    await say(bot, "How do I export my data?")
    assert [(e.channel, e.ts, e.kind) for e in inbox(tmp_path / "softanswer.db")] == [
        (HELP, "1700000000.000100", "message")
    ]


async def test_a_mention_that_comes_twice_is_one_message(bot: Bot, tmp_path: Path) -> None:
    await say(bot, "<@U0BOT> How do I export my data?")
    await say(bot, "<@U0BOT> How do I export my data?", type="app_mention")
    await eventually(lambda: inbox(tmp_path / "softanswer.db", state="done"))
    assert len(messages(tmp_path / "softanswer.db")) == 1


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
    assert inbox(tmp_path / "softanswer.db") == []


async def test_a_case_from_flag_to_resolution(bot: Bot, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    await say(bot, ANGRY, user=BEN)
    await eventually(lambda: actions(database, kind="card", state="sent"))
    for action_id, state in (("take_case", "taken"), ("resolve_case", "resolved")):
        response = await bot.app.async_dispatch(signed(press(ANNA, action_id, {"case": 1}), form=True))
        assert response.status == 200
        assert [(c.state, c.owner) for c in cases(database)] == [(state, ANNA)]
    assert [(e.user, e.what) for e in audit(database)] == [
        (ANNA, "case taken"),
        (ANNA, "case resolved"),
    ]
    await eventually(lambda: len(actions(database, kind="card_update", state="sent")) == 2)


async def test_a_customer_of_another_organisation_is_seen_like_any_other(bot: Bot, tmp_path: Path) -> None:
    services, database = bot.services, tmp_path / "softanswer.db"
    of_theirs = event(user=BEN, text=ANGRY, team="T0OTHER", user_team="T0OTHER") | {"team_id": "T0OTHER"}
    await bot.app.async_dispatch(signed(of_theirs))
    await eventually(lambda: cases(database))
    assert [(m.team, m.author_team) for m in messages(database)] == [("T0ACME", "T0OTHER")]
    assert [case.customer for case in await services.store.cases.open_cases("T0ACME")] == [BEN]
    assert "*Open cases* 1" in await services.status.lines()
    candidates = await services.store.label_requests.candidates("T0ACME", 0)
    await services.store.label_requests.put(
        "T0ACME", [LabelRequest(candidates[0].message, "random", ANNA)], services.clock()
    )
    await services.store.feedback.correct("T0ACME", 1, "negative", ANNA, "question", services.clock())
    assert any("0 of 1 " in line for line in await services.status.stats())


async def test_a_label_is_corrected_by_a_menu(bot: Bot, tmp_path: Path) -> None:
    await say(bot, ANGRY, user=BEN)
    await eventually(lambda: cases(tmp_path / "softanswer.db"))
    chosen = {"type": "static_select", "action_id": "correct_label", "block_id": "b", "action_ts": "5.5"}
    chosen["selected_option"] = {"value": json.dumps({"message": 1, "label": "neutral"})}
    response = await bot.app.async_dispatch(
        signed(press(ANNA, "correct_label", {}, actions=[chosen]), form=True)
    )
    assert response.status == 200
    given = [(f.kind, f.value, f.user, f.source, f.version) for f in feedback(tmp_path / "softanswer.db")]
    assert given == [("label", "neutral", ANNA, "card", bot.batcher.classifier.version)]


@pytest.mark.parametrize("action_id", ["take_case", "resolve_case", "send_draft"])
async def test_a_customer_who_forges_an_action_gets_a_polite_no(
    bot: Bot, tmp_path: Path, action_id: str
) -> None:
    database = tmp_path / "softanswer.db"
    await say(bot, ANGRY, user=BEN)
    await eventually(lambda: cases(database))
    body = press(CARLA, action_id, {"case": 1, "message": 1}, channel={"id": HELP, "name": "help"})
    response = await bot.app.async_dispatch(signed(body, form=True))
    assert response.status == 200
    assert [c.state for c in cases(database)] == ["open"]
    assert [(e.user, e.what.startswith("refused: ")) for e in audit(database)] == [(CARLA, True)]


@pytest.mark.parametrize(
    "value",
    [
        "not json",
        json.dumps([1]),
        json.dumps({"message": 999, "label": "neutral"}),
        json.dumps({"message": 1, "label": "furious"}),
        json.dumps({"message": [1], "case": {"a": 1}, "label": ["neutral"]}),
        json.dumps({"message": 10**30, "label": "neutral"}),
        json.dumps({"message": True, "label": "neutral"}),
        "",
    ],
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
    assert feedback(tmp_path / "softanswer.db") == []


async def clarified(bot: Bot, database: Path) -> list[str]:
    """Ask something that several templates match; returns the templates offered."""
    await say(bot, "How do I export the invoices of a user I removed?")
    await eventually(lambda: messages(database))
    assert [m.reply for m in messages(database)] == ["clarify"]
    facts = actions(database, kind="clarify")[0].payload
    return [option["template"] for option in facts["options"]]


def choice(user: str, template: Any) -> dict[str, str]:
    return press(user, "choose_0", {"message": 1, "template": template}, channel={"id": HELP, "name": "help"})


async def test_whom_an_answer_did_not_help_gets_a_person(bot: Bot, persons: Persons, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    await write(bot, persons, CARLA, "How do I export my data?")
    ts = await reply_ts(database)
    for word in ("helpful", "not_helpful"):
        body = press(CARLA, "rate_answer", {"message": 1, "word": word}, **at(HELP, ts))
        assert (await bot.app.async_dispatch(signed(body, form=True))).status == 200
        assert len(cases(database, flag="request")) == (word == "not_helpful")


async def test_the_chosen_template_is_sent_once(bot: Bot, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    offered = await clarified(bot, database)
    for user, template in ((BEN, offered[0]), (CARLA, "no_such"), (CARLA, offered[0]), (CARLA, offered[-1])):
        assert (await bot.app.async_dispatch(signed(choice(user, template), form=True))).status == 200
    assert [(f.value, f.user) for f in feedback(database, kind="choice")] == [(offered[0], CARLA)]
    assert len([a for a in actions(database) if a.key.startswith("chosen:")]) == 1
    assert cases(database) == []


async def test_none_of_these_calls_a_person(bot: Bot, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    await clarified(bot, database)
    assert (await bot.app.async_dispatch(signed(choice(CARLA, None), form=True))).status == 200
    assert [(c.flag, c.state) for c in cases(database)] == [("request", "open")]
    assert [a.kind for a in actions(database)] == ["clarify", "reply", "clarify_close", "card"]


async def test_a_stale_label_goes_to_the_message_it_was_given_for(bot: Bot, tmp_path: Path) -> None:
    """The customer wrote again between the agent's look and the agent's click."""
    database = tmp_path / "softanswer.db"
    await say(bot, ANGRY, user=BEN)
    await say(
        bot, "Awful. It is still broken!!", user=BEN, ts="1700000009.000100", thread_ts="1700000000.000100"
    )
    await eventually(lambda: len(messages(database)) == 2)
    body = press(ANNA, "correct_label", {"message": 1, "label": "neutral"})
    assert (await bot.app.async_dispatch(signed(body, form=True))).status == 200
    assert [f.message_id for f in feedback(database)] == [1]
    assert [(c.message_id, c.corrected) for c in cases(database)] == [(2, None)]


async def test_events_are_not_lost_when_slack_refuses_auth_test(
    bot: Bot, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.place.interventions.fail("auth.test", 5, None, 503, None)
    await say(bot, "How do I export my data?")
    assert len(inbox(tmp_path / "softanswer.db")) == 1


async def test_an_event_of_a_strange_shape_ends_as_failed_and_blocks_nothing(
    bot: Bot, tmp_path: Path
) -> None:
    strange = event(text="no ts", event_ts="1700000001.0001")
    del strange["event"]["ts"]
    assert (await bot.app.async_dispatch(signed(strange))).status == 200
    await say(bot, "a lone surrogate \ud83d, how do I export my data?", ts="1700000002.000100")
    database = tmp_path / "softanswer.db"
    await eventually(lambda: inbox(database, state="failed"))
    await eventually(lambda: messages(database))
    found = [(e.state, e.attempts, e.reason, bool(e.event)) for e in inbox(database)]
    assert found == [("failed", 3, "KeyError: 'ts'", True), ("done", 0, None, False)]
    assert "no ts" in str(inbox(database)[0].event) and cases(database) == []


async def test_a_fault_of_the_gate_is_logged_and_the_message_goes_to_a_person(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    database = tmp_path / "softanswer.db"

    def broken(event: Any, **known: Any) -> Any:
        if "zeppelin" in event["text"]:
            raise RuntimeError("a fault in the gate")
        return gate(event, **known)

    monkeypatch.setattr("bot.pipeline.pipeline.gate", broken)
    await say(bot, "The zeppelin lists to port", user=BEN)
    await say(bot, "How do I export my data?", ts="1700000002.000100")
    await eventually(lambda: len(messages(database)) == 2)
    flagged = {c.message_id: c.flag for c in cases(database)}
    assert [(m.user, flagged.get(m.id)) for m in messages(database) if m.id in flagged] == [(BEN, "unread")]
    assert [(e.state, e.attempts) for e in inbox(database)] == [("done", 2), ("done", 0)]
    assert len([r for r in caplog.records if r.exc_info and "a fault in the gate" in str(r.exc_info[1])]) == 3


async def test_one_bad_text_does_not_take_its_neighbours_along(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = bot.batcher.classifier.read

    def fails_on_poison(texts: list[str]) -> Any:
        if any("poison" in text for text in texts):
            raise RuntimeError("the model is broken")
        return read(texts)

    monkeypatch.setattr(bot.batcher.classifier, "read", fails_on_poison)
    for i, text in enumerate(["How do I export my data?", "poison", "Where is my invoice?"]):
        await bot.services.pipeline.accept(
            "T0ACME", event(text=text, user=f"U{i}", ts=f"170000000{i}.1")["event"]
        )
    database = tmp_path / "softanswer.db"
    await eventually(lambda: len(messages(database)) == 3)
    found = [(m.label is not None, m.flag) for m in messages(database)]
    assert found == [(True, None), (False, "unread"), (True, None)]


@pytest.mark.parametrize("mode", ["suggest", "observe"])
async def test_modes_that_do_not_answer(bot: Bot, tmp_path: Path, mode: Any) -> None:
    bot.services.workspace.channels[HELP] = mode
    database = tmp_path / "softanswer.db"
    await say(bot, "How do I export my data?")
    await say(bot, ANGRY, user=BEN, ts="1700000001.000100")
    await eventually(lambda: len(messages(database)) == 2)
    assert actions(database, channel=HELP) == []
    assert [m.reply for m in messages(database)] == [None, None]
    drafts = len(actions(database, kind="draft"))
    assert (drafts >= 1) is (mode == "suggest")
    assert [c.flag for c in cases(database)] == ["unhappy"]


async def test_a_draft_is_sent_as_the_agent_read_it_and_once(bot: Bot, tmp_path: Path) -> None:
    bot.services.workspace.channels[HELP] = "suggest"
    database = tmp_path / "softanswer.db"
    await say(bot, "How do I export my data?")
    await eventually(lambda: actions(database, kind="draft"))
    for _ in range(2):
        body = press(ANNA, "send_draft", {"message": 1})
        assert (await bot.app.async_dispatch(signed(body, form=True))).status == 200
    sent = [(a.channel, a.payload["text"]) for a in actions(database, kind="reply")]
    assert sent == [(HELP, actions(database, kind="draft")[0].payload["text"])]


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
    assert len(audit(tmp_path / "softanswer.db", user=ANNA)) == 4
    assert "There is no command `dance`" in await ask(bot, ADA, "dance")


async def test_admins_words(bot: Bot) -> None:
    assert "consent on" in await ask(bot, ADA, "retrain")
    assert "Learning from this workspace is off" in await ask(bot, ADA, "consent")
    on = await ask(bot, ADA, "consent on")
    assert on.startswith(
        "Recorded: learning from this workspace's messages is on. Messages that your team labels are kept for 365 days"
    )
    assert "beyond 90 days, is erased" in await ask(bot, ADA, "consent off")
    assert "Nothing served before" in await ask(bot, ADA, "rollback")
    assert "There is no version `v9`" in await ask(bot, ADA, "promote v9")
    assert "Which version?" in await ask(bot, ADA, "promote")


async def test_a_command_is_acked_before_its_work(
    bot: Bot, persons: Persons, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, began = asyncio.Event(), asyncio.Event()

    async def slow(user: str) -> str:
        began.set()
        await go.wait()
        return "Rolled back, at last."

    monkeypatch.setattr(bot.services.learning.serving, "rollback", slow)
    async with asyncio.timeout(2):  # Slack waits for three seconds
        response = await bot.app.async_dispatch(signed(command(ADA, "rollback"), form=True))
    assert (response.status, response.body) == (200, "")
    await asyncio.wait_for(began.wait(), 5)
    assert find(await persons.state(ADA), TRIAGE, "Rolled back") is None
    go.set()
    shown = await persons.until("the answer", lambda s: find(s, TRIAGE, "Rolled back, at last."), ADA)
    assert shown["ephemeral"]
    assert find(await persons.state(ANNA), TRIAGE, "Rolled back") is None


async def test_a_command_that_fails_is_logged_and_says_so_in_one_line(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(user: str) -> str:
        raise RuntimeError("zeppelin")

    monkeypatch.setattr(bot.services.learning.serving, "rollback", broken)
    answer = await ask(bot, ADA, "rollback")
    assert "`rollback` did not work" in answer and "zeppelin" not in answer and "\n" not in answer
    [record] = [r for r in caplog.records if r.name == "bot.slack.commands"]
    assert record.levelname == "ERROR" and record.exc_info and "zeppelin" in str(record.exc_info[1])


async def test_a_command_is_answered_where_the_bot_is_no_member(
    bot: Bot, sandbox: Sandbox, persons: Persons
) -> None:
    """chat.postEphemeral needs a member; the command's own response URL does not."""
    place = sandbox.place
    place.workspace.channels["C0ELSE"] = Channel("C0ELSE", "elsewhere", members=[ANNA])
    body = command(ANNA, "help", channel_id="C0ELSE", response_url=place.urls.issue("C0ELSE", ANNA))
    await bot.app.async_dispatch(signed(body, form=True))
    shown = await persons.until("help", lambda s: find(s, "C0ELSE", "What I can do"), ANNA)
    assert shown["ephemeral"]


async def test_a_command_is_answered_while_the_database_cannot_be_written(
    bot: Bot, sandbox: Sandbox, persons: Persons, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*given: Any) -> None:
        raise StoreUnavailable("full", "no space left")

    monkeypatch.setattr(bot.services.store.outbox, "put", full)
    body = command(ADA, "help", response_url=sandbox.place.urls.issue(TRIAGE, ADA))
    await bot.app.async_dispatch(signed(body, form=True))
    await persons.until("help", lambda s: find(s, TRIAGE, "What I can do"), ADA)


async def test_what_commands_answered_is_forgotten_with_the_words_in_it(bot: Bot, tmp_path: Path) -> None:
    await say(bot, "The zeppelin lists to port", user=BEN)
    await eventually(lambda: messages(tmp_path / "softanswer.db"))
    await ask(bot, ADA, "golden add neutral The zeppelin lists to port")
    assert "zeppelin" in await ask(bot, ADA, "golden")
    await eventually(lambda: not waiting(tmp_path / "softanswer.db"))
    assert "Erased the text of 1" in await ask(bot, ADA, f"forget {BEN}")
    assert b"zeppelin" not in (tmp_path / "softanswer.db").read_bytes()


async def test_the_home_is_published(bot: Bot, tmp_path: Path) -> None:
    body = event(type="app_home_opened", user=CARLA, tab="home")
    assert (await bot.app.async_dispatch(signed(body))).status == 200
    database = tmp_path / "softanswer.db"
    await eventually(lambda: actions(database, kind="home", state="sent"))
