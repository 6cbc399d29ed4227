"""Cases: an unhappy or waiting customer's thread, from flag to resolution, and the cards and notes that show it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.actions import TRIAGE, Action
from bot.domain.case import CaseView
from bot.domain.message import Decision, Edit, Flag
from bot.store.db import Database, Transaction
from bot.store.outbox import insert_actions
from model.reading import Reading


class Cases:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def case(self, case_id: int) -> CaseView | None:
        return await self._database.transaction(lambda db: _case(db, case_id))

    async def open_cases(self, team: str, limit: int = 20) -> list[CaseView]:
        """Cases that nobody has resolved yet, oldest first."""
        sql = "select id from cases where team = ? and state != 'resolved' order by opened_at limit ?"

        def work(db: Transaction) -> list[CaseView]:
            found = [_case(db, row["id"]) for row in db.query(sql, [team, limit])]
            return [case for case in found if case]

        return await self._database.transaction(work)

    async def open_threads(self, channel: str) -> list[str]:
        """The threads of a channel whose case is not resolved."""
        sql = "select thread from cases where channel = ? and state != 'resolved' order by opened_at"
        return await self._database.transaction(lambda db: [r["thread"] for r in db.query(sql, [channel])])

    async def take(self, case_id: int, user: str, now: float) -> None:
        """Make an open case this person's. A stale button takes nobody's case away."""
        await self._move(case_id, ("open",), {"state": "taken", "owner": user, "taken_at": now}, user, now)

    async def resolve(self, case_id: int, user: str, now: float) -> None:
        await self._move(case_id, ("open", "taken"), {"state": "resolved", "resolved_at": now}, user, now)

    async def _move(
        self, case_id: int, states: Sequence[str], changes: Mapping[str, Any], user: str, now: float
    ) -> None:
        """Change a case that is in one of these states; write the audit row and queue the card's update with it."""

        def work(db: Transaction) -> None:
            case = _case(db, case_id)
            if case is None or case.state not in states:
                return
            db.update("cases", case_id, {"owner": case.owner or user, **changes})
            row = {"team": case.team, "user": user, "what": f"case {changes['state']}", "at": now}
            db.insert("audit", row | {"detail": json.dumps({"case": case_id})})
            queue_card_update(db, case.team, case_id, now)

        await self._database.transaction(work)


def queue_note_updates(db: Transaction, team: str, message_id: int, now: float) -> None:
    """Queue updates of the notes that quote a message, inside the caller's transaction."""
    notes = "select key from actions where kind = 'card_note' and message_id = ? order by id"
    for note in db.query(notes, [message_id]):
        update = Action("card_note_update", f"{note['key']}:{now}", TRIAGE, facts={"of": note["key"]})
        insert_actions(db, team, [update], now, message_id)


def queue_card_update(db: Transaction, team: str, case_id: int, now: float) -> None:
    """Queue an update of the case's card, inside the caller's transaction. It shows the case as it is when sent."""
    row = db.one("select count(*) as n from actions where case_id = ?", [case_id])
    n = row["n"] if row else 0
    action = Action("card_update", f"card:{case_id}:{n}", TRIAGE, facts={"of": f"card:{case_id}"})
    insert_actions(db, team, [action], now, case_id=case_id)


def reconsider(
    db: Transaction, edit: Edit, message_id: int, reading: Reading, decision: Decision, now: float
) -> None:
    """Bring the thread's case up to date with an edited message."""
    message, again = edit.message, f":{edit.edited_at}"
    case = db.one(_OF_THREAD, [message.channel, message.thread])
    shows_it = case is not None and case["message_id"] == message_id and case["state"] != "resolved"
    if not shows_it:
        if decision.flag:
            flag_thread(
                db, message.team, message.channel, message.thread, message_id, decision.flag, now, again
            )
        return
    assert case
    if decision.flag and _URGENCY[decision.flag] > _URGENCY[case["flag"]]:
        _note(db, message.team, case["id"], message_id, now, again)
    facts = {"mood": decision.flag or reading.label, "corrected": None}
    # A complaint that was softened is still a thread in which a person is expected.
    db.update("cases", case["id"], facts | {"flag": decision.flag or case["flag"]})
    queue_card_update(db, message.team, case["id"], now)


_URGENCY = {"request": 0, "unread": 0, "unhappy": 1}


def flag_thread(
    db: Transaction,
    team: str,
    channel: str,
    thread: str,
    message_id: int,
    flag: Flag,
    now: float,
    again: str = "",
) -> None:
    """Open the thread's case and queue its card, or bring an existing case up to date; in the caller's transaction.

    `again` tells the notes apart that one message may cause by its edits.
    """
    facts: dict[str, Any] = {"message_id": message_id, "flag": flag, "mood": flag}
    case = db.one(_OF_THREAD, [channel, thread])
    if case is None:
        place = {"team": team, "channel": channel, "thread": thread, "state": "open", "opened_at": now}
        case_id = db.insert("cases", place | facts)
        insert_actions(db, team, [Action("card", f"card:{case_id}", TRIAGE)], now, message_id, case_id)
        return
    reopened = case["state"] == "resolved"
    if reopened:
        facts |= {"state": "open", "owner": None}
    if reopened or _URGENCY[flag] >= _URGENCY[case["flag"]]:
        db.update("cases", case["id"], facts | {"corrected": None})
        queue_card_update(db, team, case["id"], now)
    _note(db, team, case["id"], message_id, now, again)


def _note(db: Transaction, team: str, case_id: int, message_id: int, now: float, again: str) -> None:
    """An edited card rings nobody's bell: a note under it does, each time somebody is waited for."""
    note = Action("card_note", f"note:{message_id}{again}", TRIAGE, facts={"of": f"card:{case_id}"})
    insert_actions(db, team, [note], now, message_id, case_id)


_OF_THREAD = "select * from cases where channel = ? and thread = ?"

_CASE = """
    select c.*, m.ts, m."user", m.text, m.label, m.confidence, m.version, m.reasons
    from cases c join messages m on m.id = c.message_id where c.id = ?
"""


def _case(db: Transaction, case_id: int) -> CaseView | None:
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
    )
