"""People in a local Slack: they write, press, choose, send commands and read, over HTTP as a browser would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

import aiohttp

Message = dict[str, Any]
State = dict[str, Any]


class StepFailed(Exception):
    """Something that should have happened did not happen."""


class Gone(StepFailed):
    """The button or menu is not there any more."""


class Persons:
    """All people of the workspace; an async context manager that holds the HTTP session."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> Persons:
        # One connection per request: the server may close a kept one just as it is used again.
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.close()

    async def write(self, user: str, channel: str, text: str, thread: str | None = None) -> str:
        """Write a message; returns its ts."""
        in_thread = {"thread_ts": thread} if thread else {}
        answer = await self.post(user, "say", channel=channel, text=text, **in_thread)
        return str(answer["ts"])

    async def press(self, user: str, channel: str, ts: str, action_id: str, value_has: str = "") -> None:
        def button(element: dict[str, Any]) -> dict[str, Any] | None:
            for one in (element, element.get("positive_button") or {}, element.get("negative_button") or {}):
                if value_has in one.get("value", ()):
                    return {"value": one["value"]}
            return None

        await self._act(user, channel, ts, action_id, button)

    async def choose(self, user: str, channel: str, ts: str, action_id: str, value_has: str) -> None:
        def option(element: dict[str, Any]) -> dict[str, Any] | None:
            found = (o for o in element.get("options", ()) if value_has in o["value"])
            return next(({"selected_option": o} for o in found), None)

        await self._act(user, channel, ts, action_id, option)

    async def _act(
        self,
        user: str,
        channel: str,
        ts: str,
        action_id: str,
        chosen: Callable[[dict[str, Any]], dict[str, Any] | None],
    ) -> None:
        """Press a button or use a menu. If the message is updated at the same time, look again, as a person would."""
        for last in (False, False, True):
            message = _by_ts(await self.state(user), channel, ts)
            found = ((block_id, chosen(element)) for block_id, element in _elements(message, action_id))
            place, given = next(((b, g) for b, g in found if g is not None), ("", None))
            if given is None:
                raise StepFailed(f"there is nothing to press or choose for {action_id} on the message")
            try:
                element = {"channel": channel, "ts": ts, "block_id": place, "action_id": action_id}
                await self.post(user, "press", **element, **given)
                return
            except Gone:
                if last:
                    raise

    async def command(self, user: str, channel: str, text: str) -> Message:
        """Send a slash command and return the new ephemeral answer."""
        before = {m["ts"] for m in (await self.state(user))["messages"][channel]}
        await self.post(user, "command", channel=channel, text=text)

        def answered(state: dict[str, Any]) -> Message | None:
            new = [m for m in state["messages"][channel] if m.get("ephemeral") and m["ts"] not in before]
            return new[-1] if new else None

        return await self.until(f"an answer to {text}", answered, user)

    async def post(self, user: str, what: str, **body: Any) -> dict[str, Any]:
        async with self._http.post(f"{self._url}/person/{user}/{what}", json=body) as response:
            answer: dict[str, Any] = await response.json()
        if not answer.get("ok"):
            error = answer.get("error")
            raise (Gone if error == "action_not_found" else StepFailed)(f"{user} could not {what}: {error}")
        return answer

    async def state(self, user: str) -> dict[str, Any]:
        async with self._http.get(f"{self._url}/person/{user}/state") as response:
            state: dict[str, Any] = await response.json()
        return state

    async def until(
        self, what: str, look: Callable[[dict[str, Any]], Message | None], user: str, within_s: float = 20.0
    ) -> Message:
        """Poll what the person sees until `look` finds something; raises StepFailed if it does not come in time."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            found = look(await self.state(user))
            if found is not None:
                return found
            await asyncio.sleep(0.1)
        raise StepFailed(f"{what} did not come within {within_s:.0f} s")


def texts(message: Message | None) -> list[str]:
    """All texts that a message shows, in order."""
    if message is None:
        return []
    if not message.get("blocks"):
        return [message.get("text", "")]
    return [text for block in message["blocks"] for text in _block_texts(block)]


def _block_texts(block: dict[str, Any]) -> Iterator[str]:
    if block["type"] in ("section", "header"):
        yield block["text"]["text"]
    elif block["type"] == "context":
        yield " ".join(e.get("text", "") for e in block["elements"])
    elif block["type"] == "data_table":
        for row in block["rows"]:
            yield "  ".join(f"{cell.get('text', cell.get('value'))!s:<26.60}" for cell in row)
    elif block["type"] == "actions":
        labels = [e.get("text") or e.get("placeholder") for e in block["elements"]]
        yield "  ".join(f"[{label['text']}]" for label in labels if label)
    elif block["type"] == "context_actions":
        yield "[👍] [👎]"


def find(state: dict[str, Any], channel: str, words: str) -> Message | None:
    """The latest message of a channel that shows these words."""
    for message in reversed(state["messages"].get(channel, [])):
        if any(words in text for text in texts(message)):
            return dict(message)
    return None


def bot_reply(state: dict[str, Any], channel: str, thread: str, words: str) -> Message | None:
    """The latest of the bot's replies in a thread that shows these words."""
    for message in reversed(state["messages"].get(channel, [])):
        in_thread = message.get("thread_ts") == thread
        if message.get("bot_id") and in_thread and any(words in text for text in texts(message)):
            return dict(message)
    return None


def _by_ts(state: dict[str, Any], channel: str, ts: str) -> Message:
    return next(m for m in state["messages"][channel] if m["ts"] == ts)


def _elements(message: Message, action_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for block in message.get("blocks") or []:
        for element in block.get("elements") or []:
            if element.get("action_id") == action_id:
                yield block["block_id"], element
