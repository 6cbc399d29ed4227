"""What the team teaches besides labels: examples for templates, and golden messages that every version must read right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.domain.actions import TRIAGE, Action
from bot.domain.feedback import Said
from bot.domain.learning import Example, Golden
from bot.store.db import Database
from bot.store.feedback import insert_feedback
from bot.store.outbox import insert_actions
from bot.store.records import insert_audit


class Teaching:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def propose(
        self, team: str, message_id: int, template: str, text: str, user: str, now: float
    ) -> bool:
        """An agent's word on the right template of a message; `text` is what the example would say. An admin decides.

        False if it was proposed before, or the message is gone.
        """

        def work(db: Any) -> bool:
            row = next(db["messages"].rows_where("id = ?", [message_id]), None)
            where = "message_id = ? and template = ?"
            if (
                row is None
                or row["text"] is None
                or next(db["examples"].rows_where(where, [message_id, template]), None)
            ):
                return False
            insert_feedback(db, team, row, "template", Said(template, user, "shortcut", now))
            example = {"team": team, "template": template, "text": text, "message_id": message_id}
            example_id = int(
                db["examples"].insert(example | {"user": user, "at": now, "state": "proposed"}).last_pk
            )
            action = Action("example", f"example:{example_id}", TRIAGE, facts={"example": example_id})
            insert_actions(db, team, [action], now, message_id)
            return True

        return await self._database.run(work)

    async def decide(
        self, team: str, example_id: int, approved: bool, user: str, now: float
    ) -> Example | None:
        """An admin's word on a proposed example; None if it was decided already or its words are gone."""

        def work(db: Any) -> Example | None:
            row = next(db["examples"].rows_where("id = ? and team = ?", [example_id, team]), None)
            if row is None or row["state"] != "proposed" or row["text"] is None:
                return None
            state = "approved" if approved else "rejected"
            db["examples"].update(example_id, {"state": state, "decided_by": user, "decided_at": now})
            insert_audit(
                db, team, user, f"example {state}", {"example": example_id, "template": row["template"]}, now
            )
            of = {"of": f"example:{example_id}", "example": example_id}
            close = Action("example_close", f"example_close:{example_id}", TRIAGE, facts=of)
            insert_actions(db, team, [close], now, row["message_id"])
            return _example(row | {"state": state, "decided_by": user})

        return await self._database.run(work)

    async def example(self, example_id: int) -> Example | None:
        def work(db: Any) -> Example | None:
            row = next(db["examples"].rows_where("id = ?", [example_id]), None)
            return _example(row) if row else None

        return await self._database.run(work)

    async def approved(self, team: str) -> dict[str, tuple[str, ...]]:
        """The approved examples by template."""

        def work(db: Any) -> dict[str, tuple[str, ...]]:
            found: dict[str, tuple[str, ...]] = {}
            where = "team = ? and state = 'approved' and text is not null"
            for row in db["examples"].rows_where(where, [team], order_by="id"):
                found[row["template"]] = (*found.get(row["template"], ()), row["text"])
            return found

        return await self._database.run(work)

    async def add_golden(
        self, team: str, text: str, label: str, user: str, now: float, said: str | None = None
    ) -> int:
        """Add a golden message, or change its label; returns its number. `said`: the words as they were given, before
        redaction; if a customer's message has them, the golden message goes when that message goes."""

        def work(db: Any) -> int:
            db.conn.execute("delete from golden where team = ? and text = ?", [team, text])
            found = next(db["messages"].rows_where("text in (?, ?)", [text, said or text]), None)
            row = {"team": team, "text": text, "label": label, "user": user, "at": now}
            row["message_id"] = found["id"] if found else None
            golden = int(db["golden"].insert(row).last_pk)
            insert_audit(db, team, user, "golden add", {"golden": golden, "label": label}, now)
            return golden

        return await self._database.run(work)

    async def remove_golden(self, team: str, number: int, user: str, now: float) -> bool:
        def work(db: Any) -> bool:
            done = db.conn.execute("delete from golden where team = ? and id = ?", [team, number])
            if done.rowcount:
                insert_audit(db, team, user, "golden remove", {"golden": number}, now)
            return bool(done.rowcount)

        return await self._database.run(work)

    async def golden(self, team: str) -> list[Golden]:
        def work(db: Any) -> list[Golden]:
            rows = db["golden"].rows_where("team = ?", [team], order_by="id")
            return [Golden(row["id"], row["text"], row["label"], row["user"]) for row in rows]

        return await self._database.run(work)


def forget_taught(db: Any, message: Mapping[str, Any], now: float) -> None:
    """The words of a message (its row) are gone or going, and with them the examples and golden messages made of it; in the
    caller's transaction."""
    for row in list(db["examples"].rows_where("message_id = ? and text is not null", [message["id"]])):
        db["examples"].update(row["id"], {"text": None, "state": "forgotten"})
        of = {"of": f"example:{row['id']}", "example": row["id"]}
        close = Action("example_close", f"example_gone:{row['id']}", TRIAGE, facts=of)
        insert_actions(db, message["team"], [close], now, message["id"])
    db.conn.execute("delete from golden where message_id = ?", [message["id"]])


def _example(row: Any) -> Example:
    return Example(row["id"], row["template"], row["text"], row["user"], row["state"], row["decided_by"])
