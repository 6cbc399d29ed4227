"""Forgetting: a message its author deleted, a person's messages, what is older than it may be kept.

Words go, from the database file too (it is opened with `secure_delete`); counts, readings and cases stay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from bot.domain.message import Deletion, Forgotten
from bot.store.asks import queue_ask_updates
from bot.store.cases import queue_card_update, queue_note_updates
from bot.store.conversations import row_of
from bot.store.db import Database
from bot.store.records import insert_audit
from bot.store.teaching import forget_taught


class Erasure:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def erase(self, inbox_id: int, deletion: Deletion, now: float) -> None:
        """Forget a message that its author deleted. A reply that is not out yet is dropped; a case shows that the words are gone."""

        def work(db: Any) -> None:
            row = row_of(db, deletion.channel, deletion.ts)
            if row is None:  # it may still come: this row keeps its place, so that it will not be read
                place = {"team": deletion.team, "channel": deletion.channel, "ts": deletion.ts}
                who = {"thread": deletion.ts, "user": "", "role": "customer", "created_at": now}
                db["messages"].insert(place | who)
            else:
                versions = _learned_from(db, "f.message_id = ?", row["id"])
                _forget(db, [row], now)
                if versions:
                    what = {"message": row["id"], "versions": versions}
                    insert_audit(
                        db, row["team"], row["user"], "deleted a message that was learned from", what, now
                    )
            _forget_events(
                db,
                "channel = ? and (ts = ? or json_extract(event, '$.message.ts') = ?)",
                [deletion.channel, deletion.ts, deletion.ts],
            )
            db["inbox"].update(inbox_id, {"state": "done", "event": None})

        await self._database.run(work)

    async def forget(self, team: str, user: str, by: str, now: float) -> Forgotten:
        """Forget everything a person wrote here, and note in the audit who asked for it."""
        return await self._database.run(lambda db: _forget_person(db, team, user, by, now))

    def forget_now(self, user: str, by: str, now: float) -> Forgotten:
        """The same for the command line, while the bot is stopped."""

        def work(db: Any) -> Forgotten:
            team = next(db.query("select team from inbox order by id desc limit 1"), {"team": ""})["team"]
            return _forget_person(db, team, user, by, now)

        return self._database.run_blocking(work)

    async def forget_all(self, by: str, now: float) -> Forgotten:
        """The app was taken out of the workspace: forget everything that anybody wrote; counts and readings stay."""

        def work(db: Any) -> Forgotten:
            versions = tuple(_learned_from(db, "? = 1", 1))
            # All at once: whoever takes an app out may stop its server in the next minute.
            gone = int(db.conn.execute("update messages set text = null where text is not null").rowcount)
            why = "the app was removed"
            skip = "update inbox set state = 'skipped', reason = ?, event = null where event is not null"
            db.conn.execute(skip, [why])
            db.conn.execute("update examples set text = null, state = 'forgotten'")
            db.conn.execute("delete from golden")
            drop = "update actions set state = 'dropped', error = ? where state in ('pending', 'sending')"
            db.conn.execute(drop, [why])
            team = next(db.query("select team from messages limit 1"), {"team": ""})["team"]
            insert_audit(db, team, by, "forget all", {"messages": gone, "versions": versions}, now)
            return Forgotten(gone, versions)

        return await self._database.run(work)

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

        since = before if labelled_since is None else labelled_since
        which = [before, since, shared is None, json.dumps(list(shared or ())), _AT_ONCE]

        def redact(db: Any) -> int:
            rows = list(db.query(_OLD + " and m.redacted is null and " + _LABELLED + " limit ?", which))
            for row in rows:
                kept = keep(row["text"])
                db["messages"].update(row["id"], {"text": kept, "redacted": 1})
            return len(rows)

        def erase(db: Any) -> int:
            gone = _OLD + " and not (m.redacted is not null and " + _LABELLED + ") limit ?"
            rows = list(db.query(gone, which))
            for row in rows:
                db["messages"].update(row["id"], {"text": None})
            return len(rows)

        def made_of_them(db: Any) -> None:
            # An approved example is the team's own by now; what was only proposed goes with its message.
            unapproved = (
                "update examples set text = null, state = 'forgotten' where state != 'approved' and at < ?"
            )
            db.conn.execute(unapproved, [before])
            _forget_events(db, "received_at < ? and state != 'pending'", [before])

        await self._in_strokes(redact)
        count = await self._in_strokes(erase)
        await self._database.run(made_of_them)
        return count

    async def _in_strokes(self, work: Callable[[Any], int]) -> int:
        """Repeat what does no more than `_AT_ONCE` until it does less; returns how much it did in all."""
        count = last = await self._database.run(work)
        while last == _AT_ONCE:
            last = await self._database.run(work)
            count += last
        return count


_AT_ONCE = 500
"""So many messages are erased in one stroke: others wait for the database meanwhile."""

_OLD = """
    select m.id, m.text from messages m where m.text is not null and m.created_at < ? and not exists (
        select 1 from cases c where c.channel = m.channel and c.thread = m.thread and c.state != 'resolved')"""

_LABELLED = """
    m.created_at >= ? and (? or (coalesce(m.shared, 0) = 0 and m.channel not in (select value from json_each(?))))
    and exists (select 1 from standing_words w where w.message_id = m.id)"""


def _forget_person(db: Any, team: str, user: str, by: str, now: float) -> Forgotten:
    """`team` is for the audit: a person of another organisation writes under the id of theirs."""
    versions = tuple(_learned_from(db, "m.user = ?", user))
    everything = list(db["messages"].rows_where("user = ?", [user]))
    written = [row for row in everything if row["text"] is not None]
    _forget(db, written, now)
    # Words outlive their message in what was made of them, and that may be long gone.
    for row in everything:
        forget_taught(db, row, now)
    paths = ("$.user", "$.message.user", "$.previous_message.user")
    _forget_events(
        db, "? in (json_extract(event, ?), json_extract(event, ?), json_extract(event, ?))", [user, *paths]
    )
    insert_audit(db, team, by, "forget", {"user": user, "messages": len(written), "versions": versions}, now)
    return Forgotten(len(written), versions)


_LEARNED = """
    select distinct l.version from model_feedback l join feedback f on f.id = l.feedback_id
    join messages m on m.id = f.message_id where """


def _learned_from(db: Any, which: str, value: Any) -> list[str]:
    """The versions that have learned from some messages. `which` is a constant of this module."""
    return [row["version"] for row in db.query(_LEARNED + which + " order by l.version", [value])]


def _forget(db: Any, written: Sequence[Mapping[str, Any]], now: float) -> None:
    """Take the words out of these messages, of what was made of them, and of what triage shows; drop replies that are
    not out yet."""
    for row in written:
        db["messages"].update(row["id"], {"text": None})
        db.conn.execute(
            "update actions set state = 'dropped', error = 'the message is gone'"
            " where message_id = ? and state in ('pending', 'failed') and kind in ('reply', 'clarify', 'draft')",
            [row["id"]],
        )
        for case in list(db["cases"].rows_where("message_id = ?", [row["id"]])):
            queue_card_update(db, row["team"], case["id"], now)
        queue_note_updates(db, row["team"], row["id"], now)
        queue_ask_updates(db, row["team"], row["id"], now)
        forget_taught(db, row, now)


def _forget_events(db: Any, where: str, values: Sequence[Any]) -> None:
    """Events that still wait, or failed, hold words, too."""
    gone = {"state": "skipped", "reason": "the message is gone", "event": None}
    for row in list(db["inbox"].rows_where(f"event is not null and {where}", list(values), select="id")):
        db["inbox"].update(row["id"], gone)
