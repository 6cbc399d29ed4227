"""Examples for templates, and the golden set: messages that every version must read right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.domain.actions import ExampleClose, ExamplePost
from bot.domain.feedback import FeedbackEntry
from bot.domain.learning import Example, Golden
from bot.domain.message import StoredMessage
from bot.store.db import Database, Transaction
from bot.store.feedback import insert_feedback
from bot.store.messages import message_by_id
from bot.store.outbox import insert_actions
from bot.store.records import insert_audit


class Examples:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def propose(
        self, team: str, message_id: int, template: str, text: str, user: str, now: float
    ) -> bool:
        """An agent proposes a message as an example of a template; an admin decides. `text`: the example's text.

        False if it was proposed before, or the message was erased.
        """
        before = "select 1 from examples where message_id = ? and template = ?"

        def work(db: Transaction) -> bool:
            message = message_by_id(db, message_id)
            if message is None or message.text is None or db.one(before, [message_id, template]):
                return False
            insert_feedback(db, team, message, "template", FeedbackEntry(template, user, "shortcut", now))
            example = {"team": team, "template": template, "text": text, "message_id": message_id}
            example_id = db.insert("examples", example | {"user": user, "at": now, "state": "proposed"})
            insert_actions(db, team, [ExamplePost.of_example(example_id)], now, message_id)
            return True

        return await self._database.transaction(work)

    async def decide(
        self, team: str, example_id: int, approved: bool, user: str, now: float
    ) -> Example | None:
        """Approve or reject a proposed example. None if it was decided already or its text was erased."""

        def work(db: Transaction) -> Example | None:
            row = db.one("select * from examples where id = ? and team = ?", [example_id, team])
            if row is None or row["state"] != "proposed" or row["text"] is None:
                return None
            state = "approved" if approved else "rejected"
            db.update("examples", example_id, {"state": state, "decided_by": user, "decided_at": now})
            insert_audit(
                db, team, user, f"example {state}", {"example": example_id, "template": row["template"]}, now
            )
            close = ExampleClose.of_example(example_id)
            insert_actions(db, team, [close], now, row["message_id"])
            return _example(row | {"state": state, "decided_by": user})

        return await self._database.transaction(work)

    async def example(self, example_id: int) -> Example | None:
        sql = "select * from examples where id = ?"
        row = await self._database.transaction(lambda db: db.one(sql, [example_id]))
        return _example(row) if row else None

    async def approved(self, team: str) -> dict[str, tuple[str, ...]]:
        """The approved examples by template."""
        sql = """
            select template, text from examples where team = ? and state = 'approved' and text is not null order by id
        """
        found: dict[str, tuple[str, ...]] = {}
        for row in await self._database.transaction(lambda db: db.query(sql, [team])):
            found[row["template"]] = (*found.get(row["template"], ()), row["text"])
        return found

    async def add_golden(
        self, team: str, text: str, label: str, user: str, now: float, original: str | None = None
    ) -> int:
        """Add a golden message, or change its label; returns its number.

        `original`: the text before redaction. If a customer's message has that text, erasing it erases the golden one.
        """

        def work(db: Transaction) -> int:
            db.execute("delete from golden where team = ? and text = ?", [team, text])
            found = db.one(
                "select id from messages where text in (?, ?) order by id limit 1", [text, original or text]
            )
            row = {"team": team, "text": text, "label": label, "user": user, "at": now}
            row["message_id"] = found["id"] if found else None
            golden = db.insert("golden", row)
            insert_audit(db, team, user, "golden add", {"golden": golden, "label": label}, now)
            return golden

        return await self._database.transaction(work)

    async def remove_golden(self, team: str, number: int, user: str, now: float) -> bool:
        def work(db: Transaction) -> bool:
            done = db.execute("delete from golden where team = ? and id = ?", [team, number])
            if done:
                insert_audit(db, team, user, "golden remove", {"golden": number}, now)
            return done > 0

        return await self._database.transaction(work)

    async def golden(self, team: str) -> list[Golden]:
        sql = "select * from golden where team = ? order by id"
        rows = await self._database.transaction(lambda db: db.query(sql, [team]))
        return [Golden(row["id"], row["text"], row["label"], row["user"]) for row in rows]


def forget_examples(db: Transaction, message: StoredMessage, now: float) -> None:
    """Erase the examples and golden messages made of a message; in the caller's transaction."""
    rows = db.query(
        "select id from examples where message_id = ? and text is not null order by id", [message.id]
    )
    for row in rows:
        db.update("examples", row["id"], {"text": None, "state": "forgotten"})
        close = ExampleClose.of_example(row["id"], "gone")
        insert_actions(db, message.team, [close], now, message.id)
    db.execute("delete from golden where message_id = ?", [message.id])


def _example(row: Mapping[str, Any]) -> Example:
    return Example(row["id"], row["template"], row["text"], row["user"], row["state"], row["decided_by"])
