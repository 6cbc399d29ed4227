"""The story that `softanswer demo --script` plays: persons write and press through the sandbox, as a browser would.

Every step states what must happen and waits for it; a step that does not happen ends the story with exit code 1.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp

CARLA, BEN, ANNA, ADA = "U0CARLA", "U0BEN", "U0ANNA", "U0ADA"
HELP, TRIAGE = "C0HELP", "C0TRIAGE"
NAMES = {CARLA: "Carla (customer)", BEN: "Ben (customer)", ANNA: "Anna (agent)", ADA: "Ada (admin)"}

INTERNAL = (
    "negative",
    "confidence",
    "% sure",
    "triage",
    "anna",
    "okafor",
    "flag",
    "unhappy",
    "model support",
)
"""Words that would give away what is internal, were they to reach a customer."""

Message = dict[str, Any]


class StepFailed(Exception):
    """What should have happened and did not."""


class Story:
    def __init__(self, url: str, database: Path) -> None:
        self._url = url
        self._database = database
        self._started = time.monotonic()

    async def prepare(self) -> None:
        """What the demo's admin has done before the newcomer comes: she has allowed the bot to learn."""
        async with aiohttp.ClientSession() as self._http:
            await self._command(ADA, "/softanswer consent on")

    async def play(self) -> int:
        """Play all steps; returns the exit code."""
        async with aiohttp.ClientSession() as self._http:
            try:
                await self._question()
                await self._complaint()
                await self._handover_and_correction()
                await self._rating()
                await self._nothing_internal()
                retrain_from = time.monotonic()
                self._say(f"— everything but the retraining took {retrain_from - self._started:.0f} s —")
                await self._retraining()
                self._say(f"— the retraining took {time.monotonic() - retrain_from:.0f} s —")
                self._books()
            except StepFailed as error:
                self._say(f"✗ {error}")
                return 1
        self._say("✓ every step happened")
        return 0

    # --- the steps

    async def _question(self) -> None:
        self._title("A customer asks, and gets an answer in the thread")
        asked = await self._write(CARLA, "Hi! How can I export all our data to Excel?")
        answer = await self._until(
            "an answer about exporting", lambda s: _bot_reply(s, HELP, asked, "Export"), CARLA
        )
        self._show("Softanswer", answer)

    async def _complaint(self) -> None:
        self._title("Another is unhappy: the bot stays soft, and the team gets a card")
        asked = await self._write(
            BEN, "Third time this week the export dies on me. We lose half a day every time!!"
        )
        self._complaint_ts = asked
        answer = await self._until("a soft answer", lambda s: _bot_reply(s, HELP, asked, "sorry"), BEN)
        self._show("Softanswer", answer)
        card = await self._until("a card in #triage", lambda s: _card(s, "dies on me"), ANNA)
        self._show("Softanswer, in #triage", card)
        await self._press(ANNA, TRIAGE, card["ts"], "take_case")
        self._say("Anna presses: Take it")
        taken = await self._until("the card to show who took it", lambda s: _card(s, "Taken by"), ANNA)
        self._say(f"   the card now says: {_context_with(taken, 'Taken by')}")

    async def _handover_and_correction(self) -> None:
        self._title("What no template answers goes to a person, and a wrong label is put right")
        asked = await self._write(ADA_CUSTOMER, CORRECTED)
        handed = await self._until(
            "a word that a person will answer", lambda s: _bot_reply(s, HELP, asked, "team"), CARLA
        )
        self._show("Softanswer", handed)
        card = await self._until("a card for it", lambda s: _card(s, CORRECTED[:20]), ANNA)
        self._show("Softanswer, in #triage", card)
        await self._choose(ANNA, TRIAGE, card["ts"], "correct_label", "negative")
        self._say("Anna chooses in “Wrong label ▾”: It is negative")
        await self._until(
            "the card to show the correction", lambda s: _card(s, "corrected by a person"), ANNA
        )
        self._say("   the card now says: corrected by a person")

    async def _rating(self) -> None:
        self._title("The first customer rates the answer")
        answer = await self._until("the answer", lambda s: _bot_reply(s, HELP, None, "Export"), CARLA)
        await self._press(CARLA, HELP, answer["ts"], "rate_answer", value_has='"helpful"')
        self._say("Carla presses: 👍 Helpful")
        await self._until("a word of thanks", lambda s: _find(s, HELP, "Thank you, noted"), CARLA)
        self._say("   Softanswer, to Carla alone: Thank you, noted.")

    async def _nothing_internal(self) -> None:
        self._title("What the customers have seen")
        for customer in (CARLA, BEN):
            state = await self._state(customer)
            if TRIAGE in state["messages"]:
                raise StepFailed(f"{NAMES[customer]} can see #triage")
            for message in state["messages"][HELP]:
                words = " ".join(_texts(message)).lower()
                leaked = [word for word in INTERNAL if message.get("bot_id") and word in words]
                if leaked:
                    raise StepFailed(f"{NAMES[customer]} can read {leaked} in: {words}")
        self._say("No score, no flag, no agent's name, no triage channel.")

    async def _retraining(self) -> None:
        self._title("An admin retrains; the result is proven or refused")
        self._say("Ada writes: /softanswer consent on")
        self._show("Softanswer, to Ada alone", await self._command(ADA, "/softanswer consent on"))
        self._say("Ada writes: /softanswer retrain")
        self._show("Softanswer, to Ada alone", await self._command(ADA, "/softanswer retrain"))
        seen: set[str] = set()

        def finished(state: dict[str, Any]) -> Message | None:
            run = _find(state, TRIAGE, "🎓") or _find(state, TRIAGE, "⚠️")
            words = _texts(run)[0] if run else ""
            stage = words.split(" · ")[0]
            if stage and stage not in seen:
                seen.add(stage)
                self._say(f"   {words}")
            return run if any(w in words for w in ("serves now", "does not serve", "failed")) else None

        result = await self._until("the result of the retraining", finished, ADA, within_s=300.0)
        if "failed" in _texts(result)[0]:
            raise StepFailed(_texts(result)[0])
        self._show("Softanswer, in #triage", result)
        self._say("Ada writes: /softanswer status")
        self._show("Softanswer, to Ada alone", await self._command(ADA, "/softanswer status"))

    def _books(self) -> None:
        self._title("It is all in SQLite")
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as db:
            for table in ("messages", "actions", "cases", "feedback", "models", "audit"):
                count = db.execute(f"select count(*) from {table}").fetchone()[0]  # noqa: S608
                self._say(f"   {table:<9} {count}")
                if count == 0:
                    raise StepFailed(f"the table {table} is empty")

    # --- what persons do, through the sandbox

    async def _write(self, user: str, text: str) -> str:
        self._say(f"{NAMES[user]}: {text}")
        answer = await self._post(user, "say", channel=HELP, text=text)
        return str(answer["ts"])

    async def _press(self, user: str, channel: str, ts: str, action_id: str, value_has: str = "") -> None:
        message = _by_ts(await self._state(user), channel, ts)
        for block_id, element in _elements(message, action_id):
            for button in (
                element,
                element.get("positive_button") or {},
                element.get("negative_button") or {},
            ):
                if "value" in button and value_has in button["value"]:
                    place = {"channel": channel, "ts": ts, "block_id": block_id, "action_id": action_id}
                    await self._post(user, "press", **place, value=button["value"])
                    return
        raise StepFailed(f"there is no button {action_id} on the message")

    async def _choose(self, user: str, channel: str, ts: str, action_id: str, value_has: str) -> None:
        message = _by_ts(await self._state(user), channel, ts)
        for block_id, element in _elements(message, action_id):
            for option in element["options"]:
                if value_has in option["value"]:
                    place = {"channel": channel, "ts": ts, "block_id": block_id, "action_id": action_id}
                    await self._post(user, "press", **place, selected_option=option)
                    return
        raise StepFailed(f"there is no menu {action_id} on the message")

    async def _command(self, user: str, text: str) -> Message:
        """Send a slash command from #triage and return the new ephemeral answer."""
        before = {m["ts"] for m in (await self._state(user))["messages"][TRIAGE]}
        await self._post(user, "command", channel=TRIAGE, text=text)

        def answered(state: dict[str, Any]) -> Message | None:
            new = [m for m in state["messages"][TRIAGE] if m.get("ephemeral") and m["ts"] not in before]
            return new[-1] if new else None

        return await self._until(f"an answer to {text}", answered, user)

    async def _post(self, user: str, what: str, **body: Any) -> dict[str, Any]:
        async with self._http.post(f"{self._url}/person/{user}/{what}", json=body) as response:
            answer: dict[str, Any] = await response.json()
        if not answer.get("ok"):
            raise StepFailed(f"{NAMES[user]} could not {what}: {answer.get('error')}")
        return answer

    async def _state(self, user: str) -> dict[str, Any]:
        async with self._http.get(f"{self._url}/person/{user}/state") as response:
            state: dict[str, Any] = await response.json()
        return state

    async def _until(
        self, what: str, look: Callable[[dict[str, Any]], Message | None], user: str, within_s: float = 20.0
    ) -> Message:
        """Look at what the person sees until it is there; raises StepFailed when it does not come in time."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            found = look(await self._state(user))
            if found is not None:
                return found
            await asyncio.sleep(0.1)
        raise StepFailed(f"{what} did not come within {within_s:.0f} s")

    # --- printing

    def _title(self, text: str) -> None:
        print(f"\n── {text} ──", flush=True)

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._started:6.1f} s  {text}", flush=True)

    def _show(self, who: str, message: Message) -> None:
        self._say(f"{who}:")
        for text in _texts(message):
            for line in text.splitlines():
                print(f"            │ {line}", flush=True)


ADA_CUSTOMER = CARLA
CORRECTED = (
    "Our finance lead asked me this morning whether we should be looking at other vendors for next year."
)


def _texts(message: Message | None) -> list[str]:
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


def _find(state: dict[str, Any], channel: str, words: str) -> Message | None:
    """The latest message of a channel that shows these words."""
    for message in reversed(state["messages"].get(channel, [])):
        if any(words in text for text in _texts(message)):
            return dict(message)
    return None


def _card(state: dict[str, Any], words: str) -> Message | None:
    return _find(state, TRIAGE, words)


def _bot_reply(state: dict[str, Any], channel: str, thread: str | None, words: str) -> Message | None:
    for message in reversed(state["messages"].get(channel, [])):
        in_thread = message.get("thread_ts") == thread if thread else bool(message.get("thread_ts"))
        if message.get("bot_id") and in_thread and any(words in text for text in _texts(message)):
            return dict(message)
    return None


def _by_ts(state: dict[str, Any], channel: str, ts: str) -> Message:
    return next(m for m in state["messages"][channel] if m["ts"] == ts)


def _elements(message: Message, action_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for block in message.get("blocks") or []:
        for element in block.get("elements") or []:
            if element.get("action_id") == action_id:
                yield block["block_id"], element


def _context_with(message: Message, words: str) -> str:
    return next(text for text in _texts(message) if words in text)
