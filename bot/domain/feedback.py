"""What people say of readings and answers."""

from __future__ import annotations

from dataclasses import dataclass

WITHDRAWN = "withdrawn"
"""The word of a person who takes back what they said."""


@dataclass(frozen=True, slots=True)
class Word:
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
class Said:
    """A person's word: what, who, where (`source`) and when."""

    value: str
    user: str
    source: str
    at: float
    """By our clock, when we heard of it."""
    said_at: float | None = None
    """By Slack's clock, if it says so."""
