"""Messages, and the threads around them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.actions import Action
from bot.domain.message import Decision, Edit, Message, Thread
from bot.store.asks import queue_ask_updates
from bot.store.cases import flag_thread, queue_note_updates, reconsider
from bot.store.db import Database
from bot.store.outbox import insert_actions
from model.reading import Reading


class Conversations:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def thread(self, message: Message, *, conversation_s: float, negative_threshold: float) -> Thread:
        """What `decide` needs to know of the time before this message: of its thread, and of what the same customer began in the
        channel within `conversation_s` before it."""

        def work(db: Any) -> Thread:
            written = next(
                db.query(
                    "select max(cast(ts as real)) as at from messages"
                    " where channel = ? and thread = ? and role != 'customer'",
                    [message.channel, message.thread],
                )
            )["at"]
            earlier = list(
                db.query(
                    "select template, reply from messages where channel = ? and thread = ? and reply is not null and ts != ?",
                    [message.channel, message.thread, message.ts],
                )
            )
            # A clarifying question that was answered with a button has sent a template, too.
            chosen = db.query(
                "select json_extract(a.facts, '$.template') as template from actions a join messages m on m.id = a.message_id"
                " where m.channel = ? and m.thread = ? and a.kind = 'reply' and m.ts != ?",
                [message.channel, message.thread, message.ts],
            )
            since = message.written_at - conversation_s
            nearby = list(
                db.query(
                    "select reply, template, json_extract(scores, '$.negative') as negative from messages"
                    " where channel = ? and user = ? and thread = ts"
                    " and ts != ? and cast(ts as real) between ? and ? and text is not null",
                    [message.channel, message.user, message.ts, since, message.written_at],
                )
            )
            return Thread(
                team_wrote_at=written,
                templates_used=frozenset(r["template"] for r in [*earlier, *chosen] if r["template"]),
                replies=frozenset(r["reply"] for r in earlier),
                conversation_answered=any(r["reply"] for r in nearby),
                conversation_templates=frozenset(r["template"] for r in nearby if r["template"]),
                conversation_negative=any((r["negative"] or 0.0) >= negative_threshold for r in nearby),
            )

        return await self._database.run(work)

    async def settle(
        self,
        inbox_id: int,
        message: Message,
        reading: Reading | None,
        decision: Decision,
        actions: Sequence[Action],
        now: float,
    ) -> None:
        """Commit a message with everything that follows from it, in one transaction.

        `reading` is None for people of the team. A flag opens the thread's case (or reopens it, or makes an
        existing one more urgent) and queues its card. A message that is here already, for its edit or its deletion
        came first, is left as they made it; an event that was forgotten while it was read stays forgotten.
        """

        def work(db: Any) -> None:
            if not _waits(db, inbox_id):
                return
            if row_of(db, message.channel, message.ts):
                db["inbox"].update(inbox_id, {"state": "done", "event": None})
                return
            message_id = _insert_message(db, message, reading, decision, now)
            insert_actions(db, message.team, actions, now, message_id)
            if decision.flag:
                flag_thread(db, message.team, message.channel, message.thread, message_id, decision.flag, now)
            elif reading and reading.label:
                db.conn.execute(
                    "update cases set mood = ? where channel = ? and thread = ?",
                    [reading.label, message.channel, message.thread],
                )
            db["inbox"].update(inbox_id, {"state": "done", "event": None})

        await self._database.run(work)

    async def knows(self, message: Message) -> bool:
        """Whether the message is here, read or deleted."""
        return await self._database.run(lambda db: row_of(db, message.channel, message.ts) is not None)

    async def at(self, channel: str, ts: str) -> int | None:
        """The id of the message that stands there; None if there is none here, or its words are gone."""

        def work(db: Any) -> int | None:
            row = row_of(db, channel, ts)
            return row["id"] if row and row["text"] is not None else None

        return await self._database.run(work)

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
        """Put new words and their reading in the place of the old ones; the thread's case follows.

        What was answered is not answered again; what was not may be now. Nothing happens to a message that was deleted
        or never read here, nor by an edit that is older than what stands, or changes no words. `kept` is what of the new
        words would be kept of an old message: one that reads so already is not changed.
        """

        def work(db: Any) -> None:
            if not _waits(db, inbox_id):
                return
            message = edit.message
            row = row_of(db, message.channel, message.ts)
            why = None
            if row is None or row["text"] is None:
                why = "an edit of a message that is not here"
            elif (
                row["text"] == message.text
                or (row["redacted"] and row["text"] == kept)
                or (row["edit_ts"] or 0.0) > edit.edited_at
            ):
                why = "an edit that is known, or older than another"
            if row is not None and not why and row["redacted"]:
                # What is kept of the old words is of no use any more.
                db["messages"].update(row["id"], {"text": None})
                queue_ask_updates(db, message.team, row["id"], now)
                why = "an edit of a message whose words were too old to keep"
            if row is None or why:
                db["inbox"].update(inbox_id, {"state": "skipped", "reason": why, "event": None})
                return
            changes = {"text": message.text, "edited_at": now, "edit_ts": edit.edited_at}
            if reading is not None:
                changes |= _read_as(reading) | _why(decision)
                if row["reply"] is None:
                    changes |= _answer(decision)
                    insert_actions(db, message.team, actions, now, row["id"])
            db["messages"].update(row["id"], changes)
            queue_note_updates(db, message.team, row["id"], now)
            queue_ask_updates(db, message.team, row["id"], now, "edited")
            if reading is not None:
                reconsider(db, edit, row["id"], reading, decision, now)
            db["inbox"].update(inbox_id, {"state": "done", "event": None})

        await self._database.run(work)

    async def message(self, message_id: int) -> Mapping[str, Any] | None:
        sql = "select * from messages where id = ?"
        return await self._database.run(lambda db: next(db.query(sql, [message_id]), None))

    async def drop_answer(self, action_id: int, why: str, now: float) -> None:
        """Do not send an answer any more, and call a person to its thread."""

        def work(db: Any) -> None:
            db["actions"].update(action_id, {"state": "dropped", "error": why})
            row = next(
                db.query(
                    "select m.id, m.team, m.channel, m.thread from actions a join messages m on m.id = a.message_id where a.id = ?",
                    [action_id],
                ),
                None,
            )
            if row:
                flag_thread(db, row["team"], row["channel"], row["thread"], row["id"], "request", now)

        await self._database.run(work)

    async def readings_by_version(self) -> dict[str, int]:
        sql = "select version, count(*) as n from messages where version is not null group by version"
        return await self._database.run(lambda db: {r["version"]: r["n"] for r in db.query(sql)})


def _insert_message(
    db: Any, message: Message, reading: Reading | None, decision: Decision, now: float
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
    }
    if reading is not None:
        row |= _read_as(reading) | _why(decision) | _answer(decision)
    return int(db["messages"].insert(row).last_pk)


def _read_as(reading: Reading) -> dict[str, Any]:
    return {
        "label": reading.label,
        "confidence": reading.confidence,
        "scores": json.dumps(dict(reading.scores)) if reading.scores else None,
        "not_scored": reading.reason,
        "version": reading.version,
    }


def _answer(decision: Decision) -> dict[str, Any]:
    return {"reply": decision.reply, "template": decision.template, "tone": decision.tone}


def _waits(db: Any, inbox_id: int) -> bool:
    """Whether an event is still to be settled: it may have been forgotten while it was read."""
    return next(db["inbox"].rows_where("id = ? and state = 'pending'", [inbox_id]), None) is not None


def _why(decision: Decision) -> dict[str, Any]:
    return {"flag": decision.flag, "reasons": json.dumps(decision.reasons)}


def row_of(db: Any, channel: str, ts: str) -> Mapping[str, Any] | None:
    """The row of a message, inside the caller's transaction."""
    found = db["messages"].rows_where("channel = ? and ts = ?", [channel, ts])
    row: Mapping[str, Any] | None = next(found, None)
    return row
