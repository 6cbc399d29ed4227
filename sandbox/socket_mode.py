"""Socket Mode: the app's WebSockets, envelopes to one of them each, acks, retries and the refresh.

Protocol: https://docs.slack.dev/apis/events-api/using-socket-mode/
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from sandbox.deliveries import EVENTS, Deliveries, Delivery
from sandbox.faults import Faults

MOST_SOCKETS = 10


@dataclass(eq=False)
class Link:
    """One open socket and what was sent over it and is not yet acked, by envelope id."""

    socket: WebSocket
    waiting: dict[str, Delivery] = field(default_factory=dict)
    leaving: bool = False
    zombie: bool = False
    """It stays open, and carries nothing any more."""


class SocketMode:
    """The open sockets of the app."""

    def __init__(self, app_id: str, deliveries: Deliveries, faults: Faults | None = None) -> None:
        self.app_id = app_id
        self.deliveries = deliveries
        self.faults = faults
        self.links: list[Link] = []
        self.on_every_socket = False
        """Every delivery goes over every open socket. Slack uses one of them, and does not promise to."""
        self._tickets: set[str] = set()
        self._connected = asyncio.Event()
        self._turn = itertools.count()

    def ticket(self) -> str:
        """Leave to open one socket."""
        ticket = str(uuid4())
        self._tickets.add(ticket)
        return ticket

    async def run(self) -> None:
        """Send what is due; while no socket is open, hold it."""
        while True:
            delivery = await self.deliveries.due.get()
            try:
                while not (open_links := [link for link in self.links if not link.leaving]):
                    self._connected.clear()
                    await self._connected.wait()
            except asyncio.CancelledError:
                self.deliveries.put_back(delivery)
                raise
            if not delivery.settled:
                link = open_links[next(self._turn) % len(open_links)]
                fault = self.faults.of_delivery() if self.faults else None
                await (self._send(link, delivery) if fault is None else self._spoiled(link, delivery, fault))
                for other in open_links if self.on_every_socket else ():
                    if other is not link:
                        await self._send(other, delivery, again=True)

    async def _spoiled(self, link: Link, delivery: Delivery, fault: str) -> None:
        """Send it with a fault."""
        assert self.faults
        if fault == "late":
            asyncio.get_running_loop().call_later(
                self.faults.seconds_late(), self.deliveries.put_back, delivery
            )
            return
        if fault in ("nonsense", "strange") and not link.zombie:
            text = self.faults.nonsense()
            if fault == "strange" and delivery.kind == EVENTS:
                envelope = {"type": EVENTS, "envelope_id": str(uuid4()), "accepts_response_payload": False}
                text = json.dumps(envelope | {"payload": self.faults.strange(delivery.payload)})
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await link.socket.send_text(text)
        link.zombie = link.zombie or fault == "zombie"
        await self._send(link, delivery, reaches=fault != "dropped")
        if fault == "doubled":
            await self._send(link, delivery)
        if fault == "cut":
            link.leaving = True
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await link.socket.close()

    async def _send(
        self, link: Link, delivery: Delivery, *, reaches: bool = True, again: bool = False
    ) -> None:
        """`again`: the same envelope, which has just gone over another socket."""
        if not again:
            self.deliveries.sending(delivery)
        envelope: dict[str, Any] = {
            "envelope_id": delivery.envelope_id,
            "payload": delivery.payload,
            "type": delivery.kind,
            "accepts_response_payload": delivery.accepts_response_payload,
        }
        if delivery.event_id is not None:
            envelope |= {"retry_attempt": delivery.retry_num, "retry_reason": delivery.retry_reason}
        link.waiting[delivery.envelope_id] = delivery
        asyncio.get_running_loop().call_later(
            self.deliveries.ack_timeout, self._overdue, link, delivery.envelope_id
        )
        if link.zombie or not reaches:
            return
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            # A socket that broke is noticed by its reader, which makes everything unacked due again.
            await link.socket.send_text(json.dumps(envelope))

    def _overdue(self, link: Link, envelope_id: str) -> None:
        # It stays in `waiting`: a late ack of an earlier attempt still counts.
        delivery = link.waiting.get(envelope_id)
        if delivery is not None and delivery.envelope_id == envelope_id and delivery.kind == EVENTS:
            self.deliveries.failed(delivery, "timeout")

    async def serve(self, socket: WebSocket, ticket: str) -> None:
        """One socket from hello to its end."""
        if ticket not in self._tickets:
            await socket.close(4401)
            return
        self._tickets.discard(ticket)
        await socket.accept()
        if len(self.links) >= MOST_SOCKETS:
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await socket.close()
            return
        link = Link(socket)
        self.links.append(link)
        hello = {
            "type": "hello",
            "num_connections": len(self.links),
            "debug_info": {"host": "sandbox", "approximate_connection_time": 18060},
            "connection_info": {"app_id": self.app_id},
        }
        try:
            await socket.send_text(json.dumps(hello))
            self._connected.set()
            while True:
                self._take(link, await socket.receive_text())
        except (WebSocketDisconnect, RuntimeError):
            pass  # RuntimeError: we closed it ourselves
        finally:
            self.links.remove(link)
            for envelope_id, delivery in link.waiting.items():
                if delivery.envelope_id == envelope_id:
                    self.deliveries.failed(delivery, "timeout")

    def _take(self, link: Link, text: str) -> None:
        try:
            ack = json.loads(text)
        except ValueError:
            return  # Slack ignores what is no envelope, too
        if isinstance(ack, dict) and (delivery := link.waiting.pop(ack.get("envelope_id", ""), None)):
            self.deliveries.acked(delivery, ack.get("payload"))

    async def disconnect(self, reason: str = "refresh_requested", grace: float = 0.0) -> int:
        """Tell every socket to leave and close it after `grace` seconds; returns how many there were.

        A `warning` only announces the refresh: the socket stays open and in use.
        """
        leaving = [link for link in self.links if not link.leaving]
        for link in leaving:
            link.leaving = reason != "warning"
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await link.socket.send_json(
                    {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}}
                )
        if grace:
            await asyncio.sleep(grace)
        for link in leaving:
            if link.leaving:
                with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                    await link.socket.close()
        return len(leaving)


def routes(socket_mode: SocketMode) -> APIRouter:
    """`/link`: where the URLs of apps.connections.open lead."""
    router = APIRouter()

    @router.websocket("/link")
    async def link(socket: WebSocket, ticket: str = "") -> None:
        await socket_mode.serve(socket, ticket)

    return router
