"""What goes wrong on the bot's own machine while the walk goes on."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import time
from collections import Counter
from pathlib import Path

from model.artefact_folder import GRAPH
from model.registry import Registry
from tests.support.models import promote_a_copy


class Machine:
    """What goes wrong on the bot's own machine, by a lot of its own: another process locks the database, a graph is overwritten."""

    VERSIONS = ("walk-1", "walk-2")
    """Promoted one after the other before the walk begins, so that there is something to damage, and to fall back to."""

    def __init__(self, seed: int, folder: Path) -> None:
        self._random_number = random.Random(f"{seed} machine")
        self._deck: list[str] = []
        self._database = folder / "softanswer.db"
        self._models = folder / "models"
        self._holding: asyncio.Task[None] | None = None
        self._damaged: list[str] = []
        self.met: Counter[str] = Counter()

    def install(self) -> None:
        for version in self.VERSIONS:
            promote_a_copy(self._models, version)

    async def fault(self) -> None:
        """One life's lot: a lock for some seconds (longer than the bot waits for one, or shorter), a damaged graph, or nothing."""
        if not self._deck:
            self._deck = self._random_number.sample(["nothing", "locked", "damaged"], 3)
        kind = self._deck.pop()
        mode, seconds = (
            self._random_number.choice(["IMMEDIATE", "EXCLUSIVE"]),
            self._random_number.choice([0.5, 1.5, 3.0, 6.5]),
        )
        if kind == "locked":
            self._holding = asyncio.create_task(asyncio.to_thread(self._hold, mode, seconds))
        elif kind == "damaged" and (version := Registry(self._models).active()) in self.VERSIONS:
            (self._models / version / GRAPH).write_bytes(b"overwritten")
            if version not in self._damaged:
                self._damaged.append(version)
                self.met[kind] += 1

    def _hold(self, mode: str, seconds: float) -> None:
        other = sqlite3.connect(self._database, isolation_level=None, timeout=5)
        # Refused: the bot was quicker all the time.
        with contextlib.closing(other), contextlib.suppress(sqlite3.OperationalError):
            other.execute(f"BEGIN {mode}")
            self.met["locked"] += 1
            time.sleep(seconds)
            other.execute("ROLLBACK")

    async def let_go(self) -> None:
        """Until the lock is given back: a bot that starts finds the database free, as a supervisor's third try would."""
        if self._holding:
            await self._holding
        self._holding = None

    def wrong(self, told: list[str]) -> list[str]:
        """Damaged versions that serve, or of which triage has heard nothing."""
        silent = [v for v in self._damaged if not any(f"`{v}` is damaged" in text for text in told)]
        active = Registry(self._models).active()
        return [f"{v} is damaged, and nobody was told" for v in silent] + [
            f"{active} serves, and is damaged" for _ in {active} & set(self._damaged)
        ]
