"""Forgetting: what a person wrote, and what has become too old."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bot.bootstrap import Bot
from bot.cli import main
from bot.demo.people import Persons
from bot.demo.workspace import ADA, ANNA, BEN, CARLA, HELP, TRIAGE, write_config
from bot.desk import cases
from bot.domain.message import Decision, Edit, Message, Received
from bot.privacy.redaction import to_keep
from bot.privacy.retention import Retention
from bot.settings import load_settings
from bot.slack.commands import answer_command
from bot.store import open_store
from bot.store.db import Transaction
from model.reading import Reading
from sandbox.server import Sandbox
from tests.support.database import actions, audit, inbox, messages, runs
from tests.support.dispatch import stop_pipeline
from tests.support.requests import event, signed
from tests.support.wait import eventually

DAY_S = 86400.0


async def wrote(bot: Bot, user: str, text: str, n: int, thread: int | None = None) -> None:
    in_thread = {"thread_ts": f"17000000{thread:02}.000100"} if thread else {}
    event = {"type": "message", "channel": HELP, "user": user, "ts": f"17000000{n:02}.000100", "text": text}
    await bot.services.pipeline.accept("T0ACME", event | in_thread)


async def sent(database: Path, kind: str) -> None:
    await eventually(lambda: actions(database, kind=kind, state="sent"))


async def test_forget_takes_a_persons_words_out_of_database_and_cards(
    bot: Bot, tmp_path: Path, sandbox: Sandbox
) -> None:
    database = tmp_path / "softanswer.db"
    records = bot.services.store.records
    await wrote(bot, BEN, "Third time this week the zeppelin dies on me. Unacceptable!", 1)
    await wrote(bot, BEN, "Are you even reading this? The zeppelin is still dead!!", 2, thread=1)
    await wrote(bot, CARLA, "My dirigible is broken again, I am losing money every hour!", 3)
    await sent(database, "card_note")
    await bot.services.store.feedback.correct("T0ACME", 1, "neutral", ANNA, "card", 1.0)
    await records.add_model("T0ACME", "v9", "v8", {}, "rejected", [1], 2.0)

    answer = await answer_command(bot.services, ADA, f"forget <@{BEN}|ben>")
    bot.services.committed()
    assert "the text of 2 messages" in answer and "`v9`" in answer
    await sent(database, "card_note_update")
    await sent(database, "card_update")
    excluded = database.read_bytes()
    assert b"zeppelin" not in excluded and b"dirigible" in excluded
    assert len([m for m in messages(database) if m.label is not None]) == 3
    assert await bot.services.store.feedback.label_events("T0ACME") == []
    assert [(e.user, e.detail) for e in audit(database, what="forget")] == [
        (ADA, json.dumps({"user": BEN, "messages": 2, "versions": ["v9"]}))
    ]
    async with Persons(sandbox.url) as persons:

        async def shown() -> bool:
            return "zeppelin" not in json.dumps((await persons.state(ANNA))["messages"][TRIAGE])

        await eventually(shown)
    assert "0 messages" in await answer_command(bot.services, ADA, f"forget {BEN}")


async def test_forget_is_for_admins_and_wants_a_name(bot: Bot) -> None:
    assert "Only an admin" in await answer_command(bot.services, ANNA, f"forget <@{BEN}>")
    assert "talk to a person" in await answer_command(bot.services, CARLA, f"forget <@{CARLA}>")
    for unclear in ("forget", "forget ben", "forget <#C1>"):
        assert "Whom?" in await answer_command(bot.services, ADA, unclear)


async def test_an_event_not_settled_yet_is_forgotten_too(bot: Bot, tmp_path: Path) -> None:
    store, database = bot.services.store, tmp_path / "softanswer.db"
    event = {"channel": HELP, "user": BEN, "ts": "1700000009.000100", "text": "zeppelin"}
    await store.inbox.put("T0ACME", event, 1.0)
    await store.inbox.record_failure(1, 3, "broken", give_up=True)
    assert (await store.erasure.forget("T0ACME", BEN, ADA, 2.0)).messages == 0
    assert [(e.state, e.event) for e in inbox(database)] == [("skipped", None)]


async def test_what_is_being_read_when_it_is_forgotten_stays_forgotten(bot: Bot, tmp_path: Path) -> None:
    store, database = bot.services.store, tmp_path / "softanswer.db"
    stop_pipeline()
    # Of another organisation, as in a shared channel.
    event = {"type": "message", "channel": HELP, "user": BEN, "ts": "1700000009.000100", "text": "zeppelin"}
    await store.inbox.put("T0OTHER", event, 1.0)
    read = await store.inbox.pending(1)
    await store.erasure.forget("T0ACME", BEN, ADA, 2.0)
    await bot.services.pipeline.process_batch(read)
    assert messages(database) == []
    assert b"zeppelin" not in database.read_bytes()


@pytest.mark.parametrize("how", ["command", "deletion", "uninstalled"])
@pytest.mark.trainer("-c", "import time; time.sleep(60)")
async def test_a_retraining_that_may_hold_the_words_is_stopped(bot: Bot, tmp_path: Path, how: str) -> None:
    database, ts = tmp_path / "softanswer.db", "1700000001.000100"
    store, serving = bot.services.store, bot.services.learning.serving
    await wrote(bot, BEN, "Third time this week the zeppelin dies on me. Unacceptable!", 1)
    await sent(database, "card")
    await store.feedback.correct("T0ACME", 1, "neutral", ANNA, "card", 5.0)
    await store.examples.propose("T0ACME", 1, "data_export", "the zeppelin dies", ANNA, 1.0)
    await store.examples.decide("T0ACME", 1, True, ADA, 2.0)
    await serving.reload_examples()
    examples = bot.services.pipeline._router.texts
    assert "the zeppelin dies" in examples()
    await store.records.set_consent("T0ACME", True, ADA, 1.0)
    await answer_command(bot.services, ADA, "retrain")
    await eventually(lambda: list(bot.services.settings.model.folder.glob(".runs/*")))
    if how == "command":
        assert "was stopped" in await answer_command(bot.services, ADA, f"forget {BEN}")
    elif how == "deletion":
        deleted = {
            "type": "message",
            "subtype": "message_deleted",
            "channel": HELP,
            "deleted_ts": ts,
            "ts": "1700000005.1",
        }
        await bot.services.pipeline.accept("T0ACME", deleted)
    else:
        gone = event(type="app_uninstalled", event_ts="1700000005.1")
        assert (await bot.app.async_dispatch(signed(gone))).status == 200
    await eventually(lambda: runs(database, state="failed"))
    why = (
        "the app was uninstalled"
        if how == "uninstalled"
        else "messages that it may have learned from were forgotten"
    )
    assert [(r.summary, r.version) for r in runs(database)] == [(why, None)]
    await eventually(lambda: "the zeppelin dies" not in examples())
    assert not list(bot.services.settings.model.folder.glob(".runs/*"))
    assert [m.text for m in messages(database)] == [None]
    assert (await bot.services.learning.requester.selection()).rows == ()
    if how != "uninstalled":
        await sent(database, "card_update")


async def commit(bot: Bot, ts: str, text: str, age_days: float, shared: bool = False, **decided: Any) -> None:
    """A message of days ago, read and decided on by hand."""
    stop_pipeline()
    store, now = bot.services.store, bot.services.clock()
    message = Message("T0ACME", HELP, ts, ts, CARLA, text, "customer", "auto", shared=shared)
    await store.inbox.put("T0ACME", {"channel": HELP, "ts": ts}, now)
    received: Received = (await store.inbox.pending(1))[0]
    reading = Reading("v1", "neutral", {"negative": 0.1, "neutral": 0.8, "positive": 0.1}, None)
    when = now - age_days * DAY_S
    await store.conversations.commit(received.id, message, reading, Decision(**decided), [], when)


async def retain(bot: Bot, consent: bool = False, shared: set[str] | None = None) -> None:
    """What a bot does at its start and every six hours."""
    done = asyncio.Event()

    async def consented() -> bool:
        return consent

    services = bot.services

    class Once(Retention):
        async def _erase_old(self) -> None:
            await super()._erase_old()
            done.set()

    task = asyncio.create_task(
        Once(services.store.erasure, 90, 365, consented, lambda: shared, services.clock).run()
    )
    await asyncio.wait_for(done.wait(), 20)
    task.cancel()


async def test_what_is_too_old_goes_but_not_under_an_open_case(bot: Bot, tmp_path: Path) -> None:
    database = tmp_path / "softanswer.db"
    await commit(bot, "1.1", "old zeppelin", 91)
    await commit(bot, "2.1", "old dirigible, open case", 91, flag="request")
    await commit(bot, "3.1", "new balloon", 89)
    await retain(bot)
    assert [(m.text, m.label) for m in messages(database)] == [
        (None, "neutral"),
        ("old dirigible, open case", "neutral"),
        ("new balloon", "neutral"),
    ]


async def test_what_was_labelled_stays_to_be_learned_from_without_what_belongs_to_persons(
    bot: Bot, tmp_path: Path
) -> None:
    database, feedback = tmp_path / "softanswer.db", bot.services.store.feedback
    await commit(bot, "1.1", "the zeppelin lists, mail jo@example.com", 91)
    await commit(bot, "2.1", "nobody said how this dirigible felt", 91)
    await commit(bot, "3.1", "this balloon was another organisation's", 91, shared=True)
    await commit(bot, "4.1", "of this kite somebody took it back", 91)
    await commit(bot, "5.1", "this glider is too old for that, too", 366)
    await commit(bot, "6.1", "this blimp was labelled before it was edited", 91)
    for message in (1, 3, 4, 5, 6):
        await feedback.correct("T0ACME", message, "negative", ANNA, "card", 5.0)
    await bot.services.store.database.transaction(lambda db: db.update("messages", 6, {"edited_at": 6.0}))
    await feedback.correct("T0ACME", 4, "withdrawn", ANNA, "reaction", 6.0)
    before = (await bot.services.learning.requester.selection()).rows
    await retain(bot, consent=True, shared=set())
    kept = ["the zeppelin lists, mail an address", *[None] * 5]
    assert [m.text for m in messages(database)] == kept
    assert b"jo@example.com" not in database.read_bytes()
    (used,) = (await bot.services.learning.requester.selection()).rows
    assert used in before
    await retain(bot, consent=True, shared=set())
    assert [m.text for m in messages(database)] == kept
    await retain(bot, consent=False, shared=set())
    assert all(m.text is None for m in messages(database))


async def test_what_is_kept_of_shared_channels_is_what_may_be_learned_from(bot: Bot, tmp_path: Path) -> None:
    await commit(bot, "1.1", "the zeppelin lists", 91)
    await commit(bot, "2.1", "the balloon was another organisation's then", 91, shared=True)
    for message in (1, 2):
        await bot.services.store.feedback.correct("T0ACME", message, "negative", ANNA, "card", 5.0)
    await retain(bot, consent=True, shared=None)  # `shared_channels: true`
    assert [m.text is not None for m in messages(tmp_path / "softanswer.db")] == [True, True]
    await retain(bot, consent=True, shared={HELP})  # now it is shared
    assert [m.text for m in messages(tmp_path / "softanswer.db")] == [None, None]


async def test_an_edit_of_what_is_kept_only_to_learn_from_takes_it_away(bot: Bot, tmp_path: Path) -> None:
    store, database = bot.services.store, tmp_path / "softanswer.db"
    await commit(bot, "1.1", "the zeppelin lists, mail jo@example.com", 91)
    await store.feedback.correct("T0ACME", 1, "negative", ANNA, "card", 5.0)
    await retain(bot, consent=True, shared=set())

    async def edit(text: str, ts: str) -> None:
        message = Message("T0ACME", HELP, "1.1", "1.1", CARLA, text, "customer", "auto")
        await store.inbox.put("T0ACME", {"channel": HELP, "ts": ts}, 1.0)
        received: Received = (await store.inbox.pending(1))[0]
        kept = to_keep(text)
        await store.conversations.revise(
            received.id, Edit(message, float(ts)), None, Decision(), [], 9.0, kept
        )

    await edit("the zeppelin lists, mail jo@example.com", "8.1")  # nothing new
    assert [m.text for m in messages(database)] == ["the zeppelin lists, mail an address"]
    await edit("the zeppelin sinks, mail jo@x.de", "9.1")
    assert [m.text for m in messages(database)] == [None]
    assert "too old to keep" in str(inbox(database)[-1].reason)


def test_forget_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path)
    database = load_settings(config).database
    store = open_store(database, cases.apply)

    def work(db: Transaction) -> None:
        row = {"team": "T1", "channel": "C1", "thread": "1.0", "role": "customer", "created_at": 1.0}
        for n, user in enumerate(("U1", "U1", "U2")):
            db.insert("messages", row | {"ts": f"{n}.0", "user": user, "text": "zeppelin"})

    store.database.transaction_blocking(work)
    asyncio.run(store.records.remember("", "team", "T0ACME"))
    store.database.close()
    assert main(["forget", "U1", "--config", str(config)]) == 0
    assert capsys.readouterr().out == "erased the text of 2 messages of U1\n"
    assert [m.user for m in messages(database) if m.text is not None] == ["U2"]
    assert [(a.team, a.what) for a in audit(database)] == [("T0ACME", "forget")]  # not the last event's
    assert main(["forget", "U1", "--config", str(tmp_path / "none")]) == 2
