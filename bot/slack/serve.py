"""Runs what bot.bootstrap has built: the socket or the HTTP endpoint, the tasks, and a stop in order."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot.health import WORKS_ON
from bot.memory import keep_small
from bot.people import ask
from bot.settings import SettingsError
from bot.slack.intake import Requests, Socket
from bot.slack.socket_watch import SocketWatch

if TYPE_CHECKING:
    from bot.bootstrap import Bot


async def serve(bot: Bot, ready: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT, then stop in order: no new events, finish what runs, close."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    http = await _start_http(bot)
    await bot.batcher.start()
    await bot.services.learning.open()
    work = [
        asyncio.create_task(bot.services.pipeline.run()),
        asyncio.create_task(bot.deliverer.run()),
        asyncio.create_task(bot.services.people.keep_fresh()),
        asyncio.create_task(bot.retention.run()),
        asyncio.create_task(bot.health.run()),
        asyncio.create_task(keep_small()),
    ]
    socket: Socket | None = None
    try:
        socket = await _connect(bot, stop)
        if stop.is_set():
            return
        work.append(asyncio.create_task(bot.catch_up.run()))
        if socket:
            # The SDK leaves a socket alone that answers pings, which a dead one may do: it must be told.
            replace = partial(socket.connect_to_new_endpoint, force=True)
            watch = SocketWatch(bot.catch_up.once, replace, time.time)
            socket.message_listeners.append(watch.heard)
            work.append(asyncio.create_task(watch.run()))
        ready(f"serving version {bot.batcher.classifier.version} on {bot.batcher.classifier.device}")
        stopped = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([stopped, *work], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        for task in done - {stopped}:
            # None of them ever ends by itself. Better to be started anew than to go on without a part.
            raise RuntimeError(f"a part of the bot has stopped: {task.exception()!r}") from task.exception()
    finally:
        if socket:
            await socket.close()  # type: ignore[no-untyped-call]
        await bot.services.learning.close()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await bot.batcher.close()
        await http.cleanup()


async def _connect(bot: Bot, stop: asyncio.Event) -> Socket | None:
    """Open the socket in Socket Mode; None in HTTP mode, where events come to `/slack/events`.

    The socket client tries for ever where nothing lets it through; a stop ends that.
    """
    if bot.tokens.app is None:
        return None
    app_token = bot.tokens.app
    web_client = AsyncWebClient(token=app_token, base_url=bot.client.base_url)
    socket = Socket(bot.app, app_token, web_client, bot.catch_up.want)
    socket.message_listeners.append(bot.catch_up.heard)

    async def connect() -> None:
        await check_app_token(web_client, app_token)
        await socket.connect()  # type: ignore[no-untyped-call]

    connecting = asyncio.create_task(connect())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([connecting, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not connecting.done():
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
    elif error := connecting.exception():
        await socket.close()  # type: ignore[no-untyped-call]
        raise error
    return socket


async def check_app_token(client: AsyncWebClient, token: str) -> None:
    """The socket client would try a wrong token for ever; asked once, Slack says at once what is wrong with it."""
    try:
        await ask("apps.connections.open", lambda: client.apps_connections_open(app_token=token))
    except SettingsError as error:
        if any(
            code in str(error)
            for code in ("invalid_auth", "not_allowed_token_type", "missing_scope", "token_revoked")
        ):
            raise SettingsError(
                "Slack refused SLACK_APP_TOKEN (invalid_auth or scope) — create an app-level token with connections:write"
            ) from None
        raise


async def _start_http(bot: Bot) -> web.AppRunner:
    """`/healthz`, and in HTTP mode `/slack/events`."""

    async def health(request: web.Request) -> web.Response:
        inbox = await bot.services.store.inbox.counts()
        ill = {part: why for part, (_, why) in bot.health.ill.items()}
        facts = {"version": bot.batcher.classifier.version, "waiting": inbox.get("pending", 0), "ill": ill}
        ok = not ill.keys() - WORKS_ON
        return web.json_response({"ok": ok, **facts}, status=200 if ok else 503)

    server = web.Application()
    server.router.add_get("/healthz", health)
    if bot.tokens.app is None:
        server.router.add_post("/slack/events", Requests(bot.app, bot.catch_up.want).take)
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    where = bot.services.settings.http
    try:
        await web.TCPSite(runner, where.host, where.port).start()
    except OSError as error:
        await runner.cleanup()
        raise SettingsError(
            f"softanswer.yaml: http.port {where.port} on {where.host} cannot be used ({error.strerror}) — choose another port"
        ) from None
    return runner
