"""Questions to the team: how did this customer feel? About messages that nothing else would show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from bot.domain.actions import LabelRequestClose, LabelRequestPost
from bot.domain.feedback import WITHDRAWN
from bot.domain.learning import OPINIONS, Answered, Ask, Candidate, LabelRequest, Opinion
from bot.store.db import Database, Transaction, marks
from bot.store.messages import message_by_id
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
        rows = await self._database.transaction(lambda db: db.query(sql, [team, after, limit]))
        return [Candidate(row["id"], row["confidence"] or 0.0, row["flag"] == "unhappy") for row in rows]

    async def asked(self, team: str, since: float) -> list[tuple[str, str | None]]:
        """Why and whom the team was asked since a moment."""
        sql = "select why, person from asks where team = ? and asked_at >= ?"
        return await self._database.transaction(
            lambda db: [(row["why"], row["person"]) for row in db.query(sql, [team, since])]
        )

    async def opinions(self, team: str) -> list[Opinion]:
        """For which opinions people were asked before, oldest first."""
        sql = f"select * from asks where team = ? and why in ({marks(_OF_A_PERSON)}) order by id"  # noqa: S608
        rows = await self._database.transaction(lambda db: db.query(sql, [team, *_OF_A_PERSON]))
        return [
            Opinion(row["message_id"], row["why"], row["person"], row["asked_at"], row["answered_at"] is None)
            for row in rows
        ]

    async def put(self, team: str, asks: Sequence[Ask], now: float) -> int:
        """Ask: each message once for each reason; what asks for an opinion on what others said, each person once.

        Returns how many questions are new.
        """
        asked = "select person from asks where message_id = ? and why = ?"

        def work(db: Transaction) -> int:
            new = 0
            for ask in asks:
                before = db.query(asked, [ask.message, ask.why])
                if any(row["person"] == ask.person or ask.why not in _OF_A_PERSON for row in before):
                    continue
                message = message_by_id(db, ask.message)
                if message is None or message.text is None:
                    continue
                row = {
                    "team": team,
                    "message_id": ask.message,
                    "why": ask.why,
                    "person": ask.person,
                    "asked_at": now,
                }
                ask_id = db.insert("asks", row | {"flagged": int(message.flag == "unhappy")})
                post = LabelRequestPost.of_request(ask_id, ask.person)
                insert_actions(db, team, [post], now, ask.message)
                new += 1
            return new

        return await self._database.transaction(work)

    async def pass_on(self, team: str, ask_id: int, user: str, now: float) -> None:
        """A person cannot tell how the customer felt: this question is closed without an answer. Whoever it was asked of, it
        is that person who will not be asked again."""

        def work(db: Transaction) -> None:
            row = db.one("select * from asks where id = ? and answered_at is null", [ask_id])
            if row:
                db.update("asks", ask_id, {"person": user})
                _close(db, team, row, None, user, now)

        await self._database.transaction(work)

    async def ask(self, ask_id: int) -> LabelRequest | None:
        """A question with the words of its message, for its card."""
        sql = """
            select a.id, a.message_id as message, m.channel, m.ts, m.text, a.person
            from asks a join messages m on m.id = a.message_id where a.id = ?
        """
        row = await self._database.transaction(lambda db: db.one(sql, [ask_id]))
        return LabelRequest(**row) if row else None

    async def answered(self, team: str, since: float) -> list[Answered]:
        """The answers to questions about messages that were drawn by lot, for the true rates of misses and false alarms."""
        sql = """
            select a.flagged, a.answer, m.channel from asks a join messages m on m.id = a.message_id
            where a.team = ? and a.why = 'random' and a.asked_at >= ? and a.answer is not null
        """
        rows = await self._database.transaction(lambda db: db.query(sql, [team, since]))
        return [Answered(row["channel"], bool(row["flagged"]), row["answer"]) for row in rows]


def answer_asks(
    db: Transaction, team: str, message_id: int, label: str, user: str, source: str, now: float
) -> None:
    """A person said how the customer felt: questions about the message are answered; in the caller's transaction.

    A question drawn by lot is answered by its own buttons alone: people correct what strikes them as wrong, so their other
    words would make the bot look worse than it is. A second and a third person are asked for because of what others said:
    who spoke before does not answer those, but for the one who was asked.
    """
    before = """
        select value from feedback where message_id = ? and kind = 'label' and "user" = ? order by id desc limit 1 offset 1
    """
    last = db.one(before, [message_id, user])
    spoke = last is not None and last["value"] != WITHDRAWN
    for row in db.query(
        "select * from asks where message_id = ? and answered_at is null order by id", [message_id]
    ):
        by_lot = row["why"] == "random" and source != "question"
        same_voice = row["why"] in _OF_A_PERSON and spoke and row["person"] != user
        if not by_lot and not same_voice:
            _close(db, team, row, label, user, now)


def _close(
    db: Transaction, team: str, row: Mapping[str, Any], label: str | None, user: str, now: float
) -> None:
    db.update("asks", row["id"], {"answered_at": now, "answer": label})
    close = LabelRequestClose.of_request(row["id"], user)
    insert_actions(db, team, [close], now, row["message_id"])


def queue_ask_updates(
    db: Transaction, team: str, message_id: int, now: float, what: Literal["gone", "edited"] = "gone"
) -> None:
    """Questions about a message whose words are gone show that; those about words that were changed are not asked any more."""
    for row in db.query("select id, answered_at from asks where message_id = ? order by id", [message_id]):
        if row["answered_at"] is None:
            db.update("asks", row["id"], {"answered_at": now})
        elif what == "edited":
            continue
        close = LabelRequestClose.of_request(row["id"], None, what)
        insert_actions(db, team, [close], now, message_id)
