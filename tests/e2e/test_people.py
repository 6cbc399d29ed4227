"""A person whose card is replaced while they reach for a button presses the new one."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.people import Persons, StepFailed
from bot.demo.workspace import ANNA, TRIAGE
from sandbox.server import Sandbox


def card(block_id: str, action_id: str = "take") -> list[dict[str, Any]]:
    label = {"type": "plain_text", "text": "Take"}
    button = {"type": "button", "action_id": action_id, "text": label, "value": "1"}
    return [{"type": "actions", "block_id": block_id, "elements": [button]}]


@pytest.mark.parametrize("still_there", [True, False])
async def test_what_was_replaced_is_looked_at_again(
    sandbox: Sandbox, persons: Persons, monkeypatch: pytest.MonkeyPatch, still_there: bool
) -> None:
    client = AsyncWebClient(token=sandbox.bot_token, base_url=sandbox.api_url)
    posted = await client.chat_postMessage(channel=TRIAGE, text="a card", blocks=card("first"))
    look, looks = persons.state, 0

    async def replaced_after_the_first_look(user: str) -> dict[str, Any]:
        nonlocal looks
        seen, looks = await look(user), looks + 1
        if looks == 1:
            after = card("second", "take" if still_there else "other")
            await client.chat_update(channel=TRIAGE, ts=posted["ts"], text="a card", blocks=after)
        return seen

    monkeypatch.setattr(persons, "state", replaced_after_the_first_look)
    # No app is connected: a press that finds its button is one that nobody answers.
    with pytest.raises(StepFailed, match="operation_timeout" if still_there else "nothing to press"):
        await persons.press(ANNA, TRIAGE, posted["ts"], "take")
    assert looks == 2
