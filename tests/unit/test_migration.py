"""A database of an older version is brought up to date without losing a row: tests/fixtures/schema4.sql was made by that version."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot.desk import cases
from bot.store import Store, StoreError, open_store
from bot.store.schema import MIGRATIONS

FIXTURE = Path(__file__).parent.parent / "fixtures" / "schema4.sql"
TABLES = {
    "inbox", "messages", "cases", "actions", "feedback", "models", "model_feedback", "runs", "audit", "settings", "asks",
    "examples", "golden", "watches", "shadows",
}  # fmt: skip
RENAMED = {"asks": "label_requests", "watches": "shadow_evaluations", "shadows": "shadow_differences"}
OWN, OTHER = "T0ACME", "T0GLOBEX"
TO_OWN_TEAM = {"messages", "cases", "actions", "feedback", "inbox"}
"""Tables in which a row that was kept under another team comes under our own."""

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    file = tmp_path / "a.db"
    with closing(sqlite3.connect(file)) as db:
        db.executescript(FIXTURE.read_text("utf-8"))
    return file


@pytest.fixture
def store(old: Path) -> Iterator[Store]:
    store = open_store(old, cases.apply)
    yield store
    store.database.close()


def rows_of(file: Path) -> Rows:
    with closing(sqlite3.connect(file)) as db:
        db.row_factory = sqlite3.Row
        tables = [r["name"] for r in db.execute("select name from sqlite_master where type = 'table'")]
        return {t: [dict(r) for r in db.execute(f"select * from {t} order by 1, 2")] for t in tables}


def shape_of(file: Path) -> dict[str, Any]:
    """Tables with their columns, keys and indexes, and the views."""
    with closing(sqlite3.connect(file)) as db:
        shape: dict[str, Any] = {}
        for kind, name, sql in db.execute("select type, name, sql from sqlite_master").fetchall():
            if kind == "view":
                shape[name] = sql
            if kind == "table":
                indexes = db.execute(f"pragma index_list({name})").fetchall()
                shape[name] = (
                    db.execute(f"pragma table_xinfo({name})").fetchall(),
                    sorted(row[2:] for row in db.execute(f"pragma foreign_key_list({name})")),
                    sorted((i[1:], db.execute(f"pragma index_xinfo({i[1]})").fetchall()) for i in indexes),
                )
        return shape


def as_it_is_meant_to_be(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row of schema 4 with what the migration to schema 5 changes in it; every other column stays as it was."""
    row = dict(row)
    if table in TO_OWN_TEAM and row["team"] == OTHER:
        row["team"] = OWN
    if table == "runs":
        row["excluded"] = row.pop("held")
    if table == "watches":
        del row["ends_at"]
    if table == "models":
        del row["metrics"], row["data_hash"]
    if table == "shadows":
        row["evaluation_id"] = row.pop("watch_id")
    if table in ("runs", "models") and row["state"] == "refused":
        row["state"] = "rejected"
    if table == "cases":
        del row["mood"]
        row["taken_at"] = row["taken_at"] if row["state"] != "open" else None  # they were of its life before
        row["resolved_at"] = row["resolved_at"] if row["state"] == "resolved" else None
    if table == "actions":
        payload = json.loads(row.pop("facts"))
        if row["kind"] == "draft":
            payload["customer_channel"], payload["customer_thread"] = (
                payload.pop("channel"),
                payload.pop("thread"),
            )
        row["payload"] = payload
        renamed = {"ask": "label_request", "ask_close": "label_request_close", "whisper": "ephemeral"}
        row["kind"] = renamed.get(row["kind"], row["kind"])
    return row


def test_every_row_is_kept(old: Path) -> None:
    before = rows_of(old)
    assert set(before) == TABLES
    assert all(before.values())  # a table without rows would show nothing
    open_store(old, cases.apply).database.close()
    after = rows_of(old)
    for action in after["actions"]:
        action["payload"] = json.loads(action["payload"])
    for table in TABLES:
        meant = [as_it_is_meant_to_be(table, row) for row in before[table]]
        kept = [{name: row[name] for name in meant[0]} for row in after[RENAMED.get(table, table)]]
        assert kept == meant, table
    with closing(sqlite3.connect(old)) as db:
        assert db.execute("pragma user_version").fetchone() == (len(MIGRATIONS),)
        assert db.execute("pragma foreign_key_check").fetchall() == []
        assert db.execute("pragma integrity_check").fetchall() == [("ok",)]


def test_the_fixture_holds_what_the_migration_changes(old: Path) -> None:
    before = rows_of(old)
    assert any(
        case["state"] == "open" and case["taken_at"] and case["resolved_at"] for case in before["cases"]
    )
    assert {"ask", "ask_close", "whisper", "draft"} <= {action["kind"] for action in before["actions"]}
    assert all(any(row["team"] == OTHER for row in before[table]) for table in TO_OWN_TEAM)
    assert {"open", "taken", "resolved"} == {case["state"] for case in before["cases"]}
    assert {"pending", "sending", "sent", "failed", "dropped"} == {a["state"] for a in before["actions"]}
    assert {"pending", "done", "skipped", "failed"} == {event["state"] for event in before["inbox"]}


def test_a_migrated_database_has_the_shape_of_a_new_one(old: Path, tmp_path: Path) -> None:
    open_store(old, cases.apply).database.close()
    open_store(tmp_path / "new.db", cases.apply).database.close()
    assert shape_of(old) == shape_of(tmp_path / "new.db")


def test_a_migration_that_fails_changes_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(db: Any) -> None:
        MIGRATIONS[4](db)
        raise sqlite3.OperationalError("database or disk is full")

    before = old.read_bytes()
    monkeypatch.setattr("bot.store.db.MIGRATIONS", (*MIGRATIONS[:4], half))
    with pytest.raises(StoreError, match="cannot be written"):
        open_store(old, cases.apply)
    assert old.read_bytes() == before
    monkeypatch.undo()
    open_store(old, cases.apply).database.close()


def test_what_queries_asked_of_json_is_in_columns(old: Path) -> None:
    """By SQLite's own JSON functions, as the version before asked for it."""
    open_store(old, cases.apply).database.close()
    with closing(sqlite3.connect(old)) as db:
        for sql in (
            "select negative is json_extract(scores, '$.negative') from messages",
            "select template is json_extract(payload, '$.template'), asks_rating is json_extract(payload, '$.rate')"
            " from actions where kind = 'reply'",
            "select template is null, asks_rating is null from actions where kind != 'reply'",
            "select author is coalesce(json_extract(event, '$.user'), json_extract(event, '$.message.user')),"
            " message_ts is coalesce(json_extract(event, '$.message.ts'), ts) from inbox",
        ):
            found = db.execute(sql).fetchall()
            assert found and all(all(row) for row in found), sql
        assert db.execute("select count(*) > 5 from messages where negative > 0.5").fetchone() == (1,)
        assert db.execute("select count(*) > 2 from actions where asks_rating = 1").fetchone() == (1,)
        assert db.execute("select count(*) > 3 from inbox where author is not null").fetchone() == (1,)


async def test_customers_of_another_organisation_come_under_our_own_team(old: Path, store: Store) -> None:
    seen = {case.customer for case in await store.cases.open_cases(OWN)}
    assert "W0HANK" in seen and await store.cases.open_cases(OTHER) == []
    candidates = {c.message for c in await store.label_requests.candidates(OWN, 0)}
    theirs = await store.database.transaction(
        lambda db: db.query(
            "select id, author_team from messages where \"user\" = 'W0HANK' and text is not null"
        )
    )
    assert theirs and {row["id"] for row in theirs} <= candidates
    assert {row["author_team"] for row in theirs} == {OTHER}
    ours = "select distinct author_team from messages where \"user\" != 'W0HANK'"
    assert await store.database.transaction(lambda db: db.query(ours)) == [{"author_team": None}]


async def test_every_action_can_be_read(old: Path, store: Store) -> None:
    """Those of old are typed like new ones."""
    queued = await store.database.transaction(
        lambda db: db.query("select key, kind from actions order by id")
    )
    for row in queued:
        action = await store.outbox.action(row["key"])
        assert action and action.kind == row["kind"]


async def test_a_case_that_is_older_than_its_history_tells_what_is_known(store: Store) -> None:
    told = {case: [event.kind for event in await store.cases.history(case)] for case in range(1, 6)}
    assert told == {
        1: ["opened", "taken"], 2: ["opened"], 3: ["opened", "taken", "resolved"], 4: ["opened"], 5: ["opened"],
    }  # fmt: skip


async def test_a_bot_that_has_never_started_keeps_its_rows_as_they_are(old: Path) -> None:
    with closing(sqlite3.connect(old)) as db:
        db.execute("delete from settings where team = '' and key = 'team'")
        db.commit()
    store = open_store(old, cases.apply)
    assert len(await store.cases.open_cases(OTHER)) == 2
    store.database.close()


async def test_the_store_works_on_with_what_it_finds(store: Store) -> None:
    waiting = await store.inbox.pending(100)
    assert {received.team for received in waiting} == {OWN}
    theirs = [received.id for received in waiting if received.event.get("user") == "W0HANK"]
    assert theirs and (await store.erasure.forget(OWN, "W0HANK", "U0ADA", 1.8e9)).messages == 2
    left = [received.id for received in await store.inbox.pending(100)]
    assert left == [received.id for received in waiting if received.id not in theirs]
    assert await store.examples.approved(OWN) == {"billing": ("Why was I charged twice?",)}
    assert (await store.feedback.counts())["rating:person"] == 1
    report = await store.reports.learning(OWN, 1.7801e9)
    assert [version.name for version in report.versions] == ["acme-1", "acme-2", "acme-3"] and report.weeks
