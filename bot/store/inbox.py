"""The inbox: every event on disk before it is acked, once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bot.domain.message import Received
from bot.store.columns import of_event
from bot.store.db import Database


class Inbox:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, team: str, event: Mapping[str, Any], now: float) -> bool:
        """Keep an event; False if it is there already (Slack delivers at least once, in any order).

        A mention comes as `message` and as `app_mention`: both are the kind *message*. Everything that happens
        to a message later (an edit, a deletion) has a time and a kind of its own.
        """
        kind = str(event.get("subtype") or "message")
        ts = str(event.get("ts") or event.get("event_ts"))
        row = {
            "team": team,
            "channel": str(event.get("channel")),
            "ts": ts,
            "kind": "message" if kind in ("file_share", "thread_broadcast", "me_message") else kind,
            "event": json.dumps(event),
            "received_at": now,
            **of_event(event, ts),
        }
        return await self._database.transaction(lambda db: db.insert("inbox", row, ignore=True) is not None)

    async def newest(self) -> int:
        """The id of the event that came last; 0 if none ever did."""
        row = await self._database.transaction(lambda db: db.one("select max(id) as id from inbox"))
        return int(row["id"] or 0) if row else 0

    async def pending(self, limit: int) -> list[Received]:
        """The oldest events that nobody has settled yet."""
        sql = """
            select id, team, event, attempts, received_at from inbox where state = 'pending' order by id limit ?
        """
        rows = await self._database.transaction(lambda db: db.query(sql, [limit]))
        return [
            Received(r["id"], r["team"], json.loads(r["event"]), r["attempts"], r["received_at"])
            for r in rows
        ]

    async def skip(self, inbox_id: int, reason: str) -> None:
        """Settle an event that is nothing to answer. Its text is not kept."""
        changes = {"state": "skipped", "reason": reason, "event": None}
        await self._database.transaction(lambda db: db.update("inbox", inbox_id, changes))

    async def record_failure(self, inbox_id: int, attempts: int, reason: str, *, give_up: bool) -> None:
        """Note that settling an event failed: it stays pending, or is set aside as *failed* with its reason."""
        changes = {"attempts": attempts, "reason": reason, "state": "failed" if give_up else "pending"}
        await self._database.transaction(lambda db: db.update("inbox", inbox_id, changes))

    async def counts(self) -> dict[str, int]:
        """How many events are in which state."""
        sql = "select state, count(*) as n from inbox group by state"
        return await self._database.transaction(lambda db: {r["state"]: r["n"] for r in db.query(sql)})
