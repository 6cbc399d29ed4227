"""Builds every object and joins them; the only wide importer. Nothing is built on import."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot import settings as settings_module
from bot.failpoints import Reach, watch_calls
from bot.health import Health
from bot.learning.inquiry import Inquiry
from bot.learning.offline import RUNS
from bot.learning.process import TRAINER
from bot.learning.runs import Learning
from bot.learning.serving import Serving
from bot.learning.watcher import Watcher
from bot.people import People, ask
from bot.pipeline import Pipeline
from bot.retention import Retention
from bot.services import Services
from bot.settings import Settings, SettingsError, Tokens
from bot.slack import actions, commands, home, messages, reactions, shortcuts
from bot.slack.catch_up import CatchUp
from bot.slack.client import Client
from bot.slack.deliver import Deliverer, Pace
from bot.slack.socket_watch import SocketWatch
from bot.slack.writers import Writers
from bot.status import Status
from bot.store import Store, open_store
from bot.templates import Router, Templates, load_templates
from model.batcher import Batcher
from model.classifier import Classifier
from model.registry import Registry

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bot:
    """Everything that runs, ready to be started by `serve`."""

    app: AsyncApp
    client: AsyncWebClient
    services: Services
    batcher: Batcher
    deliverer: Deliverer
    health: Health
    retention: Retention
    catch_up: CatchUp
    tokens: Tokens


def load_classifier(settings: Settings, folder: Path) -> Classifier:
    return Classifier.load(folder, device=settings.model.device, threads=settings.model.threads)


async def build(
    settings: Settings,
    templates: Templates,
    tokens: Tokens,
    store: Store,
    api_url: str,
    clock: Callable[[], float] = time.time,
    trainer: Sequence[str] = TRAINER,
    reach: Reach | None = None,
) -> Bot:
    """Build the bot: ask Slack who is who, load the active model, wire the parts. Raises SettingsError, ArtefactError.

    `reach`: see bot.failpoints.
    """
    client = Client(tokens.bot, api_url)
    if reach:
        watch_calls(client, reach)
    people = People(client, settings.channels, settings.people, clock)
    await people.load()

    registry = Registry(settings.model.folder)
    load = partial(load_classifier, settings)
    classifier = await asyncio.to_thread(load, registry.folder(registry.active()))
    router = Router(templates)
    await store.records.remember("", "team", people.team)
    await asyncio.to_thread(router.prepare, classifier.embed, classifier.version)
    batcher = Batcher(classifier)

    writers = Writers(client, store, people, settings.product)
    pace = Pace(settings.pace.posts_a_second, settings.pace.at_once)
    health = Health(
        store=store,
        people=people,
        committed=lambda: deliverer.wake(),
        clock=clock,
        shout=lambda text: client.chat_postMessage(channel=people.triage, text=text),
    )
    deliverer = Deliverer(
        writers,
        store.outbox,
        health,
        store.conversations.drop_answer,
        clock,
        pace,
        too_late_s=settings.rules.late_answer_max_s,
    )
    pipeline = Pipeline(
        store=store,
        batcher=batcher,
        router=router,
        people=people,
        rules=settings.rules,
        health=health,
        product=settings.product,
        committed=deliverer.wake,
        clock=clock,
    )
    serving = Serving(
        store=store,
        registry=registry,
        batcher=batcher,
        router=router,
        people=people,
        load=load,
        clock=clock,
        keep=settings.learning.keep_versions,
    )
    shared: dict[str, Any] = {
        "store": store,
        "people": people,
        "committed": deliverer.wake,
        "clock": clock,
    }
    learning = Learning(
        settings=settings.learning,
        runs=settings.model.folder / RUNS,
        serving=serving,
        inquiry=Inquiry(settings=settings.learning, **shared),
        watcher=Watcher(settings=settings.learning.watch, serving=serving, **shared),
        trainer=trainer,
        **shared,
    )
    status = Status(store, people, batcher, registry, learning, health, clock)
    writers.status_lines = status.lines
    writers.template_title = lambda template: templates[template].title if template in templates else template
    services = Services(
        settings, store, people, pipeline, batcher, learning, status, templates, deliverer.wake, clock
    )
    retention = Retention(store.erasure, settings.retain_text_days, clock)
    catch_up = CatchUp(client, store, people, pipeline.accept, clock)
    app = build_app(api_url, tokens, services)
    return Bot(app, client, services, batcher, deliverer, health, retention, catch_up, tokens)


def build_app(api_url: str, tokens: Tokens, services: Services) -> AsyncApp:
    """The Bolt app. `process_before_response`: the ack waits for the listener, that is, for the disk.

    `authorize` answers from what Slack said at the start. Bolt's own would ask `auth.test` at the first event and, were
    that refused, ack the event without any listener having seen it.
    """
    people = services.people

    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=None,
            team_id=people.team,
            bot_user_id=people.bot_user,
            bot_id=people.bot_id,
            bot_token=tokens.bot,
        )

    app = AsyncApp(
        client=AsyncWebClient(base_url=api_url),
        authorize=authorize,
        signing_secret=tokens.signing_secret or "",
        request_verification_enabled=tokens.signing_secret is not None,
        process_before_response=True,
    )
    for listeners in (messages, reactions, actions, shortcuts, commands, home):
        listeners.register(app, services)
    home.register_catch_all(app)
    return app


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
    ]
    socket: AsyncSocketModeHandler | None = None
    try:
        socket = await _connect(bot, stop)
        if stop.is_set():
            return
        work.append(asyncio.create_task(bot.catch_up.run()))
        if socket:
            # The SDK leaves a socket alone that answers pings, which a dead one may do: it must be told.
            replace = partial(socket.client.connect_to_new_endpoint, force=True)
            watch = SocketWatch(bot.catch_up.once, replace, time.time)
            socket.client.message_listeners.append(watch.heard)
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
            await socket.close_async()  # type: ignore[no-untyped-call]
        await bot.services.learning.close()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await bot.batcher.close()
        await http.cleanup()


async def _connect(bot: Bot, stop: asyncio.Event) -> AsyncSocketModeHandler | None:
    """Open the socket in Socket Mode; None in HTTP mode, where events come to `/slack/events`.

    The socket client tries for ever where nothing lets it through; a stop ends that.
    """
    if bot.tokens.app is None:
        return None
    app_token = bot.tokens.app
    web_client = AsyncWebClient(token=app_token, base_url=bot.client.base_url)
    handler = AsyncSocketModeHandler(bot.app, app_token, web_client=web_client)
    handler.client.message_listeners.append(bot.catch_up.heard)

    async def connect() -> None:
        await check_app_token(web_client, app_token)
        await handler.connect_async()  # type: ignore[no-untyped-call]

    connecting = asyncio.create_task(connect())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([connecting, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not connecting.done():
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
    elif error := connecting.exception():
        await handler.close_async()  # type: ignore[no-untyped-call]
        raise error
    return handler


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
        return web.json_response({"ok": not ill, **facts}, status=503 if ill else 200)

    async def events(request: web.Request) -> web.Response:
        return await to_aiohttp_response(await bot.app.async_dispatch(await to_bolt_request(request)))

    server = web.Application()
    server.router.add_get("/healthz", health)
    if bot.tokens.app is None:
        server.router.add_post("/slack/events", events)
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


async def run(
    config: Path,
    ready: Callable[[str], None],
    reach: Reach | None = None,
    clock: Callable[[], float] = time.time,
) -> None:
    """`softanswer run`: read the settings, open the database, build, serve. Raises errors of one line."""
    settings = settings_module.load_settings(config)
    templates = load_templates(config)
    tokens = settings_module.load_tokens()
    store = await asyncio.to_thread(open_store, settings.database, reach)
    try:
        bot = await build(settings, templates, tokens, store, settings_module.api_url(), clock, reach=reach)
        await serve(bot, ready)
    finally:
        with contextlib.suppress(Exception):
            store.database.close()


async def check(config: Path) -> list[str]:
    """`softanswer check`: everything `run` would find wrong, without serving. Returns what was checked."""
    settings = settings_module.load_settings(config)
    templates = load_templates(config)
    tokens = settings_module.load_tokens()
    people = People(
        AsyncWebClient(token=tokens.bot, base_url=settings_module.api_url()),
        settings.channels,
        settings.people,
    )
    await people.load()
    if tokens.app is not None:
        await check_app_token(
            AsyncWebClient(token=tokens.app, base_url=settings_module.api_url()), tokens.app
        )
    registry = Registry(settings.model.folder)
    classifier = await asyncio.to_thread(load_classifier, settings, registry.folder(registry.active()))
    roles: dict[str, Any] = {
        role: sum(r == role for r in people.roles.values()) for role in ("agent", "admin")
    }
    return [
        f"settings   {config}",
        f"templates  {len(templates)}",
        f"Slack      team {people.team}, {len(people.channels)} support channels, {roles['agent']} agents, {roles['admin']} admins",
        f"model      {classifier.version} on {classifier.device}",
    ]
