"""HTTP mode: signed events over a real port, and how the bot is, for whoever supervises it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from bot.bootstrap import Bot
from bot.health import GPU, MODEL
from bot.ops.http import start_http
from tests.support.database import inbox
from tests.support.requests import event, signed


@pytest.fixture
async def url(bot: Bot) -> AsyncIterator[str]:
    http = await start_http(replace(bot, tokens=replace(bot.tokens, app=None)))
    host, port = http.addresses[0][:2]
    yield f"http://{host}:{port}"
    await http.cleanup()


async def test_a_signed_event_is_taken_and_another_is_not(url: str, tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        for secret, status in (("wrong", 401), ("sandbox-signing-secret", 200)):
            request = signed(event(text="How do I export my data?"), secret=secret)
            headers = {name: values[0] for name, values in request.headers.items()}
            async with session.post(f"{url}/slack/events", data=request.raw_body, headers=headers) as answer:
                assert answer.status == status
            assert len(inbox(tmp_path / "softanswer.db")) == int(status == 200)


async def test_only_what_keeps_work_from_being_done_is_a_503(url: str, bot: Bot) -> None:
    async with aiohttp.ClientSession() as session:
        for part, status in ((None, 200), (GPU, 200), (MODEL, 503)):
            if part:
                await bot.health.failed(part, "it is gone")
            async with session.get(f"{url}/healthz") as answer:
                assert answer.status == status
                said = json.loads(await answer.text())
            assert said["ok"] is (status == 200) and (part is None or said["failing"][part] == "it is gone")
