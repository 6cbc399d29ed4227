"""Shadow evaluations: the messages on which the two versions differ, and the counts of people's labels."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.learning import ShadowCounts, ShadowEvaluation, Unread
from bot.store.db import Database, Transaction

SUPERSEDED = ("stopped", "another version was put in service")
"""How an evaluation ends (state, verdict) without a result."""


_OLD_RIGHT = """
    select s.message_id as message, f."user", m.text is not null as here from shadow_differences s join messages m on m.id = s.message_id
    join current_labels f on f.message_id = s.message_id and f.value = s.old
    where s.evaluation_id = ? order by s.message_id desc"""
"""The current labels that say that the old version was right: message and annotator."""


class ShadowEvaluations:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def current(self, team: str) -> ShadowEvaluation | None:
        sql = "select * from shadow_evaluations where team = ? and state = 'open' order by id desc limit 1"
        row = await self._database.transaction(lambda db: db.one(sql, [team]))
        if row is None:
            return None
        return ShadowEvaluation(
            row["id"], row["version"], row["previous"], row["started_at"], row["expected"] or 0.0,
            row["readings"], row["last_message"],
        )  # fmt: skip

    async def unread(self, evaluation: ShadowEvaluation, limit: int = 64) -> list[Unread]:
        """Messages that the new version has read and the old one not yet, oldest first."""
        sql = """
            select id, text, label from messages where id > ? and version = ? and label is not null and text is not null
            and role = 'customer' order by id limit ?
        """

        values = [evaluation.last_message, evaluation.version, limit]
        rows = await self._database.transaction(lambda db: db.query(sql, values))
        return [Unread(row["id"], row["text"], row["label"]) for row in rows]

    async def note(
        self, evaluation: ShadowEvaluation, readings: Sequence[tuple[Unread, str | None]], now: float
    ) -> list[int]:
        """Record the old version's readings; returns the ids of the messages on which the two differ."""
        difference = """
            insert into shadow_differences (evaluation_id, message_id, "new", "old", at) values (?, ?, ?, ?, ?) on conflict do nothing
        """

        def work(db: Transaction) -> list[int]:
            differ = []
            for message, old in readings:
                if old is not None and old != message.label:
                    db.execute(difference, [evaluation.id, message.message, message.label, old, now])
                    differ.append(message.message)
            last = max(message.message for message, _ in readings)
            db.execute(
                "update shadow_evaluations set readings = readings + ?, last_message = ? where id = ?",
                [len(readings), last, evaluation.id],
            )
            return differ

        return await self._database.transaction(work)

    async def counts(self, evaluation: ShadowEvaluation) -> ShadowCounts:
        """The counts so far. Where the two differ, the latest current label on the message decides."""
        sql = """
            select s.new, s.old, (
                select value from current_labels where message_id = s.message_id order by id desc limit 1
            ) as label from shadow_differences s where s.evaluation_id = ?
        """

        def work(db: Transaction) -> ShadowCounts:
            rows = db.query(sql, [evaluation.id])
            noted = db.one("select readings from shadow_evaluations where id = ?", [evaluation.id])
            return ShadowCounts(
                readings=noted["readings"] if noted else 0,
                differ=len(rows),
                old_right=sum(row["label"] == row["old"] for row in rows),
                new_right=sum(row["label"] == row["new"] for row in rows),
                neither=sum(row["label"] not in (None, row["old"], row["new"]) for row in rows),
                expected=evaluation.expected,
                annotators=len({row["user"] for row in db.query(_OLD_RIGHT, [evaluation.id])}),
            )

        return await self._database.transaction(work)

    async def old_right(self, evaluation: ShadowEvaluation) -> dict[int, set[str]]:
        """The messages on which people say that the old version was right, newest first, each with all its annotators."""
        annotators = 'select distinct "user" from label_events where message_id = ?'

        def work(db: Transaction) -> dict[int, set[str]]:
            found = dict.fromkeys(
                row["message"] for row in db.query(_OLD_RIGHT, [evaluation.id]) if row["here"]
            )
            return {message: {row["user"] for row in db.query(annotators, [message])} for message in found}

        return await self._database.transaction(work)

    async def end(self, evaluation: ShadowEvaluation, state: str, verdict: str, now: float) -> None:
        """Close an evaluation as passed, worse, undecided or stopped."""
        changes = {"state": state, "verdict": verdict, "ended_at": now}
        await self._database.transaction(lambda db: db.update("shadow_evaluations", evaluation.id, changes))


def begin_shadow_evaluation(
    db: Transaction, team: str, version: str, previous: str, expected: float, now: float
) -> None:
    """Begin the shadow evaluation of a version, and close an open one; in the caller's transaction."""
    end_shadow_evaluations(db, team, "superseded", None, now)
    last = db.one("select max(id) as id from messages")
    row = {"team": team, "version": version, "previous": previous, "state": "open", "started_at": now}
    db.insert("shadow_evaluations", row | {"expected": expected, "last_message": (last and last["id"]) or 0})


def end_shadow_evaluations(db: Transaction, team: str, state: str, verdict: str | None, now: float) -> None:
    """Close the open evaluation, if there is one; in the caller's transaction."""
    sql = (
        "update shadow_evaluations set state = ?, verdict = ?, ended_at = ? where team = ? and state = 'open'"
    )
    db.execute(sql, [state, verdict, now, team])
