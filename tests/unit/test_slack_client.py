"""Answers that are none of Slack's are outcomes nobody knows, never programming errors of ours."""

from __future__ import annotations

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from bot.demo.workspace import seed
from bot.slack.client import Client, GarbledAnswer
from sandbox.faults import Faults, Rates
from sandbox.server import Sandbox, Settings


@pytest.mark.parametrize("kind", ["garbled", "broken"])
async def test_a_proxys_page_and_a_bad_gateway_are_of_unknown_outcome(kind: str) -> None:
    settings = Settings(faults=Faults(1, Rates(**{kind: 1.0})))
    with (
        Sandbox(seed(), settings=settings) as sandbox,
        pytest.raises(GarbledAnswer, match="not an answer of Slack's") as raised,
    ):
        await Client("xoxb-sandbox", sandbox.api_url).auth_test()
    assert isinstance(raised.value, aiohttp.ClientError)


async def test_a_limit_says_when_to_come_again_and_a_refusal_why() -> None:
    with (
        Sandbox(seed(), settings=Settings(faults=Faults(1, Rates(limited=1.0)))) as sandbox,
        pytest.raises(SlackApiError) as limited,
    ):
        await Client("xoxb-sandbox", sandbox.api_url).auth_test()
    assert limited.value.response.headers["Retry-After"] == "1"
    with Sandbox(seed()) as sandbox, pytest.raises(SlackApiError, match="invalid_auth"):
        await Client("xoxb-other", sandbox.api_url).auth_test()
