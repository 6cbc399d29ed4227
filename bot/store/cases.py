"""Cases: the threads of unhappy or waiting customers, from flag to resolution, with their cards and notes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from bot.domain.actions import Card, CardNote, CardNoteUpdate, CardUpdate
from bot.domain.case import (
    Case,
    CaseEvent,
    CaseView,
    Corrected,
    Event,
    Resolve,
    Take,
    TextErased,
    Transition,
)
from bot.store.db import Database, Transaction
from bot.store.outbox import insert_actions


class Cases:
    def __init__(self, database: Database, transition: Transition) -> None:
        self._database = database
        self._transition = transition

    async def case(self, case_id: int) -> CaseView | None:
        return await self._database.transaction(lambda db: _view(db, case_id))

    async def open_cases(self, team: str, limit: int = 20) -> list[CaseView]:
        """Cases that are not resolved, oldest first."""
        sql = "select id from cases where team = ? and state != 'resolved' order by opened_at limit ?"

        def work(db: Transaction) -> list[CaseView]:
            found = [_view(db, row["id"]) for row in db.query(sql, [team, limit])]
            return [case for case in found if case]

        return await self._database.transaction(work)

    async def open_threads(self, channel: str) -> list[str]:
        """The threads of a channel whose case is not resolved."""
        sql = "select thread from cases where channel = ? and state != 'resolved' order by opened_at"
        return await self._database.transaction(lambda db: [r["thread"] for r in db.query(sql, [channel])])

    async def take(self, case_id: int, user: str, now: float) -> None:
        """Make this person the owner of an open case. A case that is taken already stays with its owner."""
        await self._apply_button(case_id, Take(user, now))

    async def resolve(self, case_id: int, user: str, now: float) -> None:
        await self._apply_button(case_id, Resolve(user, now))

    async def _apply_button(self, case_id: int, event: Take | Resolve) -> None:
        """Apply an agent's button on a card, with an audit row if it changed the case."""

        def work(db: Transaction) -> None:
            place = db.one("select team, channel, thread from cases where id = ?", [case_id])
            if place is None:
                return
            for happened in apply_event(
                db, self._transition, place["team"], place["channel"], place["thread"], event
            ):
                detail = json.dumps({"case": case_id})
                row = {"team": place["team"], "user": event.by, "what": f"case {happened.kind}"}
                db.insert("audit", row | {"detail": detail, "at": event.at})

        await self._database.transaction(work)

    async def history(self, case_id: int) -> list[CaseEvent]:
        """The events of a case, oldest first."""
        sql = "select * from case_events where case_id = ? order by id"
        rows = await self._database.transaction(lambda db: db.query(sql, [case_id]))
        return [CaseEvent(row["kind"], row["at"], row["actor"], row["message_id"]) for row in rows]


def apply_event(
    db: Transaction, transition: Transition, team: str, channel: str, thread: str, event: Event
) -> tuple[CaseEvent, ...]:
    """Apply an event to the thread's case, its history, card and notes; in the caller's transaction.

    `transition`: the rules. Returns what was added to the history.
    """
    row = db.one(_OF_THREAD, [channel, thread])
    case = _case(row) if row else None
    change = transition(case, event)
    if change.case is None:
        return ()
    now = event.at
    if row is None:
        place = {"team": team, "channel": channel, "thread": thread}
        case_id = db.insert("cases", place | _columns(change.case))
    else:
        case_id = int(row["id"])
        if change.case != case:
            db.update("cases", case_id, _columns(change.case))
    for happened in change.history:
        line = {
            "kind": happened.kind,
            "at": happened.at,
            "actor": happened.by,
            "message_id": happened.message,
        }
        db.insert("case_events", {"case_id": case_id} | line)
    if change.post_card:
        insert_actions(db, team, [Card.of_case(case_id)], now, change.case.message, case_id)
    if change.update_card:
        _queue_card_update(db, team, case_id, now)
    if change.note:
        # A changed card notifies nobody; a note under it does.
        note = CardNote.under(case_id, change.note.message, change.note.edit)
        insert_actions(db, team, [note], now, change.note.message, case_id)
    return change.history


def apply_to_cases_of(db: Transaction, transition: Transition, event: Corrected | TextErased) -> None:
    """Apply an event of a message to the cases that show it; in the caller's transaction."""
    for row in db.query(
        "select team, channel, thread from cases where message_id = ? order by id", [event.message]
    ):
        apply_event(db, transition, row["team"], row["channel"], row["thread"], event)


def queue_note_updates(db: Transaction, team: str, message_id: int, now: float) -> None:
    """Queue updates of the notes that quote a message; in the caller's transaction."""
    notes = "select key from actions where kind = ? and message_id = ? order by id"
    for note in db.query(notes, [CardNote.kind, message_id]):
        insert_actions(db, team, [CardNoteUpdate.of_note(note["key"], now)], now, message_id)


def _queue_card_update(db: Transaction, team: str, case_id: int, now: float) -> None:
    """The card shows the case as it is when the update is sent."""
    row = db.one("select count(*) as n from actions where case_id = ?", [case_id])
    update = CardUpdate.of_case(case_id, row["n"] if row else 0)
    insert_actions(db, team, [update], now, case_id=case_id)


def _columns(case: Case) -> dict[str, Any]:
    return {name: value for name, value in asdict(case).items() if name != "message"} | {
        "message_id": case.message
    }


def _case(row: Mapping[str, Any]) -> Case:
    names = [f.name for f in fields(Case) if f.name != "message"]
    return Case(**{name: row[name] for name in names}, message=row["message_id"])


_OF_THREAD = "select * from cases where channel = ? and thread = ?"

_CASE = """
    select c.*, m.ts, m."user", m.text, m.label, m.confidence, m.version, m.reasons
    from cases c join messages m on m.id = c.message_id where c.id = ?
"""


def _view(db: Transaction, case_id: int) -> CaseView | None:
    row = db.one(_CASE, [case_id])
    if row is None:
        return None
    return CaseView(
        id=row["id"],
        team=row["team"],
        channel=row["channel"],
        thread=row["thread"],
        message_ts=row["ts"],
        customer=row["user"],
        flag=row["flag"],
        text=row["text"],
        label=row["label"],
        confidence=row["confidence"] or 0.0,
        version=row["version"] or "",
        reasons=tuple(json.loads(row["reasons"] or "[]")),
        state=row["state"],
        owner=row["owner"],
        corrected=row["corrected"],
        message_id=row["message_id"],
        cause=row["cause"],
    )
