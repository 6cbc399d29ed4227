"""Forgetting: a message its author deleted, a person's messages, what is older than it may be kept.

Words go, from the database file too (it is opened with `secure_delete`); counts, readings and cases stay.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

from bot.domain.actions import QUOTES
from bot.domain.case import TextErased, Transition
from bot.domain.message import Deletion, Forgotten, StoredMessage
from bot.store.cases import apply_to_cases_of, queue_note_updates
from bot.store.db import Database, Transaction, marks
from bot.store.examples import forget_examples
from bot.store.label_requests import queue_label_request_updates
from bot.store.messages import message_at, messages_of
from bot.store.records import insert_audit, own_team


class Erasure:
    def __init__(self, database: Database, transition: Transition) -> None:
        self._database = database
        self._transition = transition

    async def erase(self, inbox_id: int, deletion: Deletion, now: float) -> None:
        """Forget a message that its author deleted. A reply that is not out yet is dropped; a case shows that the words are gone."""

        def work(db: Transaction) -> None:
            message = message_at(db, deletion.channel, deletion.ts)
            if message is None:  # it may still come: this row keeps its place, so that it will not be read
                place = {"team": deletion.team, "channel": deletion.channel, "ts": deletion.ts}
                who = {"thread": deletion.ts, "user": "", "role": "customer", "created_at": now}
                db.insert("messages", place | who)
            else:
                versions = _learned_from(db, "where f.message_id = ?", message.id)
                _forget(db, self._transition, [message], now)
                _forget_answers(db)
                if versions:
                    what = {"message": message.id, "versions": versions}
                    insert_audit(
                        db, message.team, message.user, "deleted a message that was learned from", what, now
                    )
            _forget_events(
                db, "channel = ? and (ts = ? or message_ts = ?)", deletion.channel, deletion.ts, deletion.ts
            )
            db.update("inbox", inbox_id, {"state": "done", "event": None})

        await self._database.transaction(work)

    async def forget(self, team: str, user: str, by: str, now: float) -> Forgotten:
        """Forget everything a person wrote here, and note in the audit who asked for it."""
        return await self._database.transaction(
            lambda db: _forget_person(db, self._transition, team, user, by, now)
        )

    async def may_be_learned_of(self, user: str) -> bool:
        """Whether a retraining may hold words of this person: somebody labelled a message of theirs, or made it golden."""
        return await self._database.transaction(lambda db: _may_be_learned(db, 'm."user" = ?', user))

    async def may_be_learned_at(self, channel: str, ts: str) -> bool:
        """The same of one message."""
        where = "m.channel = ? and m.ts = ?"
        return await self._database.transaction(lambda db: _may_be_learned(db, where, channel, ts))

    async def forget_all(self, by: str, now: float) -> Forgotten:
        """The app was taken out of the workspace: forget everything that anybody wrote; counts and readings stay."""

        def work(db: Transaction) -> Forgotten:
            versions = tuple(_learned_from(db))
            # All at once: whoever takes an app out may stop its server in the next minute.
            gone = db.execute("update messages set text = null where text is not null")
            why = "the app was removed"
            skip = "update inbox set state = 'skipped', reason = ?, event = null where event is not null"
            db.execute(skip, [why])
            db.execute("update examples set text = null, state = 'forgotten'")
            db.execute("delete from golden")
            _forget_answers(db)
            drop = "update actions set state = 'dropped', error = ? where state in ('pending', 'sending')"
            db.execute(drop, [why])
            insert_audit(db, own_team(db), by, "forget all", {"messages": gone, "versions": versions}, now)
            return Forgotten(gone, versions)

        return await self._database.transaction(work)

    async def expire(
        self,
        before: float,
        keep: Callable[[str], str | None],
        labelled_since: float | None = None,
        shared: Collection[str] | None = (),
    ) -> int:
        """Forget what was written before this moment, but for messages of cases that are not resolved. Returns how many.

        With `labelled_since`, an earlier moment, what was written since then stays if it has somebody's label, but only as `keep`
        makes it, and neither of the channels `shared` nor of those that were shared then (None: of all).
        """

        labelled, of_labelled = _labelled(before if labelled_since is None else labelled_since, shared)

        def redact(db: Transaction) -> int:
            sql = f"{_OLD} and m.redacted is null and {labelled} order by m.id limit ?"
            rows = db.query(sql, [before, *of_labelled, _AT_ONCE])
            for row in rows:
                kept = keep(row["text"])
                db.update("messages", row["id"], {"text": kept, "redacted": 1})
            return len(rows)

        def erase(db: Transaction) -> int:
            sql = f"{_OLD} and not (m.redacted is not null and {labelled}) order by m.id limit ?"
            rows = db.query(sql, [before, *of_labelled, _AT_ONCE])
            for row in rows:
                db.update("messages", row["id"], {"text": None})
            return len(rows)

        def made_of_them(db: Transaction) -> None:
            # An approved example is the team's own by now; what was only proposed goes with its message.
            unapproved = (
                "update examples set text = null, state = 'forgotten' where state != 'approved' and at < ?"
            )
            db.execute(unapproved, [before])
            _forget_events(db, "received_at < ? and state != 'pending'", before)
            _forget_answers(db, before)

        await self._in_strokes(redact)
        count = await self._in_strokes(erase)
        await self._database.transaction(made_of_them)
        return count

    async def _in_strokes(self, work: Callable[[Transaction], int]) -> int:
        """Repeat what does no more than `_AT_ONCE` until it does less; returns how much it did in all."""
        count = last = await self._database.transaction(work)
        while last == _AT_ONCE:
            last = await self._database.transaction(work)
            count += last
        return count


_AT_ONCE = 500
"""So many messages are erased in one stroke: others wait for the database meanwhile."""

_OLD = """
    select m.id, m.text from messages m where m.text is not null and m.created_at < ? and not exists (
        select 1 from cases c where c.channel = m.channel and c.thread = m.thread and c.state != 'resolved')"""


def _labelled(since: float, shared: Collection[str] | None) -> tuple[str, list[Any]]:
    """A condition on a message `m`, with its values: written since then, outside of shared channels (None: anywhere), and
    somebody's label on it stands."""
    words = "exists (select 1 from current_labels w where w.message_id = m.id)"
    if shared is None:
        return f"m.created_at >= ? and {words}", [since]
    now_shared = f" and m.channel not in ({marks(shared)})" if shared else ""
    return f"m.created_at >= ? and coalesce(m.shared, 0) = 0{now_shared} and {words}", [since, *shared]


def _forget_person(
    db: Transaction, transition: Transition, team: str, user: str, by: str, now: float
) -> Forgotten:
    """`team` is for the audit: a person of another organisation writes under the id of theirs."""
    versions = tuple(_learned_from(db, 'where m."user" = ?', user))
    everything = messages_of(db, user)
    written = [message for message in everything if message.text is not None]
    _forget(db, transition, written, now)
    # Words outlive their message in what was made of them, and that may be long gone.
    for message in everything:
        forget_examples(db, message, now)
    _forget_answers(db)
    _forget_events(db, "author = ?", user)
    insert_audit(db, team, by, "forget", {"user": user, "messages": len(written), "versions": versions}, now)
    return Forgotten(len(written), versions)


_MAY_BE_LEARNED = """
    select 1 from messages m where m.text is not null and (
        exists (select 1 from feedback f where f.message_id = m.id)
        or exists (select 1 from golden g where g.message_id = m.id)
    ) and """


def _may_be_learned(db: Transaction, which: str, *values: Any) -> bool:
    """`which` is a constant of this module."""
    return bool(db.query(f"{_MAY_BE_LEARNED} {which} limit 1", values))


_LEARNED = """
    select distinct l.version from model_feedback l join feedback f on f.id = l.feedback_id
    join messages m on m.id = f.message_id """


def _learned_from(db: Transaction, which: str = "", *values: Any) -> list[str]:
    """The versions that have learned from some messages. `which` is a constant of this module."""
    return [row["version"] for row in db.query(f"{_LEARNED} {which} order by l.version", values)]


def _forget(db: Transaction, transition: Transition, written: Sequence[StoredMessage], now: float) -> None:
    """Take the words out of these messages, of what was made of them, and of what triage shows; drop replies that are
    not out yet."""
    for message in written:
        db.update("messages", message.id, {"text": None})
        db.execute(
            "update actions set state = 'dropped', error = 'the message is gone'"  # noqa: S608
            f" where message_id = ? and state in ('pending', 'failed') and kind in ({marks(QUOTES)})",
            [message.id, *QUOTES],
        )
        apply_to_cases_of(db, transition, TextErased(message.id, now))
        queue_note_updates(db, message.team, message.id, now)
        queue_label_request_updates(db, message.team, message.id, now)
        forget_examples(db, message, now)


def _forget_events(db: Transaction, where: str, *values: Any) -> None:
    """Events that still wait, or failed, hold words, too. `where` is a constant of this module."""
    gone = "update inbox set state = 'skipped', reason = 'the message is gone', event = null where event is not null and "
    db.execute(gone + where, values)


def _forget_answers(db: Transaction, before: float = math.inf) -> None:
    """What commands were answered before a moment: `golden` lists words, and an answer that was read is of no more use."""
    db.execute(
        "update actions set payload = '{}', state = case state when 'sent' then state else 'dropped' end"
        " where key like 'command:%' and created_at < ?",
        [before],
    )
