"""A socket that stays open, answers pings and carries nothing is replaced, and what it swallowed is answered. Real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.demo.people import Persons, bot_reply
from bot.demo.workspace import CARLA, HELP
from sandbox.server import Sandbox
from tests.support.processes import IMPATIENT, Mortal
from tests.support.wait import eventually


class Impatient(Mortal):
    def start(self, point: str = "", nth: int = 0, skew: float = 0.0) -> bool:
        return self.launch([str(IMPATIENT), str(self.config)])


@pytest.mark.timeout(120)
async def test_a_dead_socket_is_replaced(sandbox: Sandbox, persons: Persons, tmp_path: Path) -> None:
    bot = Impatient(tmp_path, sandbox.api_url)
    try:
        assert bot.start()
        (link,) = await eventually(lambda: list(sandbox.place.socket_mode.links))
        first = await persons.write(CARLA, HELP, "How do I export my data?")
        await persons.until("an answer", lambda s: bot_reply(s, HELP, first, "Export"), CARLA)
        link.zombie = True
        lost = await persons.write(CARLA, HELP, "Where can I download my invoices?")
        await persons.until("an answer", lambda s: bot_reply(s, HELP, lost, "Invoices"), CARLA, within_s=60)
        await eventually(lambda: link not in sandbox.place.socket_mode.links, within_s=30)
        assert any(not other.zombie for other in sandbox.place.socket_mode.links)
        last = await persons.write(CARLA, HELP, "How do I reset my password?")
        await persons.until("an answer", lambda s: bot_reply(s, HELP, last, "assword"), CARLA)
    finally:
        bot.stop()
