"""Messages, and the threads around them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bot.domain.actions import Action
from bot.domain.case import CustomerWrote, Edited, Event, Flagged, StaffWrote, Transition
from bot.domain.message import Decision, Edit, Message, StoredMessage, Thread
from bot.store.cases import apply_event, queue_note_updates
from bot.store.columns import of_scores
from bot.store.db import Database, Transaction
from bot.store.label_requests import queue_label_request_updates
from bot.store.messages import message_at, message_by_id
from bot.store.outbox import insert_actions
from model.reading import Reading


class Conversations:
    def __init__(self, database: Database, transition: Transition) -> None:
        self._database = database
        self._transition = transition

    async def thread(self, message: Message, *, conversation_s: float, negative_threshold: float) -> Thread:
        """What `decide` needs to know about the time before this message.

        That is its thread, and the threads that the same customer started in the channel in the `conversation_s` seconds
        before it.
        """

        def work(db: Transaction) -> Thread:
            place = [message.channel, message.thread]
            written = db.one(_TEAM_WROTE, place)
            earlier = db.query(_ANSWERED, [*place, message.ts])
            chosen = db.query(_CHOSEN, [*place, message.ts])
            since = message.written_at - conversation_s
            author = [message.channel, message.user, message.ts]
            nearby = db.query(_NEARBY, [*author, since, message.written_at])
            return Thread(
                team_wrote_at=written["at"] if written else None,
                templates_used=frozenset(r["template"] for r in [*earlier, *chosen] if r["template"]),
                replies=frozenset(r["reply"] for r in earlier),
                conversation_answered=any(r["reply"] for r in nearby),
                conversation_templates=frozenset(r["template"] for r in nearby if r["template"]),
                conversation_negative=any((r["negative"] or 0.0) >= negative_threshold for r in nearby),
            )

        return await self._database.transaction(work)

    async def commit(
        self,
        inbox_id: int,
        message: Message,
        reading: Reading | None,
        decision: Decision,
        actions: Sequence[Action],
        now: float,
    ) -> None:
        """Commit a message with everything that follows from it, in one transaction.

        `reading` is None for people of the team. A flag opens the thread's case (or reopens it, or makes it more urgent)
        and queues its card. A message that is stored already is not changed: its edit or deletion came first. An event
        that was forgotten while it was read stays forgotten.
        """

        def work(db: Transaction) -> None:
            if not _is_pending(db, inbox_id):
                return
            if message_at(db, message.channel, message.ts):
                db.update("inbox", inbox_id, {"state": "done", "event": None})
                return
            message_id = _insert_message(db, message, reading, decision, now)
            insert_actions(db, message.team, actions, now, message_id)
            event = _event_of(message, message_id, decision, now)
            apply_event(db, self._transition, message.team, message.channel, message.thread, event)
            db.update("inbox", inbox_id, {"state": "done", "event": None})

        await self._database.transaction(work)

    async def knows(self, message: Message) -> bool:
        """Whether the message is stored, even if it was deleted since."""
        found = await self._database.transaction(lambda db: message_at(db, message.channel, message.ts))
        return found is not None

    async def at(self, channel: str, ts: str) -> int | None:
        """The id of the message at this place; None if it is not stored or its text was erased."""
        found = await self._database.transaction(lambda db: message_at(db, channel, ts))
        return found.id if found and found.text is not None else None

    async def revise(
        self,
        inbox_id: int,
        edit: Edit,
        reading: Reading | None,
        decision: Decision,
        actions: Sequence[Action],
        now: float,
        kept: str | None = None,
    ) -> None:
        """Replace a message's text and reading by those of an edit; the thread's case follows.

        A message that was answered is not answered again; one that was not may be answered now. Nothing changes if the
        message was deleted or never stored, or if the edit is older than the stored one or keeps the text. `kept` is the
        redacted form of the new text: a redacted message with that text is not changed.
        """

        def work(db: Transaction) -> None:
            if not _is_pending(db, inbox_id):
                return
            message = edit.message
            stored = message_at(db, message.channel, message.ts)
            why = None
            if stored is None or stored.text is None:
                why = "an edit of a message that is not here"
            elif (
                stored.text == message.text
                or (stored.redacted and stored.text == kept)
                or (stored.edit_ts or 0.0) > edit.edited_at
            ):
                why = "an edit that is known, or older than another one"
            if stored is not None and not why and stored.redacted:
                # The redacted old text does not fit the message any more.
                db.update("messages", stored.id, {"text": None})
                queue_label_request_updates(db, message.team, stored.id, now)
                why = "an edit of a message whose text was too old to keep"
            if stored is None or why:
                db.update("inbox", inbox_id, {"state": "skipped", "reason": why, "event": None})
                return
            changes = {"text": message.text, "edited_at": now, "edit_ts": edit.edited_at}
            if reading is not None:
                changes |= _read_as(reading) | _why(decision)
                if stored.reply is None:
                    changes |= _answer(decision)
                    insert_actions(db, message.team, actions, now, stored.id)
            db.update("messages", stored.id, changes)
            queue_note_updates(db, message.team, stored.id, now)
            queue_label_request_updates(db, message.team, stored.id, now, "edited")
            if reading is not None:
                event = Edited(stored.id, decision.flag, message.user, now, f":{edit.edited_at}")
                apply_event(db, self._transition, message.team, message.channel, message.thread, event)
            db.update("inbox", inbox_id, {"state": "done", "event": None})

        await self._database.transaction(work)

    async def message(self, message_id: int) -> StoredMessage | None:
        return await self._database.transaction(lambda db: message_by_id(db, message_id))

    async def drop_answer(self, action_id: int, why: str, now: float) -> None:
        """Drop an answer that was not sent, and open its thread's case so that a person replies."""

        def work(db: Transaction) -> None:
            db.update("actions", action_id, {"state": "dropped", "error": why})
            row = db.one(
                'select m.id, m.team, m.channel, m.thread, m."user" from actions a join messages m on m.id = a.message_id where a.id = ?',
                [action_id],
            )
            if row:
                event = Flagged(row["id"], "request", row["user"], now, cause=LATE)
                apply_event(db, self._transition, row["team"], row["channel"], row["thread"], event)

        await self._database.transaction(work)


_TEAM_WROTE = """
    select max(cast(ts as double precision)) as at from messages where channel = ? and thread = ? and role != 'customer'
"""

_ANSWERED = """
    select template, reply from messages where channel = ? and thread = ? and reply is not null and ts != ?
"""

_CHOSEN = """
    select a.template from actions a join messages m on m.id = a.message_id
    where m.channel = ? and m.thread = ? and a.kind = 'reply' and m.ts != ?
"""
"""Templates that were sent because the customer chose them in a clarify question."""

_NEARBY = """
    select reply, template, negative from messages where channel = ? and "user" = ? and thread = ts and ts != ?
    and cast(ts as double precision) between ? and ? and text is not null
"""


LATE = "The answer could not be sent in time"


def _event_of(message: Message, message_id: int, decision: Decision, now: float) -> Event:
    """The event that a new message is for its thread's case."""
    if message.role != "customer":
        return StaffWrote(message_id, message.user, now)
    if decision.flag:
        return Flagged(message_id, decision.flag, message.user, now)
    return CustomerWrote(message_id, message.user, now)


def _insert_message(
    db: Transaction, message: Message, reading: Reading | None, decision: Decision, now: float
) -> int:
    row = {
        "team": message.team,
        "channel": message.channel,
        "ts": message.ts,
        "thread": message.thread,
        "user": message.user,
        "role": message.role,
        "text": message.text,
        "created_at": now,
        "shared": int(message.shared),
        "author_team": message.author_team,
    }
    if reading is not None:
        row |= _read_as(reading) | _why(decision) | _answer(decision)
    return db.insert("messages", row)


def _read_as(reading: Reading) -> dict[str, Any]:
    return {
        "label": reading.label,
        "confidence": reading.confidence,
        "scores": json.dumps(dict(reading.scores)) if reading.scores else None,
        "not_scored": reading.reason,
        "version": reading.version,
        **of_scores(reading.scores),
    }


def _answer(decision: Decision) -> dict[str, Any]:
    return {"reply": decision.reply, "template": decision.template, "tone": decision.tone}


def _is_pending(db: Transaction, inbox_id: int) -> bool:
    """Whether an event is still to be processed: it may have been forgotten while it was read."""
    return db.one("select 1 from inbox where id = ? and state = 'pending'", [inbox_id]) is not None


def _why(decision: Decision) -> dict[str, Any]:
    return {"flag": decision.flag, "reasons": json.dumps(decision.reasons)}
