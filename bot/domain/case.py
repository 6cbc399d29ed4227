"""An unhappy or waiting customer's thread: what is known of it, what happens to it, what its card shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bot.domain.message import Flag

CaseState = Literal["open", "taken", "resolved"]

CaseEventKind = Literal["opened", "customer wrote", "edited", "taken", "first reply", "resolved", "reopened"]


@dataclass(frozen=True, slots=True)
class Case:
    """A case as the rules see it. Times in seconds since the epoch."""

    state: CaseState
    flag: Flag
    message: int
    """Id of the message that the card shows."""
    opened_at: float
    """When it was opened, or reopened the last time."""
    owner: str | None = None
    """Who took it, or resolved it without taking it."""
    taken_at: float | None = None
    first_reply_at: float | None = None
    """When a person of the team first wrote in the thread, since it was opened."""
    resolved_at: float | None = None
    corrected: str | None = None
    """The label that an agent gave the shown message instead of the model's."""
    cause: str | None = None
    """What happened, in words, where it is not what the shown message says: the answer did not help, say."""


# --- what happens to a case


@dataclass(frozen=True, slots=True)
class Flagged:
    """A message of the thread wants a person: the bot flagged it, or the customer asked for one by a button."""

    message: int
    flag: Flag
    by: str
    at: float
    edit: str = ""
    """Tells apart the notes that one message may cause by its edits."""
    cause: str | None = None
    """What happened, where it was no message: see Case."""


@dataclass(frozen=True, slots=True)
class CustomerWrote:
    """A customer wrote in the thread, and nothing calls for a person."""

    message: int
    by: str
    at: float


@dataclass(frozen=True, slots=True)
class Edited:
    """The author changed a message; `flag` is what the new words deserve."""

    message: int
    flag: Flag | None
    by: str
    at: float
    edit: str


@dataclass(frozen=True, slots=True)
class StaffWrote:
    """An agent or admin wrote in the thread."""

    message: int
    by: str
    at: float


@dataclass(frozen=True, slots=True)
class Take:
    by: str
    at: float


@dataclass(frozen=True, slots=True)
class Resolve:
    by: str
    at: float


@dataclass(frozen=True, slots=True)
class Corrected:
    """An agent labelled a message; None: took the label back."""

    message: int
    label: str | None
    at: float


@dataclass(frozen=True, slots=True)
class TextErased:
    """The words of a message are gone."""

    message: int
    at: float


Event = Flagged | CustomerWrote | Edited | StaffWrote | Take | Resolve | Corrected | TextErased


# --- what follows


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """A line of the case's history."""

    kind: CaseEventKind
    at: float
    by: str
    message: int | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A line under the card that a message of the customer has come; a changed card notifies nobody."""

    message: int
    edit: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What an event does to a case."""

    case: Case | None
    history: tuple[CaseEvent, ...] = ()
    post_card: bool = False
    update_card: bool = False
    note: Note | None = None


Transition = Callable[[Case | None, Event], Change]
"""The rules, as the store applies them inside its transaction."""


# --- what the card shows


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case with the message that its card shows."""

    id: int
    team: str
    channel: str
    thread: str
    message_ts: str
    customer: str
    flag: Flag
    text: str | None
    """None once the words are gone."""
    label: str | None
    confidence: float
    version: str
    reasons: tuple[str, ...]
    state: CaseState
    owner: str | None
    corrected: str | None
    """The label an agent gave instead, if one did."""
    message_id: int
    cause: str | None = None
    """What happened, where it is not what the message says."""
