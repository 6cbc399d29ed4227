"""The inbox: every event is stored once, before it is acknowledged."""

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
        """Store an event; False if it is stored already. Slack delivers at least once, in any order.

        A mention arrives as `message` and as `app_mention`: both have the kind *message*. A later edit or deletion has
        its own timestamp and kind.
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
        """The id of the latest event; 0 if there is none."""
        row = await self._database.transaction(lambda db: db.one("select max(id) as id from inbox"))
        return int(row["id"] or 0) if row else 0

    async def pending(self, limit: int) -> list[Received]:
        """The oldest events that are still to be processed."""
        sql = """
            select id, team, event, attempts, received_at from inbox where state = 'pending' order by id limit ?
        """
        rows = await self._database.transaction(lambda db: db.query(sql, [limit]))
        return [
            Received(r["id"], r["team"], json.loads(r["event"]), r["attempts"], r["received_at"])
            for r in rows
        ]

    async def skip(self, inbox_id: int, reason: str) -> None:
        """Close an event that needs no answer. Its text is erased."""
        changes = {"state": "skipped", "reason": reason, "event": None}
        await self._database.transaction(lambda db: db.update("inbox", inbox_id, changes))

    async def record_failure(self, inbox_id: int, attempts: int, reason: str, *, give_up: bool) -> None:
        """Record that processing an event failed: it stays pending, or is closed as *failed*. The reason is kept."""
        changes = {"attempts": attempts, "reason": reason, "state": "failed" if give_up else "pending"}
        await self._database.transaction(lambda db: db.update("inbox", inbox_id, changes))

    async def counts(self) -> dict[str, int]:
        """The number of events by state."""
        sql = "select state, count(*) as n from inbox group by state"
        return await self._database.transaction(lambda db: {r["state"]: r["n"] for r in db.query(sql)})
