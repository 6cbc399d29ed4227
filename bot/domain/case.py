"""A case: the thread of an unhappy or waiting customer, its events, and what its card shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bot.domain.message import Flag

CaseState = Literal["open", "taken", "resolved"]

CaseEventKind = Literal["opened", "customer wrote", "edited", "taken", "first reply", "resolved", "reopened"]


@dataclass(frozen=True, slots=True)
class Case:
    """A case as the rules use it. Times in seconds since the epoch."""

    state: CaseState
    flag: Flag
    message: int
    """Id of the message that the card shows."""
    opened_at: float
    """When it was opened, or last reopened."""
    owner: str | None = None
    """Who took it, or resolved it without taking it."""
    taken_at: float | None = None
    first_reply_at: float | None = None
    """When a person of the team first wrote in the thread after `opened_at`."""
    resolved_at: float | None = None
    corrected: str | None = None
    """The label that an agent gave the shown message instead of the model's."""
    cause: str | None = None
    """A sentence on why the case was opened, if the shown message is not the reason; e.g. the answer did not help."""


# --- what happens to a case


@dataclass(frozen=True, slots=True)
class Flagged:
    """A message of the thread needs a person: the bot flagged it, or the customer pressed a button."""

    message: int
    flag: Flag
    by: str
    at: float
    edit: str = ""
    """Distinguishes the notes that the edits of one message may cause."""
    cause: str | None = None
    """See Case."""


@dataclass(frozen=True, slots=True)
class CustomerWrote:
    """A customer wrote in the thread, and the message is not flagged."""

    message: int
    by: str
    at: float


@dataclass(frozen=True, slots=True)
class Edited:
    """The author edited a message; `flag` is the one of the new text."""

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
    """An agent labelled a message; with label None, they withdrew their label."""

    message: int
    label: str | None
    at: float


@dataclass(frozen=True, slots=True)
class TextErased:
    """The text of a message was erased."""

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
    """A line under the card: the customer wrote again. Slack notifies nobody of a changed card."""

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
"""The rules; the store applies them inside its transaction."""


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
    """None once the text is erased."""
    label: str | None
    confidence: float
    version: str
    reasons: tuple[str, ...]
    state: CaseState
    owner: str | None
    corrected: str | None
    """The label that an agent gave instead, if any."""
    message_id: int
    cause: str | None = None
    """See Case."""
