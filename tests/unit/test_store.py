"""The database: one owner, numbered schema, every event once, every action in order and once."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils

from bot.desk import answers, cases
from bot.domain.actions import TRIAGE, Action, Reply
from bot.domain.message import Decision, Message
from bot.settings import RuleSettings
from bot.store import Store, StoreError, open_store
from bot.store.db import Transaction
from bot.store.schema import MIGRATIONS
from model.reading import Reading

SCORES = {"negative": 0.9, "neutral": 0.05, "positive": 0.05}
ANGRY = Reading("v1", "negative", SCORES, None)


def answer(key: str, channel: str = "C1", **more: Any) -> Reply:
    return Reply(key=key, channel=channel, text=key, reply="template", **more)


RULES = {"conversation_s": 120.0, "negative_threshold": RuleSettings().negative_threshold}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(tmp_path / "a.db", cases.apply)
    yield store
    store.database.close()


def message(
    ts: str = "100.0", thread: str | None = None, user: str = "U1", role: Any = "customer"
) -> Message:
    return Message("T1", "C1", ts, thread or ts, user, f"text of {ts}", role, "auto")


async def commit(
    store: Store, written: Message, decision: Decision, *actions: Action, reading: Any = ANGRY
) -> None:
    await store.inbox.put("T1", {"channel": written.channel, "ts": written.ts}, 1.0)
    inbox_id = (await store.inbox.pending(100))[-1].id
    await store.conversations.commit(inbox_id, written, reading, decision, actions, 1.0)


async def test_an_event_is_kept_once_however_it_comes(store: Store) -> None:
    event = {"type": "message", "channel": "C1", "ts": "100.0", "text": "hi"}
    assert await store.inbox.put("T1", event, 1.0)
    assert not await store.inbox.put("T1", event, 2.0)
    assert not await store.inbox.put("T2", event | {"type": "app_mention"}, 2.0)
    assert not await store.inbox.put("T1", event | {"subtype": "file_share"}, 2.0)
    assert await store.inbox.put("T1", {"channel": "C1", "ts": "101.0", "subtype": "message_changed"}, 2.0)
    assert len(await store.inbox.pending(10)) == 2


@pytest.mark.parametrize(
    "event",
    [
        {"channel": "C1", "ts": "1.0", "user": ["U1"], "message": "words", "previous_message": None},
        {"channel": 7, "message": {"user": {"id": "U1"}, "ts": 1.0}},
        {"channel": "C1", "ts": "1.0", "user": "\ud800"},
        {},
    ],
)
async def test_an_event_of_any_shape_is_kept(store: Store, event: dict[str, Any]) -> None:
    assert await store.inbox.put("T1", event, 1.0)
    assert [received.event for received in await store.inbox.pending(10)] == [event]


async def test_the_inbox_knows_whose_words_an_event_holds_and_of_which_message(store: Store) -> None:
    changed = {"message": {"user": "U1", "ts": "1.0"}, "previous_message": {"user": "U1", "ts": "1.0"}}
    gone = {"previous_message": {"user": "U1", "ts": "1.0"}}
    events: list[dict[str, Any]] = [{"user": "U1", "ts": "1.0"}, changed, gone, {"user": "U2"}]
    for n, event in enumerate(events):
        await store.inbox.put("T1", {"channel": "C1", "subtype": f"{n}", "ts": f"{n + 1}.0", **event}, 1.0)
    sql = "select author, message_ts from inbox order by id"
    rows = await store.database.transaction(lambda db: db.query(sql))
    assert [tuple(row.values()) for row in rows] == [
        ("U1", "1.0"), ("U1", "1.0"), ("U1", "3.0"), ("U2", "4.0"),
    ]  # fmt: skip
    await store.erasure.forget("T1", "U1", "UADA", 2.0)
    assert [received.id for received in await store.inbox.pending(10)] == [4]


async def test_settled_events_keep_no_text(store: Store) -> None:
    await store.inbox.put("T1", {"channel": "C1", "ts": "1", "text": "secret words"}, 1.0)
    await store.inbox.skip(1, "written by a bot")
    await commit(store, message(), Decision())
    assert await store.inbox.counts() == {"skipped": 1, "done": 1}
    rows = await store.database.transaction(lambda db: db.query("select event from inbox"))
    assert rows == [{"event": None}] * 2


async def test_a_flag_opens_one_case_and_queues_its_card(store: Store) -> None:
    await commit(store, message(), Decision("holding", flag="unhappy", reasons=("reads negative",)))
    case = await store.cases.case(1)
    assert case and (case.state, case.flag, case.confidence, case.customer) == ("open", "unhappy", 0.9, "U1")
    due = await store.outbox.heads()
    assert [(a.action.kind, a.action.channel, a.case_id) for a in due] == [("card", TRIAGE, 1)]


async def test_a_second_flag_in_the_thread_updates_the_card_and_rings(store: Store) -> None:
    await commit(store, message(), Decision(flag="request"))
    await commit(store, message("101.0", "100.0"), Decision(flag="unhappy"))
    await commit(store, message("102.0", "100.0"), Decision(flag="request"))
    case = await store.cases.case(1)
    assert case and (case.flag, case.message_ts) == ("unhappy", "101.0")
    rows = await store.database.transaction(lambda db: db.query("select kind from actions order by id"))
    assert [row["kind"] for row in rows] == ["card", "card_update", "card_note", "card_note"]


async def test_a_resolved_case_opens_again(store: Store) -> None:
    await commit(store, message(), Decision(flag="unhappy"))
    await store.cases.take(1, "UA", 2.0)
    await store.cases.take(1, "UB", 2.5)  # a stale button
    await store.cases.resolve(1, "UA", 3.0)
    await store.cases.take(1, "UB", 3.5)
    resolved = await store.cases.case(1)
    assert resolved and (resolved.state, resolved.owner) == ("resolved", "UA")
    assert await store.cases.open_cases("T1") == []
    await commit(store, message("101.0", "100.0"), Decision(flag="request"))
    case = await store.cases.case(1)
    assert case and (case.state, case.owner) == ("open", None)
    await store.cases.take(99, "UA", 2.0)


async def test_the_history_of_a_case_tells_who_did_what_and_when(store: Store) -> None:
    await commit(store, message(), Decision(flag="unhappy"))
    happy = Reading("v1", "positive", SCORES, None)
    await commit(store, message("101.0", "100.0"), Decision(), reading=happy)
    await commit(store, message("102.0", "100.0", "UA", "agent"), Decision(), reading=None)
    await store.cases.take(1, "UA", 5.0)
    await store.cases.take(1, "UB", 6.0)
    await store.cases.resolve(1, "UB", 7.0)
    await commit(store, message("103.0", "100.0"), Decision(flag="request"))
    told = [(e.kind, e.by, e.message) for e in await store.cases.history(1)]
    assert told == [
        ("opened", "U1", 1), ("customer wrote", "U1", 2), ("first reply", "UA", 3), ("taken", "UA", None),
        ("resolved", "UB", None), ("reopened", "U1", 4),
    ]  # fmt: skip
    row = await store.database.transaction(lambda db: db.one("select * from cases"))
    assert row and (row["state"], row["owner"], row["taken_at"], row["resolved_at"]) == (
        "open",
        None,
        None,
        None,
    )


async def test_the_thread_so_far(store: Store) -> None:
    await commit(store, message(), Decision("template", "export"))
    await commit(store, message("110.0", "100.0", "UA", "agent"), Decision(), reading=None)
    thread = await store.conversations.thread(message("120.0", "100.0"), **RULES)
    assert thread.team_wrote_at == 110.0
    assert thread.templates_used == {"export"}
    assert thread.replies == {"template"}


async def test_a_conversation_of_several_threads(store: Store) -> None:
    await commit(store, message(), Decision("holding"))
    near = await store.conversations.thread(message("150.0"), **RULES)
    assert (near.conversation_answered, near.conversation_negative) == (True, True)
    late = await store.conversations.thread(message("300.0"), **RULES)
    other = await store.conversations.thread(message("150.0", user="U2"), **RULES)
    assert not late.conversation_answered and not other.conversation_answered


async def test_actions_come_once_and_in_order_within_a_channel(store: Store) -> None:
    for key in ("a", "b", "a"):
        await store.outbox.put("T1", answer(key), 1.0)
    await store.outbox.put("T1", answer("c", channel="C2"), 1.0)
    assert [q.action.key for q in await store.outbox.heads()] == ["a", "c"]
    await store.outbox.retry(1, 1, 50.0, "rate limited", known=True)
    assert [(q.action.channel, q.due_at) for q in await store.outbox.heads()] == [("C1", 50.0), ("C2", 1.0)]
    await store.outbox.sent(1, "C1", "9.9", 3.0)
    assert [q.action.key for q in await store.outbox.heads()] == ["b", "c"]
    assert await store.outbox.sent_as("a") == ("C1", "9.9")
    assert await store.outbox.sent_as("b") is None
    assert await store.outbox.action("b") == answer("b") and await store.outbox.action("z") is None
    await store.outbox.fail(2, 8, "channel_not_found")
    assert await store.outbox.counts() == {"sent": 1, "failed": 1, "pending": 1}


async def test_every_word_on_a_message_is_kept_with_the_reading_it_was_about(store: Store) -> None:
    for ts in ("100.0", "200.0"):
        await commit(store, message(ts), Decision(flag="unhappy"))
    feedback = store.feedback
    assert await feedback.correct("T1", 1, "neutral", "UA", "card", 2.0)
    assert await feedback.correct("T1", 1, "positive", "UA", "card", 3.0)
    assert await feedback.correct("T1", 2, "neutral", "UA", "card", 4.0)
    assert not await feedback.correct("T1", 9, "neutral", "UA", "card", 4.0)
    words = await feedback.label_events("T1", {"C1"})
    assert [(w.id, w.message, w.text, w.label, w.user) for w in words] == [
        (1, 1, "text of 100.0", "neutral", "UA"),
        (2, 1, "text of 100.0", "positive", "UA"),
        (3, 2, "text of 200.0", "neutral", "UA"),
    ]
    assert all(w.read_label == "negative" and w.read_confidence > 0 and w.shared for w in words)
    assert not any(w.shared for w in await feedback.label_events("T1"))
    assert await feedback.labelled_since("T1", 3.5) == 1


async def test_only_the_first_choice_counts(store: Store) -> None:
    await commit(store, message(), Decision("clarify"))
    chosen = [answer("chosen", thread="100.0", template="export")]
    assert await store.feedback.choose("T1", 1, "export", "U1", chosen, 2.0, None)
    assert not await store.feedback.choose("T1", 1, "refund", "U1", chosen, 2.0, None)
    assert not await store.feedback.choose("T1", 99, "refund", "U1", chosen, 2.0, None)
    thread = await store.conversations.thread(message("120.0", "100.0"), **RULES)
    assert thread.templates_used == {"export"}


async def test_ratings_and_counts(store: Store) -> None:
    reply = answer("reply:C1:100.0", thread="100.0", rate=True)
    await commit(store, message(), Decision("template", "export"), reply)
    rate = partial(store.feedback.rate, "T1", user="U1", channel="C1", now=2.0, rule=answers.rate)
    assert not await rate(1, "helpful", ts="100.5")
    await store.outbox.sent(1, "C1", "100.5", 1.5)
    assert not await rate(1, "helpful", ts="100.6")
    assert not await rate(99, "helpful", ts="100.5")
    assert not await rate(1, "person", ts="100.7")
    assert await rate(1, "helpful", ts="100.5")
    assert await store.feedback.counts() == {"rating:helpful": 1}
    assert await rate(1, "not_helpful", ts="100.5")
    assert await rate(1, "person", ts="100.7")
    assert await store.feedback.counts() == {"rating:person": 1}


async def test_one_run_at_a_time(store: Store) -> None:
    first = await store.records.begin_run("T1", "command", "UADA", 1.0)
    assert first == 1
    assert await store.records.begin_run("T1", "schedule", None, 1.0) is None
    await store.records.end_run(1, "rejected", "worse", 2.0, "v2")
    assert await store.records.begin_run("T1", "schedule", None, 3.0) == 2
    assert await store.records.fail_interrupted_runs(4.0) == [2]
    last = await store.records.last_run("T1")
    assert last and (last.id, last.state) == (2, "failed")


async def test_models_and_their_lineage(store: Store) -> None:
    await commit(store, message(), Decision(flag="unhappy"))
    await store.feedback.correct("T1", 1, "neutral", "UA", "card", 2.0)
    await store.records.add_model("T1", "v2", "v1", {"promote": True}, "candidate", [1], 3.0)
    await store.records.serve_model("T1", "v2", "UADA", "promoted", 4.0)
    await store.records.add_model("T1", "v3", "v2", {"promote": True}, "candidate", [], 5.0)
    await store.records.serve_model("T1", "v3", "UADA", "promoted", 6.0)
    assert await store.records.model_states("T1") == {"v2": "retired", "v3": "active"}
    row = await store.database.transaction(lambda db: db.query("select version from model_feedback"))
    assert row == [{"version": "v2"}]


async def test_consent_is_recorded_with_its_giver(store: Store) -> None:
    assert not await store.records.consent("T1")
    await store.records.set_consent("T1", True, "UADA", 1.0)
    assert await store.records.consent("T1") and not await store.records.consent("T2")
    await store.records.set_consent("T1", False, "UADA", 2.0)
    assert not await store.records.consent("T1")
    sql = 'select "user", what from audit order by id'
    rows = await store.database.transaction(lambda db: db.query(sql))
    assert [tuple(row.values()) for row in rows] == [("UADA", "consent on"), ("UADA", "consent off")]


async def test_a_failing_write_leaves_nothing_behind(store: Store) -> None:
    def half(db: Transaction) -> None:
        db.insert("audit", {"team": "T1", "user": "U1", "what": "x", "at": 1.0})
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        await store.database.transaction(half)
    assert await store.database.transaction(lambda db: db.query("select 1 from audit")) == []


async def test_the_verbs_of_a_transaction(store: Store) -> None:
    row = {"team": "T1", "user": "U1", "what": "x", "at": 1.0}

    def work(db: Transaction) -> None:
        assert [db.insert("audit", row), db.insert("audit", row)] == [1, 2]
        assert db.insert("audit", row | {"id": 2}, ignore=True) is None
        db.update("audit", 2, {"user": "U2"})
        with pytest.raises(LookupError, match="audit: no row has the id 3"):
            db.update("audit", 3, {"user": "U2"})
        assert db.query('select id, "user" from audit order by id') == [
            {"id": 1, "user": "U1"},
            {"id": 2, "user": "U2"},
        ]
        assert db.one("select what from audit where id = ?", [1]) == {"what": "x"}
        assert db.one("select what from audit where id = ?", [3]) is None
        assert db.execute("update audit set detail = 'y'") == 2

    await store.database.transaction(work)


async def test_every_transaction_has_three_points_named_after_its_method(tmp_path: Path) -> None:
    reached: list[str] = []
    store = open_store(tmp_path / "a.db", cases.apply, reached.append)
    await store.inbox.put("T1", {"channel": "C1", "ts": "1.0"}, 1.0)
    await store.inbox.skip(1, "nothing")
    await store.cases.take(1, "UA", 1.0)
    await store.records.team()
    await store.erasure.forget("T1", "U1", "UADA", 1.0)
    await store.erasure.expire(1.0, lambda text: text)
    store.database.close()
    points = ("begins", "is about to be committed", "is on disk")
    methods = [
        "Inbox.put",
        "Inbox.skip",
        "Cases._apply_button",
        "Records.team",
        "Erasure.forget",
        *["Erasure.expire"] * 3,
    ]
    assert reached == [f"{method} {point}" for method in methods for point in points]


async def test_whether_many_messages_are_still_here(store: Store) -> None:
    def write(db: Transaction) -> None:
        row = {
            "team": "T1",
            "channel": "C1",
            "thread": "1.0",
            "user": "U1",
            "role": "customer",
            "created_at": 1.0,
        }
        for n in range(1, 1202):
            db.insert("messages", row | {"ts": f"{n}.0", "text": "words"})

    await store.database.transaction(write)
    assert await store.feedback.still_here([*range(1, 1202), 1, 2])
    assert await store.feedback.still_here([])
    await store.database.transaction(lambda db: db.update("messages", 1200, {"text": None}))
    assert not await store.feedback.still_here(range(1, 1202))
    assert await store.feedback.still_here(range(1, 1200))


def test_one_owner_at_a_time(tmp_path: Path) -> None:
    store = open_store(tmp_path / "a.db", cases.apply)
    with pytest.raises(StoreError, match=r"in use by a running bot — stop it first"):
        open_store(tmp_path / "a.db", cases.apply)
    store.database.close()
    open_store(tmp_path / "a.db", cases.apply).database.close()


def test_a_reader_may_look_while_the_bot_runs(tmp_path: Path) -> None:
    store = open_store(tmp_path / "a.db", cases.apply)
    with closing(sqlite3.connect(f"file:{tmp_path / 'a.db'}?mode=ro", uri=True)) as reader:
        assert reader.execute("select count(*) from messages").fetchone() == (0,)
    store.database.close()


def test_a_database_from_a_newer_version(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(
        StoreError, match=rf"written by a newer Softanswer \(schema 99, this one knows {len(MIGRATIONS)}\)"
    ):
        open_store(tmp_path / "a.db", cases.apply)
    with closing(sqlite3.connect(tmp_path / "a.db")) as db:
        assert db.execute("select count(*) from sqlite_master").fetchone() == (0,)


def test_a_database_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as db:
        MIGRATIONS[0](sqlite_utils.Database(db))
        db.execute(
            "insert into messages (team, channel, ts, thread, user, role, text, created_at)"
            " values ('T1', 'C1', '1.0', '1.0', 'U1', 'customer', 'hello', 1.0)"
        )
        db.execute("PRAGMA user_version=1")
        db.commit()
    open_store(tmp_path / "a.db", cases.apply).database.close()
    with closing(sqlite3.connect(tmp_path / "a.db")) as db:
        assert db.execute("select text, edited_at from messages").fetchall() == [("hello", None)]
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_not_a_database(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("certainly not a database, but long enough to look like one" * 20)
    with pytest.raises(StoreError, match="not a database"):
        open_store(tmp_path / "a.db", cases.apply)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        open_store(tmp_path / "file" / "a.db", cases.apply)


def test_a_backup_can_be_opened(tmp_path: Path) -> None:
    store = open_store(tmp_path / "a.db", cases.apply)
    store.database.backup(tmp_path / "b.db")
    with pytest.raises(StoreError, match="exists already"):
        store.database.backup(tmp_path / "b.db")
    store.database.close()
    open_store(tmp_path / "b.db", cases.apply).database.close()
