"""What people say of readings and answers."""

from __future__ import annotations

from dataclasses import dataclass

WITHDRAWN = "withdrawn"
"""The word of a person who takes back what they said."""


@dataclass(frozen=True, slots=True)
class LabelEvent:
    """One person's word on how a customer felt when they wrote a message."""

    id: int
    """Later words have higher ids."""
    message: int
    text: str
    label: str
    user: str
    at: float
    """Seconds since the epoch."""
    read_label: str | None = None
    """What the model had said, and how sure it was."""
    read_confidence: float = 0.0
    shared: bool = False
    """Written in a channel shared with another organisation (Slack Connect)."""


@dataclass(frozen=True, slots=True)
class FeedbackEntry:
    """A person's word: what, who, where (`source`) and when."""

    value: str
    user: str
    source: str
    at: float
    """By our clock, when we heard of it."""
    said_at: float | None = None
    """By Slack's clock, if it says so."""


@dataclass(frozen=True, slots=True)
class RatingFacts:
    """What is known when a customer presses a button at an answer."""

    value: str
    is_our_answer: bool
    """An answer of ours to that message, which requests to be rated, stands where the button was pressed."""
    said_not_helpful: bool
    """This customer has said before that the answer did not help."""


@dataclass(frozen=True, slots=True)
class Rating:
    """What follows from a customer's word on an answer."""

    thanks: str
    """FeedbackEntry to the customer alone."""
    cause: str | None = None
    """Why a person is wanted; None: nobody is."""
    may_ask_for_person: bool = False
    """The customer is asked whether a person should have answered at once."""
