"""An unhappy or waiting customer's thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.domain.message import Flag

CaseState = Literal["open", "taken", "resolved"]


@dataclass(frozen=True, slots=True)
class Case:
    """An unhappy (or waiting) customer's thread, from flag to resolution, with what the card shows."""

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
