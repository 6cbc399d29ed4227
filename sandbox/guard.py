"""Who may knock: this machine's own page and programs, but no other website through somebody's browser."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_LOCAL = {"127.0.0.1", "localhost", "::1"}


class Guard:
    """Outermost ASGI layer: refuses requests that a foreign page made a browser send.

    A browser names the page in `Origin`, and in `Sec-Fetch-Site` where it sends no origin; a name of
    another host that points to this machine (DNS rebinding) shows in `Host`. Programs send none of these.
    """

    def __init__(self, app: ASGIApp, *, local_only: bool) -> None:
        self.app = app
        self.local_only = local_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            # For an answer that is to be lost: ASGI itself has no word for hanging up.
            server: Any = getattr(send, "__self__", None)
            scope["sandbox.transport"] = getattr(server, "transport", None)
        if scope["type"] in ("http", "websocket") and (refusal := self._refusal(scope)):
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": refusal})
            else:
                await JSONResponse({"ok": False, "error": refusal}, 403)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> str:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if self.local_only and urlsplit(f"//{host}").hostname not in _LOCAL:
            return "host_not_allowed"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return "cross_origin"
        if headers.get("sec-fetch-site") == "cross-site" and scope["path"] != "/":
            return "cross_origin"
        return ""
