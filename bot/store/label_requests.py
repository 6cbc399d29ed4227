"""Label requests: the team is asked how a customer felt, about messages that nothing else would show them."""

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

_ABOUT_OTHERS = (*ADJUDICATIONS, "confirm")
"""Reasons that refer to the label of somebody else."""


class LabelRequests:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def candidates(self, team: str, after: int, limit: int = 5000) -> list[Candidate]:
        """Customers' messages that were read, with ids above `after`, oldest first."""
        sql = """
            select id, label, confidence, flag from messages
            where team = ? and id > ? and role = 'customer' and label is not null and text is not null order by id limit ?
        """
        rows = await self._database.transaction(lambda db: db.query(sql, [team, after, limit]))
        return [Candidate(row["id"], row["confidence"] or 0.0, row["flag"] == "unhappy") for row in rows]

    async def asked(self, team: str, since: float) -> list[tuple[str, str | None]]:
        """Reason and person of the label requests since a time."""
        sql = "select why, person from label_requests where team = ? and asked_at >= ?"
        return await self._database.transaction(
            lambda db: [(row["why"], row["person"]) for row in db.query(sql, [team, since])]
        )

    async def adjudications(self, team: str) -> list[Adjudication]:
        """The adjudications that were requested so far, oldest first."""
        sql = f"select * from label_requests where team = ? and why in ({marks(_ABOUT_OTHERS)}) order by id"  # noqa: S608
        rows = await self._database.transaction(lambda db: db.query(sql, [team, *_ABOUT_OTHERS]))
        return [
            Adjudication(
                row["message_id"], row["why"], row["person"], row["asked_at"], row["answered_at"] is None
            )
            for row in rows
        ]

    async def put(self, team: str, requests: Sequence[LabelRequest], now: float) -> int:
        """Queue label requests; returns how many are new.

        A message is asked about once for each reason. For reasons that refer to somebody's label, once for each person.
        """
        asked = "select person from label_requests where message_id = ? and why = ?"

        def work(db: Transaction) -> int:
            new = 0
            for request in requests:
                before = db.query(asked, [request.message, request.why])
                if any(row["person"] == request.person or request.why not in _ABOUT_OTHERS for row in before):
                    continue
                message = message_by_id(db, request.message)
                if message is None or message.text is None:
                    continue
                row = {
                    "team": team,
                    "message_id": request.message,
                    "why": request.why,
                    "person": request.person,
                    "asked_at": now,
                }
                request_id = db.insert("label_requests", row | {"flagged": int(message.flag == "unhappy")})
                post = LabelRequestPost.of_request(request_id, request.person)
                insert_actions(db, team, [post], now, request.message)
                new += 1
            return new

        return await self._database.transaction(work)

    async def pass_on(self, team: str, request_id: int, user: str, now: float) -> None:
        """Close a label request without an answer: `user` cannot tell how the customer felt, and will not be asked again."""

        def work(db: Transaction) -> None:
            row = db.one("select * from label_requests where id = ? and answered_at is null", [request_id])
            if row:
                db.update("label_requests", request_id, {"person": user})
                _close(db, team, row, None, user, now)

        await self._database.transaction(work)

    async def ask(self, request_id: int) -> LabelRequestView | None:
        """A label request with the text of its message, for its card."""
        sql = """
            select a.id, a.message_id as message, m.channel, m.ts, m.text, a.person
            from label_requests a join messages m on m.id = a.message_id where a.id = ?
        """
        row = await self._database.transaction(lambda db: db.one(sql, [request_id]))
        return LabelRequestView(**row) if row else None

    async def answered(self, team: str, since: float) -> list[SampleAnswer]:
        """The answers about messages of the random sample, for the true rates of misses and false alarms."""
        sql = """
            select a.flagged, a.answer, m.channel from label_requests a join messages m on m.id = a.message_id
            where a.team = ? and a.why = 'random' and a.asked_at >= ? and a.answer is not null
        """
        rows = await self._database.transaction(lambda db: db.query(sql, [team, since]))
        return [SampleAnswer(row["channel"], bool(row["flagged"]), row["answer"]) for row in rows]


def answer_label_requests(
    db: Transaction, team: str, message_id: int, label: str, user: str, source: str, now: float
) -> None:
    """Answer the label requests about a message with a person's label; in the caller's transaction.

    A request of the random sample is answered only by its own buttons. People correct what looks wrong to them, so their
    other labels would make the bot look worse than it is. A request that refers to somebody's label is not answered by
    a person who had a label on the message before, unless it was sent to that person.
    """
    before = """
        select value from feedback where message_id = ? and kind = 'label' and "user" = ? order by id desc limit 1 offset 1
    """
    last = db.one(before, [message_id, user])
    has_label = last is not None and last["value"] != WITHDRAWN
    for row in db.query(
        "select * from label_requests where message_id = ? and answered_at is null order by id", [message_id]
    ):
        elsewhere = row["why"] == "random" and source != "question"
        same_annotator = row["why"] in _ABOUT_OTHERS and has_label and row["person"] != user
        if not elsewhere and not same_annotator:
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
    """Close the open requests about a message that was erased or edited; those about an erased one show it."""
    for row in db.query(
        "select id, answered_at from label_requests where message_id = ? order by id", [message_id]
    ):
        if row["answered_at"] is None:
            db.update("label_requests", row["id"], {"answered_at": now})
        elif what == "edited":
            continue
        close = LabelRequestClose.of_request(row["id"], None, what)
        insert_actions(db, team, [close], now, message_id)
