"""The HTTP app: `/healthz`, and in HTTP mode `/slack/events`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.bootstrap import Bot
from bot.health import DEGRADED
from bot.settings import SettingsError
from bot.slack.intake import Requests

Handler = Callable[[web.Request], Awaitable[web.Response]]


async def start_http(bot: Bot) -> web.AppRunner:
    """Listen on the host and port in the settings. Raises SettingsError if they cannot be used."""
    app = web.Application()
    app.router.add_get("/healthz", _health(bot))
    if bot.tokens.app is None:
        app.router.add_post("/slack/events", Requests(bot.app, bot.backfill.want).take)
    runner = web.AppRunner(app, access_log=None)
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


def _health(bot: Bot) -> Handler:
    async def health(request: web.Request) -> web.Response:
        inbox = await bot.services.store.inbox.counts()
        failing = {part: why for part, (_, why) in bot.health.failing.items()}
        ok = not failing.keys() - DEGRADED
        payload = {
            "ok": ok,
            "version": bot.batcher.classifier.version,
            "waiting": inbox.get("pending", 0),
            "failing": failing,
        }
        return web.json_response(payload, status=200 if ok else 503)

    return health
