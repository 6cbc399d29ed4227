"""The story that `softanswer demo --script` plays. People write and press through the sandbox, as a browser would.

Each step waits for what must happen. If it does not happen, the story ends with exit code 1.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bot.demo.people import Message, Persons, StepFailed, bot_reply, find, texts
from bot.demo.workspace import ADA, ANNA, BEN, CARLA, HELP, TRIAGE
from bot.store.db import count_rows

NAMES = {CARLA: "Carla (customer)", BEN: "Ben (customer)", ANNA: "Anna (agent)", ADA: "Ada (admin)"}

REMARK = "Could I talk to a person? My team is learning patience, which must be a feature."
"""Dry irony: a person notices it at once, but the model reads a plain request."""

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
"""Words of the team's side that must not reach a customer."""


class Story:
    def __init__(self, url: str, database: Path) -> None:
        self._persons = Persons(url)
        self._database = database
        self._started = time.monotonic()

    async def prepare(self) -> None:
        """Let the demo's admin turn consent on before the user comes."""
        async with self._persons:
            await self._persons.command(ADA, TRIAGE, "/softanswer consent on")

    async def play(self) -> int:
        """Play all steps; returns the exit code."""
        async with self._persons:
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
                self._database_counts()
            except StepFailed as error:
                self._say(f"✗ {error}")
                return 1
        self._say("✓ every step happened")
        return 0

    # --- the steps

    async def _question(self) -> None:
        self._title("A customer asks, and gets an answer in the thread")
        asked = self._question_ts = await self._write(CARLA, "Hi! How can I export all our data to Excel?")
        answer = await self._persons.until(
            "an answer about exporting", lambda s: bot_reply(s, HELP, asked, "Export"), CARLA
        )
        self._show("Softanswer", answer)

    async def _complaint(self) -> None:
        self._title("Another customer is unhappy: the bot is careful, and the team gets a card")
        asked = await self._write(
            BEN, "Third time this week the export dies on me. We lose half a day every time!!"
        )
        answer = await self._persons.until("a soft answer", lambda s: bot_reply(s, HELP, asked, "sorry"), BEN)
        self._show("Softanswer", answer)
        card = await self._persons.until("a card in #triage", lambda s: find(s, TRIAGE, "dies on me"), ANNA)
        self._show("Softanswer, in #triage", card)
        await self._persons.press(ANNA, TRIAGE, card["ts"], "take_case")
        self._say("Anna presses: Take it")
        taken = await self._persons.until(
            "the card to show who took it", lambda s: find(s, TRIAGE, "Taken by"), ANNA
        )
        self._say(f"   the card now says: {_context_with(taken, 'Taken by')}")

    async def _handover_and_correction(self) -> None:
        self._title("A question without a template goes to the team, and an agent corrects a wrong label")
        await self._write(CARLA, REMARK, self._question_ts)
        handed = await self._persons.until(
            "a reply that the team takes over", lambda s: bot_reply(s, HELP, self._question_ts, "team"), CARLA
        )
        self._show("Softanswer", handed)
        card = await self._persons.until("a card for it", lambda s: find(s, TRIAGE, REMARK[:20]), ANNA)
        self._show("Softanswer, in #triage", card)
        await self._persons.choose(ANNA, TRIAGE, card["ts"], "correct_label", "negative")
        self._say("Anna chooses in “Wrong label ▾”: It is negative")
        await self._persons.until(
            "the card to show the correction", lambda s: find(s, TRIAGE, "labelled by a person"), ANNA
        )
        self._say("   the card now says: labelled by a person")

    async def _rating(self) -> None:
        self._title("The first customer rates the answer")
        answer = await self._persons.until(
            "the answer", lambda s: bot_reply(s, HELP, self._question_ts, "Export"), CARLA
        )
        await self._persons.press(CARLA, HELP, answer["ts"], "rate_answer", value_has='"helpful"')
        self._say("Carla presses: 👍 Helpful")
        await self._persons.until("thanks for the rating", lambda s: find(s, HELP, "Thank you, noted"), CARLA)
        self._say("   Softanswer, to Carla alone: Thank you, noted.")

    async def _nothing_internal(self) -> None:
        self._title("What the customers can see")
        for customer in (CARLA, BEN):
            state = await self._persons.state(customer)
            if TRIAGE in state["messages"]:
                raise StepFailed(f"{NAMES[customer]} can see #triage")
            for message in state["messages"][HELP]:
                text = " ".join(texts(message)).lower()
                leaked = [word for word in INTERNAL if message.get("bot_id") and word in text]
                if leaked:
                    raise StepFailed(f"{NAMES[customer]} can read {leaked} in: {text}")
        self._say("No score, no flag, no agent's name, no triage channel.")

    async def _retraining(self) -> None:
        self._title("An admin retrains; the result is promoted or rejected")
        self._say("Ada writes: /softanswer consent on")
        self._show(
            "Softanswer, to Ada alone", await self._persons.command(ADA, TRIAGE, "/softanswer consent on")
        )
        self._say("Ada writes: /softanswer retrain")
        self._show(
            "Softanswer, to Ada alone", await self._persons.command(ADA, TRIAGE, "/softanswer retrain")
        )
        shown: set[str] = set()

        def finished(state: dict[str, Any]) -> Message | None:
            run = find(state, TRIAGE, "🎓") or find(state, TRIAGE, "⚠️")
            text = texts(run)[0] if run else ""
            stage = text.split(" · ")[0]
            if stage and stage not in shown:
                shown.add(stage)
                self._say(f"   {text}")
            return (
                run
                if any(
                    end in text for end in ("serves now", "was rejected", "could not be exported", "failed")
                )
                else None
            )

        result = await self._persons.until("the result of the retraining", finished, ADA, within_s=600.0)
        if "failed" in texts(result)[0]:
            raise StepFailed(texts(result)[0])
        self._show("Softanswer, in #triage", result)
        self._say("Ada writes: /softanswer status")
        self._show("Softanswer, to Ada alone", await self._persons.command(ADA, TRIAGE, "/softanswer status"))

    def _database_counts(self) -> None:
        self._title("Everything is in SQLite")
        for table, count in count_rows(self._database).items():
            self._say(f"   {table:<9} {count}")
            if count == 0:
                raise StepFailed(f"the table {table} is empty")

    async def _write(self, user: str, text: str, thread: str | None = None) -> str:
        self._say(f"{NAMES[user]}{', in the thread' if thread else ''}: {text}")
        return await self._persons.write(user, HELP, text, thread)

    # --- printing

    def _title(self, text: str) -> None:
        print(f"\n── {text} ──", flush=True)

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._started:6.1f} s  {text}", flush=True)

    def _show(self, who: str, message: Message) -> None:
        self._say(f"{who}:")
        for text in texts(message):
            for line in text.splitlines():
                print(f"            │ {line}", flush=True)


def _context_with(message: Message, words: str) -> str:
    return next(text for text in texts(message) if words in text)
