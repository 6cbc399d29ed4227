"""What tests ask of the sandbox beside what persons do in it: interventions over HTTP, and the replies in a thread."""

from __future__ import annotations

from typing import Any

import aiohttp

from bot.demo.people import Persons
from bot.demo.workspace import CARLA, HELP
from sandbox.server import Sandbox


async def observe(sandbox: Sandbox, path: str, **body: Any) -> Any:
    """The sandbox's own API: without a body what it knows, with one an intervention."""
    async with aiohttp.ClientSession() as http:
        if not body:
            async with http.get(f"{sandbox.url}/sandbox/{path}") as response:
                return await response.json()
        async with http.post(f"{sandbox.url}/sandbox/{path}", json=body) as response:
            return await response.json()


async def replies(persons: Persons, thread: str) -> list[dict[str, Any]]:
    """The bot's replies in a thread of #help."""
    state = await persons.state(CARLA)
    return [m for m in state["messages"][HELP] if m.get("bot_id") and m.get("thread_ts") == thread]
