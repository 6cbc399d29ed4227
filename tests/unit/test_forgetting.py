"""One order of forgetting, whoever requests: stop the run, erase with cards and audit, load the examples anew, wake the outbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.desk import cases
from bot.domain.message import Deletion, Forgotten
from bot.privacy.forgetting import Forgetting
from bot.store import Store, open_store
from bot.store.db import Transaction


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Two messages of U1, the first with a label and a case, and the event of the first one's deletion."""
    store = open_store(tmp_path / "softanswer.db", cases.apply)

    def work(db: Transaction) -> None:
        common = {"team": "T1", "channel": "C1", "user": "U1", "role": "customer", "created_at": 1.0}
        for ts in ("1.0", "2.0"):
            db.insert("messages", common | {"ts": ts, "thread": ts, "text": "zeppelin"})
        case = {"channel": "C1", "thread": "1.0", "message_id": 1, "flag": "unhappy", "state": "open"}
        db.insert("cases", case | {"team": "T1", "opened_at": 1.0})
        label = {"message_id": 1, "kind": "label", "value": "neutral", "user": "U2", "source": "card"}
        db.insert("feedback", label | {"team": "T1", "at": 2.0})
        event = {"channel": "C1", "ts": "3.0", "kind": "message_deleted", "event": "{}", "received_at": 3.0}
        db.insert("inbox", event | {"team": "T1"})

    store.database.transaction_blocking(work)
    yield store
    store.database.close()


class Recorder:
    """Notes what happens in which order, and what the database holds at that moment."""

    def __init__(self, store: Store, *, runs: int = 1, broken: bool = False) -> None:
        self.store = store
        self.runs = runs
        self.broken = broken
        self.steps: list[tuple[str, bool]] = []
        self.forgetting = Forgetting(
            store.erasure,
            interrupt=self.interrupt,
            reload_examples=self.reload_examples,
            committed=lambda: self.steps.append(("outbox", self.holds_words())),
            clock=lambda: 9.0,
        )

    def holds_words(self) -> bool:
        return b"zeppelin" in self.store.database.file.read_bytes()

    async def interrupt(self, why: str) -> bool:
        self.steps.append(("stop", await self._text() is not None))
        self.runs -= 1
        return self.runs >= 0

    async def reload_examples(self) -> None:
        self.steps.append(("reload", await self._text() is not None))
        if self.broken:
            raise RuntimeError("no examples")

    async def _text(self) -> str | None:
        message = await self.store.conversations.message(1)
        return message.text if message else None

    async def rows(self, sql: str) -> list[tuple[object, ...]]:
        return await self.store.database.transaction(lambda db: [tuple(r.values()) for r in db.query(sql)])


async def ask(forgetting: Forgetting, who: str) -> Forgotten | None:
    if who == "person":
        return await forgetting.person("T1", "U1", "U9")
    if who == "message":
        await forgetting.message(1, Deletion("T1", "C1", "1.0"))
        return None
    return await forgetting.everything("the app was uninstalled")


@pytest.mark.parametrize("who", ["person", "message", "everything"])
@pytest.mark.parametrize("broken", [False, True], ids=["", "examples fail"])
async def test_the_order_is_the_same_whoever_asks(store: Store, who: str, broken: bool) -> None:
    recorder = Recorder(store, broken=broken)
    gone = await ask(recorder.forgetting, who)
    names = [step for step, _ in recorder.steps]
    assert names == ["stop", "stop", "reload", "outbox"]
    held = [holds for _, holds in recorder.steps[:3]]
    assert held == [True, False, False]  # the words stand when the run is stopped, and are gone from then on
    if gone is not None:
        assert gone.stopped and gone.messages == 2
        assert len(await recorder.rows("select id from audit")) == 1
    if who != "everything":  # there, nothing can be shown any more
        assert await recorder.rows("select kind from actions where case_id = 1") == [("card_update",)]


async def test_a_run_that_began_while_words_were_erased_is_stopped_too(store: Store) -> None:
    recorder = Recorder(store, runs=0)

    async def only_the_second(why: str) -> bool:
        recorder.steps.append(("stop", True))
        return len(recorder.steps) == 2

    recorder.forgetting._interrupt = only_the_second
    gone = await recorder.forgetting.person("T1", "U1", "U9")
    assert gone.stopped


async def test_no_run_is_stopped_for_words_that_nothing_is_learned_from(store: Store) -> None:
    recorder = Recorder(store)
    await recorder.forgetting.message(1, Deletion("T1", "C1", "2.0"))  # nobody labelled it
    gone = await recorder.forgetting.person("T1", "U7", "U9")  # who wrote nothing
    assert gone == Forgotten(0, (), stopped=False)
    assert [step for step, _ in recorder.steps] == ["reload", "outbox"] * 2


async def test_a_golden_message_may_be_in_a_run(store: Store) -> None:
    golden = {"team": "T1", "text": "zeppelin", "label": "negative", "user": "U9", "at": 1.0, "message_id": 2}
    await store.database.transaction(lambda db: db.insert("golden", golden))
    recorder = Recorder(store)
    await recorder.forgetting.message(1, Deletion("T1", "C1", "2.0"))
    assert [step for step, _ in recorder.steps] == ["stop", "stop", "reload", "outbox"]
