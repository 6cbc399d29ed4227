"""The sandbox as a server: the FastAPI app, and `Sandbox`, which runs it in a thread of this process."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import FileResponse, PlainTextResponse, Response

from sandbox import files, observer, persons, response_urls, socket_mode, web_api
from sandbox.guard import Guard
from sandbox.place import Place, Settings
from sandbox.seed import DEFAULT_SEED, SeedError
from sandbox.sight import Sight

__all__ = ["DEFAULT_SEED", "PortInUse", "Sandbox", "SeedError", "Settings", "create_app"]

PAGE = Path(__file__).parent / "page"


class PortInUse(OSError):
    """Something else listens on the port."""


def create_app(seed: dict[str, Any] | None = None, settings: Settings | None = None) -> FastAPI:
    """The app for a workspace; raises `SeedError`. `app.state.place` holds its parts, `app.state.calls` the record
    of the Web API's calls.

    `Sandbox` serves it behind the guard against other websites; nothing else should be put on a port.
    """
    place = Place(DEFAULT_SEED if seed is None else seed, settings or Settings())

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await place.open()
        yield
        await place.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.place = place
    calls = web_api.WebApi(place)
    app.state.calls = calls.calls
    app.include_router(web_api.routes(calls))
    app.include_router(socket_mode.routes(place.socket_mode))
    app.include_router(files.routes(place.files))
    app.include_router(response_urls.routes(place.urls))
    app.include_router(persons.routes(place, Sight(place)))
    app.include_router(observer.routes(place, calls))

    # Only names from this list are served, so no path can lead out of the folder.
    page_files = {file.name for pattern in ("*.css", "*.js") for file in PAGE.glob(pattern)}

    @app.get("/")
    async def index() -> Response:
        return _page("index.html")

    @app.get("/page/{name}")
    async def page(name: str) -> Response:
        return _page(name) if name in page_files else PlainTextResponse("no such file\n", 404)

    return app


def _page(name: str) -> Response:
    if not (PAGE / name).is_file():
        return PlainTextResponse(f"The page is not installed: sandbox/page/{name} is missing.\n", 404)
    return FileResponse(PAGE / name, headers={"Cache-Control": "no-cache"})


class Sandbox:
    """A running sandbox. Usable as a context manager; `port` 0 takes any free one.

    Attributes: `url` (no slash at the end), `api_url` (for `base_url` of Slack's clients), `bot_token`,
    `app_token`, `signing_secret`, `port`, `calls` (every call of the Web API so far, oldest first).
    """

    def __init__(
        self,
        seed: dict[str, Any] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        settings: Settings | None = None,
    ) -> None:
        self.app = create_app(seed, settings)
        self.place: Place = self.app.state.place
        self.calls: Iterable[dict[str, Any]] = self.app.state.calls
        self.host = host
        self.port = port
        self.bot_token: str = self.place.app["bot_token"]
        self.app_token: str = self.place.app["app_token"]
        self.signing_secret: str = self.place.app["signing_secret"]

    @property
    def url(self) -> str:
        """Where it is served."""
        shown = "127.0.0.1" if self.host in ("0.0.0.0", "") else self.host
        return f"http://{shown}:{self.port}"

    @property
    def api_url(self) -> str:
        """The Web API's base, as `SLACK_API_URL` wants it."""
        return f"{self.url}/api/"

    def start(self) -> Sandbox:
        """Serve from a thread; raises `PortInUse`. Requests are accepted when this returns."""
        listener = self._listen()
        self.port = listener.getsockname()[1]
        self.place.at(self.url)
        guarded = Guard(self.app, local_only=self.host in ("127.0.0.1", "localhost", "::1"))
        config = uvicorn.Config(
            guarded,
            log_config=None,  # the logging of this process is not ours to set up
            access_log=False,
            http="h11",
            ws="websockets-sansio",
            lifespan="on",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listener, ready), name="sandbox", daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        # With the protocol named, asyncio sets TCP_NODELAY; without, every small answer waits 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.host, self.port))
            # From here on connections wait in line until the server takes them.
            listener.listen(128)
        except OSError as slip:
            listener.close()
            if slip.errno == errno.EADDRINUSE:
                raise PortInUse(f"port {self.port} is in use; choose another one or 0 for any") from None
            raise
        return listener

    def _run(self, listener: socket.socket, ready: threading.Event) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            ready.set()
            await self._server.serve(sockets=[listener])

        asyncio.run(serve())

    def stop(self) -> None:
        """Close every connection and end the thread."""
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self.place.interventions.stopping.set)
        self._server.should_exit = True
        self._thread.join()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
