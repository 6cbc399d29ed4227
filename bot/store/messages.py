"""Messages by id, place or author; in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.domain.message import StoredMessage
from bot.store.db import Transaction

_COLUMNS = """
    id, team, channel, ts, thread, "user", role, text, label, confidence, version, reply, flag, edited_at, edit_ts, shared,
    redacted
"""


def message_by_id(db: Transaction, message_id: int) -> StoredMessage | None:
    row = db.one(f"select {_COLUMNS} from messages where id = ?", [message_id])  # noqa: S608
    return _stored(row) if row else None


def message_at(db: Transaction, channel: str, ts: str) -> StoredMessage | None:
    row = db.one(f"select {_COLUMNS} from messages where channel = ? and ts = ?", [channel, ts])  # noqa: S608
    return _stored(row) if row else None


def messages_of(db: Transaction, user: str) -> list[StoredMessage]:
    """Everything a person wrote, oldest first."""
    sql = f'select {_COLUMNS} from messages where "user" = ? order by id'  # noqa: S608
    return [_stored(row) for row in db.query(sql, [user])]


def _stored(row: Mapping[str, Any]) -> StoredMessage:
    return StoredMessage(**{**row, "shared": bool(row["shared"]), "redacted": bool(row["redacted"])})
