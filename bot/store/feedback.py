"""What people say of readings and answers: append-only; a person's later word on a message supersedes their earlier one.

Every row tells who said it, when and from where, and which reading of which model version it was about.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from bot.domain.actions import Action
from bot.domain.case import Corrected, Flagged, Transition
from bot.domain.feedback import WITHDRAWN, FeedbackEntry, LabelEvent, Rating, RatingFacts
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
        """An agent's word on how a customer felt when they wrote a message, said at a timestamp of Slack's clock.

        False if there is no such message, a customer's, whose words are here. It names the message, not the case: by
        now the case may be about a later one. Any question to the team about the message is answered with it. If the person
        has had a later word on it that one stands, and nothing is noted; unless the timestamp is a guess (not `exact`): what
        Slack does not date is said now, after all that is known.
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
        """An agent's emoji on a customer's message, put there or taken back at a timestamp of Slack's clock.

        False, and nothing is noted, if the person has had a later word or this very one (events come late and twice), if what is
        taken back is not what they said last, or if `correct` would say so. One stroke, so that two deliveries at once are one word.
        """

        def work(db: Transaction) -> bool:
            last = _last_label(db, message_id, user)
            if last and _timestamp(last) >= said_at:
                return False
            if withdrawn and (last is None or (last["value"], last["source"]) != (label, "reaction")):
                return False
            word = WITHDRAWN if withdrawn else label
            return _correct(
                db, self._transition, team, message_id, FeedbackEntry(word, user, "reaction", now, said_at)
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
        rule: Callable[[RatingFacts], Rating | None],
    ) -> Rating | None:
        """A customer's word on an answer, pressed at `channel` and `ts`; `rule` says what follows, and the case is opened in the
        same transaction. None, and nothing is noted, if the rule says so or there is no such message in the channel."""

        def work(db: Transaction) -> Rating | None:
            message = message_by_id(db, message_id)
            if message is None or (message.team, message.channel) != (team, channel):
                return None
            facts = RatingFacts(
                value, _answers(db, message_id, ts), _said(db, message_id, user, "not_helpful")
            )
            rating = rule(facts)
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
        """The customer's answer to *did you mean*, with what follows from it. Only the first answer counts.

        With a `cause` a person is wanted: the case is opened in the same transaction.
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
        """Everybody's words on the feeling of customers' messages that are still here, oldest first.

        Words given before the customer changed the message were meant for other words, and are left out. Messages of
        the channels `shared`, and those written while their channel was shared, are marked. `shared` None: nobody can say
        which channels are shared now, so messages of which it was not noted count as if they were.
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
        """How many messages got a label from somebody after this timestamp."""
        sql = "select count(distinct message_id) as n from feedback where team = ? and kind = 'label' and at > ?"
        row = await self._database.transaction(lambda db: db.one(sql, [team, timestamp]))
        return int(row["n"]) if row else 0

    async def still_here(self, messages: Sequence[int]) -> bool:
        """Whether the words of all these messages are still here."""
        wanted = sorted(set(messages))

        def work(db: Transaction) -> bool:
            for batch in (wanted[i : i + _AT_ONCE] for i in range(0, len(wanted), _AT_ONCE)):
                sql = f"select id from messages where text is not null and id in ({marks(batch)})"  # noqa: S608
                if len(db.query(sql, batch)) < len(batch):
                    return False
            return True

        return await self._database.transaction(work)

    async def counts(self) -> dict[str, int]:
        """How often which word was said: each person's last one on a message, of each kind."""
        sql = """
            select kind || ':' || value as word, count(*) as n from feedback f where id = (
                select max(id) from feedback where message_id = f.message_id and "user" = f."user" and kind = f.kind
            ) group by word order by word
        """
        return await self._database.transaction(lambda db: {r["word"]: r["n"] for r in db.query(sql)})


_AT_ONCE = 500
"""So many ids are asked for with one query: every database has its limit."""


def _is_shared(row: Mapping[str, Any], shared: Collection[str] | None) -> bool:
    if shared is None:
        return bool(row["shared"] != 0)
    return bool(row["shared"]) or row["channel"] in shared


def _correct(
    db: Transaction, transition: Transition, team: str, message_id: int, said: FeedbackEntry
) -> bool:
    """Note a label, and have the case's card show it; see `Feedback.correct`."""
    message = message_by_id(db, message_id)
    if message is None or message.role != "customer" or message.text is None:
        return False
    insert_feedback(db, team, message, "label", said)
    corrected = None if said.value == WITHDRAWN else said.value
    apply_to_cases_of(db, transition, Corrected(message_id, corrected, said.at))
    return True


def _last_label(db: Transaction, message_id: int, user: str) -> Mapping[str, Any] | None:
    """A person's last word on the feeling of a message."""
    sql = """
        select value, source, at, said_at from feedback where message_id = ? and "user" = ? and kind = 'label'
        order by id desc limit 1
    """
    return db.one(sql, [message_id, user])


def _timestamp(word: Mapping[str, Any]) -> float:
    """When it was said, by Slack's clock if that is known."""
    return float(word["at"] if word["said_at"] is None else word["said_at"])


def _answers(db: Transaction, message_id: int, ts: str | None) -> bool:
    """Whether an answer to this message that requests to be rated stands at `ts`, or has just been posted we do not know where."""
    sql = """
        select 1 from actions where message_id = ? and kind = 'reply' and asks_rating = 1
        and (slack_ts = ? or state = 'sending')
    """
    return db.one(sql, [message_id, ts]) is not None


def _said(db: Transaction, message_id: int, user: str, word: str) -> bool:
    """Whether this person has given an answer this word."""
    sql = """select 1 from feedback where message_id = ? and "user" = ? and kind = 'rating' and value = ?"""
    return db.one(sql, [message_id, user, word]) is not None


def insert_feedback(
    db: Transaction, team: str, message: StoredMessage, kind: str, said: FeedbackEntry
) -> None:
    """Note a person's word on a message with the reading that stands at this timestamp; in the caller's transaction."""
    row = {
        "team": team,
        "message_id": message.id,
        "kind": kind,
        "value": said.value,
        "user": said.user,
        "source": said.source,
        "version": message.version,
        "read_label": message.label,
        "read_confidence": message.confidence,
        "at": said.at,
        "said_at": said.said_at,
    }
    db.insert("feedback", row)
    if kind == "label" and said.value != WITHDRAWN:
        answer_label_requests(db, team, message.id, said.value, said.user, said.source, said.at)
