"""The intake is bounded: so much at a time, so much waiting; what is refused is read by the backfill."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.intake import Requests, Socket
from tests.support.wait import eventually


class Gate:
    """A listener that lets nothing through until it is opened; counts what is in it."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.inside = self.most = 0
        self.seen: list[Any] = []

    async def __call__(self, _client: object, message: dict[str, Any], _raw: str | None = None) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.open.wait()
        self.inside -= 1
        self.seen.append(message.get("n"))


@pytest.fixture
async def make() -> AsyncIterator[Callable[..., Socket]]:
    made: list[Socket] = []

    def socket(backfill: Callable[[], None], **bounds: int) -> Socket:
        app = AsyncApp(signing_secret="s", token="xoxb-s")
        made.append(Socket(app, "xapp-s", AsyncWebClient(), backfill, **bounds))
        return made[-1]

    yield socket
    for one in made:
        one.message_processor.cancel()
        await asyncio.gather(one.message_processor, return_exceptions=True)
        await one.aiohttp_client_session.close()


async def test_so_many_envelopes_at_a_time_and_in_their_order(make: Callable[..., Socket]) -> None:
    backfill: list[int] = []
    socket, gate = make(lambda: backfill.append(1), max_concurrent=3, max_queued=100), Gate()
    socket.message_listeners.append(gate)
    before = len(asyncio.all_tasks())
    for n in range(50):
        await socket.enqueue_message(json.dumps({"n": n}))
    await eventually(lambda: gate.inside == 3)
    await asyncio.sleep(0.05)
    assert gate.most == 3 and len(asyncio.all_tasks()) - before <= 3
    gate.open.set()
    await eventually(lambda: len(gate.seen) == 50)
    assert sorted(gate.seen) == list(range(50)) and gate.seen[:3] == [0, 1, 2]
    assert gate.most == 3 and backfill == []


async def test_what_is_turned_away_is_read_up_on_once_there_is_room(make: Callable[..., Socket]) -> None:
    backfill: list[int] = []
    socket, gate = make(lambda: backfill.append(1), max_concurrent=1, max_queued=5), Gate()
    socket.message_listeners.append(gate)
    for n in range(20):
        await socket.enqueue_message(json.dumps({"n": n}))
    await asyncio.sleep(0.05)
    assert socket.message_queue.qsize() <= 5 and backfill == []
    gate.open.set()
    await eventually(lambda: backfill == [1])
    assert len(gate.seen) < 20
    await socket.enqueue_message(json.dumps({"n": 99}))
    await eventually(lambda: 99 in gate.seen)
    assert backfill == [1]


async def test_what_is_no_envelope_takes_no_room(make: Callable[..., Socket]) -> None:
    socket, gate = make(lambda: None, max_concurrent=1, max_queued=20), Gate()
    gate.open.set()
    socket.message_listeners.append(gate)
    for raw in ("{", "[]", '"hello"', "{}", json.dumps({"n": 1})):
        await socket.enqueue_message(raw)
    await eventually(lambda: 1 in gate.seen)


async def test_a_request_too_many_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, backfill = asyncio.Event(), list[int]()

    async def taken(_: object) -> Any:
        await opened.wait()
        return "taken"

    monkeypatch.setattr("bot.slack.intake.to_bolt_request", taken)
    monkeypatch.setattr("bot.slack.intake.to_aiohttp_response", taken)

    class App:
        async def async_dispatch(self, request: object) -> object:
            return request

    requests: Callable[[Any], Awaitable[Any]] = Requests(
        App(), lambda: backfill.append(1), max_concurrent=2
    ).take
    inside = [asyncio.create_task(requests(None)) for _ in range(2)]
    await asyncio.sleep(0)
    assert (await requests(None)).status == 503
    assert backfill == []
    opened.set()
    assert await asyncio.gather(*inside) == ["taken", "taken"]
    assert backfill == [1]
    assert await requests(None) == "taken"
