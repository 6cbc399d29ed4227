"""Feedback on readings and answers. Append-only: a person's later entry on a message replaces their earlier one.

Every row has its author, time and source, and the reading and model version that it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from bot.domain.actions import Action
from bot.domain.case import Corrected, Flagged, Transition
from bot.domain.feedback import WITHDRAWN, FeedbackEntry, LabelEvent, Rating, RatingContext
from bot.domain.message import StoredMessage
from bot.store.cases import apply_event, apply_to_cases_of
from bot.store.db import Database, Transaction, marks
from bot.store.label_requests import answer_label_requests
from bot.store.messages import message_by_id
from bot.store.outbox import insert_actions


class Feedback:
    def __init__(self, database: Database, transition: Transition) -> None:
        self._database = database
        self._transition = transition

    async def correct(
        self,
        team: str,
        message_id: int,
        label: str,
        user: str,
        source: str,
        now: float,
        said_at: float | None = None,
        *,
        exact: bool = True,
    ) -> bool:
        """Record an agent's label of a customer's message, and answer the label requests about it.

        False if there is no such message of a customer, or its text was erased. `message_id` names the message, not the
        case: the case may show a later one by now. `said_at`: Slack's timestamp of the label. If the person has a later
        label on the message, nothing is recorded. If Slack gave no timestamp (not `exact`), the label counts as later
        than all that are known.
        """

        def work(db: Transaction) -> bool:
            last, timestamp = _last_label(db, message_id, user), said_at
            if last and said_at is not None:
                then = _timestamp(last)
                if not exact:
                    timestamp = max(then, said_at)
                elif then > said_at or (then, last["value"], last["source"]) == (said_at, label, source):
                    return True
            return _correct(
                db, self._transition, team, message_id, FeedbackEntry(label, user, source, now, timestamp)
            )

        return await self._database.transaction(work)

    async def react(
        self,
        team: str,
        message_id: int,
        label: str,
        user: str,
        now: float,
        said_at: float,
        *,
        withdrawn: bool,
    ) -> bool:
        """Record an agent's emoji on a customer's message: added or, with `withdrawn`, removed. `said_at`: Slack's timestamp.

        Returns False and records nothing if the person has this label or a later one (events arrive late and twice), if
        the removed emoji is not their last label, or if `correct` would return False. All in one transaction, so that
        two deliveries at once are recorded once.
        """

        def work(db: Transaction) -> bool:
            last = _last_label(db, message_id, user)
            if last and _timestamp(last) >= said_at:
                return False
            if withdrawn and (last is None or (last["value"], last["source"]) != (label, "reaction")):
                return False
            value = WITHDRAWN if withdrawn else label
            return _correct(
                db, self._transition, team, message_id, FeedbackEntry(value, user, "reaction", now, said_at)
            )

        return await self._database.transaction(work)

    async def rate(
        self,
        team: str,
        message_id: int,
        value: str,
        user: str,
        channel: str | None,
        ts: str | None,
        now: float,
        rule: Callable[[RatingContext], Rating | None],
    ) -> Rating | None:
        """Record a customer's rating of an answer; its button is at `channel` and `ts`. `rule` says what follows.

        A case is opened in the same transaction. Returns None and records nothing if the rule says so, or if there is no
        such message in the channel.
        """

        def work(db: Transaction) -> Rating | None:
            message = message_by_id(db, message_id)
            if message is None or (message.team, message.channel) != (team, channel):
                return None
            context = RatingContext(
                value, _answers(db, message_id, ts), _has_rated(db, message_id, user, "not_helpful")
            )
            rating = rule(context)
            if rating is None:
                return None
            insert_feedback(db, team, message, "rating", FeedbackEntry(value, user, "answer", now))
            if rating.cause:
                event = Flagged(message_id, "request", user, now, cause=rating.cause)
                apply_event(db, self._transition, team, message.channel, message.thread, event)
            return rating

        return await self._database.transaction(work)

    async def choose(
        self,
        team: str,
        message_id: int,
        template: str | None,
        user: str,
        actions: Sequence[Action],
        now: float,
        cause: str | None,
    ) -> bool:
        """Record a customer's answer to a clarify question and queue `actions`. Only the first answer counts.

        With a `cause`, a case is opened in the same transaction. Returns False if the question was answered before.
        """

        def work(db: Transaction) -> bool:
            message = message_by_id(db, message_id)
            chosen = db.one("select 1 from feedback where message_id = ? and kind = 'choice'", [message_id])
            if message is None or chosen:
                return False
            insert_feedback(
                db, team, message, "choice", FeedbackEntry(template or "none", user, "clarify", now)
            )
            insert_actions(db, team, actions, now, message_id)
            if cause:
                event = Flagged(message_id, "request", user, now, cause=cause)
                apply_event(db, self._transition, team, message.channel, message.thread, event)
            return True

        return await self._database.transaction(work)

    async def label_events(self, team: str, shared: Collection[str] | None = ()) -> list[LabelEvent]:
        """The label events of customers' messages whose text is stored, oldest first.

        Labels from before the customer edited the message are left out. Messages of the channels `shared`, and those
        written while their channel was shared, are marked as shared. With `shared` None it is unknown which channels are
        shared now, so messages without a record of it count as shared.
        """

        sql = """
            select f.id, f.message_id, m.text, f.value, f."user", f.at, f.read_label, f.read_confidence, m.channel, m.shared
            from label_events f join messages m on m.id = f.message_id where f.team = ? and m.text is not null order by f.id
        """

        return [
            LabelEvent(
                id=row["id"],
                message=row["message_id"],
                text=row["text"],
                label=row["value"],
                user=row["user"],
                at=row["at"],
                read_label=row["read_label"],
                read_confidence=row["read_confidence"] or 0.0,
                shared=_is_shared(row, shared),
            )
            for row in await self._database.transaction(lambda db: db.query(sql, [team]))
        ]

    async def labelled_since(self, team: str, timestamp: float) -> int:
        """The number of messages that got a label after this timestamp."""
        sql = "select count(distinct message_id) as n from feedback where team = ? and kind = 'label' and at > ?"
        row = await self._database.transaction(lambda db: db.one(sql, [team, timestamp]))
        return int(row["n"]) if row else 0

    async def still_here(self, messages: Sequence[int]) -> bool:
        """Whether the texts of all these messages are still stored."""
        ids = sorted(set(messages))

        def work(db: Transaction) -> bool:
            for batch in (ids[i : i + _BATCH] for i in range(0, len(ids), _BATCH)):
                sql = f"select id from messages where text is not null and id in ({marks(batch)})"  # noqa: S608
                if len(db.query(sql, batch)) < len(batch):
                    return False
            return True

        return await self._database.transaction(work)

    async def counts(self) -> dict[str, int]:
        """The number of entries by `kind:value`: each person's latest of a kind on a message."""
        sql = """
            select kind || ':' || value as entry, count(*) as n from feedback f where id = (
                select max(id) from feedback where message_id = f.message_id and "user" = f."user" and kind = f.kind
            ) group by entry order by entry
        """
        return await self._database.transaction(lambda db: {r["entry"]: r["n"] for r in db.query(sql)})


_BATCH = 500
"""Ids per query: every database has a limit."""


def _is_shared(row: Mapping[str, Any], shared: Collection[str] | None) -> bool:
    if shared is None:
        return bool(row["shared"] != 0)
    return bool(row["shared"]) or row["channel"] in shared


def _correct(
    db: Transaction, transition: Transition, team: str, message_id: int, entry: FeedbackEntry
) -> bool:
    """Record a label and show it on the case's card; see `Feedback.correct`."""
    message = message_by_id(db, message_id)
    if message is None or message.role != "customer" or message.text is None:
        return False
    insert_feedback(db, team, message, "label", entry)
    corrected = None if entry.value == WITHDRAWN else entry.value
    apply_to_cases_of(db, transition, Corrected(message_id, corrected, entry.at))
    return True


def _last_label(db: Transaction, message_id: int, user: str) -> Mapping[str, Any] | None:
    """A person's latest label event on a message."""
    sql = """
        select value, source, at, said_at from feedback where message_id = ? and "user" = ? and kind = 'label'
        order by id desc limit 1
    """
    return db.one(sql, [message_id, user])


def _timestamp(entry: Mapping[str, Any]) -> float:
    """When an entry was made: Slack's timestamp if it is known, else ours."""
    return float(entry["at"] if entry["said_at"] is None else entry["said_at"])


def _answers(db: Transaction, message_id: int, ts: str | None) -> bool:
    """Whether an answer to this message that asks for a rating is at `ts`, or is being sent and its `ts` is not known yet."""
    sql = """
        select 1 from actions where message_id = ? and kind = 'reply' and asks_rating = 1
        and (slack_ts = ? or state = 'sending')
    """
    return db.one(sql, [message_id, ts]) is not None


def _has_rated(db: Transaction, message_id: int, user: str, value: str) -> bool:
    """Whether this person has given this rating on the message's answer."""
    sql = """select 1 from feedback where message_id = ? and "user" = ? and kind = 'rating' and value = ?"""
    return db.one(sql, [message_id, user, value]) is not None


def insert_feedback(
    db: Transaction, team: str, message: StoredMessage, kind: str, entry: FeedbackEntry
) -> None:
    """Record feedback on a message with the message's present reading; in the caller's transaction."""
    row = {
        "team": team,
        "message_id": message.id,
        "kind": kind,
        "value": entry.value,
        "user": entry.user,
        "source": entry.source,
        "version": message.version,
        "read_label": message.label,
        "read_confidence": message.confidence,
        "at": entry.at,
        "said_at": entry.said_at,
    }
    db.insert("feedback", row)
    if kind == "label" and entry.value != WITHDRAWN:
        answer_label_requests(db, team, message.id, entry.value, entry.user, entry.source, entry.at)
