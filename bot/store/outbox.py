"""The outbox: every action is stored before it is sent to Slack."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.actions import QUOTES, TRIAGE, Action, Queued, read_action
from bot.store.columns import of_action
from bot.store.db import Database, Transaction


def insert_actions(
    db: Transaction,
    team: str,
    actions: Sequence[Action],
    now: float,
    message_id: int | None = None,
    case_id: int | None = None,
) -> None:
    """Queue actions; in the caller's transaction. An action whose key exists already is ignored."""
    for action in actions:
        row = {
            "team": team,
            "key": action.key,
            "kind": action.kind,
            "channel": action.channel,
            "thread": action.thread,
            "payload": json.dumps(action.payload),
            "message_id": message_id,
            "case_id": case_id,
            "due_at": now,
            "created_at": now,
        }
        db.insert("actions", row | of_action(action.kind, action.payload), ignore=True)


class Outbox:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, team: str, action: Action, now: float) -> None:
        await self._database.transaction(lambda db: insert_actions(db, team, [action], now))

    async def put_for_message(
        self, team: str, message_id: int, actions: Sequence[Action], now: float
    ) -> None:
        """Queue actions that belong to a message, in one transaction."""
        await self._database.transaction(lambda db: insert_actions(db, team, actions, now, message_id))

    async def heads(self) -> list[Queued]:
        """The oldest unsent action of each channel, due or not: the triage channel's first, then oldest first.

        Only heads are sent, which keeps the order within a channel: an action that must wait for a retry delays the later
        ones in its channel, but no others.
        """
        sql = """
            select * from actions where id in (
                select min(id) from actions where state in ('pending', 'sending') group by channel
            ) order by case when channel = ? then 0 else 1 end, id
        """
        return await self._database.transaction(lambda db: [_queued(r) for r in db.query(sql, [TRIAGE])])

    async def action(self, key: str) -> Action | None:
        """The action with this key, in any state."""
        sql = "select * from actions where key = ?"

        def work(db: Transaction) -> Action | None:
            row = db.one(sql, [key])
            return _action(row) if row else None

        return await self._database.transaction(work)

    async def sending(self, action_id: int) -> bool:
        """Mark an action as being sent. Its outcome is unknown until `sent` or `retry` is stored.

        False if it must not be sent any more: the message that it answers was erased.
        """

        def work(db: Transaction) -> bool:
            sql = (
                "select a.state, a.kind, m.id as message, m.text from actions a"
                " left join messages m on m.id = a.message_id where a.id = ?"
            )
            row = db.one(sql, [action_id])
            if row is None:
                raise LookupError(f"action {action_id} is gone")
            gone = row["kind"] in QUOTES and row["message"] and row["text"] is None
            if gone or row["state"] == "dropped":
                db.update("actions", action_id, {"state": "dropped", "error": "the message is gone"})
                return False
            db.update("actions", action_id, {"state": "sending"})
            return True

        return await self._database.transaction(work)

    async def sent(self, action_id: int, channel: str, ts: str | None, now: float) -> None:
        await self._change(
            action_id,
            {"state": "sent", "slack_channel": channel, "slack_ts": ts, "sent_at": now, "error": None},
        )

    async def retry(self, action_id: int, attempts: int, due_at: float, error: str, *, known: bool) -> None:
        """Send again at `due_at`. `known`: Slack certainly did not accept the last attempt."""
        state = "pending" if known else "sending"
        await self._change(
            action_id, {"state": state, "attempts": attempts, "due_at": due_at, "error": error}
        )

    async def fail(self, action_id: int, attempts: int, error: str) -> None:
        """Give an action up; it stays visible in `/softanswer status`."""
        await self._change(action_id, {"state": "failed", "attempts": attempts, "error": error})

    async def failed(self, limit: int = 10) -> list[Queued]:
        """Actions that were given up, oldest first."""
        sql = "select * from actions where state = 'failed' order by id limit ?"
        return await self._database.transaction(lambda db: [_queued(r) for r in db.query(sql, [limit])])

    async def retry_failed(self, now: float) -> int:
        """Try all failed actions once more; returns how many. An answer that is too late by now becomes a case instead.

        Slack may have accepted some of them after all, so each is looked for before it is sent.
        """

        sql = "update actions set state = 'sending', attempts = 0, due_at = ? where state = 'failed'"
        return await self._database.transaction(lambda db: db.execute(sql, [now]))

    async def _change(self, action_id: int, changes: Mapping[str, Any]) -> None:
        await self._database.transaction(lambda db: db.update("actions", action_id, changes))

    async def sent_as(self, key: str) -> tuple[str, str] | None:
        """The Slack channel and ts of the action with this key; None if it was not sent."""
        sql = "select slack_channel, slack_ts from actions where key = ? and state = 'sent'"

        def work(db: Transaction) -> tuple[str, str] | None:
            row = db.one(sql, [key])
            return (row["slack_channel"], row["slack_ts"]) if row and row["slack_ts"] else None

        return await self._database.transaction(work)

    async def counts(self) -> dict[str, int]:
        sql = "select state, count(*) as n from actions group by state"
        return await self._database.transaction(lambda db: {r["state"]: r["n"] for r in db.query(sql)})


def _queued(row: Mapping[str, Any]) -> Queued:
    return Queued(
        id=row["id"],
        team=row["team"],
        action=_action(row),
        case_id=row["case_id"],
        message_id=row["message_id"],
        state=row["state"],
        attempts=row["attempts"],
        due_at=row["due_at"],
        error=row["error"],
        created_at=row["created_at"],
    )


def _action(row: Mapping[str, Any]) -> Action:
    return read_action(row["kind"], row["key"], row["channel"], row["thread"], json.loads(row["payload"]))
