"""The parts of a running sandbox, built once and handed to every route."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox import seed as seeds
from sandbox.app_events import AppEvents
from sandbox.deliveries import Deliveries
from sandbox.events_api import EventsApi
from sandbox.faults import Faults
from sandbox.files import Files
from sandbox.interventions import Interventions
from sandbox.payloads import TOKEN, Payloads
from sandbox.response_urls import ResponseUrls
from sandbox.socket_mode import SocketMode
from sandbox.views import Views
from sandbox.workspace import Workspace


@dataclass(frozen=True)
class Settings:
    """Times, in seconds. Slack retries after 0, 1 and 5 minutes: here they are seconds."""

    ack_timeout: float = 3.0
    retry_delays: tuple[float, ...] = (0.0, 1.0, 5.0)
    trigger_lifetime: float = 3.0
    hold_for: float = 1.0
    now: Callable[[], float] = time.time
    faults: Faults | None = None
    """What goes wrong at random; see sandbox.faults."""


class Place:
    """One workspace with its app, its persons' side and its observer's side."""

    def __init__(self, seed: dict[str, Any], settings: Settings) -> None:
        seeds.check(seed)
        seed = copy.deepcopy(seed)  # the workspace lives on its own copy
        self.settings = settings
        self.workspace = Workspace(seed, settings.now)
        seeds.write_history(self.workspace, seed)
        self.app = self.workspace.app
        self.views = Views(self.workspace, settings.trigger_lifetime)
        self.files = Files(self.workspace)
        self.urls = ResponseUrls(self.workspace)
        self.payloads = Payloads(self.workspace, self.views, self.urls)
        self.deliveries = Deliveries(
            ack_timeout=settings.ack_timeout, retry_delays=settings.retry_delays, now=settings.now
        )
        self.workspace.listeners.append(AppEvents(self.workspace, self.deliveries))
        self.faults = settings.faults
        self.socket_mode = SocketMode(self.app["id"], self.deliveries, settings.faults)
        self.interventions = Interventions(settings.hold_for)
        self._transport: asyncio.Task[None] | None = None

    def at(self, url: str) -> None:
        """Learn the address it is served under, which upload and response URLs carry."""
        self.files.base = self.urls.base = url

    async def open(self) -> None:
        """Start delivering: to the seed's `request_url`, or over Socket Mode."""
        await self.deliver_to(self.app.get("request_url"))

    async def deliver_to(self, request_url: str | None) -> None:
        """Change where deliveries go: a request URL, or None for Socket Mode."""
        await self.close()
        self.app["request_url"] = request_url
        transport: SocketMode | EventsApi = self.socket_mode
        if request_url:
            transport = EventsApi(
                request_url, self.app["signing_secret"], TOKEN, self.deliveries, self.settings.now
            )
        self._transport = asyncio.create_task(transport.run())

    async def close(self) -> None:
        """Stop delivering; what is due stays due."""
        if self._transport is not None:
            self._transport.cancel()
            await asyncio.wait([self._transport])
            self._transport = None
