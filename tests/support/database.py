"""The bot's database, read from outside as anybody may: a dataclass per table, one function each, oldest row first.

Each function takes the database's file and conditions on columns: a value, `None` for null, a tuple for any of several.
`actions(path, kind=("reply", "clarify"), state="sent")`. Only this module knows the names of tables and columns.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

Row = TypeVar("Row")


@dataclasses.dataclass(frozen=True)
class InboxEvent:
    id: int
    channel: str
    ts: str
    kind: str
    event: str | None
    received_at: float
    state: str
    reason: str | None
    attempts: int


@dataclasses.dataclass(frozen=True)
class Message:
    id: int
    team: str
    author_team: str | None
    channel: str
    ts: str
    thread: str
    user: str
    text: str | None
    label: str | None
    version: str | None
    reply: str | None
    template: str | None
    flag: str | None
    reasons: str | None


@dataclasses.dataclass(frozen=True)
class Case:
    id: int
    channel: str
    thread: str
    message_id: int
    flag: str
    state: str
    owner: str | None
    corrected: str | None


@dataclasses.dataclass(frozen=True)
class Action:
    id: int
    key: str
    kind: str
    channel: str
    payload: dict[str, Any]
    message_id: int | None
    state: str
    attempts: int
    due_at: float
    slack_ts: str | None
    error: str | None


@dataclasses.dataclass(frozen=True)
class Feedback:
    id: int
    message_id: int
    kind: str
    value: str
    user: str
    source: str
    version: str | None
    read_label: str | None


@dataclasses.dataclass(frozen=True)
class LabelRequest:
    id: int
    message_id: int
    why: str
    person: str | None
    answer: str | None
    answered_at: float | None


@dataclasses.dataclass(frozen=True)
class Example:
    id: int
    text: str | None
    state: str
    decided_by: str | None


@dataclasses.dataclass(frozen=True)
class Run:
    id: int
    trigger: str
    state: str
    version: str | None
    summary: str | None
    data_hash: str | None
    learned: int | None


@dataclasses.dataclass(frozen=True)
class Model:
    version: str
    parent: str | None
    state: str


@dataclasses.dataclass(frozen=True)
class ShadowEvaluation:
    id: int
    version: str
    previous: str
    state: str
    readings: int


@dataclasses.dataclass(frozen=True)
class AuditEntry:
    id: int
    team: str
    user: str
    what: str
    detail: str | None


def inbox(path: Path, **where: Any) -> list[InboxEvent]:
    return _read(path, "inbox", InboxEvent, where)


def messages(path: Path, **where: Any) -> list[Message]:
    return _read(path, "messages", Message, where)


def cases(path: Path, **where: Any) -> list[Case]:
    return _read(path, "cases", Case, where)


@dataclasses.dataclass(frozen=True)
class CaseEvent:
    id: int
    case_id: int
    kind: str
    actor: str
    message_id: int | None


def case_events(path: Path, **where: Any) -> list[CaseEvent]:
    return _read(path, "case_events", CaseEvent, where)


def actions(path: Path, **where: Any) -> list[Action]:
    """The outbox; `payload` comes as a dict."""
    found = _read(path, "actions", Action, where)
    return [dataclasses.replace(action, payload=json.loads(str(action.payload))) for action in found]


def waiting(path: Path, **where: Any) -> list[Action]:
    """Actions that are yet to be sent."""
    return actions(path, state=("pending", "sending"), **where)


def not_sent(path: Path) -> list[Action]:
    """Actions in any state but *sent*: waiting, failed or dropped."""
    return [action for action in actions(path) if action.state != "sent"]


def feedback(path: Path, **where: Any) -> list[Feedback]:
    return _read(path, "feedback", Feedback, where)


def label_requests(path: Path, **where: Any) -> list[LabelRequest]:
    return _read(path, "label_requests", LabelRequest, where)


def examples(path: Path, **where: Any) -> list[Example]:
    return _read(path, "examples", Example, where)


def runs(path: Path, **where: Any) -> list[Run]:
    return _read(path, "runs", Run, where)


def models(path: Path, **where: Any) -> list[Model]:
    return _read(path, "models", Model, where)


def lineage(path: Path) -> list[int]:
    """The ids of the feedback that any version has learned from."""
    return [row[0] for row in rows(path, "select feedback_id from model_feedback order by 1")]


def shadow_evaluations(path: Path, **where: Any) -> list[ShadowEvaluation]:
    return _read(path, "shadow_evaluations", ShadowEvaluation, where)


def audit(path: Path, **where: Any) -> list[AuditEntry]:
    return _read(path, "audit", AuditEntry, where)


def integrity(path: Path) -> str:
    """What SQLite's own check says: "ok", or what is damaged."""
    return "; ".join(str(row[0]) for row in rows(path, "pragma integrity_check"))


def update(path: Path, table: str, **columns: Any) -> None:
    """Set columns of every row behind the bot's back; a dict is stored as JSON."""
    values = [json.dumps(value) if isinstance(value, dict) else value for value in columns.values()]
    change(path, f"update {table} set {', '.join(f'{column} = ?' for column in columns)}", *values)


def change(path: Path, sql: str, *values: Any) -> None:
    """For the helpers of this package."""
    with contextlib.closing(sqlite3.connect(path, timeout=10)) as db:
        db.execute(sql, values)
        db.commit()


@contextlib.contextmanager
def locked(path: Path, mode: Literal["immediate", "exclusive"]) -> Iterator[None]:
    """As if another process had a transaction open: nobody may write (immediate), or even read (exclusive)."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"begin {mode}")
        yield
        other.execute("rollback")


def set_schema(path: Path, version: int) -> None:
    """The number of the schema that the file says it has."""
    change(path, f"pragma user_version={version:d}")


def rows(path: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """For the helpers of this package; a test reads by the functions above."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
        return list(db.execute(sql, values))


def _read(path: Path, table: str, kind: type[Row], where: dict[str, Any]) -> list[Row]:
    columns = [field.name for field in dataclasses.fields(kind)]
    terms, values = ["1 = 1"], []
    for column, wanted in where.items():
        if isinstance(wanted, tuple):
            terms.append(f"{column} in ({', '.join('?' * len(wanted))})")
            values += wanted
        else:
            terms.append(f"{column} is ?")
            values.append(wanted)
    sql = f"select {', '.join(columns)} from {table} where {' and '.join(terms)} order by rowid"
    return [kind(*row) for row in rows(path, sql, *values)]
