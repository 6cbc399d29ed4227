"""Every way in which a person says that a reading or an answer was right or wrong."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bot.bootstrap import Bot
from bot.demo.people import Persons, find, texts
from bot.demo.workspace import ADA, ANNA, BEN, CARLA, HELP, TRIAGE
from bot.domain.learning import LabelRequest
from bot.privacy.redaction import to_keep
from bot.slack.commands import answer_command
from model.reading import Reading
from sandbox.server import Sandbox
from tests.support.database import actions, audit, cases, examples, feedback, label_requests, messages
from tests.support.dispatch import modal, react, reply_ts, say, write
from tests.support.requests import ANGRY, TS, at, event, press, shortcut, signed, submission
from tests.support.wait import eventually

CALM = "How do I export my data?"


async def wrote(bot: Bot, tmp_path: Path, text: str, **fields: Any) -> None:
    await say(bot, text, user=BEN, **fields)
    await eventually(lambda: messages(tmp_path / "softanswer.db", ts=fields.get("ts", TS)))


def given(tmp_path: Path) -> list[tuple[str, str, str, str]]:
    """Kind, value, user and source of all feedback."""
    return [(f.kind, f.value, f.user, f.source) for f in feedback(tmp_path / "softanswer.db")]


async def test_an_agents_emoji_is_a_label_and_taking_it_back_takes_it_back(bot: Bot, tmp_path: Path) -> None:
    await wrote(bot, tmp_path, ANGRY)
    await react(bot, ANNA, "smile::skin-tone-2")
    await react(bot, ANNA, "tada")
    assert given(tmp_path) == [("label", "positive", ANNA, "reaction")]
    (noted,) = feedback(tmp_path / "softanswer.db")
    assert noted.read_label == "negative" and noted.version is not None
    assert [c.corrected for c in cases(tmp_path / "softanswer.db")] == ["positive"]
    await react(bot, ANNA, "rage", "reaction_removed", TS, 1700000010.0)  # not what was said
    await react(bot, ANNA, "smile", "reaction_removed", TS, 1700000011.0)
    await react(bot, ANNA, "smile")  # delivered again, late
    assert [f.value for f in feedback(tmp_path / "softanswer.db")] == ["positive", "withdrawn"]
    assert [c.corrected for c in cases(tmp_path / "softanswer.db")] == [None]
    assert (await bot.services.learning.requester.selection()).rows == ()


async def test_words_said_twice_at_the_very_same_moment_count_once(bot: Bot, tmp_path: Path) -> None:
    await wrote(bot, tmp_path, ANGRY)
    await asyncio.gather(*(react(bot, ANNA, "smile") for _ in range(5)))
    assert given(tmp_path) == [("label", "positive", ANNA, "reaction")]
    body = press(ANNA, "correct_label", {"message": 1, "label": "neutral"})
    answers = await asyncio.gather(
        *(bot.app.async_dispatch(signed(body, form=True)) for _ in range(5)),
        react(bot, ANNA, "rage", "reaction_added", TS, bot.services.clock() + 60),
    )
    assert [answer.status for answer in answers if answer] == [200] * 5
    # However many rows there are, a person has one word, the latest, and a message one case.
    selection = await bot.services.learning.requester.selection()
    assert len(selection.rows) + len(selection.excluded) == 1
    assert len(cases(tmp_path / "softanswer.db")) == 1
    last = feedback(tmp_path / "softanswer.db")[-1].value
    assert [c.corrected for c in cases(tmp_path / "softanswer.db")] == [last]


async def test_card_and_emoji_are_ordered_by_slacks_clock_alone(bot: Bot, tmp_path: Path) -> None:
    await wrote(bot, tmp_path, ANGRY)  # our own clock is years ahead of these moments

    async def press_at(moment: str, label: str) -> None:
        value = json.dumps({"message": 1, "label": label})
        pressed = {"type": "button", "action_id": "correct_label", "block_id": "b", "value": value}
        body = press(ANNA, "", {}, actions=[pressed | {"action_ts": moment}])
        assert (await bot.app.async_dispatch(signed(body, form=True))).status == 200

    await press_at("1700000020.000100", "neutral")
    await press_at("1700000020.000100", "neutral")  # the same one twice
    await react(bot, ANNA, "smile", "reaction_added", TS, 1700000010.0)  # put there before, delivered late
    assert [f.value for f in feedback(tmp_path / "softanswer.db")] == ["neutral"]
    await react(bot, ANNA, "smile", "reaction_added", TS, 1700000030.0)
    await press_at("1700000025.000100", "negative")  # pressed before, worked on late
    await react(bot, ANNA, "smile", "reaction_added", TS, 1700000030.0)
    assert [f.value for f in feedback(tmp_path / "softanswer.db")] == ["neutral", "positive"]
    # What follows from a word is done now, however far Slack's clock is ahead.
    ahead = bot.services.clock() + 600
    await press_at(f"{ahead:.6f}", "negative")
    assert [f.value for f in feedback(tmp_path / "softanswer.db")] == ["neutral", "positive", "negative"]
    assert max(a.due_at for a in actions(tmp_path / "softanswer.db")) < ahead - 300


async def test_a_word_counts_for_the_words_that_its_person_saw(bot: Bot, tmp_path: Path) -> None:
    await wrote(bot, tmp_path, ANGRY)
    store, now = bot.services.store, bot.services.clock()

    async def said(label: str, user: str, source: str, at: float, said_at: float) -> list[str]:
        await store.feedback.correct("T0ACME", 1, label, user, source, at, said_at)
        return [word.user for word in await store.feedback.label_events("T0ACME")]

    await said("neutral", ANNA, "card", now, 1700000020.0)
    # Slack changes the words at 30, and we hear of it much later.
    changed = {"edited_at": now + 50, "edit_ts": 1700000030.0}
    await store.database.transaction(lambda db: db.update("messages", 1, changed))
    assert await said("neutral", ADA, "reaction", now, 1700000025.0) == []
    assert await said("neutral", ADA, "reaction", now, 1700000035.0) == [ADA]
    assert await said("negative", ANNA, "card", now, 1700000040.0) == [ADA]  # the card had the old words
    assert await said("negative", ANNA, "card", now + 60, 1700000045.0) == [ADA, ANNA]


async def test_what_slack_does_not_date_is_said_after_all_that_is_known(bot: Bot, tmp_path: Path) -> None:
    await wrote(bot, tmp_path, ANGRY)
    correct = bot.services.store.feedback.correct
    await correct("T0ACME", 1, "neutral", ANNA, "card", 9.0, 230.0)
    await correct(
        "T0ACME", 1, "negative", ANNA, "shortcut", 9.0, 220.0, exact=False
    )  # a clock that is behind
    await correct("T0ACME", 1, "positive", ANNA, "card", 9.0, 240.0)
    assert [f.value for f in feedback(tmp_path / "softanswer.db")] == ["neutral", "negative", "positive"]


@pytest.mark.settings(label_requests={"random": 1.0, "random_per_day": 10})
async def test_a_question_about_words_that_were_changed_is_not_asked_any_more(
    bot: Bot, tmp_path: Path, persons: Persons
) -> None:
    await wrote(bot, tmp_path, "The zeppelin lists to port")
    await bot.services.learning.requester.ask()
    await persons.until("the question", lambda s: find(s, TRIAGE, "did this customer feel"), ADA)
    message = {"type": "message", "user": BEN, "ts": TS, "text": "The zeppelin is fine again"}
    previous = {"text": "The zeppelin lists to port"}
    edited = event(
        subtype="message_changed", ts="1700000020.000100", message=message, previous_message=previous
    )
    await bot.app.async_dispatch(signed(edited))
    await persons.until("the end of it", lambda s: find(s, TRIAGE, "No longer needed"), ADA)
    (request,) = label_requests(tmp_path / "softanswer.db")
    assert request.answer is None and request.answered_at is not None


async def test_an_emoji_says_nothing_from_a_customer_in_a_shared_channel_or_on_an_unknown_message(
    bot: Bot, tmp_path: Path
) -> None:
    await wrote(bot, tmp_path, ANGRY)
    await react(bot, CARLA, "smile")
    await react(bot, ANNA, "smile", "reaction_added", "1699999999.000000")
    bot.services.workspace.shared.add(HELP)
    await react(bot, ANNA, "smile")
    assert feedback(tmp_path / "softanswer.db") == []


async def test_the_shortcut_shows_the_reading_and_the_words_that_drove_it(
    bot: Bot, tmp_path: Path, sandbox: Sandbox
) -> None:
    await wrote(bot, tmp_path, ANGRY)
    assert (await bot.app.async_dispatch(signed(shortcut(sandbox, ANNA), form=True))).status == 200
    view = modal(sandbox, ANNA)
    assert "negative" in view and "unacceptable" in view and "How did the customer feel?" in view
    done = submission(ANNA, 1, label="neutral", template="data_export")
    assert (await bot.app.async_dispatch(signed(done, form=True))).status == 200
    assert given(tmp_path) == [
        ("label", "neutral", ANNA, "shortcut"),
        ("template", "data_export", ANNA, "shortcut"),
    ]


async def test_the_shortcut_tells_a_customer_nothing_and_an_agent_only_what_can_be_corrected(
    bot: Bot, tmp_path: Path, sandbox: Sandbox
) -> None:
    await wrote(bot, tmp_path, ANGRY)
    await bot.app.async_dispatch(signed(shortcut(sandbox, CARLA), form=True))
    assert "Only the support team" in modal(sandbox, CARLA) and "negative" not in modal(sandbox, CARLA)
    await bot.app.async_dispatch(signed(submission(CARLA, 1, label="neutral"), form=True))
    await bot.app.async_dispatch(signed(shortcut(sandbox, ANNA, "Lovely <b>, thanks!", "1.5"), form=True))
    assert "positive" in modal(sandbox, ANNA) and "only correct messages that customers wrote" in modal(
        sandbox, ANNA
    )
    for message in (99, "x", None, -1, 2**70):
        await bot.app.async_dispatch(signed(submission(ANNA, message, label="neutral"), form=True))
    assert feedback(tmp_path / "softanswer.db") == []
    assert [(e.user, e.what) for e in audit(tmp_path / "softanswer.db")] == [
        (CARLA, "refused: see a reading"),
        (CARLA, "refused: correct a label"),
    ]


@pytest.mark.parametrize(
    ("failure", "told", "logged"),
    [(RuntimeError("zeppelin"), "couldn't read this message", 1), (TimeoutError(), "took too long", 0)],
)
async def test_a_reading_that_fails_is_logged_and_the_agent_told(
    bot: Bot,
    tmp_path: Path,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    failure: Exception,
    told: str,
    logged: int,
) -> None:
    await wrote(bot, tmp_path, ANGRY)

    async def fails(text: str) -> Reading:
        raise failure

    monkeypatch.setattr(bot.batcher, "read", fails)
    await bot.app.async_dispatch(signed(shortcut(sandbox, ANNA), form=True))
    view = modal(sandbox, ANNA)
    assert told in view and "How did the customer feel?" in view and "zeppelin" not in view
    errors = [r for r in caplog.records if r.name == "bot.slack.shortcuts" and r.levelname == "ERROR"]
    assert len(errors) == logged


async def test_a_right_template_becomes_an_example_when_an_admin_says_so(
    bot: Bot, tmp_path: Path, persons: Persons
) -> None:
    question = "My zeppelin ledger wants to leave the hangar as a spreadsheet, ring me at 030 1234567"
    await wrote(bot, tmp_path, question)
    near = bot.services.pipeline._matches(await bot.batcher.read(question), question)
    await bot.app.async_dispatch(signed(submission(ANNA, 1, template="data_export"), form=True))
    card = await persons.until("the proposal", lambda s: find(s, TRIAGE, "proposes this message for"), ADA)
    assert "a phone number" in texts(card)[0] and "1234567" not in texts(card)[0]

    await bot.app.async_dispatch(signed(press(ANNA, "approve_example", {"example": 1}), form=True))
    assert [e.state for e in examples(tmp_path / "softanswer.db")] == ["proposed"]
    await bot.app.async_dispatch(signed(press(ADA, "approve_example", {"example": 1}), form=True))
    assert [(e.state, e.decided_by) for e in examples(tmp_path / "softanswer.db")] == [("approved", ADA)]
    again = bot.services.pipeline._matches(await bot.batcher.read(question), question)
    by_id = {n.template: n.similarity for n in near}
    assert again[0].template == "data_export" and again[0].similarity > by_id["data_export"] + 0.3
    await persons.until("the decision", lambda s: find(s, TRIAGE, "Added as an example"), ADA)

    await answer_command(bot.services, ADA, f"forget {BEN}")
    assert [(e.state, e.text) for e in examples(tmp_path / "softanswer.db")] == [("forgotten", None)]
    assert await bot.services.store.examples.approved("T0ACME") == {}
    assert b"zeppelin" not in (tmp_path / "softanswer.db").read_bytes()
    after = bot.services.pipeline._matches(await bot.batcher.read(question), question)
    assert {n.template: n.similarity for n in after}["data_export"] == pytest.approx(
        by_id["data_export"], abs=1e-6
    )


async def test_what_was_made_of_words_goes_with_the_person_though_the_words_had_expired(
    bot: Bot, tmp_path: Path
) -> None:
    await wrote(bot, tmp_path, "The zeppelin lists to port")
    await wrote(bot, tmp_path, "The zeppelin lists to starboard", ts="1700000300.000100")
    teaching, store = bot.services.store.examples, bot.services.store
    await teaching.propose("T0ACME", 1, "data_export", "The zeppelin lists", ANNA, 1.0)
    await teaching.decide("T0ACME", 1, True, ADA, 2.0)
    await teaching.propose("T0ACME", 2, "data_export", "The zeppelin, too", ANNA, 3.0)
    await answer_command(bot.services, ADA, "golden add neutral The zeppelin lists to port")
    await store.erasure.expire(4e9, to_keep)
    assert [e.state for e in examples(tmp_path / "softanswer.db")] == ["approved", "forgotten"]
    await answer_command(bot.services, ADA, f"forget {BEN}")
    assert await teaching.approved("T0ACME") == {} and await teaching.golden("T0ACME") == []
    assert b"zeppelin" not in (tmp_path / "softanswer.db").read_bytes()


async def test_a_customer_may_say_that_a_person_should_have_answered(
    bot: Bot, persons: Persons, tmp_path: Path
) -> None:
    await write(bot, persons, BEN, CALM)
    ts = await reply_ts(tmp_path / "softanswer.db")
    for word, place in (("not_helpful", at(HELP, ts)), ("person", at(HELP, "5.5"))):
        value = {"message": 1, "word": word}
        await bot.app.async_dispatch(signed(press(BEN, f"rate_{word}", value, **place), form=True))
    assert [(f.kind, f.value) for f in feedback(tmp_path / "softanswer.db")] == [
        ("rating", "not_helpful"),
        ("rating", "person"),
    ]
    assert await bot.services.store.feedback.counts() == {"rating:person": 1}  # their last word
    assert [c.flag for c in cases(tmp_path / "softanswer.db")] == ["request"]
    assert (
        actions(tmp_path / "softanswer.db", kind="ephemeral")[0].payload["rated"] == 1
    )  # it carries the second button


@pytest.mark.settings(label_requests={"random": 1.0, "random_flagged": 1.0, "random_per_day": 10})
async def test_the_unseen_half_is_asked_about_and_gives_the_true_rates(
    bot: Bot, tmp_path: Path, persons: Persons
) -> None:
    database = tmp_path / "softanswer.db"
    await wrote(bot, tmp_path, CALM)
    await wrote(bot, tmp_path, ANGRY, ts="1700000300.000100")
    assert await bot.services.learning.requester.ask() == 2
    assert await bot.services.learning.requester.ask() == 0
    card = await persons.until("the question", lambda s: find(s, TRIAGE, "did this customer feel"), ADA)
    assert "Can't tell" in texts(card)[-1] and "sure" not in json.dumps(texts(card))
    people = [str(r.person) for r in label_requests(database)]
    assert sorted(people) == sorted([ANNA, ADA])

    await bot.services.store.feedback.correct("T0ACME", 1, "negative", ADA, "card", 5.0)
    # The random sample counts only answers to its own requests.
    assert [r.answer for r in label_requests(database)] == [None, None]
    for message, label in ((1, "negative"), (2, "negative")):
        value = {"message": message, "label": label}
        await bot.app.async_dispatch(signed(press(CARLA, f"answer_ask_{label}", value), form=True))
        assert [r.answer for r in label_requests(database, message_id=message)] == [None]
        await bot.app.async_dispatch(signed(press(ANNA, f"answer_ask_{label}", value), form=True))
    assert [r.answer for r in label_requests(database)] == ["negative"] * 2
    answer = await answer_command(bot.services, ANNA, "stats")
    assert "*Missed* 1 of 1 (100.0%; 95 % interval 20.7% to 100.0%)" in answer
    assert "*False alarms* 0 of 1 (0.0%; 95 % interval 0.0% to 79.3%)" in answer
    await persons.until("the thanks", lambda s: find(s, TRIAGE, f"Answered by <@{ANNA}>"), ADA)


@pytest.mark.settings(label_requests={"random": 1.0, "random_per_day": 10})
async def test_who_cannot_tell_passes_and_words_that_are_gone_are_not_asked_about(
    bot: Bot, tmp_path: Path, persons: Persons
) -> None:
    await wrote(bot, tmp_path, "The zeppelin lists to port")
    await wrote(bot, tmp_path, "Where do I moor it?", ts="1700000300.000100")
    await bot.services.learning.requester.ask()
    value = {"ask": label_requests(tmp_path / "softanswer.db", message_id=2)[0].id, "label": "pass"}
    await bot.app.async_dispatch(signed(press(ANNA, "answer_ask_pass", value), form=True))
    await answer_command(bot.services, ADA, f"forget {BEN}")
    bot.services.committed()
    await persons.until("the gap", lambda s: find(s, TRIAGE, "No longer needed"), ADA)
    ended = [(r.answer, r.answered_at is not None) for r in label_requests(tmp_path / "softanswer.db")]
    assert ended == [(None, True)] * 2
    assert "nobody was asked" in await answer_command(bot.services, ANNA, "stats")


@pytest.mark.settings(label_requests={"random": 0.0, "random_flagged": 0.0, "uncertain_per_day": 0})
async def test_one_word_against_a_sure_reading_asks_a_second_person(bot: Bot, tmp_path: Path) -> None:
    await wrote(bot, tmp_path, ANGRY)
    # She who will be asked has said something before and taken it back: she may answer all the same.
    await react(bot, ADA, "smile", "reaction_added", TS, 3.0)
    await react(bot, ADA, "smile", "reaction_removed", TS, 4.0)
    await bot.services.store.feedback.correct("T0ACME", 1, "neutral", ANNA, "card", 5.0)
    assert await bot.services.learning.requester.ask() == 1
    assert [(r.why, r.person) for r in label_requests(tmp_path / "softanswer.db")] == [("second", ADA)]
    excluded = await answer_command(bot.services, ADA, "corrections")
    assert "*To learn from* 0" in excluded and "a second person is asked" in excluded
    again, of_another = LabelRequest(1, "second", ADA), LabelRequest(1, "second", "U0EVE")
    assert await bot.services.store.label_requests.put("T0ACME", [again, of_another], 9.0) == 1
    value = {"message": 1, "label": "neutral"}
    await bot.app.async_dispatch(signed(press(ADA, "answer_ask_neutral", value), form=True))
    selection = await bot.services.learning.requester.selection()
    assert [used.users for used in selection.rows] == [(ADA, ANNA)]
    assert [r.answer for r in label_requests(tmp_path / "softanswer.db")] == ["neutral"] * 2


async def test_a_label_for_a_message_that_is_gone_or_by_who_has_left_the_team_counts_nothing(
    bot: Bot, tmp_path: Path
) -> None:
    await wrote(bot, tmp_path, ANGRY)
    value = {"message": 1, "label": "neutral"}
    menu = press(ANNA, "correct_label", value)
    for _ in range(2):
        await bot.app.async_dispatch(signed(menu, form=True))
    assert (
        len((await bot.services.learning.requester.selection()).excluded) == 1
    )  # twice the same word is one
    del bot.services.workspace.roles[ANNA]
    await bot.app.async_dispatch(signed(menu, form=True))
    await answer_command(bot.services, ADA, f"forget {BEN}")
    await bot.app.async_dispatch(signed(press(ADA, "correct_label", value), form=True))
    await bot.app.async_dispatch(
        signed(press(ADA, "answer_ask_neutral", {"message": 77, "label": "neutral"}), form=True)
    )
    assert len(feedback(tmp_path / "softanswer.db")) == 1  # the same press twice is one word
    told = [str(a.payload) for a in actions(tmp_path / "softanswer.db", kind="ephemeral")]
    assert "Only the support team" in told[0] and any("not here any more" in facts for facts in told)


@pytest.mark.settings(feedback={"burst_per_hour": 3})
async def test_what_an_admin_clears_counts_after_all(bot: Bot, tmp_path: Path) -> None:
    words = ("mast", "keel", "sail", "rope", "helm")
    for i, word in enumerate(words):
        await wrote(bot, tmp_path, f"The {word} of my zeppelin, where is it?", ts=f"170000{i}000.000100")
        await bot.services.store.feedback.correct("T0ACME", i + 1, "negative", ANNA, "card", 100.0 + i)
    before = (await bot.services.learning.requester.selection()).reasons
    told = await answer_command(bot.services, ADA, "corrections")
    assert f"<@{ANNA}>; `clear @somebody`" in told
    assert "Whose?" in await answer_command(bot.services, ADA, "clear everybody")
    assert "Only an admin" in await answer_command(bot.services, ANNA, f"clear <@{ANNA}>")
    assert "count like any others" in await answer_command(bot.services, ADA, f"clear <@{ANNA}>")
    after = (await bot.services.learning.requester.selection()).reasons
    assert before != after and "`clear" not in await answer_command(bot.services, ADA, "corrections")
    assert (ADA, "clear") in [(e.user, e.what) for e in audit(tmp_path / "softanswer.db")]


@pytest.mark.settings(feedback={"burst_per_hour": 3})
async def test_the_old_name_of_clear_still_works_and_says_so(bot: Bot, tmp_path: Path) -> None:
    for i in range(5):
        await wrote(bot, tmp_path, f"Where is zeppelin number {i}?", ts=f"170000{i}000.000100")
        await bot.services.store.feedback.correct("T0ACME", i + 1, "negative", ANNA, "card", 100.0 + i)
    before = (await bot.services.learning.requester.selection()).reasons
    assert "Only an admin" in await answer_command(bot.services, ANNA, f"release <@{ANNA}>")
    answer = (await answer_command(bot.services, ADA, f"release <@{ANNA}>")).splitlines()
    assert "count like any others" in answer[0] and answer[1:] == ["`release` is called `clear` now."]
    assert (await bot.services.learning.requester.selection()).reasons != before
    assert (ADA, "clear") in [(e.user, e.what) for e in audit(tmp_path / "softanswer.db")]


async def test_golden_messages_are_kept_by_admins(bot: Bot, tmp_path: Path) -> None:
    assert "Only an admin" in await answer_command(bot.services, ANNA, "golden add negative Late again")
    assert "Golden message 1" in await answer_command(
        bot.services, ADA, "golden add negative Late again, jo@x.org"
    )
    assert "1. negative: Late again, an address" in await answer_command(bot.services, ADA, "golden")
    assert "Like this" in await answer_command(bot.services, ADA, "golden add angry Late")
    assert "Removed" in await answer_command(bot.services, ADA, "golden remove 1")
    assert "no golden message" in await answer_command(bot.services, ADA, "golden remove 1")
    assert "You have none yet" in await answer_command(bot.services, ADA, "golden")


@pytest.mark.parametrize(
    "gone",
    [event(type="app_uninstalled"), event(type="tokens_revoked", tokens={"bot": ["U0SOFT"]})],
    ids=["uninstalled", "revoked"],
)
async def test_an_uninstalled_app_keeps_no_words(
    bot: Bot, tmp_path: Path, gone: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    await wrote(bot, tmp_path, "The zeppelin lists to port, unacceptable!")
    await bot.services.store.feedback.correct("T0ACME", 1, "neutral", ANNA, "card", 5.0)
    await bot.services.store.examples.add_golden("T0ACME", "The zeppelin is late", "negative", ADA, 1.0)
    await bot.services.store.records.add_model("T0ACME", "acme-1", "shipped", {}, "retired", [1], 1.0)
    await bot.app.async_dispatch(signed(event(type="tokens_revoked", tokens={"oauth": ["U1"]})))
    assert b"zeppelin" in (tmp_path / "softanswer.db").read_bytes()
    await bot.app.async_dispatch(signed(gone))
    assert b"zeppelin" not in (tmp_path / "softanswer.db").read_bytes()
    assert len([m for m in messages(tmp_path / "softanswer.db") if m.label is not None]) == 1
    assert await bot.services.store.feedback.label_events("T0ACME") == []
    assert json.loads(str(audit(tmp_path / "softanswer.db", what="forget all")[0].detail)) == {
        "messages": 1,
        "versions": ["acme-1"],
    }
    assert "versions that had learned from some: acme-1" in caplog.text
