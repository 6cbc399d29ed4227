"""What comes in from Slack, within bounds: so many things are taken in at a time, so many wait, and what is beyond that is not acked.

What is not acked Slack sends again, and what it gives up is read up on: so whatever is turned away here is not lost.
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

MOST_AT_ONCE = 64
"""Envelopes or requests that are put on disk at the same time; a healthy disk has hardly ever more than one."""
MOST_WAITING = 2000
"""Envelopes that wait for that in memory: of a few thousand bytes each, and at Slack's most (30,000 an hour) four minutes' worth."""


class Turned:
    """Remembers that something was turned away, and asks for it when there is room again."""

    def __init__(self, read_up: Callable[[], None]) -> None:
        self._read_up = read_up
        self.away = 0
        """How many since there was room the last time."""

    def count(self) -> None:
        if self.away == 0:
            log.warning("more comes in than can be put on disk; Slack has to send it again")
        self.away += 1

    def room(self) -> None:
        """There is room again."""
        if self.away:
            log.warning("there is room again; %d things were turned away and are read up on", self.away)
            self.away = 0
            self._read_up()


class Socket(SocketModeClient):
    """The SDK's socket, which by itself would make a task of every envelope, however many are under way."""

    def __init__(
        self,
        app: AsyncApp,
        app_token: str,
        web_client: AsyncWebClient,
        read_up: Callable[[], None],
        at_once: int = MOST_AT_ONCE,
        waiting: int = MOST_WAITING,
    ) -> None:
        super().__init__(app_token=app_token, logger=app.logger, web_client=web_client, ping_interval=10)
        self.message_queue = asyncio.Queue(waiting)
        self._app = app
        self._turned = Turned(read_up)
        self._room = asyncio.Semaphore(at_once)
        self._under_way: set[asyncio.Future[None]] = set()
        self.socket_mode_request_listeners.append(self._handle)

    async def enqueue_message(self, message: str) -> None:
        try:
            self.message_queue.put_nowait(message)
        except asyncio.QueueFull:
            self._turned.count()

    async def process_message(self) -> None:
        """Begin with the next envelope, as soon as there is room for it. Raises ValueError if it is none."""
        if self.message_queue.empty():
            self._turned.room()
        raw = await self.message_queue.get()
        message: dict[str, Any] = json.loads(raw) if raw.startswith("{") else {}
        await self._room.acquire()
        task = asyncio.ensure_future(self.run_message_listeners(message, raw))
        self._under_way.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Future[None]) -> None:
        self._under_way.discard(task)
        self._room.release()

    async def _handle(self, client: Any, request: SocketModeRequest) -> None:
        began = time.time()
        response = await run_async_bolt_app(self._app, request)
        await send_async_response(client, request, response, began)


class Requests:
    """The HTTP endpoint's side: a request beyond the bound is answered 503 at once."""

    def __init__(self, app: AsyncApp, read_up: Callable[[], None], at_once: int = MOST_AT_ONCE) -> None:
        self._app = app
        self._turned = Turned(read_up)
        self._at_once = at_once
        self._under_way = 0

    async def take(self, request: web.Request) -> web.Response:
        if self._under_way >= self._at_once:
            self._turned.count()
            return web.Response(status=503)
        self._under_way += 1
        try:
            return await to_aiohttp_response(await self._app.async_dispatch(await to_bolt_request(request)))
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._turned.room()
