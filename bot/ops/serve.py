"""Runs what bot.bootstrap has built: the socket, the HTTP app and the tasks; stops them in order."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from functools import partial

from bot.bootstrap import Bot
from bot.ops.check import check_app_token
from bot.ops.http import start_http
from bot.ops.memory import keep_small
from bot.slack.client import Client
from bot.slack.intake import Socket
from bot.slack.socket_health import SocketHealth


async def serve(bot: Bot, ready: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT. Then stop in order: take no new events, finish running work, close."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    http = await start_http(bot)
    await bot.batcher.start()
    await bot.services.learning.open()
    work = [
        asyncio.create_task(bot.services.pipeline.run()),
        asyncio.create_task(bot.deliverer.run()),
        asyncio.create_task(bot.directory.keep_fresh()),
        asyncio.create_task(bot.retention.run()),
        asyncio.create_task(bot.health.run()),
        asyncio.create_task(keep_small()),
    ]
    socket: Socket | None = None
    try:
        socket = await _connect(bot, stop)
        if stop.is_set():
            return
        work.append(asyncio.create_task(bot.backfill.run()))
        if socket:
            # Without `force` the SDK does not replace a socket that answers pings, which a dead one may do.
            replace = partial(socket.connect_to_new_endpoint, force=True)
            socket_health = SocketHealth(bot.backfill.once, replace, time.time)
            socket.message_listeners.append(socket_health.heard)
            work.append(asyncio.create_task(socket_health.run()))
        ready(f"serving version {bot.batcher.classifier.version} on {bot.batcher.classifier.device}")
        stopped = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([stopped, *work], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        for task in done - {stopped}:
            # These tasks never end by themselves. It is better to be restarted than to go on without one.
            raise RuntimeError(f"a part of the bot has stopped: {task.exception()!r}") from task.exception()
    finally:
        if socket:
            await socket.close()  # type: ignore[no-untyped-call]
        await bot.services.background.close()
        await bot.services.learning.close()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await bot.batcher.close()
        await http.cleanup()


async def _connect(bot: Bot, stop: asyncio.Event) -> Socket | None:
    """Open the socket in Socket Mode; None in HTTP mode, where events come to `/slack/events`.

    The socket client tries for ever while it cannot connect; a stop ends that.
    """
    if bot.tokens.app is None:
        return None
    app_token = bot.tokens.app
    web_client = Client(app_token, bot.client.base_url)
    socket = Socket(bot.app, app_token, web_client, bot.backfill.want)
    socket.message_listeners.append(bot.backfill.heard)

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
