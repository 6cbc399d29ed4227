"""A database that cannot be written, is full or damaged; copies of it; and a stop that waits for nobody."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from bot import cli
from bot.bootstrap import Bot
from bot.demo.people import Persons, find, texts
from bot.demo.process import BotProcess
from bot.demo.workspace import ADA, BEN, CARLA, HELP, TRIAGE, write_config
from bot.desk import cases
from bot.ops.run import run
from bot.store import StoreError, StoreUnavailable, open_store
from sandbox.server import Sandbox
from tests.support.database import inbox, integrity, locked, messages
from tests.support.dispatch import say
from tests.support.requests import event, signed
from tests.support.wait import eventually

CALM = "How do I export my data?"


@pytest.mark.parametrize(
    ("spoil", "mend", "why"),
    [
        ("PRAGMA max_page_count=1", "PRAGMA max_page_count=1073741823", "full"),
        ("PRAGMA query_only=ON", "PRAGMA query_only=OFF", "readonly"),
    ],
)
async def test_what_cannot_be_written_is_not_acked_and_comes_again(
    bot: Bot, persons: Persons, tmp_path: Path, spoil: str, mend: str, why: str
) -> None:
    database = tmp_path / "softanswer.db"
    await say(bot, CALM, user=CARLA, ts="1700000100.000100")
    await eventually(lambda: messages(database))
    kept_by = bot.services.store.database

    def pragma(statement: str) -> None:
        kept_by._thread.submit(lambda: kept_by._connection.execute(statement)).result()

    pragma(spoil)
    refused = 0
    for i in range(60):  # until the free pages are used up
        text = f"{CALM} {'x' * 3000} {i}"
        try:
            response = await bot.app.async_dispatch(
                signed(event(text=text, user=BEN, ts=f"17000002{i:02}.000100"))
            )
            refused += response.status != 200
        except StoreUnavailable as error:
            refused += 1
            assert why in str(error)
        if refused > 2:
            break
    assert refused > 2
    kept = len(inbox(database))
    pragma(mend)
    await say(bot, CALM, user=BEN, ts="1700000300.000100")
    await eventually(lambda: messages(database, ts="1700000300.000100"))
    assert integrity(database) == "ok"
    assert len(inbox(database)) == kept + 1
    shown = await persons.state(ADA)
    assert all("Traceback" not in t for m in shown["messages"][TRIAGE] for t in texts(m))


def test_a_damaged_database_is_one_line_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"not a database at all, not even nearly" * 100)
    with pytest.raises(StoreError, match="restore a backup") as raised:
        open_store(tmp_path / "a.db", cases.apply)
    assert "\n" not in str(raised.value)


async def test_a_backup_is_checked_and_can_be_put_in_the_databases_place(
    bot: Bot, persons: Persons, tmp_path: Path
) -> None:
    await say(bot, "Third time this week the export dies on me. Unacceptable!", user=BEN)
    await persons.until("a card", lambda s: find(s, TRIAGE, "dies on me"), ADA)
    copy = tmp_path / "copy.db"
    bot.services.store.database.backup(copy)  # while it works
    with pytest.raises(StoreError, match="exists already"):
        bot.services.store.database.backup(copy)
    restored = open_store(copy, cases.apply)
    case = await restored.cases.case(1)
    assert case and case.text and case.text.startswith("Third time")
    assert await restored.outbox.counts() == await bot.services.store.outbox.counts()
    restored.database.close()
    with pytest.raises(StoreError, match="could not be written"):
        bot.services.store.database.backup(tmp_path / "nowhere" / "b.db")


def test_a_backup_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path)
    open_store(tmp_path / "softanswer.db", cases.apply).database.close()
    assert cli.main(["backup", str(tmp_path / "b.db"), "--config", str(config)]) == 0
    assert integrity(tmp_path / "b.db") == "ok"
    assert cli.main(["backup", str(tmp_path / "b.db"), "--config", str(config)]) == 2
    assert "exists already" in capsys.readouterr().err


async def test_sigterm_ends_it_within_ten_seconds_whatever_is_under_way(
    persons: Persons, start_bot: Callable[..., BotProcess], tmp_path: Path, sandbox: object
) -> None:
    bot = start_bot()
    sandbox.place.interventions.hold("chat.postMessage", 50, 30.0)  # type: ignore[attr-defined]
    for i in range(40):
        await persons.write(CARLA if i % 2 else BEN, HELP, f"{CALM} ({i})")
    began = time.monotonic()
    bot.process.terminate()
    assert bot.process.wait(timeout=15) == 0
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("lock", ["immediate", "exclusive"])
async def test_sigterm_ends_it_within_ten_seconds_though_another_process_locks_the_database(
    sandbox: Sandbox,
    persons: Persons,
    start_bot: Callable[..., BotProcess],
    tmp_path: Path,
    lock: Literal["immediate", "exclusive"],
) -> None:
    """What could not be written was not acked: it comes again, and is answered by the next process."""
    bot = start_bot()
    database = tmp_path / "softanswer.db"
    with locked(database, lock):
        asked = [await persons.write(CARLA if i % 2 else BEN, HELP, f"{CALM} ({i})") for i in range(40)]
        await eventually(lambda: all(d.attempts for d in list(sandbox.place.deliveries.all)))
        began = time.monotonic()
        bot.process.terminate()
        assert bot.process.wait(timeout=15) == 0
        assert time.monotonic() - began < 10
    start_bot()
    await eventually(lambda: len(messages(database)) == len(asked), within_s=40)
    assert len({m.ts for m in messages(database)}) == len(asked)


async def test_a_start_at_a_locked_database_is_one_line(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_config(tmp_path)
    open_store(tmp_path / "softanswer.db", cases.apply).database.close()
    for name, value in (
        ("BOT_TOKEN", "xoxb-sandbox"),
        ("APP_TOKEN", "xapp-sandbox"),
        ("API_URL", sandbox.api_url),
    ):
        monkeypatch.setenv(f"SLACK_{name}", value)
    busy = r"cannot be used \(database is locked\)"
    with locked(tmp_path / "softanswer.db", "immediate"), pytest.raises(StoreError, match=busy) as raised:
        await run(config, ready=print)
    assert "\n" not in str(raised.value)
