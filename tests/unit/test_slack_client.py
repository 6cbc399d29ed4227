"""Answers that are none of Slack's are outcomes nobody knows, never programming errors of ours."""

from __future__ import annotations

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from bot.demo.workspace import seed
from bot.settings import ChannelSettings, PeopleSettings
from bot.slack.client import Client, GarbledAnswer, pages
from bot.slack.directory import Directory
from bot.workspace import Workspace
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


async def test_pages_are_read_to_the_last_one() -> None:
    asked: list[str | None] = []

    async def call(*, limit: int, cursor: str | None) -> dict[str, object]:
        asked.append(cursor)
        return {"page": len(asked), "response_metadata": {"next_cursor": "more" if len(asked) < 3 else ""}}

    assert [answer["page"] async for answer in pages(call, limit=5)] == [1, 2, 3]
    assert asked == [None, "more", "more"]


async def test_a_part_of_the_directory_that_cannot_be_asked_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workspace = Workspace(channels={"C1": "auto"}, triage="C9", shared={"C1"})

    class Slack:
        async def conversations_info(self, channel: str) -> None:
            raise RuntimeError("not now")

        async def conversations_members(self, **_: object) -> dict[str, object]:
            return {"members": ["UA"]}

    people = PeopleSettings(admins=("UADA",))
    directory = Directory(Slack(), workspace, ChannelSettings((), "#triage"), people)
    with pytest.raises(RuntimeError, match="not now"):
        await directory.refresh()
    assert workspace.roles == {"UA": "agent", "UADA": "admin"} and workspace.shared == {"C1"}
