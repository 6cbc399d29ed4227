"""Erasing texts: of deleted messages, of a person, of messages past their retention.

The texts also leave the database file, which is opened with `secure_delete`. Counts, readings and cases stay.
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
        """Forget a message that its author deleted. An unsent reply is dropped; a case shows that the text is gone."""

        def work(db: Transaction) -> None:
            message = message_at(db, deletion.channel, deletion.ts)
            if message is None:  # it may still arrive: with this row it will not be read
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
        """Forget everything a person wrote, and record in the audit who asked for it."""
        return await self._database.transaction(
            lambda db: _forget_person(db, self._transition, team, user, by, now)
        )

    async def may_be_learned_of(self, user: str) -> bool:
        """Whether a retraining may use texts of this person: one of their messages was labelled or is golden."""
        return await self._database.transaction(lambda db: _may_be_learned(db, 'm."user" = ?', user))

    async def may_be_learned_at(self, channel: str, ts: str) -> bool:
        """The same for one message."""
        where = "m.channel = ? and m.ts = ?"
        return await self._database.transaction(lambda db: _may_be_learned(db, where, channel, ts))

    async def forget_all(self, by: str, now: float) -> Forgotten:
        """The app was removed from the workspace: forget every text. Counts and readings stay."""

        def work(db: Transaction) -> Forgotten:
            versions = tuple(_learned_from(db))
            # In one transaction: whoever removes an app may stop its server a minute later.
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
        """Forget messages written before `before`, except those of unresolved cases. Returns how many.

        With `labelled_since`, an earlier time, messages written after it that have a current label keep the text that
        `keep` returns. This does not apply to the channels `shared` (None: all), nor to those that were shared then.
        """

        labelled, of_labelled = _labelled(before if labelled_since is None else labelled_since, shared)

        def redact(db: Transaction) -> int:
            sql = f"{_OLD} and m.redacted is null and {labelled} order by m.id limit ?"
            rows = db.query(sql, [before, *of_labelled, _BATCH])
            for row in rows:
                kept = keep(row["text"])
                db.update("messages", row["id"], {"text": kept, "redacted": 1})
            return len(rows)

        def erase(db: Transaction) -> int:
            sql = f"{_OLD} and not (m.redacted is not null and {labelled}) order by m.id limit ?"
            rows = db.query(sql, [before, *of_labelled, _BATCH])
            for row in rows:
                db.update("messages", row["id"], {"text": None})
            return len(rows)

        def erase_copies(db: Transaction) -> None:
            # An approved example belongs to the team; one that was only proposed goes with its message.
            unapproved = (
                "update examples set text = null, state = 'forgotten' where state != 'approved' and at < ?"
            )
            db.execute(unapproved, [before])
            _forget_events(db, "received_at < ? and state != 'pending'", before)
            _forget_answers(db, before)

        await self._in_batches(redact)
        count = await self._in_batches(erase)
        await self._database.transaction(erase_copies)
        return count

    async def _in_batches(self, work: Callable[[Transaction], int]) -> int:
        """Repeat `work`, one transaction per batch, until a batch is not full; returns the number of rows in all."""
        count = last = await self._database.transaction(work)
        while last == _BATCH:
            last = await self._database.transaction(work)
            count += last
        return count


_BATCH = 500
"""Messages per transaction: others wait for the database meanwhile."""

_OLD = """
    select m.id, m.text from messages m where m.text is not null and m.created_at < ? and not exists (
        select 1 from cases c where c.channel = m.channel and c.thread = m.thread and c.state != 'resolved')"""


def _labelled(since: float, shared: Collection[str] | None) -> tuple[str, list[Any]]:
    """The SQL condition with its values that a message `m` was written since then, has a current label and is not shared.

    `shared`: the shared channels; None leaves that part out.
    """
    has_label = "exists (select 1 from current_labels w where w.message_id = m.id)"
    if shared is None:
        return f"m.created_at >= ? and {has_label}", [since]
    now_shared = f" and m.channel not in ({marks(shared)})" if shared else ""
    return f"m.created_at >= ? and coalesce(m.shared, 0) = 0{now_shared} and {has_label}", [since, *shared]


def _forget_person(
    db: Transaction, transition: Transition, team: str, user: str, by: str, now: float
) -> Forgotten:
    """See `Erasure.forget`. `team` is for the audit."""
    versions = tuple(_learned_from(db, 'where m."user" = ?', user))
    everything = messages_of(db, user)
    written = [message for message in everything if message.text is not None]
    _forget(db, transition, written, now)
    # Examples may still hold the text of a message whose own text was erased before.
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
    """The versions that learned from these messages. `which` is a constant of this module."""
    return [row["version"] for row in db.query(f"{_LEARNED} {which} order by l.version", values)]


def _forget(db: Transaction, transition: Transition, written: Sequence[StoredMessage], now: float) -> None:
    """Erase the texts of these messages, of their examples and of what triage shows; drop their unsent replies."""
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
    """Erase events that are pending or failed: they hold texts, too. `where` is a constant of this module."""
    gone = "update inbox set state = 'skipped', reason = 'the message is gone', event = null where event is not null and "
    db.execute(gone + where, values)


def _forget_answers(db: Transaction, before: float = math.inf) -> None:
    """Erase the answers to commands from before a time: `golden` lists texts of messages."""
    db.execute(
        "update actions set payload = '{}', state = case state when 'sent' then state else 'dropped' end"
        " where key like 'command:%' and created_at < ?",
        [before],
    )
