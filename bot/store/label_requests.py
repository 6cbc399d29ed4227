"""Questions to the team: how did this customer feel? About messages that nothing else would show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from bot.domain.actions import LabelRequestClose, LabelRequestPost
from bot.domain.feedback import WITHDRAWN
from bot.domain.learning import (
    ADJUDICATIONS,
    Adjudication,
    Candidate,
    LabelRequest,
    LabelRequestView,
    SampleAnswer,
)
from bot.store.db import Database, Transaction, marks
from bot.store.messages import message_by_id
from bot.store.outbox import insert_actions

_OF_A_PERSON = (*ADJUDICATIONS, "confirm")
"""What is asked because of what somebody else said."""


class LabelRequests:
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
        sql = "select why, person from label_requests where team = ? and asked_at >= ?"
        return await self._database.transaction(
            lambda db: [(row["why"], row["person"]) for row in db.query(sql, [team, since])]
        )

    async def adjudications(self, team: str) -> list[Adjudication]:
        """For which adjudications people were asked before, oldest first."""
        sql = f"select * from label_requests where team = ? and why in ({marks(_OF_A_PERSON)}) order by id"  # noqa: S608
        rows = await self._database.transaction(lambda db: db.query(sql, [team, *_OF_A_PERSON]))
        return [
            Adjudication(
                row["message_id"], row["why"], row["person"], row["asked_at"], row["answered_at"] is None
            )
            for row in rows
        ]

    async def put(self, team: str, requests: Sequence[LabelRequest], now: float) -> int:
        """LabelRequest: each message once for each reason; what requests for an adjudication on what others said, each person once.

        Returns how many label_requests are new.
        """
        asked = "select person from label_requests where message_id = ? and why = ?"

        def work(db: Transaction) -> int:
            new = 0
            for ask in requests:
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
                request_id = db.insert("label_requests", row | {"flagged": int(message.flag == "unhappy")})
                post = LabelRequestPost.of_request(request_id, ask.person)
                insert_actions(db, team, [post], now, ask.message)
                new += 1
            return new

        return await self._database.transaction(work)

    async def pass_on(self, team: str, request_id: int, user: str, now: float) -> None:
        """A person cannot tell how the customer felt: this question is closed without an answer. Whoever it was asked of, it
        is that person who will not be asked again."""

        def work(db: Transaction) -> None:
            row = db.one("select * from label_requests where id = ? and answered_at is null", [request_id])
            if row:
                db.update("label_requests", request_id, {"person": user})
                _close(db, team, row, None, user, now)

        await self._database.transaction(work)

    async def ask(self, request_id: int) -> LabelRequestView | None:
        """A question with the words of its message, for its card."""
        sql = """
            select a.id, a.message_id as message, m.channel, m.ts, m.text, a.person
            from label_requests a join messages m on m.id = a.message_id where a.id = ?
        """
        row = await self._database.transaction(lambda db: db.one(sql, [request_id]))
        return LabelRequestView(**row) if row else None

    async def answered(self, team: str, since: float) -> list[SampleAnswer]:
        """The answers to label_requests about messages that were drawn by lot, for the true rates of misses and false alarms."""
        sql = """
            select a.flagged, a.answer, m.channel from label_requests a join messages m on m.id = a.message_id
            where a.team = ? and a.why = 'random' and a.asked_at >= ? and a.answer is not null
        """
        rows = await self._database.transaction(lambda db: db.query(sql, [team, since]))
        return [SampleAnswer(row["channel"], bool(row["flagged"]), row["answer"]) for row in rows]


def answer_label_requests(
    db: Transaction, team: str, message_id: int, label: str, user: str, source: str, now: float
) -> None:
    """A person said how the customer felt: label_requests about the message are answered; in the caller's transaction.

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
        "select * from label_requests where message_id = ? and answered_at is null order by id", [message_id]
    ):
        is_random = row["why"] == "random" and source != "question"
        same_annotator = row["why"] in _OF_A_PERSON and spoke and row["person"] != user
        if not is_random and not same_annotator:
            _close(db, team, row, label, user, now)


def _close(
    db: Transaction, team: str, row: Mapping[str, Any], label: str | None, user: str, now: float
) -> None:
    db.update("label_requests", row["id"], {"answered_at": now, "answer": label})
    close = LabelRequestClose.of_request(row["id"], user)
    insert_actions(db, team, [close], now, row["message_id"])


def queue_label_request_updates(
    db: Transaction, team: str, message_id: int, now: float, what: Literal["gone", "edited"] = "gone"
) -> None:
    """Questions about a message whose words are gone show that; those about words that were changed are not asked any more."""
    for row in db.query(
        "select id, answered_at from label_requests where message_id = ? order by id", [message_id]
    ):
        if row["answered_at"] is None:
            db.update("label_requests", row["id"], {"answered_at": now})
        elif what == "edited":
            continue
        close = LabelRequestClose.of_request(row["id"], None, what)
        insert_actions(db, team, [close], now, message_id)
