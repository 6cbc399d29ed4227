"""What the observer does to the Web API: calls that are refused, and calls whose answer is lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TypeVar

EVERY_METHOD = "*"


@dataclass
class Refusal:
    """How a call is answered instead of being carried out."""

    method: str
    times: int
    status: int = 200
    error: str = "internal_error"
    retry_after: int | None = None


@dataclass
class Hold:
    """A call that is carried out, but never answered; the silence lasts `seconds`, then the line drops."""

    method: str
    times: int
    seconds: float


Plan = TypeVar("Plan", Refusal, Hold)


class Interventions:
    """What is still to be done to the next calls."""

    def __init__(self, hold_for: float) -> None:
        self.hold_for = hold_for
        self.refusals: list[Refusal] = []
        self.holds: list[Hold] = []
        self.stopping = asyncio.Event()

    def fail(
        self, method: str, times: int, error: str | None, status: int | None, retry_after: int | None
    ) -> None:
        """Refuse the next `times` calls of a method; `retry_after` alone means 429."""
        if status is None:
            status = 429 if retry_after is not None else 200
        error = error or ("ratelimited" if status == 429 else "internal_error")
        self.refusals.append(Refusal(method, times, status, error, retry_after))

    def hold(self, method: str, times: int, seconds: float | None) -> None:
        """Lose the answers to the next `times` calls of a method."""
        self.holds.append(Hold(method, times, self.hold_for if seconds is None else seconds))

    def refusal(self, method: str) -> Refusal | None:
        """The refusal that this call meets."""
        return _next(self.refusals, method)

    def silence(self, method: str) -> Hold | None:
        """The silence that this call's answer meets."""
        return _next(self.holds, method)


def _next(planned: list[Plan], method: str) -> Plan | None:
    for plan in planned:
        if plan.method in (method, EVERY_METHOD):
            plan.times -= 1
            if plan.times <= 0:
                planned.remove(plan)
            return plan
    return None
