"""Nothing internal reaches a support channel, in every kind of situation; and hostile text stays text.

The test reads every Web API call the bot made, not what a page happens to show.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.demo.people import Persons, bot_reply, find
from bot.demo.run import BotProcess
from bot.demo.story import ADA, ANNA, BEN, CARLA, HELP, TRIAGE
from sandbox.server import Sandbox
from tests.support import eventually, rows

INTERNAL = re.compile(
    r"negative|neutral|positive|confiden|\d+ ?% sure|unhappy|flag|triage|draft|score|case\b"
    r"|anna|okafor|novak|\bada\b|U0ANNA|U0ADA|support-\d|model",
    re.IGNORECASE,
)
ALLOWED = re.compile(r'"(type|event_type|positive_button|negative_button|style)"|softanswer_action')
"""The words that Block Kit itself uses."""

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


async def calls(sandbox: Sandbox) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as http, http.get(f"{sandbox.url}/sandbox/calls") as response:
        made: list[dict[str, Any]] = await response.json()
    return made


def shown_to_customers(made: list[dict[str, Any]]) -> list[str]:
    """Everything that the bot wrote where a customer can read it, as JSON text without Block Kit's own words."""
    found = []
    for call in made:
        arguments = call["args"]
        to_customer = arguments.get("channel") == HELP or arguments.get("user_id") in (CARLA, BEN)
        if call["method"].startswith(("chat.post", "chat.update", "files.", "views.")) and to_customer:
            text = json.dumps(
                {k: v for k, v in arguments.items() if k not in ("channel", "token")}, ensure_ascii=False
            )
            text = re.sub(r'\\"message\\": \d+|"action": \d+', "", text)
            found.append(ALLOWED.sub("", text))
    return found


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
    await eventually(
        lambda: rows(
            database,
            "select 1 where (select count(*) from actions where kind = 'home' and state = 'sent') = 2",
        )
    )
    await eventually(lambda: not rows(database, "select 1 from actions where state != 'sent'"))

    shown = shown_to_customers(await calls(sandbox))
    assert len(shown) >= 4
    assert [text for text in shown if INTERNAL.search(text)] == []
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
        lambda: rows(database, f"select 1 where (select count(*) from messages) = {len(HOSTILE)}"),
        within_s=60,
    )
    await eventually(lambda: not rows(database, "select 1 from actions where state != 'sent'"), within_s=60)
    assert rows(database, "select reason from inbox where state = 'failed'") == []
    for call in await calls(sandbox):
        if call["method"].startswith("chat."):
            written = json.dumps(call["args"], ensure_ascii=False)
            assert "<!channel>" not in written
            assert "49" not in json.dumps(call["args"].get("text", ""))
            assert "<script" not in written and "\u202e" not in written and "\\u0000" not in written
            assert call["response"]["ok"], call
    not_scored = {r[0] for r in rows(database, "select text from messages where label is null")}
    assert any("كيف" in text for text in not_scored)
    assert any("Traceback" in text for text in not_scored)
