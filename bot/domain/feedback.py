"""Feedback of people on readings and answers."""

from __future__ import annotations

from dataclasses import dataclass

WITHDRAWN = "withdrawn"
"""The value of an entry that withdraws the person's earlier one."""


@dataclass(frozen=True, slots=True)
class LabelEvent:
    """One annotator's label of a customer's message."""

    id: int
    """Later events have higher ids."""
    message: int
    text: str
    label: str
    user: str
    at: float
    """Seconds since the epoch."""
    read_label: str | None = None
    """The model's label at that time, and its confidence."""
    read_confidence: float = 0.0
    shared: bool = False
    """Written in a channel shared with another organisation (Slack Connect)."""


@dataclass(frozen=True, slots=True)
class FeedbackEntry:
    """One entry of feedback: value, author, where it was given (`source`), and time."""

    value: str
    user: str
    source: str
    at: float
    """When we received it, by our clock."""
    said_at: float | None = None
    """When it was given, by Slack's clock; None if Slack gives no timestamp."""


@dataclass(frozen=True, slots=True)
class RatingContext:
    """What is known when a customer presses a button under an answer."""

    value: str
    is_our_answer: bool
    """The button is under an answer of the bot to that message, which asks for a rating."""
    rated_not_helpful: bool
    """This customer has already said that the answer did not help."""


@dataclass(frozen=True, slots=True)
class Rating:
    """What follows from a customer's rating of an answer."""

    thanks: str
    """The text that only the customer sees."""
    cause: str | None = None
    """Why a case is opened; None: it is not."""
    may_ask_for_person: bool = False
    """The customer is asked whether a person should have answered in the first place."""
