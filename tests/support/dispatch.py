"""Send Slack's requests to a bot inside the test, and read what a person is shown in answer."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from bot.bootstrap import Bot
from bot.demo.people import Persons
from bot.demo.workspace import HELP
from sandbox.server import Sandbox
from tests.support.database import actions
from tests.support.requests import command, event, reaction, signed
from tests.support.wait import eventually

PIPELINE = "the pipeline of the bot fixture"
"""The name of the task that processes what arrives."""


def stop_pipeline() -> None:
    """End the task that processes what arrives, for a test that does it by hand."""
    for task in asyncio.all_tasks():
        if task.get_name() == PIPELINE:
            task.cancel()


async def say(bot: Bot, text: str, **fields: Any) -> None:
    response = await bot.app.async_dispatch(signed(event(text=text, **fields)))
    assert response.status == 200


async def write(bot: Bot, persons: Persons, user: str, text: str) -> str:
    """As `say`, of a message that stands in Slack, so that it can be answered there; returns its ts."""
    ts = await persons.write(user, HELP, text)
    await say(bot, text, user=user, ts=ts)
    return ts


async def ask(bot: Bot, user: str, text: str) -> str:
    """Send a slash command; returns the ephemeral message that answers it."""
    return await answer_to(bot, command(user, text))


async def answer_to(bot: Bot, body: dict[str, str]) -> str:
    """Send a command as `requests.command` makes it; returns the ephemeral message that answers it."""
    response = await bot.app.async_dispatch(signed(body, form=True))
    assert (response.status, response.body) == (200, "")
    outbox, key = bot.services.store.outbox, f"command:{body['trigger_id']}"
    action = await eventually(lambda: outbox.action(key))
    assert action.user == body["user_id"]
    return str(action.text)


async def react(bot: Bot, *args: Any) -> None:
    """Send a reaction; the arguments are those of `requests.reaction`."""
    assert (await bot.app.async_dispatch(signed(reaction(*args)))).status == 200


async def reply_ts(path: Path, message: int = 1) -> str:
    """The timestamp of the reply to a message, once it is sent."""
    sent = await eventually(lambda: actions(path, message_id=message, kind="reply", state="sent"))
    return str(sent[0].slack_ts)


def modal(sandbox: Sandbox, user: str) -> str:
    """The blocks of the modal that a person has open, as JSON."""
    return json.dumps(sandbox.place.views.stacks[user][-1]["blocks"], ensure_ascii=False)
