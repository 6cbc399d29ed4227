"""The Events API over HTTP: bolt checks the signature, and everything arrives as over Socket Mode."""

import asyncio
import time
from contextlib import asynccontextmanager

import httpx
import pytest
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.server import Sandbox, Settings

CHANNEL = "C0GENERAL"


@pytest.fixture
def sandbox():
    with Sandbox(settings=Settings(ack_timeout=0.5, retry_delays=(0.0, 0.0, 0.0))) as running:
        yield running


@pytest.fixture
async def http(sandbox):
    async with httpx.AsyncClient(base_url=sandbox.url) as client:
        yield client


def new_app(sandbox, secret=None):
    client = AsyncWebClient(token=sandbox.bot_token, base_url=sandbox.api_url)
    return AsyncApp(
        client=client, signing_secret=secret or sandbox.signing_secret, process_before_response=True
    )


@asynccontextmanager
async def served(app):
    """The app behind a request URL."""
    runner = web.AppRunner(app.server(port=0, path="/slack/events").web_app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}/slack/events"
    await runner.cleanup()


async def until(look, within_s=10.0):
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := await look():
            return found
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen in time")


async def texts(http):
    state = (await http.get("/person/U0ANNA/state")).json()
    return [message["text"] for message in state["messages"][CHANNEL]]


async def test_events_actions_and_commands_over_signed_http(sandbox, http):
    app = new_app(sandbox)

    @app.event("message")
    async def on_message(event, say):
        if event.get("user") == "U0ANNA":
            element = {"type": "button", "action_id": "b", "text": {"type": "plain_text", "text": "B"}}
            await say(text="pong", blocks=[{"type": "actions", "elements": [element]}])

    @app.action("b")
    async def pressed(ack, respond):
        await ack()
        await respond(text="pressed", replace_original=True)

    @app.command("/app")
    async def command(ack, command):
        await ack(f"ran {command['text']}")

    async with served(app) as url:
        assert (await http.post("/sandbox/request_url", json={"url": url})).json() == {"ok": True}
        await http.post("/person/U0ANNA/say", json={"channel": CHANNEL, "text": "ping"})

        async def pong():
            messages = (await http.get("/person/U0ANNA/state")).json()["messages"][CHANNEL]
            return next((m for m in messages if m["text"] == "pong"), None)

        message = await until(pong)
        press = {"channel": CHANNEL, "ts": message["ts"], "action_id": "b"}
        assert (await http.post("/person/U0ANNA/press", json=press)).json() == {"ok": True}
        run = {"channel": CHANNEL, "text": "/app all & more"}
        assert (await http.post("/person/U0ANNA/command", json=run)).json() == {"ok": True}
        assert await texts(http) == ["ping", "pressed", "ran all &amp; more"]


async def test_a_url_that_cannot_answer_the_challenge_is_refused(sandbox, http):
    async with served(new_app(sandbox, secret="another secret")) as url:
        answer = (await http.post("/sandbox/request_url", json={"url": url})).json()
    assert answer == {"ok": False, "error": "url_verification_failed"}
    gone = (await http.post("/sandbox/request_url", json={"url": url})).json()
    assert gone == {"ok": False, "error": "url_verification_failed"}


async def test_http_retries_say_why_and_can_be_declined(sandbox, http):
    retries = []

    async def answer(request):
        body = await request.json()
        if body["type"] == "url_verification":
            return web.json_response({"challenge": body["challenge"]})
        retries.append(
            (
                body["event"]["text"],
                request.headers.get("X-Slack-Retry-Num"),
                request.headers.get("X-Slack-Retry-Reason"),
            )
        )
        if body["event"]["text"] == "no more":
            return web.Response(status=500, headers={"X-Slack-No-Retry": "1"})
        if len(retries) == 1:
            await asyncio.Event().wait()
        return web.Response(status=200 if len(retries) == 3 else 500)

    server = web.Application()
    server.router.add_post("/slack/events", answer)
    runner = web.AppRunner(server, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    url = f"http://127.0.0.1:{port}/slack/events"
    assert (await http.post("/sandbox/request_url", json={"url": url})).json()["ok"]

    async def settled():
        records = (await http.get("/sandbox/deliveries")).json()
        return records if all(r["acked"] or r["given_up"] for r in records) else None

    await http.post("/person/U0ANNA/say", json={"channel": CHANNEL, "text": "hello"})
    records = await until(settled)
    assert retries == [
        ("hello", None, None),
        ("hello", "1", "http_timeout"),
        ("hello", "2", "http_error"),
    ]
    assert (records[0]["acked"], records[0]["attempts"]) == (True, 3)
    await http.post("/person/U0ANNA/say", json={"channel": CHANNEL, "text": "no more"})
    records = await until(settled)
    assert (records[1]["given_up"], records[1]["attempts"]) == (True, 1)
    await runner.cleanup()
    run = {"channel": CHANNEL, "text": "/app anyone?"}
    refused = (await http.post("/person/U0ANNA/command", json=run)).json()
    assert refused == {"ok": False, "error": "operation_timeout"}
