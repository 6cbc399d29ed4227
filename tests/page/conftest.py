"""A sandbox with a real slack-bolt app in it, and browser windows in which persons use it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.server import Sandbox, Settings

CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

CARLA, ANNA, ADA = "U0CARLA", "U0ANNA", "U0ADA"
SEED: dict[str, Any] = {
    "team": {"id": "T0ACME", "name": "Acme", "domain": "acme"},
    "app": {
        "id": "A0DESK",
        "name": "Deskhand",
        "bot_user": "U0BOT",
        "bot_id": "B0DESK",
        "bot_token": "xoxb-page",
        "app_token": "xapp-page",
        "signing_secret": "page",
        "commands": ["/desk"],
        "shortcuts": [{"callback_id": "correct", "name": "Correct the label"}],
        "request_url": None,
    },
    "users": [
        {"id": CARLA, "name": "carla", "real_name": "Carla Reyes", "title": "Customer"},
        {"id": ANNA, "name": "anna", "real_name": "Anna Okafor", "title": "Support agent"},
        {"id": ADA, "name": "ada", "real_name": "Ada Novak", "title": "Admin"},
    ],
    "channels": [
        {
            "id": "C0HELP",
            "name": "help",
            "topic": "Ask us anything about Acme",
            "members": [CARLA, ANNA, ADA, "U0BOT"],
            "history": [
                {
                    "user": CARLA,
                    "text": "Where do I find the invoice for October?",
                    "minutes_ago": 1500,
                    "thread": [
                        {"user": ANNA, "text": "Under *Settings → Billing*, Carla.", "minutes_ago": 1490}
                    ],
                },
                {"user": ANNA, "text": "We are here until six today.", "minutes_ago": 60},
            ],
        },
        {"id": "C0TRIAGE", "name": "triage", "topic": "Cases", "members": [ANNA, ADA, "U0BOT"]},
        {
            "id": "C0QUIET",
            "name": "quiet",
            "topic": "<img src=x onerror=hit()> <javascript:hit()|here>",
            "members": [CARLA, ANNA, "U0BOT"],
        },
        {"id": "C0KIT", "name": "kit", "members": [CARLA, ANNA, ADA, "U0BOT"]},
    ],
    "usergroups": [{"id": "S0AGENTS", "handle": "agents", "users": [ANNA]}],
}

FORM = {
    "type": "modal",
    "callback_id": "form",
    "title": {"type": "plain_text", "text": "Open a case"},
    "submit": {"type": "plain_text", "text": "Open"},
    "close": {"type": "plain_text", "text": "Not now"},
    "blocks": [
        {
            "type": "input",
            "block_id": "subject",
            "label": {"type": "plain_text", "text": "Subject"},
            "hint": {"type": "plain_text", "text": "One line that says what is wrong"},
            "element": {"type": "plain_text_input", "action_id": "text"},
        },
        {
            "type": "input",
            "block_id": "feeling",
            "label": {"type": "plain_text", "text": "Feeling"},
            "element": {
                "type": "radio_buttons",
                "action_id": "choice",
                "options": [
                    {"text": {"type": "plain_text", "text": word.title()}, "value": word}
                    for word in ("negative", "neutral", "positive")
                ],
            },
        },
        {
            "type": "input",
            "block_id": "queue",
            "optional": True,
            "label": {"type": "plain_text", "text": "Queue"},
            "element": {
                "type": "static_select",
                "action_id": "choice",
                "placeholder": {"type": "plain_text", "text": "Pick a queue"},
                "options": [
                    {"text": {"type": "plain_text", "text": "Billing"}, "value": "billing"},
                    {"text": {"type": "plain_text", "text": "Exports"}, "value": "exports"},
                ],
            },
        },
    ],
}


def build_app(sandbox: Sandbox) -> tuple[AsyncApp, SimpleNamespace]:
    """An app that answers, also to one person alone, opens a form, and remembers what it was told."""
    client = AsyncWebClient(token=sandbox.bot_token, base_url=sandbox.api_url)
    app = AsyncApp(client=client, signing_secret=sandbox.signing_secret)
    heard = SimpleNamespace(actions=[], submissions=[], closed=[], shortcuts=[])

    @app.event("message")
    async def answer(event: dict[str, Any], say: Any) -> None:
        if event.get("subtype") is None and "export" in event.get("text", ""):
            await say("Settings → *Export*, then choose CSV.", thread_ts=event["ts"])

    @app.action("no_answer")
    async def silent(body: dict[str, Any]) -> None:
        heard.actions.append(body["actions"][0])

    @app.action("open_form")
    async def open_form(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=FORM)

    @app.action("take")
    async def take(ack: Any, body: dict[str, Any], respond: Any) -> None:
        await ack()
        heard.actions.append(body["actions"][0])
        await respond(text="Taken", replace_original=True)

    @app.action({"type": "block_actions", "action_id": "any"})
    async def pressed(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        heard.actions.append(body["actions"][0])

    @app.view("form")
    async def submitted(ack: Any, view: dict[str, Any]) -> None:
        values = view["state"]["values"]
        if "please" not in values["subject"]["text"]["value"]:
            await ack(response_action="errors", errors={"subject": "Say please."})
            return
        heard.submissions.append(values)
        await ack()

    @app.command("/desk")
    async def command(ack: Any, command: dict[str, Any]) -> None:
        await ack(f"You said: {command['text']}")

    @app.shortcut("correct")
    async def correct(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        heard.shortcuts.append(body["message"]["ts"])

    @app.event("app_home_opened")
    async def home(event: dict[str, Any]) -> None:
        greeting = {"type": "section", "text": {"type": "mrkdwn", "text": f"Welcome, <@{event['user']}>"}}
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [greeting]})

    @app.event(re.compile(".*"))
    async def anything_else() -> None:
        """Taken, so that it is not delivered again."""

    return app, heard


@pytest.fixture(scope="session")
def seed() -> dict[str, Any]:
    return SEED


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sandbox() -> AsyncIterator[Sandbox]:
    served = Sandbox(SEED, settings=Settings(ack_timeout=1.0)).start()
    yield served
    served.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def heard(sandbox: Sandbox) -> AsyncIterator[SimpleNamespace]:
    """What the app in the sandbox was told; the app runs as long as this is alive."""
    app, heard = build_app(sandbox)
    socket_client = AsyncWebClient(token=sandbox.app_token, base_url=sandbox.api_url)
    handler = AsyncSocketModeHandler(app, sandbox.app_token, web_client=socket_client)
    await handler.connect_async()
    heard.client = app.client
    yield heard
    await handler.close_async()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        reason = "the page's tests need a browser: install Debian's chromium"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield launched
        await launched.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def desktops(browser: Browser) -> AsyncIterator[dict[str, BrowserContext]]:
    """A profile a person: windows in one profile would take turns at being drawn."""
    opened = {
        user: await browser.new_context(viewport={"width": 1280, "height": 800})
        for user in (CARLA, ANNA, ADA)
    }
    yield opened
    for context in opened.values():
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(
    desktops: dict[str, BrowserContext], sandbox: Sandbox, heard: SimpleNamespace
) -> AsyncIterator[Callable[..., Awaitable[Page]]]:
    """Opens a window as a person. A page that complains, or talks to anybody else, fails its test."""
    complaints: list[str] = []
    pages: list[Page] = []

    async def open_window(user: str, place: str = "C0HELP", viewport: Any = None) -> Page:
        page = await desktops[user].new_page()
        pages.append(page)
        page.set_default_timeout(5000)
        page.set_default_navigation_timeout(30_000)  # a busy machine loads the page's modules slowly
        page.on("console", lambda m: m.type in ("error", "warning") and complaints.append(m.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda r: (
                r.url.startswith((sandbox.url, "data:")) or complaints.append(f"left the origin: {r.url}")
            ),
        )
        if viewport:
            await page.set_viewport_size(viewport)
        await page.goto(f"{sandbox.url}/#{user}/{place}")
        await page.locator(f"#me[data-user={user}]").wait_for(state="attached")
        await page.locator("[data-channel=C0HELP]").wait_for(state="attached")
        return page

    yield open_window
    for page in pages:
        await page.close()
    assert complaints == []
