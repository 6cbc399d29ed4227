"""Everything the app is told — events, actions, commands — from the moment it is due until it is acked.

One queue for both transports (Socket Mode, signed HTTP): a transport takes what is due, sends it, and reports
back with `acked` or `failed`. Events are retried as Slack does; what a person is waiting for (a button, a
command, a modal) is tried only as long as the person would wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

EVENTS = "events_api"
INTERACTIVE = "interactive"
COMMANDS = "slash_commands"


@dataclass
class Delivery:
    """One thing to tell the app. `type` is the event's or payload's own type."""

    kind: str
    type: str
    payload: dict[str, Any]
    at: float
    event_id: str | None = None
    accepts_response_payload: bool = False
    envelope_id: str = field(default_factory=lambda: str(uuid4()))
    attempts: int = 0
    retry_num: int = 0
    retry_reason: str = ""
    acked: bool = False
    given_up: bool = False
    answer: asyncio.Future[dict[str, Any] | None] | None = None

    @property
    def settled(self) -> bool:
        """Nobody waits for it any more."""
        return self.acked or self.given_up

    def record(self) -> dict[str, Any]:
        """What the observer sees of it."""
        return {
            "envelope_id": self.envelope_id,
            "event_id": self.event_id,
            "type": self.type,
            "kind": self.kind,
            "attempts": self.attempts,
            "acked": self.acked,
            "given_up": self.given_up,
            "at": self.at,
            "payload": self.payload,
        }


class Deliveries:
    """The queue and the record of every delivery."""

    def __init__(
        self, *, ack_timeout: float, retry_delays: tuple[float, ...], now: Callable[[], float]
    ) -> None:
        self.ack_timeout = ack_timeout
        self.retry_delays = retry_delays
        self.now = now
        self.due: asyncio.Queue[Delivery] = asyncio.Queue()
        self.all: deque[Delivery] = deque(maxlen=100_000)

    def event(self, payload: dict[str, Any]) -> Delivery:
        """Queue an Events API callback."""
        delivery = Delivery(
            EVENTS, payload["event"]["type"], payload, self.now(), event_id=payload["event_id"]
        )
        return self._queue(delivery)

    async def ask(self, kind: str, type_: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Queue an interaction and wait for the app's answer, as the person in front of the screen does.

        Returns the payload of the ack, if it had one; raises TimeoutError when no ack came in time.
        """
        answer: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
        accepts = kind == COMMANDS or type_ == "view_submission"
        delivery = self._queue(
            Delivery(kind, type_, payload, self.now(), accepts_response_payload=accepts, answer=answer)
        )
        try:
            return await asyncio.wait_for(answer, self.ack_timeout)
        finally:
            delivery.given_up = not delivery.acked

    def tell(self, kind: str, type_: str, payload: dict[str, Any]) -> None:
        """Queue an interaction that nobody waits for."""
        self._queue(Delivery(kind, type_, payload, self.now()))

    def redeliver(self, event_id: str, retry_num: int, retry_reason: str) -> Delivery:
        """Queue an event once more, acked or not; raises KeyError for an unknown one."""
        original = next((d for d in self.all if d.event_id == event_id), None)
        if original is None:
            raise KeyError(event_id)
        again = Delivery(EVENTS, original.type, original.payload, self.now(), event_id=event_id)
        again.retry_num, again.retry_reason = retry_num, retry_reason
        return self._queue(again)

    def sending(self, delivery: Delivery) -> None:
        """A transport is about to send it: every attempt has an envelope id of its own."""
        if delivery.attempts:
            delivery.envelope_id = str(uuid4())
        delivery.attempts += 1

    def acked(self, delivery: Delivery, answer: dict[str, Any] | None) -> None:
        """The app has taken it."""
        if not delivery.settled:
            delivery.acked = True
            if delivery.answer is not None and not delivery.answer.done():
                delivery.answer.set_result(answer)

    def failed(self, delivery: Delivery, reason: str, *, retry: bool = True) -> None:
        """An attempt came to nothing: queue the next one, or give up."""
        if delivery.settled:
            return
        if delivery.kind != EVENTS:
            # No retry fields with these: as long as a person waits for the answer, another socket may have it.
            if delivery.answer is not None and not delivery.answer.done():
                self.put_back(delivery)
            else:
                delivery.given_up = True
        elif retry and delivery.retry_num < len(self.retry_delays):
            delay = self.retry_delays[delivery.retry_num]
            delivery.retry_num += 1
            delivery.retry_reason = reason
            asyncio.get_running_loop().call_later(delay, self.put_back, delivery)
        else:
            delivery.given_up = True

    def put_back(self, delivery: Delivery) -> None:
        """It was taken but not sent: it is due again."""
        if not delivery.settled:
            self.due.put_nowait(delivery)

    def _queue(self, delivery: Delivery) -> Delivery:
        self.all.append(delivery)
        self.due.put_nowait(delivery)
        return delivery
