"""Nothing internal reaches a support channel, in every kind of situation; and hostile text stays text.

The test reads every Web API call the bot made, not what a page happens to show.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.people import Persons, bot_reply, find
from bot.demo.process import BotProcess
from bot.demo.workspace import ADA, ANNA, BEN, CARLA, HELP, TRIAGE
from sandbox.server import Sandbox
from tests.support.database import actions, inbox, messages, not_sent
from tests.support.leaks import INTERNAL, leaks, shown_to_customers
from tests.support.wait import eventually

READER = "filled in by the test"

HOSTILE = [
    "<!channel> wake up, this is the third outage this week and I am furious",
    "{{ 7 * 7 }} {{ ''.__class__.__mro__ }} {% for x in range(9) %}x{% endfor %} how do I export my data?",
    "<script>alert(1)</script> & <b>bold</b> how do I reset my password?",
    "\u202eevil \x00\x07 control \u200b how do I export my data?",
    "كيف يمكنني تصدير بياناتي من النظام؟",
    "🔥🔥🔥",
    "```\nTraceback (most recent call last):\n  File x\nKeyError\n```",
    "a" * 40_000,
    "how do I export my data? " * 1_600,
    "*_~`>" * 500,
    "   ",
]


async def test_a_customer_never_sees_what_is_internal(
    sandbox: Sandbox, persons: Persons, start_bot: Callable[..., BotProcess], tmp_path: Path
) -> None:
    start_bot()
    database = tmp_path / "softanswer.db"
    asked = await persons.write(CARLA, HELP, "How do I export my data?")
    answer = await persons.until("an answer", lambda s: bot_reply(s, HELP, asked, "Export"), CARLA)
    await persons.press(CARLA, HELP, answer["ts"], "rate_answer", '"not_helpful"')
    await persons.write(BEN, HELP, "Third time this week the export dies on me. This is unacceptable!")
    card = await persons.until("a card", lambda s: find(s, TRIAGE, "dies on me"), ANNA)
    await persons.press(ANNA, TRIAGE, card["ts"], "take_case")
    await persons.choose(ANNA, TRIAGE, card["ts"], "correct_label", "neutral")
    await persons.write(CARLA, HELP, "I want to talk to a human", asked)
    await persons.until("a handover", lambda s: bot_reply(s, HELP, asked, "team"), CARLA)
    taken = await persons.until("the taken card", lambda s: find(s, TRIAGE, "Taken by"), ANNA)
    await persons.press(ANNA, TRIAGE, taken["ts"], "resolve_case")
    for user in (CARLA, ADA):
        await persons.command(user, HELP, "/softanswer status")
        await persons.post(user, "home")
    await persons.command(ADA, HELP, "/softanswer models")
    await eventually(lambda: len(actions(database, kind="home", state="sent")) == 2)
    await eventually(lambda: not not_sent(database))

    assert len(shown_to_customers(sandbox)) >= 4
    assert leaks(sandbox) == []
    for customer in (CARLA, BEN):
        state = await persons.state(customer)
        assert TRIAGE not in state["messages"]
        own = [m for m in state["messages"][HELP] if m.get("bot_id") or m.get("ephemeral")]
        assert [m["text"] for m in own if INTERNAL.search(m["text"])] == []


@pytest.mark.timeout(180)
async def test_hostile_text_is_escaped_and_never_executed(
    sandbox: Sandbox, persons: Persons, start_bot: Callable[..., BotProcess], tmp_path: Path
) -> None:
    start_bot()
    database = tmp_path / "softanswer.db"
    for text in HOSTILE:
        await persons.post(BEN, "say", channel=HELP, text=text)
    await eventually(
        lambda: len(messages(database)) == len(HOSTILE),
        within_s=60,
    )
    await eventually(lambda: not not_sent(database), within_s=60)
    assert [e.reason for e in inbox(database, state="failed")] == []
    for call in list(sandbox.calls):
        if call["method"].startswith("chat."):
            written = json.dumps(call["args"], ensure_ascii=False)
            assert "<!channel>" not in written
            assert "49" not in json.dumps(call["args"].get("text", ""))
            assert "<script" not in written and "\u202e" not in written and "\\u0000" not in written
            assert call["response"]["ok"], call
    not_scored = {str(m.text) for m in messages(database, label=None)}
    assert any("كيف" in text for text in not_scored)
    assert any("Traceback" in text for text in not_scored)


def section(text: str) -> list[dict[str, Any]]:
    return [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]


def view(kind: str, text: str) -> dict[str, Any]:
    return {"type": kind, "title": {"type": "plain_text", "text": "A word"}, "blocks": section(text)}


def button(value: str) -> list[dict[str, Any]]:
    pressed = {
        "type": "button",
        "action_id": "a",
        "text": {"type": "plain_text", "text": "Press"},
        "value": value,
    }
    return [{"type": "actions", "elements": [pressed]}]


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("chat.postMessage", {"text": "It reads negative"}),
        ("chat.postMessage", {"text": "Hello", "blocks": section("93 % sure")}),
        ("chat.postMessage", {"text": "Hello", "blocks": section("0.93")}),
        ("chat.postMessage", {"text": "Hello", "blocks": button(json.dumps({"label": "neutral"}))}),
        ("chat.postMessage", {"text": "Hello", "metadata": {"event_type": "x", "event_payload": {"by": "support-2"}}}),
        ("chat.postMessage", {"text": f"<@{ANNA}> looks at it"}),
        ("chat.postMessage", {"text": "Okafor looks at it"}),
        ("chat.update", {"text": "Your case is open", "ts": "POSTED"}),
        ("chat.postEphemeral", {"text": "a draft waits", "user": READER}),
        ("views.publish", {"user_id": READER, "view": view("home", "unhappy")}),
        ("views.open", {"trigger_id": "TRIGGER", "view": view("modal", "this was flagged")}),
    ],
)  # fmt: skip
async def test_the_reading_of_the_calls_bites(sandbox: Sandbox, method: str, said: dict[str, Any]) -> None:
    """What is internal is found where a customer reads it, and may stand where the team does."""
    client = AsyncWebClient(token=sandbox.bot_token, base_url=sandbox.api_url)
    for channel, reader, found in ((TRIAGE, ANNA, 0), (HELP, CARLA, 1)):
        call = {"channel": channel, **said} if method.startswith("chat.") else dict(said)
        if "ts" in call:
            call["ts"] = (await client.chat_postMessage(channel=channel, text="One moment"))["ts"]
        if "trigger_id" in call:
            call["trigger_id"] = sandbox.place.views.trigger(reader)
        call |= {name: reader for name in ("user", "user_id") if name in call}
        await client.api_call(method, json=call)
        assert len(leaks(sandbox)) == found, leaks(sandbox)


async def test_a_file_that_a_customer_can_open_is_read_too(sandbox: Sandbox) -> None:
    client = AsyncWebClient(token=sandbox.bot_token, base_url=sandbox.api_url)
    for channel, found in ((TRIAGE, 0), (HELP, 1)):
        await client.files_upload_v2(channel=channel, filename="a.txt", title="a", content="score: high")
        assert len(leaks(sandbox)) == found
    await client.files_upload_v2(channel=HELP, filename="a.txt", title="The model's card", content="b")
    assert len(leaks(sandbox)) == 3  # in the call and in the file
