"""A real slack-bolt app over Socket Mode cannot tell the sandbox from Slack."""

import asyncio
import time

import aiohttp
import httpx
import pytest
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.server import DEFAULT_SEED, Sandbox, Settings

CHANNEL = "C0GENERAL"
SEED = {
    **DEFAULT_SEED,
    "users": [*DEFAULT_SEED["users"], {"id": "U0BEN", "name": "ben"}],
    "channels": [
        {"id": CHANNEL, "name": "general", "members": ["U0ANNA", "U0BEN", "U0BOT"]},
        {"id": "C0OTHER", "name": "other", "members": ["U0ANNA"]},
    ],
}


def plain(text):
    return {"type": "plain_text", "text": text}


def button(action_id, **fields):
    return {"type": "button", "action_id": action_id, "text": plain("Press"), **fields}


def actions(*elements):
    return {"type": "actions", "block_id": "row", "elements": list(elements)}


async def until(look, within_s=10.0):
    """Look again and again until there is something to see."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = look()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen in time")


class Person:
    """Somebody at the page."""

    def __init__(self, http, user):
        self.http, self.user = http, user

    async def act(self, what, **body):
        return (await self.http.post(f"/person/{self.user}/{what}", json=body)).json()

    async def say(self, text, **body):
        answer = await self.act("say", channel=CHANNEL, text=text, **body)
        assert answer["ok"], answer
        return answer["ts"]

    async def state(self):
        return (await self.http.get(f"/person/{self.user}/state")).json()

    async def texts(self, channel=CHANNEL):
        return [message["text"] for message in (await self.state())["messages"][channel]]

    async def message(self, text):
        async def look():
            messages = (await self.state())["messages"][CHANNEL]
            return next((m for m in messages if m["text"] == text), None)

        return await until(look)

    async def view(self):
        async def look():
            return (await self.state())["view"]

        return await until(look)


@pytest.fixture
def sandbox():
    with Sandbox(SEED, settings=Settings(ack_timeout=0.5, retry_delays=(0.0, 0.0, 0.0))) as running:
        yield running


@pytest.fixture
async def http(sandbox):
    async with httpx.AsyncClient(base_url=sandbox.url) as client:
        yield client


@pytest.fixture
def anna(http):
    return Person(http, "U0ANNA")


@pytest.fixture
def app(sandbox):
    client = AsyncWebClient(token=sandbox.bot_token, base_url=sandbox.api_url)
    return AsyncApp(client=client, process_before_response=True)


@pytest.fixture
async def connect(sandbox):
    """Connects apps; the connections are closed at the end."""
    handlers = []

    async def connected(app):
        handler = AsyncSocketModeHandler(app, sandbox.app_token, web_client=app.client, ping_interval=0.2)
        handlers.append(handler)
        await handler.connect_async()
        return handler

    yield connected
    for handler in handlers:
        if not handler.client.closed:
            await handler.close_async()


def echo(app, heard):
    @app.event("message")
    async def on_message(event, say):
        if event.get("user") != "U0BOT" and "subtype" not in event:
            heard.append(event)
            await say(text=f"echo {event['text']}", thread_ts=event["ts"])


async def test_an_echo_bot_answers_in_the_thread(app, connect, anna):
    heard = []
    echo(app, heard)
    await connect(app)
    ts = await anna.say("hi <there> @ben")
    answer = await anna.message("echo hi &lt;there&gt; <@U0BEN>")
    assert answer["thread_ts"] == ts
    assert answer["bot_id"] == "B0APP"
    assert heard[0]["channel_type"] == "channel"
    assert heard[0]["team"] == "T0LOCAL"
    assert heard[0]["event_ts"] == heard[0]["ts"] == ts
    root = next(m for m in (await anna.state())["messages"][CHANNEL] if m["ts"] == ts)
    assert (root["reply_count"], root["reply_users"]) == (1, ["U0BOT"])


async def test_events_of_every_kind_arrive(app, connect, anna, http):
    seen = []

    @app.event({"type": "message"})
    @app.event("app_mention")
    @app.event("reaction_added")
    @app.event("reaction_removed")
    @app.event("member_joined_channel")
    @app.event("member_left_channel")
    @app.event("app_home_opened")
    async def any_event(event, body):
        assert body["authorizations"][0]["user_id"] == "U0BOT"
        seen.append((event["type"], event.get("subtype")))

    for subtype in ("message_changed", "message_deleted", "channel_leave"):
        app.event({"type": "message", "subtype": subtype})(any_event)
    await connect(app)
    ts = await anna.say("hello <@U0BOT>")
    await anna.act("react", channel=CHANNEL, ts=ts, name="eyes")
    await anna.act("react", channel=CHANNEL, ts=ts, name="eyes", remove=True)
    await anna.act("edit", channel=CHANNEL, ts=ts, text="hello again")
    await anna.act("delete", channel=CHANNEL, ts=ts)
    await anna.act("join", channel="C0OTHER", invite="U0BOT")
    await anna.act("leave", channel="C0OTHER")
    await anna.act("home")
    # Bolt itself keeps its own joining message from its listeners.
    await until(lambda: len(seen) >= 10)
    assert set(seen) == {
        ("message", None),
        ("app_mention", None),
        ("reaction_added", None),
        ("reaction_removed", None),
        ("message", "message_changed"),
        ("message", "message_deleted"),
        ("message", "channel_leave"),
        ("member_joined_channel", None),
        ("member_left_channel", None),
        ("app_home_opened", None),
    }


async def test_channels_without_the_bot_are_silent(app, connect, anna, http):
    heard = []
    echo(app, heard)
    await connect(app)
    await anna.act("say", channel="C0OTHER", text="between us")
    await anna.say("to all")
    await anna.message("echo to all")
    assert [event["text"] for event in heard] == ["to all"]


async def test_a_direct_message_to_the_app(app, connect, anna):
    heard = []
    echo(app, heard)
    await connect(app)
    await anna.act("say", channel="U0BOT", text="psst <@U0BOT>")
    await until(lambda: heard)
    assert heard[0]["channel_type"] == "im"

    async def answered():
        # The echo comes after the message that it answers.
        return await anna.texts(heard[0]["channel"]) == ["psst <@U0BOT>", "echo psst <@U0BOT>"]

    assert await until(answered)


async def test_a_button_its_payload_and_its_response_url(app, connect, anna, sandbox):
    pressed = []

    @app.action("yes")
    async def yes(ack, body, respond):
        await ack()
        pressed.append(body)
        await respond(text="changed", replace_original=True)
        await respond(text="to you alone", replace_original=False)

    await connect(app)
    await app.client.chat_postMessage(
        channel=CHANNEL, text="sure?", blocks=[actions(button("yes", value="7"))]
    )
    message = await anna.message("sure?")
    answer = await anna.act("press", channel=CHANNEL, ts=message["ts"], action_id="yes")
    assert answer == {"ok": True}
    body = pressed[0]
    action = body["actions"][0]
    assert (action["type"], action["value"], action["block_id"]) == ("button", "7", "row")
    assert body["user"] == {"id": "U0ANNA", "username": "anna", "name": "anna", "team_id": "T0LOCAL"}
    assert body["container"]["message_ts"] == body["message"]["ts"] == message["ts"]
    assert body["message"]["blocks"] == message["blocks"]
    assert body["channel"] == {"id": CHANNEL, "name": "general"}
    await anna.message("changed")
    whispered = await anna.message("to you alone")
    assert whispered["ephemeral"]
    ben = await Person(anna.http, "U0BEN").texts()
    assert ben == ["changed"]


async def test_a_response_url_serves_five_times(app, connect, anna):
    urls = []

    @app.action("yes")
    async def yes(ack, body):
        await ack()
        urls.append(body["response_url"])

    await connect(app)
    sent = await app.client.chat_postMessage(channel=CHANNEL, text="x", blocks=[actions(button("yes"))])
    await anna.act("press", channel=CHANNEL, ts=sent["ts"], action_id="yes")
    url = (await until(lambda: urls))[0]
    answers = [await anna.http.post(url, json={"text": str(n)}) for n in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [404]
    assert answers[0].text == "ok"
    assert answers[5].json()["error"] == "used_url"
    assert (await anna.http.post(url + "x", json={"text": "no"})).json()["error"] == "expired_url"


async def test_feedback_buttons_and_menus(app, connect, anna):
    chosen = []

    async def chose(ack, action):
        await ack()
        chosen.append(action)

    app.action("rate")(chose)
    app.action("label")(chose)
    await connect(app)
    rate = {
        "type": "feedback_buttons",
        "action_id": "rate",
        "positive_button": {"text": plain("Good"), "value": "up"},
        "negative_button": {"text": plain("Bad"), "value": "down"},
    }
    menu = {
        "type": "static_select",
        "action_id": "label",
        "options": [{"text": plain("Neutral"), "value": "neutral"}],
    }
    blocks = [{"type": "context_actions", "elements": [rate]}, actions(menu)]
    ts = (await app.client.chat_postMessage(channel=CHANNEL, text="?", blocks=blocks))["ts"]
    place = {"channel": CHANNEL, "ts": ts}
    assert (await anna.act("press", **place, action_id="rate", value="down"))["ok"]
    assert (await anna.act("press", **place, action_id="label", selected_option="neutral"))["ok"]
    assert (chosen[0]["type"], chosen[0]["value"]) == ("feedback_buttons", "down")
    assert chosen[1]["selected_option"] == {"text": plain("Neutral"), "value": "neutral"}
    for refused, body in {
        "invalid_option": {"action_id": "label", "selected_option": "purple"},
        "action_not_found": {"action_id": "forged"},
    }.items():
        assert (await anna.act("press", **place, **body))["error"] == refused


async def test_a_slash_command(app, connect, anna):
    commands = []

    @app.command("/app")
    async def run(ack, command, respond):
        commands.append(command)
        await ack(f"ran {command['text']}")
        await respond("for everybody", response_type="in_channel")

    await connect(app)
    assert (await anna.act("command", channel=CHANNEL, text="/app forget @ben"))["ok"]
    command = commands[0]
    assert command["text"] == "forget <@U0BEN|ben>"
    assert (command["channel_name"], command["user_name"]) == ("general", "anna")
    assert (await anna.message("ran forget <@U0BEN|ben>"))["ephemeral"]
    assert "ephemeral" not in await anna.message("for everybody")
    refused = await anna.act("command", channel=CHANNEL, text="/nope")
    assert refused == {"ok": False, "error": "unknown_command"}


async def test_what_nobody_acks_a_person_sees_fail(app, connect, anna, http):
    await connect(app)
    refused = await anna.act("command", channel=CHANNEL, text="/app help")
    assert refused == {"ok": False, "error": "operation_timeout"}
    records = (await http.get("/sandbox/deliveries")).json()
    assert [(r["type"], r["attempts"], r["acked"]) for r in records] == [("/app", 1, False)]


MODAL = {
    "type": "modal",
    "callback_id": "form",
    "title": plain("Form"),
    "submit": plain("Send"),
    "private_metadata": "kept",
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": plain("Why"),
            "element": {"type": "plain_text_input", "action_id": "text"},
        },
        {
            "type": "input",
            "block_id": "what",
            "optional": True,
            "label": plain("What"),
            "element": {
                "type": "static_select",
                "action_id": "kind",
                "options": [{"text": plain("A"), "value": "a"}],
            },
        },
    ],
}


async def test_a_modal_from_command_to_submission(app, connect, anna):
    submitted, closed = [], []

    @app.command("/app")
    async def run(ack, body, client):
        await ack()
        opened = await client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        assert opened["view"]["private_metadata"] == "kept"

    @app.view("form")
    async def form(ack, view):
        submitted.append(view["state"]["values"])
        if len(submitted) == 1:
            await ack(response_action="errors", errors={"why": "Too short"})
        elif len(submitted) == 2:
            await ack(response_action="push", view={**MODAL, "callback_id": "second"})
        else:
            await ack()

    @app.view("second")
    async def second(ack):
        await ack(response_action="update", view={**MODAL, "title": plain("Done")})

    @app.view_closed("form")
    async def form_closed(ack, body):
        await ack()
        closed.append(body["is_cleared"])

    await connect(app)
    await anna.act("command", channel=CHANNEL, text="/app")
    view = await anna.view()
    empty = await anna.act("submit", view_id=view["id"], values={})
    assert set(empty["errors"]) == {"why"}
    assert submitted == []
    values = {"why": {"text": "so"}, "what": {"kind": "a"}}
    refused = await anna.act("submit", view_id=view["id"], values=values)
    assert refused["errors"] == {"why": "Too short"}
    assert submitted[0]["why"]["text"] == {"type": "plain_text_input", "value": "so"}
    assert submitted[0]["what"]["kind"]["selected_option"]["value"] == "a"
    assert (await anna.act("submit", view_id=view["id"], values=values))["ok"]
    pushed = await anna.view()
    assert (pushed["callback_id"], pushed["previous_view_id"]) == ("second", view["id"])
    filled = {"why": {"text": {"type": "plain_text_input", "value": "as the page sends it"}}}
    assert (await anna.act("submit", view_id=pushed["id"], values=filled))["ok"]
    assert (await anna.view())["title"] == plain("Done")
    assert (await anna.act("close", view_id=pushed["id"], all=True))["ok"]
    assert (await anna.state())["view"] is None
    await until(lambda: closed == [True])


async def test_triggers_serve_once(app, connect, anna):
    errors = []

    @app.command("/app")
    async def run(ack, body, client):
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        for trigger in (body["trigger_id"], "1.2.3"):
            try:
                await client.views_open(trigger_id=trigger, view=MODAL)
            except SlackApiError as refusal:
                errors.append(refusal.response["error"])

    await connect(app)
    await anna.act("command", channel=CHANNEL, text="/app")
    await until(lambda: errors == ["exchanged_trigger_id", "invalid_trigger_id"])


async def test_the_home_and_its_buttons(app, connect, anna):
    pressed = []

    @app.event("app_home_opened")
    async def opened(event, client):
        blocks = [actions(button("more"))]
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    @app.action("more")
    async def more(ack, body, client):
        await ack()
        pressed.append(body["container"])
        blocks = [{"type": "section", "text": plain("more")}]
        await client.views_update(view_id=body["view"]["id"], view={"type": "home", "blocks": blocks})

    await connect(app)
    await anna.act("home")

    async def home():
        return (await anna.state())["home"]

    view = await until(home)
    assert (await anna.act("press", view_id=view["id"], action_id="more"))["ok"]
    assert pressed == [{"type": "view", "view_id": view["id"]}]
    assert (await home())["blocks"][0]["text"] == plain("more")
    assert (await Person(anna.http, "U0BEN").state())["home"] is None


async def test_a_message_shortcut(app, connect, anna):
    used = []

    @app.shortcut("flag")
    async def flag(ack, shortcut):
        await ack()
        used.append(shortcut)

    await connect(app)
    ts = await anna.say("look at this")
    assert (await anna.act("shortcut", callback_id="flag", channel=CHANNEL, ts=ts))["ok"]
    assert used[0]["type"] == "message_action"
    assert used[0]["message"]["text"] == "look at this"


async def test_an_unacked_event_comes_again_with_its_retry_fields(app, connect, anna, http):
    retries = []

    @app.event("message")
    async def fails_twice(event, request):
        retries.append((request.headers["x-slack-retry-num"][0], request.headers["x-slack-retry-reason"][0]))
        if len(retries) < 3:
            raise RuntimeError("not yet")

    await connect(app)
    await anna.say("again and again")

    async def acked():
        return [r for r in (await http.get("/sandbox/deliveries")).json() if r["acked"]]

    record = (await until(acked))[0]
    assert retries == [("0", ""), ("1", "timeout"), ("2", "timeout")]
    assert record["attempts"] == 3


async def test_an_event_nobody_takes_is_given_up_after_three_retries(app, connect, anna, http):
    await connect(app)
    await anna.say("into the void")

    async def given_up():
        return [r for r in (await http.get("/sandbox/deliveries")).json() if r["given_up"]]

    assert (await until(given_up))[0]["attempts"] == 4


async def test_an_event_can_be_delivered_again(app, connect, anna, http):
    ids = []

    @app.event("message")
    async def on_message(body, request):
        ids.append((body["event_id"], request.headers["x-slack-retry-num"][0]))

    await connect(app)
    await anna.say("once more")
    await until(lambda: ids)
    again = await http.post("/sandbox/redeliver", json={"event_id": ids[0][0], "retry_num": 2})
    assert again.json() == {"ok": True}
    await until(lambda: len(ids) == 2)
    assert ids[1] == (ids[0][0], "2")
    unknown = await http.post("/sandbox/redeliver", json={"event_id": "Ev0"})
    assert unknown.json()["error"] == "event_not_found"


async def test_what_happens_while_the_app_is_away_waits_for_it(app, connect, anna):
    said = [f"message {number}" for number in range(5)]
    for text in said:
        await anna.say(text)
    heard = []
    echo(app, heard)
    await connect(app)
    await until(lambda: len(heard) == 5)
    assert [event["text"] for event in heard] == said


async def test_an_app_that_dies_before_its_ack_gets_the_event_after_its_restart(sandbox, connect, anna):
    def new_app():
        client = AsyncWebClient(token=sandbox.bot_token, base_url=sandbox.api_url)
        return AsyncApp(client=client, process_before_response=True)

    dying, entered = new_app(), asyncio.Event()

    @dying.event("message")
    async def never_done():
        entered.set()
        await asyncio.Event().wait()

    first = await connect(dying)
    await anna.say("are you there?")
    await asyncio.wait_for(entered.wait(), 10)
    await first.close_async()
    heard = []
    restarted = new_app()
    echo(restarted, heard)
    await connect(restarted)
    await anna.message("echo are you there?")
    assert len(heard) == 1


async def test_a_refresh_loses_nothing(app, connect, anna, http):
    heard = []
    echo(app, heard)
    await connect(app)
    for number in range(3):
        await anna.say(f"before {number}")
        assert (await http.post("/sandbox/disconnect", json={})).json()["ok"]
        await anna.say(f"after {number}")
    await until(lambda: len({event["ts"] for event in heard}) == 6, within_s=20)

    async def open_sockets():
        return (await http.get("/sandbox/sockets")).json()["open"] == 1

    await until(open_sockets)


async def test_each_envelope_goes_to_one_of_the_open_sockets(sandbox, connect, anna):
    heard = []
    for _ in range(2):
        client = AsyncWebClient(token=sandbox.bot_token, base_url=sandbox.api_url)
        one = AsyncApp(client=client)
        mine = []
        echo(one, mine)
        heard.append(mine)
        await connect(one)
    for number in range(10):
        await anna.say(str(number))
    await until(lambda: sum(map(len, heard)) == 10)
    assert all(heard)


async def test_a_post_whose_answer_is_lost_has_happened(sandbox, http, anna):
    # Without its retry handler the SDK reports the loss; with it (the default) it posts once more.
    careful = AsyncWebClient(token=sandbox.bot_token, base_url=sandbox.api_url, retry_handlers=[])
    hold = {"method": "chat.postMessage", "times": 1, "seconds": 0.05}
    await http.post("/sandbox/hold", json=hold)
    with pytest.raises(aiohttp.ClientConnectionError):
        await careful.chat_postMessage(channel=CHANNEL, text="lost")
    await careful.chat_postMessage(channel=CHANNEL, text="found")
    assert await anna.texts() == ["lost", "found"]
    await http.post("/sandbox/hold", json=hold)
    usual = AsyncWebClient(token=sandbox.bot_token, base_url=sandbox.api_url)
    await usual.chat_postMessage(channel=CHANNEL, text="twice")
    assert await anna.texts() == ["lost", "found", "twice", "twice"]


def test_a_sync_app_works_too(sandbox):
    app = App(client=WebClient(token=sandbox.bot_token, base_url=sandbox.api_url))

    @app.event("message")
    def on_message(event, say):
        if event.get("user") == "U0ANNA":
            say(f"sync {event['text']}")

    handler = SocketModeHandler(app, sandbox.app_token)
    handler.connect()
    with httpx.Client(base_url=sandbox.url) as http:
        http.post("/person/U0ANNA/say", json={"channel": CHANNEL, "text": "hello"})
        deadline = time.monotonic() + 10
        texts = []
        while "sync hello" not in texts and time.monotonic() < deadline:
            state = http.get("/person/U0ANNA/state").json()
            texts = [message["text"] for message in state["messages"][CHANNEL]]
    handler.close()
    assert texts == ["hello", "sync hello"]
