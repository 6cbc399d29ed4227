"""A case as a state machine: (case | None, event) → change. Pure; the store applies it inside its transaction.

nothing ── flagged ──▶ open ── take ──▶ taken ── resolve ──▶ resolved
                        │                                      ▲ │
                        └───────────── resolve ────────────────┘ └─ flagged ─▶ open (reopened)
"""

from __future__ import annotations

from dataclasses import replace

from bot.domain.case import (
    Case,
    CaseEvent,
    Change,
    Corrected,
    CustomerWrote,
    Edited,
    Event,
    Flagged,
    Note,
    Resolve,
    StaffWrote,
    Take,
    TextErased,
)

_URGENCY = {"request": 0, "unread": 0, "unhappy": 1}


def apply(case: Case | None, event: Event) -> Change:
    """The change that an event makes to a thread's case. An event that comes too late (a stale button) changes nothing."""
    match event:
        case Flagged():
            return _flagged(case, event)
        case Edited():
            return _edited(case, event)
    if case is None:
        return Change(None)
    match event:
        case CustomerWrote():
            return Change(case, (CaseEvent("customer wrote", event.at, event.by, event.message),))
        case StaffWrote():
            return _staff_wrote(case, event)
        case Take():
            return _taken(case, event)
        case Resolve():
            return _resolved(case, event)
        case Corrected() if event.message == case.message:
            return Change(replace(case, corrected=event.label), update_card=True)
        case TextErased() if event.message == case.message:
            return Change(case, update_card=True)
    return Change(case)


def _flagged(case: Case | None, event: Flagged) -> Change:
    """Open, reopen or update the case. The card shows the most urgent message; among equally urgent ones the latest."""
    if case is None:
        opened = Case("open", event.flag, event.message, opened_at=event.at, cause=event.cause)
        return Change(opened, (CaseEvent("opened", event.at, event.by, event.message),), post_card=True)
    note = Note(event.message, event.edit)
    if case.state == "resolved":
        reopened = Case("open", event.flag, event.message, opened_at=event.at, cause=event.cause)
        history = (CaseEvent("reopened", event.at, event.by, event.message),)
        return Change(reopened, history, update_card=True, note=note)
    history = (CaseEvent("customer wrote", event.at, event.by, event.message),)
    if _URGENCY[event.flag] < _URGENCY[case.flag]:
        return Change(case, history, note=note)
    shown = replace(case, flag=event.flag, message=event.message, corrected=None, cause=event.cause)
    return Change(shown, history, update_card=True, note=note)


def _edited(case: Case | None, event: Edited) -> Change:
    """An edit of the shown message updates the card; the case stays even if the text is milder now, as the customer still
    expects a reply. An edit of another message counts only if it is flagged."""
    if case is None or case.message != event.message or case.state == "resolved":
        if event.flag is None:
            return Change(case)
        return _flagged(case, Flagged(event.message, event.flag, event.by, event.at, event.edit))
    urgent = event.flag is not None and _URGENCY[event.flag] > _URGENCY[case.flag]
    return Change(
        replace(case, flag=event.flag or case.flag, corrected=None),
        (CaseEvent("edited", event.at, event.by, event.message),),
        update_card=True,
        note=Note(event.message, event.edit) if urgent else None,
    )


def _staff_wrote(case: Case, event: StaffWrote) -> Change:
    if case.state == "resolved" or case.first_reply_at is not None:
        return Change(case)
    history = (CaseEvent("first reply", event.at, event.by, event.message),)
    return Change(replace(case, first_reply_at=event.at), history)


def _taken(case: Case, event: Take) -> Change:
    if case.state != "open":
        return Change(case)
    taken = replace(case, state="taken", owner=event.by, taken_at=event.at)
    return Change(taken, (CaseEvent("taken", event.at, event.by),), update_card=True)


def _resolved(case: Case, event: Resolve) -> Change:
    if case.state == "resolved":
        return Change(case)
    resolved = replace(case, state="resolved", owner=case.owner or event.by, resolved_at=event.at)
    return Change(resolved, (CaseEvent("resolved", event.at, event.by),), update_card=True)
