"""Questions to the team: how did this customer feel? About messages that nothing else would show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from bot.domain.actions import TRIAGE, Action
from bot.domain.learning import OPINIONS, Answered, Ask, Candidate, Opinion
from bot.store.db import Database
from bot.store.outbox import insert_actions

_OF_A_PERSON = (*OPINIONS, "confirm")
"""What is asked because of what somebody else said."""


class Asks:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def candidates(self, team: str, after: int, limit: int = 5000) -> list[Candidate]:
        """Customers' messages that were read, with ids beyond `after`, oldest first."""
        sql = """
            select id, label, confidence, flag from messages
            where team = ? and id > ? and role = 'customer' and label is not null and text is not null order by id limit ?
        """

        def work(db: Any) -> list[Candidate]:
            return [
                Candidate(row["id"], row["confidence"] or 0.0, row["flag"] == "unhappy")
                for row in db.query(sql, [team, after, limit])
            ]

        return await self._database.run(work)

    async def asked(self, team: str, since: float) -> list[tuple[str, str | None]]:
        """Why and whom the team was asked since a moment."""
        sql = "select why, person from asks where team = ? and asked_at >= ?"
        return await self._database.run(
            lambda db: [(row["why"], row["person"]) for row in db.query(sql, [team, since])]
        )

    async def opinions(self, team: str) -> list[Opinion]:
        """For which opinions people were asked before, oldest first."""
        sql = "select * from asks where team = ? and why in (?, ?, ?) order by id"

        def work(db: Any) -> list[Opinion]:
            return [
                Opinion(
                    row["message_id"], row["why"], row["person"], row["asked_at"], row["answered_at"] is None
                )
                for row in db.query(sql, [team, *_OF_A_PERSON])
            ]

        return await self._database.run(work)

    async def put(self, team: str, asks: Sequence[Ask], now: float) -> int:
        """Ask: each message once for each reason; what asks for an opinion on what others said, each person once.

        Returns how many questions are new.
        """

        def work(db: Any) -> int:
            new = 0
            for ask in asks:
                where = "message_id = ? and why = ? and (person is ? or not ?)"
                which = [ask.message, ask.why, ask.person, ask.why in _OF_A_PERSON]
                if next(db["asks"].rows_where(where, which), None):
                    continue
                message = next(db["messages"].rows_where("id = ?", [ask.message]), None)
                if message is None or message["text"] is None:
                    continue
                row = {
                    "team": team,
                    "message_id": ask.message,
                    "why": ask.why,
                    "person": ask.person,
                    "asked_at": now,
                }
                ask_id = int(db["asks"].insert(row | {"flagged": int(message["flag"] == "unhappy")}).last_pk)
                facts = {"ask": ask_id, "person": ask.person}
                action = Action("ask", f"ask:{ask_id}", TRIAGE, facts=facts)
                insert_actions(db, team, [action], now, ask.message)
                new += 1
            return new

        return await self._database.run(work)

    async def pass_on(self, team: str, ask_id: int, user: str, now: float) -> None:
        """A person cannot tell how the customer felt: this question is closed without an answer. Whoever it was asked of, it
        is that person who will not be asked again."""

        def work(db: Any) -> None:
            row = next(db["asks"].rows_where("id = ? and answered_at is null", [ask_id]), None)
            if row:
                db["asks"].update(ask_id, {"person": user})
                _close(db, team, row, None, user, now)

        await self._database.run(work)

    async def ask(self, ask_id: int) -> Mapping[str, Any] | None:
        """A question with the words of its message (None once they are gone), for its card."""
        sql = "select a.*, m.text, m.channel, m.ts from asks a join messages m on m.id = a.message_id where a.id = ?"
        return await self._database.run(lambda db: next(db.query(sql, [ask_id]), None))

    async def answered(self, team: str, since: float) -> list[Answered]:
        """The answers to questions about messages that were drawn by lot, for the true rates of misses and false alarms."""
        sql = """
            select a.flagged, a.answer, m.channel from asks a join messages m on m.id = a.message_id
            where a.team = ? and a.why = 'random' and a.asked_at >= ? and a.answer is not null
        """

        def work(db: Any) -> list[Answered]:
            return [
                Answered(row["channel"], bool(row["flagged"]), row["answer"])
                for row in db.query(sql, [team, since])
            ]

        return await self._database.run(work)


def answer_asks(db: Any, team: str, message_id: int, label: str, user: str, source: str, now: float) -> None:
    """A person said how the customer felt: questions about the message are answered; in the caller's transaction.

    A question drawn by lot is answered by its own buttons alone: people correct what strikes them as wrong, so their other
    words would make the bot look worse than it is. A second and a third person are asked for because of what others said:
    who spoke before does not answer those, but for the one who was asked.
    """
    before = "select value from feedback where message_id = ? and kind = 'label' and user = ? order by id desc limit 1 offset 1"
    spoke = next(db.query(before, [message_id, user]), {"value": "withdrawn"})["value"] != "withdrawn"
    for row in list(db["asks"].rows_where("message_id = ? and answered_at is null", [message_id])):
        by_lot = row["why"] == "random" and source != "question"
        same_voice = row["why"] in _OF_A_PERSON and spoke and row["person"] != user
        if not by_lot and not same_voice:
            _close(db, team, row, label, user, now)


def _close(db: Any, team: str, row: Mapping[str, Any], label: str | None, user: str, now: float) -> None:
    db["asks"].update(row["id"], {"answered_at": now, "answer": label})
    of = {"of": f"ask:{row['id']}", "by": user}
    close = Action("ask_close", f"ask_close:{row['id']}", TRIAGE, facts=of)
    insert_actions(db, team, [close], now, row["message_id"])


def queue_ask_updates(
    db: Any, team: str, message_id: int, now: float, what: Literal["gone", "edited"] = "gone"
) -> None:
    """Questions about a message whose words are gone show that; those about words that were changed are not asked any more."""
    which = "message_id = ?" if what == "gone" else "message_id = ? and answered_at is null"
    for row in list(db["asks"].rows_where(which, [message_id])):
        if row["answered_at"] is None:
            db["asks"].update(row["id"], {"answered_at": now})
        of = {"of": f"ask:{row['id']}", "by": None}
        close = Action("ask_close", f"ask_{what}:{row['id']}", TRIAGE, facts=of)
        insert_actions(db, team, [close], now, message_id)
