"""What is written to Slack: an action as it is queued, and as it waits in the outbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TRIAGE = ""
"""The channel of an action that goes to the triage channel, whichever that is when it is sent."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to write to Slack. `key` is unique for ever: the same action cannot be queued twice."""

    kind: str
    key: str
    channel: str
    thread: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Queued:
    id: int
    team: str
    kind: str
    channel: str
    thread: str | None
    facts: Mapping[str, Any]
    case_id: int | None
    message_id: int | None
    state: str
    attempts: int
    due_at: float
    error: str | None
    created_at: float
