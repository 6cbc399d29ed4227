"""What becomes of a message that its author edits or deletes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bot.bootstrap import Bot
from bot.demo.people import Persons
from bot.demo.workspace import ANNA, BEN, CARLA, HELP, TRIAGE
from bot.domain.message import Message
from sandbox.server import Sandbox
from tests.support.database import actions, case_events, cases, inbox, messages
from tests.support.requests import signed
from tests.support.wait import eventually

ANGRY = "Third time this week the export dies on me. This is unacceptable!"
CALM = "Could somebody look at export 4471 when there is time?"
TS = "1700000000.000100"


async def dispatch(bot: Bot, ts: str, **fields: Any) -> None:
    inner = {"type": "message", "channel": HELP, "ts": ts, **fields}
    body = {"token": "t", "team_id": "T0ACME", "api_app_id": "A0SOFT", "type": "event_callback"}
    response = await bot.app.async_dispatch(
        signed(body | {"event_id": f"Ev{ts}", "event_time": 1700000000, "event": inner})
    )
    assert response.status == 200


async def edit(bot: Bot, before: str, after: str, at: str = "1700000020.000100") -> None:
    message = {"type": "message", "user": BEN, "ts": TS, "text": after, "edited": {"user": BEN, "ts": at}}
    await dispatch(
        bot, at, subtype="message_changed", message=message, previous_message=message | {"text": before}
    )


async def delete(bot: Bot, at: str = "1700000030.000100") -> None:
    await dispatch(bot, at, subtype="message_deleted", deleted_ts=TS, previous_message={"ts": TS})


async def settled(database: Path, events: int) -> None:
    await eventually(lambda: len(inbox(database, state=("done", "skipped"))) == events)


async def test_an_edit_into_anger_calls_a_person_and_one_into_calm_says_so(bot: Bot, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    await dispatch(bot, TS, user=BEN, text=CALM)
    await settled(database, 1)
    answers = len(actions(database, kind=("reply", "clarify")))
    await edit(bot, CALM, ANGRY)
    await settled(database, 2)
    assert [(m.text, m.label) for m in messages(database)] == [(ANGRY, "negative")]
    assert [c.flag for c in cases(database)] == ["unhappy"]
    await edit(bot, ANGRY, CALM, at="1700000040.000100")
    await settled(database, 3)
    assert [c.state for c in cases(database)] == ["open"]
    assert [e.kind for e in case_events(database)] == ["opened", "edited"]
    assert len(actions(database, kind=("reply", "clarify"))) == answers
    await eventually(lambda: actions(database, kind="card", state="sent"))


async def test_a_correction_of_the_old_words_is_not_learned_for_the_new(bot: Bot, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    await dispatch(bot, TS, user=BEN, text=ANGRY)
    await settled(database, 1)
    feedback = bot.services.store.feedback
    await feedback.correct("T0ACME", 1, "neutral", ANNA, "card", 1.0)
    assert len(await feedback.label_events("T0ACME")) == 1
    await edit(bot, ANGRY, CALM)
    await settled(database, 2)
    assert await feedback.label_events("T0ACME") == []


async def test_a_deleted_message_leaves_no_words(bot: Bot, tmp_path: Path, sandbox: Sandbox) -> None:
    database = tmp_path / "softanswer.db"
    await dispatch(bot, TS, user=BEN, text=ANGRY)
    await eventually(lambda: actions(database, kind="card", state="sent"))
    await delete(bot)
    await eventually(lambda: actions(database, kind="card_update", state="sent"))
    assert [(m.text, m.label) for m in messages(database)] == [(None, "negative")]
    assert b"unacceptable" not in database.read_bytes()
    async with Persons(sandbox.url) as persons:
        cards = json.dumps((await persons.state(ANNA))["messages"][TRIAGE])
    assert "unacceptable" not in cards and "no longer kept" in cards


async def test_a_deletion_that_overtakes_its_message_keeps_it_from_being_read(
    bot: Bot, tmp_path: Path
) -> None:
    database = tmp_path / "softanswer.db"
    await delete(bot)
    await settled(database, 1)
    await dispatch(bot, TS, user=BEN, text=ANGRY)
    await settled(database, 2)
    assert [(m.text, m.label) for m in messages(database)] == [(None, None)]
    assert cases(database) == []
    # Nor does an edit bring it back.
    await edit(bot, CALM, ANGRY, at="1700000050.000100")
    await settled(database, 3)
    assert [m.text for m in messages(database)] == [None]


async def test_an_edit_that_overtakes_its_message_is_the_message(bot: Bot, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    await edit(bot, CALM, ANGRY)
    await settled(database, 1)
    await dispatch(bot, TS, user=BEN, text=CALM)
    await settled(database, 2)
    assert [(m.text, m.flag) for m in messages(database)] == [(ANGRY, "unhappy")]


async def test_an_edit_of_what_was_never_read_here_is_let_be(bot: Bot, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    await edit(bot, CALM, ANGRY, at="1700009000.000100")
    await settled(database, 1)
    assert [(e.state, e.reason) for e in inbox(database)] == [
        ("skipped", "an edit of a message that is not here")
    ]
    assert messages(database) == []


async def test_what_a_person_of_the_team_edits_is_kept_and_not_read(bot: Bot, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    conversations = bot.services.store.conversations
    await dispatch(bot, TS, user=ANNA, text="Looking into it.")
    await settled(database, 1)
    message = Message("T0ACME", HELP, TS, TS, ANNA, "Looked into it.", "agent", "auto")
    assert await conversations.knows(message)
    event = {"type": "message", "user": ANNA, "ts": TS, "text": message.text}
    await dispatch(
        bot, "1700000020.000100", subtype="message_changed", message=event, previous_message={"text": "x"}
    )
    await settled(database, 2)
    assert [(m.text, m.label) for m in messages(database)] == [("Looked into it.", None)]


async def test_a_reply_not_yet_sent_is_dropped_with_the_message(bot: Bot, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    bot.deliverer._sending[HELP] = None  # the channel is busy: nothing goes out
    await dispatch(bot, TS, user=CARLA, text="How do I export my data?")
    await settled(database, 1)
    await delete(bot)
    await settled(database, 2)
    del bot.deliverer._sending[HELP]
    assert [(a.state, a.error) for a in actions(database, kind="reply")] == [
        ("dropped", "the message is gone")
    ]


async def test_of_two_edits_the_later_one_stands_whichever_comes_first(bot: Bot, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    await dispatch(bot, TS, user=BEN, text="one")
    await edit(bot, "two", "three", at="1700000040.000100")
    await edit(bot, "one", "two", at="1700000020.000100")
    await settled(database, 3)
    assert [m.text for m in messages(database)] == ["three"]


async def test_a_mended_typo_in_an_answered_question_opens_no_case(bot: Bot, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    await dispatch(bot, TS, user=BEN, text="How do I exprt my data?")
    await settled(database, 1)
    await edit(bot, "How do I exprt my data?", "How do I export my data?")
    await settled(database, 2)
    assert cases(database) == []
    assert len(actions(database, kind=("reply", "clarify"))) == 1


async def test_a_greeting_edited_into_a_question_is_answered(bot: Bot, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    await dispatch(bot, TS, user=BEN, text="Hello!")
    await edit(bot, "Hello!", "How do I export my data?")
    await settled(database, 2)
    assert [(m.reply, m.template) for m in messages(database)] == [("template", "data_export")]
    assert len(actions(database, kind="reply")) == 1


async def test_who_deletes_and_asks_again_is_answered(bot: Bot, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    question = "How do I export my data?"
    await dispatch(bot, TS, user=BEN, text=question)
    await settled(database, 1)
    await delete(bot)
    await dispatch(bot, "1700000060.000100", user=BEN, text=question)
    await settled(database, 3)
    assert [m.reply for m in messages(database) if m.text is not None] == ["template"]


async def test_an_edit_that_makes_a_request_a_complaint_rings(bot: Bot, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    ask = "I want to talk to a person please"
    await dispatch(bot, TS, user=BEN, text=ask)
    await settled(database, 1)
    assert [c.flag for c in cases(database)] == ["request"]
    await edit(bot, ask, ANGRY)
    await settled(database, 2)
    assert [c.flag for c in cases(database)] == ["unhappy"]
    await eventually(lambda: actions(database, kind="card_note", state="sent"))
    # The note follows the words, too.
    await edit(bot, ANGRY, CALM, at="1700000040.000100")
    await eventually(lambda: actions(database, kind="card_note_update", state="sent"))


async def test_no_reply_to_a_deleted_message_is_sent_again(bot: Bot, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    outbox = bot.services.store.outbox
    await dispatch(bot, TS, user=CARLA, text="How do I export my data?")
    # The sandbox knows no such message to reply to, and refuses.
    await eventually(lambda: actions(database, kind="reply", state="failed"))
    await outbox.retry(
        1, 1, bot.services.clock() + 600, "TimeoutError", known=False
    )  # its outcome is unknown
    await delete(bot)
    await settled(database, 2)
    assert not await outbox.sending(1)
    assert [a.state for a in actions(database, kind="reply")] == ["dropped"]
