"""What comes in from Slack, within bounds: so many things are taken in at a time, so many wait, and what is beyond that is not acked.

What is not acked Slack sends again, and what it gives up is read up on: so whatever is turned refused here is not lost.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app, send_async_response
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

log = logging.getLogger(__name__)

MAX_CONCURRENT = 64
"""Envelopes or requests that are put on disk at the same time; a healthy disk has hardly ever more than one."""
MAX_QUEUED = 2000
"""Envelopes that wait for that in memory: of a few thousand bytes each, and at Slack's most (30,000 an hour) four minutes' worth."""


class Backpressure:
    """Remembers that something was turned refused, and requests for it when there is room again."""

    def __init__(self, backfill: Callable[[], None]) -> None:
        self._backfill = backfill
        self.refused = 0
        """How many since there was room the last time."""

    def count(self) -> None:
        if self.refused == 0:
            log.warning("more comes in than can be put on disk; Slack has to send it again")
        self.refused += 1

    def resume(self) -> None:
        """There is room again."""
        if self.refused:
            log.warning("there is room again; %d things were turned refused and are read up on", self.refused)
            self.refused = 0
            self._backfill()


class Socket(SocketModeClient):
    """The SDK's socket, which by itself would make a task of every envelope, however many are under way."""

    def __init__(
        self,
        app: AsyncApp,
        app_token: str,
        web_client: AsyncWebClient,
        backfill: Callable[[], None],
        at_once: int = MAX_CONCURRENT,
        waiting: int = MAX_QUEUED,
    ) -> None:
        super().__init__(app_token=app_token, logger=app.logger, web_client=web_client, ping_interval=10)
        self.message_queue = asyncio.Queue(waiting)
        self._app = app
        self._backpressure = Backpressure(backfill)
        self._slots = asyncio.Semaphore(at_once)
        self._under_way: set[asyncio.Future[None]] = set()
        self.socket_mode_request_listeners.append(self._handle)

    async def enqueue_message(self, message: str) -> None:
        try:
            self.message_queue.put_nowait(message)
        except asyncio.QueueFull:
            self._backpressure.count()

    async def process_message(self) -> None:
        """Begin with the next envelope, as soon as there is room for it. Raises ValueError if it is none."""
        if self.message_queue.empty():
            self._backpressure.resume()
        raw = await self.message_queue.get()
        message: dict[str, Any] = json.loads(raw) if raw.startswith("{") else {}
        await self._slots.acquire()
        task = asyncio.ensure_future(self.run_message_listeners(message, raw))
        self._under_way.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Future[None]) -> None:
        self._under_way.discard(task)
        self._slots.release()

    async def _handle(self, client: Any, request: SocketModeRequest) -> None:
        began = time.time()
        response = await run_async_bolt_app(self._app, request)
        await send_async_response(client, request, response, began)


class Requests:
    """The HTTP endpoint's side: a request beyond the bound is answered 503 at once."""

    def __init__(self, app: AsyncApp, backfill: Callable[[], None], at_once: int = MAX_CONCURRENT) -> None:
        self._app = app
        self._backpressure = Backpressure(backfill)
        self._at_once = at_once
        self._under_way = 0

    async def take(self, request: web.Request) -> web.Response:
        if self._under_way >= self._at_once:
            self._backpressure.count()
            return web.Response(status=503)
        self._under_way += 1
        try:
            return await to_aiohttp_response(await self._app.async_dispatch(await to_bolt_request(request)))
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._backpressure.resume()
