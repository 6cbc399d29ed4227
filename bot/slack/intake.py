"""Bounded intake from Slack: a fixed number of events is stored at a time, a fixed number waits, and further ones are refused.

A refused event is not acked, so Slack sends it again. If Slack stops trying, backfill finds the message. Nothing is lost.
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
"""Envelopes or requests that are written to disk at the same time. With a healthy disk there is rarely more than one."""
MAX_QUEUED = 2000
"""Envelopes that wait in memory, a few thousand bytes each: four minutes' worth at Slack's maximum of 30,000 per hour."""


class Backpressure:
    """Counts refused events, and starts a backfill once there is capacity again."""

    def __init__(self, backfill: Callable[[], None]) -> None:
        self._backfill = backfill
        self.refused = 0
        """Events that were refused since the last `resume`."""

    def refuse(self) -> None:
        """Count a refused event."""
        if self.refused == 0:
            log.warning(
                "events come in faster than they can be stored; refusing some, which Slack sends again"
            )
        self.refused += 1

    def resume(self) -> None:
        """There is capacity again. Start a backfill if events were refused."""
        if self.refused:
            log.warning("there is capacity again; %d events were refused, starting a backfill", self.refused)
            self.refused = 0
            self._backfill()


class Socket(SocketModeClient):
    """The SDK's socket with bounds. The SDK itself starts a task for every envelope."""

    def __init__(
        self,
        app: AsyncApp,
        app_token: str,
        web_client: AsyncWebClient,
        backfill: Callable[[], None],
        max_concurrent: int = MAX_CONCURRENT,
        max_queued: int = MAX_QUEUED,
    ) -> None:
        super().__init__(app_token=app_token, logger=app.logger, web_client=web_client, ping_interval=10)
        self.message_queue = asyncio.Queue(max_queued)
        self._app = app
        self._backpressure = Backpressure(backfill)
        self._slots = asyncio.Semaphore(max_concurrent)
        self._under_way: set[asyncio.Future[None]] = set()
        self.socket_mode_request_listeners.append(self._handle)

    async def enqueue_message(self, message: str) -> None:
        try:
            self.message_queue.put_nowait(message)
        except asyncio.QueueFull:
            self._backpressure.refuse()

    async def process_message(self) -> None:
        """Start with the next envelope once a slot is free. Raises ValueError if it is malformed."""
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
    """The HTTP endpoint with a bound: further requests are answered with 503 at once."""

    def __init__(
        self, app: AsyncApp, backfill: Callable[[], None], max_concurrent: int = MAX_CONCURRENT
    ) -> None:
        self._app = app
        self._backpressure = Backpressure(backfill)
        self._max_concurrent = max_concurrent
        self._under_way = 0

    async def take(self, request: web.Request) -> web.Response:
        if self._under_way >= self._max_concurrent:
            self._backpressure.refuse()
            return web.Response(status=503)
        self._under_way += 1
        try:
            return await to_aiohttp_response(await self._app.async_dispatch(await to_bolt_request(request)))
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._backpressure.resume()
