"""A seeded random walk: customers write, everything that can go wrong goes wrong, the bot is killed again and again. Then the
books are checked.

TrainingRow by `tests/chaos/test_walk.py` (a short one) and `bench/chaos.py` (the long one, whose report is in docs/reliability.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.demo.people import Persons
from bot.demo.workspace import ANNA, BEN, CARLA, HELP, TRIAGE
from bot.demo.workspace import seed as demo_seed
from sandbox.faults import Faults, Rates
from sandbox.server import Sandbox, Settings
from tests.support.chaos.machine import Machine
from tests.support.database import rows
from tests.support.leaks import leaks
from tests.support.processes import Mortal

QUESTIONS = (
    "How do I export my data?", "Where can I download my invoices?", "How do I reset my password?",
    "Can I add a teammate?", "Is there an API?", "how do i cancel", "Where are the notification settings?",
)  # fmt: skip
COMPLAINTS = (
    "Third time this week the export dies on me. This is unacceptable!", "Nobody answers. I am really fed up.",
    "Your update deleted two days of my work.", "Still broken, and I am still paying for it!",
)  # fmt: skip
CHATTER = (
    "thanks!", "ok", "hello everybody", "Love the new dashboard, it is so fast", "I want to talk to a human",
    "¿Dónde está mi factura?", "`x = 1`",
)  # fmt: skip


@dataclass
class Books:
    """What the walk found when all was quiet again."""

    seed: int
    messages: int = 0
    kills: int = 0
    points: set[str] = field(default_factory=set)
    """Distinct named points at which it was killed."""
    faults: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    """Customers' messages without exactly one row."""
    doubled: list[str] = field(default_factory=list)
    """Actions that stand in Slack more than once."""
    unsent: list[str] = field(default_factory=list)
    """Actions that should stand there and do not."""
    disordered: list[str] = field(default_factory=list)
    """Threads whose replies do not stand in their order."""
    without_card: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Words that are not what stands in Slack, messages answered twice, events given up, flags without a case."""
    died_by_itself: int = 0
    """Exits that no kill caused; while Slack was refusing everything at the start, say."""
    integrity: str = ""
    rss_mb: float = 0.0
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        wrong = (
            self.lost,
            self.doubled,
            self.unsent,
            self.disordered,
            self.without_card,
            self.leaked,
            self.wrong,
        )
        return not any(wrong) and self.integrity == "ok"

    def row(self) -> str:
        cells = (
            self.seed, self.messages, self.kills, len(self.points), sum(self.faults.values()), len(self.lost) + len(self.unsent),
            len(self.doubled), len(self.leaked), len(self.disordered), len(self.without_card), self.integrity,
            f"{self.rss_mb:.0f}", f"{self.seconds:.0f}",
        )  # fmt: skip
        return "| " + " | ".join(str(cell) for cell in cells) + " |"


HEAD = (
    "| seed | messages | kills | points | faults | lost | doubled | leaked | out of order | without card | integrity | MB | s |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)


FAULTS_IN_THE_BOOKS = (
    ("update inbox set state = 'failed', reason = 'x' where id = 1", "given up"),
    ("update messages set flag = 'unhappy', channel = 'C0NONE' where id = 2", "without a case"),
    ("update messages set label = null, not_scored = null where id = 3", "neither read"),
    ("update actions set state = 'dropped', error = 'because' where id = 1", "dropped: because"),
    ("insert into actions (team, key, kind, channel, payload, message_id, state, attempts, due_at, created_at)"
     " select team, 'reply:again', 'reply', channel, payload, message_id, state, 0, 0, 0 from actions where key like 'reply:%' limit 1",
     "2 answers"),
)  # fmt: skip
"""What must not be: a statement that makes it so, and what the walk then says of it."""


class Walk:
    mortal = Mortal

    def __init__(self, seed: int, folder: Path, *, messages: int, kills: int, rates: Rates) -> None:
        self.chance = random.Random(seed)
        self.folder = folder
        self.messages = messages
        self.kills = kills
        self.faults = Faults(seed, rates)
        self.books = Books(seed)
        self.machine = Machine(seed, folder)
        self.written: dict[str, str] = {}
        """Customers' messages: ts → author."""
        self.deleted: set[str] = set()

    async def run(self) -> Books:
        began = time.monotonic()
        settings = Settings(ack_timeout=1.5, retry_delays=(0.1, 0.5, 1.0), faults=self.faults)
        with Sandbox(demo_seed(), port=0, settings=settings) as sandbox:
            bot = self.mortal(self.folder, sandbox.api_url)
            self.machine.install()
            async with Persons(sandbox.url) as persons:
                first = asyncio.create_task(asyncio.to_thread(bot.start))
                await first
                keeper = asyncio.create_task(self._keep_killing(bot))
                await self._people(persons)
                await keeper
                await self.machine.let_go()
                self.faults.stop()
                bot.kill()
                # Twice: what the first start could not know of, the second reads up on.
                for _ in range(2):
                    while not await asyncio.to_thread(bot.start):
                        pass
                    await self._quiet(sandbox)
                    self.books.rss_mb = bot.rss_mb()
                    await asyncio.to_thread(bot.stop)
            self._check(sandbox, bot)
        self.books.seconds = time.monotonic() - began
        return self.books

    async def _people(self, persons: Persons) -> None:
        """Write so many messages, and do what people do between them."""
        threads: list[str] = []
        while len(self.written) < self.messages:
            lot = self.chance.random()
            threads = [ts for ts in threads[-50:] if ts not in self.deleted]
            if lot < 0.80 or not threads:
                threads.append(await self._write(persons, None))
            elif lot < 0.88:
                await self._write(persons, self.chance.choice(threads))
            elif lot < 0.91:
                await self._change(persons, "edit")
            elif lot < 0.93:
                await self._change(persons, "delete")
            elif lot < 0.95:
                await persons.write(ANNA, HELP, "We are on it.", self.chance.choice(threads))
            else:
                await self._press(persons)
            if self.chance.random() < 0.05:
                await asyncio.sleep(self.chance.uniform(0, 0.3))
            # Spread over all its lives, so that none is killed with nothing to do.
            while (
                len(self.written) >= self.messages * (self.books.kills + 1) / (self.kills + 1)
                and self.books.kills < self.kills
            ):
                await asyncio.sleep(0.1)

    async def _write(self, persons: Persons, thread: str | None) -> str:
        user = self.chance.choice([BEN, CARLA])
        kind = self.chance.choices([QUESTIONS, COMPLAINTS, CHATTER], [5, 3, 3])[0]
        text = (
            f"{self.chance.choice(kind)} ({len(self.written)})"
            if self.chance.random() < 0.7
            else self.chance.choice(kind)
        )
        ts = await persons.write(user, HELP, text, thread)
        self.written[ts] = user
        return ts

    async def _change(self, persons: Persons, what: str) -> None:
        ts = self.chance.choice(list(self.written)[-100:])
        if ts in self.deleted:
            return
        if what == "delete":
            self.deleted.add(ts)
            await persons.post(self.written[ts], "delete", channel=HELP, ts=ts)
        else:
            await persons.post(
                self.written[ts], "edit", channel=HELP, ts=ts, text=self.chance.choice(COMPLAINTS)
            )

    async def _press(self, persons: Persons) -> None:
        """An agent takes or resolves a case, if a card with such a button is there and the bot takes the press."""
        state = await persons.state(ANNA)
        cards = [m for m in state["messages"][TRIAGE][-20:] if m.get("blocks")]
        if not cards:
            return
        card = self.chance.choice(cards)
        with contextlib.suppress(Exception):  # no such button any more, or nobody there to take it
            await persons.press(ANNA, TRIAGE, card["ts"], self.chance.choice(["take_case", "resolve_case"]))

    async def _keep_killing(self, bot: Mortal) -> None:
        """Kill it at points where it was not killed yet; if it does not come by, at any moment. Then start it anew."""
        while self.books.kills < self.kills:
            until = time.monotonic() + self.chance.choice([2.0, 6.0, 12.0, 12.0])
            await self.machine.fault()
            while bot.alive and time.monotonic() < until:
                await asyncio.sleep(0.05)
            if bot.alive:
                bot.kill()
            await self.machine.let_go()
            self.books.kills += 1
            known, done = bot.points(), set(bot.killed_at())
            fresh = [point for point in known if point not in done] or known or [""]
            nth = self.chance.choice([1, 1, 1, 2, 3, 10])
            skew = self.chance.choice([0.0, 0.0, 0.0, 2.5, -2.5])
            await asyncio.to_thread(bot.start, self.chance.choice(fresh), nth, skew)

    async def _quiet(self, sandbox: Sandbox, within_s: float = 240.0) -> None:
        """Until nothing waits, neither here nor there, and it stays so for a moment."""
        until, calm = time.monotonic() + within_s, 0
        while calm < 4:
            if time.monotonic() > until:
                raise AssertionError(
                    f"it is not quiet after {within_s} s: {self._rows('select state, count(*) from inbox group by 1')}"
                )
            await asyncio.sleep(0.5)
            waiting = self._rows(
                "select (select count(*) from inbox where state = 'pending')"
                " + (select count(*) from actions where state in ('pending', 'sending'))"
            )[0][0]
            undelivered = sum(not d.settled for d in list(sandbox.place.deliveries.all))
            calm = calm + 1 if waiting == 0 and undelivered == 0 else 0

    def _rows(self, sql: str) -> list[Any]:
        return rows(self.folder / "softanswer.db", sql)

    def _check(self, sandbox: Sandbox, bot: Mortal) -> None:
        books, workspace = self.books, sandbox.place.workspace
        books.messages, books.faults, books.points = (
            len(self.written),
            {**self.faults.met, **self.machine.met},
            set(bot.killed_at()),
        )
        books.integrity = self._rows("pragma integrity_check")[0][0]
        here = Counter(ts for (ts,) in self._rows("select ts from messages where role = 'customer'"))
        books.lost = [ts for ts in self.written if here[ts] != 1 and ts not in self.deleted]
        told = [text for (text,) in self._rows("select payload from actions where key like 'damaged:%'")]
        books.wrong = self._wrong(workspace.channels[HELP].messages) + self.machine.wrong(told)
        books.died_by_itself = bot.died_by_itself
        posted: Counter[int] = Counter()
        order: dict[str, list[int]] = {}
        for channel in (HELP, TRIAGE):
            for message in workspace.channels[channel].messages.values():
                action = ((message.get("metadata") or {}).get("event_payload") or {}).get("action")
                if action is not None:
                    posted[action] += 1
                    if channel == HELP:
                        order.setdefault(str(message.get("thread_ts")), []).append(int(action))
        books.doubled = [str(action) for action, count in posted.items() if count > 1]
        posts = "('reply', 'clarify', 'card', 'card_note', 'draft', 'notice', 'ask', 'example')"
        sql = f"select id, kind, state, error from actions where kind in {posts} and state != 'dropped'"
        books.unsent = [
            str(row) for row in self._rows(sql) if posted[row[0]] == 0 and not self._thread_gone(row)
        ]
        books.disordered = [thread for thread, actions in order.items() if actions != sorted(actions)]
        books.without_card = [
            str(case)
            for (case,) in self._rows(
                "select id from cases c where not exists (select 1 from actions a where a.key = 'card:' || c.id and a.state = 'sent')"
            )
        ]
        books.leaked = leaks(sandbox)

    def _wrong(self, in_slack: Any) -> list[str]:
        """What the database says, held against Slack and against itself."""
        found = []
        for ts, text, label, not_scored in self._rows(
            "select ts, text, label, not_scored from messages where role = 'customer' and text is not null"
        ):
            if ts in in_slack and in_slack[ts].get("text") != text and ts not in self.deleted:
                found.append(f"{ts}: other words than in Slack")
            if label is None and not_scored is None:
                found.append(f"{ts}: neither read nor said why not")
        answers = "select message_id, count(*) from actions where kind in ('reply', 'clarify') and key like 'reply:%' group by 1"
        found += [f"message {m}: {n} answers" for m, n in self._rows(answers) if n > 1]
        found += [
            f"event given up: {r}" for (r,) in self._rows("select reason from inbox where state = 'failed'")
        ]
        flagged = """
            select m.id from messages m where m.flag is not null
            and not exists (select 1 from cases c where c.channel = m.channel and c.thread = m.thread)
        """
        found += [f"message {m}: flagged, without a case" for (m,) in self._rows(flagged)]
        dropped = "select id, error from actions where state = 'dropped' and error not in ('the message is gone', 'too late to answer')"
        found += [f"action {a} dropped: {why}" for a, why in self._rows(dropped)]
        return found

    def _thread_gone(self, row: Any) -> bool:
        """A reply into a thread whose first message its author has deleted is refused by Slack: it is no loss."""
        return row[2] == "failed" and row[3] in (
            "cannot_reply_to_message",
            "thread_not_found",
            "message_not_found",
        )
