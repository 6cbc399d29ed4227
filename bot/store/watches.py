"""What the watch over a new version has seen."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.learning import Seen, Unread, Watched
from bot.store.db import Database, Transaction

SUCCEEDED = ("stopped", "another version was put in service")
"""How a watch ends (state, verdict) when nothing was found out."""


_OLD_RIGHT = """
    select s.message_id as message, f."user", m.text is not null as here from shadows s join messages m on m.id = s.message_id
    join standing_words f on f.message_id = s.message_id and f.value = s.old
    where s.watch_id = ? order by s.message_id desc"""
"""Whose word it is, and of which messages, that the old version was right."""


class Watches:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def current(self, team: str) -> Watched | None:
        sql = "select * from watches where team = ? and state = 'open' order by id desc limit 1"
        row = await self._database.transaction(lambda db: db.one(sql, [team]))
        if row is None:
            return None
        return Watched(
            row["id"], row["version"], row["previous"], row["started_at"], row["expected"] or 0.0,
            row["readings"], row["last_message"],
        )  # fmt: skip

    async def unread(self, watch: Watched, limit: int = 64) -> list[Unread]:
        """Messages that the watched version has read and the other not, oldest first."""
        sql = """
            select id, text, label from messages where id > ? and version = ? and label is not null and text is not null
            and role = 'customer' order by id limit ?
        """

        values = [watch.last_message, watch.version, limit]
        rows = await self._database.transaction(lambda db: db.query(sql, values))
        return [Unread(row["id"], row["text"], row["label"]) for row in rows]

    async def note(self, watch: Watched, read: Sequence[tuple[Unread, str | None]], now: float) -> list[int]:
        """Note what the old version says of messages; returns the ids of those on which the two differ."""
        shadow = """
            insert into shadows (watch_id, message_id, "new", "old", at) values (?, ?, ?, ?, ?) on conflict do nothing
        """

        def work(db: Transaction) -> list[int]:
            differ = []
            for message, old in read:
                if old is not None and old != message.label:
                    db.execute(shadow, [watch.id, message.message, message.label, old, now])
                    differ.append(message.message)
            last = max(message.message for message, _ in read)
            db.execute(
                "update watches set readings = readings + ?, last_message = ? where id = ?",
                [len(read), last, watch.id],
            )
            return differ

        return await self._database.transaction(work)

    async def seen(self, watch: Watched) -> Seen:
        """What the watch has seen so far, with the latest of people's words on the messages where the two differ; a word
        that was withdrawn leaves the others' standing."""
        sql = """
            select s.new, s.old, (
                select value from standing_words where message_id = s.message_id order by id desc limit 1
            ) as said from shadows s where s.watch_id = ?
        """

        def work(db: Transaction) -> Seen:
            rows = db.query(sql, [watch.id])
            noted = db.one("select readings from watches where id = ?", [watch.id])
            return Seen(
                readings=noted["readings"] if noted else 0,
                differ=len(rows),
                old_right=sum(row["said"] == row["old"] for row in rows),
                new_right=sum(row["said"] == row["new"] for row in rows),
                neither=sum(row["said"] not in (None, row["old"], row["new"]) for row in rows),
                expected=watch.expected,
                voices=len({row["user"] for row in db.query(_OLD_RIGHT, [watch.id])}),
            )

        return await self._database.transaction(work)

    async def old_right(self, watch: Watched) -> dict[int, set[str]]:
        """The messages on which people say that the old version was right, newest first, with everybody who spoke on them."""
        spoken = 'select distinct "user" from words where message_id = ?'

        def work(db: Transaction) -> dict[int, set[str]]:
            found = dict.fromkeys(row["message"] for row in db.query(_OLD_RIGHT, [watch.id]) if row["here"])
            return {message: {row["user"] for row in db.query(spoken, [message])} for message in found}

        return await self._database.transaction(work)

    async def end(self, watch: Watched, state: str, verdict: str, now: float) -> None:
        """Close a watch as passed, worse or stopped."""
        changes = {"state": state, "verdict": verdict, "ended_at": now}
        await self._database.transaction(lambda db: db.update("watches", watch.id, changes))


def begin_watch(db: Transaction, team: str, version: str, previous: str, expected: float, now: float) -> None:
    """Watch a version from now on; what was watched before is over. In the caller's transaction."""
    end_watches(db, team, "superseded", None, now)
    last = db.one("select max(id) as id from messages")
    row = {"team": team, "version": version, "previous": previous, "state": "open", "started_at": now}
    db.insert("watches", row | {"expected": expected, "last_message": (last and last["id"]) or 0})


def end_watches(db: Transaction, team: str, state: str, verdict: str | None, now: float) -> None:
    """Close the watch that is open, if one is; in the caller's transaction."""
    sql = "update watches set state = ?, verdict = ?, ended_at = ? where team = ? and state = 'open'"
    db.execute(sql, [state, verdict, now, team])
