"""An answer that never comes: the request was carried out, the line stays silent and then drops."""

from __future__ import annotations

import asyncio

from fastapi.responses import Response
from starlette.types import Receive, Scope, Send


class LostAnswer(Response):
    """Silence for `seconds` (or until the caller leaves, or the sandbox stops), then no more line."""

    def __init__(self, seconds: float, stopping: asyncio.Event) -> None:
        super().__init__()
        self.seconds = seconds
        self.stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_until_gone(receive))
        stop = asyncio.create_task(self.stopping.wait())
        await asyncio.wait([gone, stop], timeout=self.seconds, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        scope["sandbox.transport"].abort()
        await gone


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
