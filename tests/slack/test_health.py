"""Something does not work: the bot goes on accepting, answers nothing wrong, tells triage once, and once more when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from jinja2 import TemplateRuntimeError

from bot.bootstrap import Bot
from bot.demo.people import Persons, find, texts
from bot.demo.workspace import ADA, BEN, CARLA, HELP, TRIAGE
from bot.health import DATABASE, TEMPLATES
from bot.pipeline.templates import Templates
from bot.store import StoreUnavailable
from bot.store.outbox import Outbox
from model.classifier import Classifier
from model.reading import Reading
from sandbox.server import Sandbox
from tests.support.database import actions, cases, inbox, locked, messages
from tests.support.dispatch import say
from tests.support.models import DyingGpu
from tests.support.wait import eventually

CALM = "How do I export my data?"


async def notices(persons: Persons, words: str) -> list[str]:
    state = await persons.state(ADA)
    return [t for m in state["messages"][TRIAGE] for t in texts(m)[:1] if words in t]


async def told(persons: Persons, words: str) -> None:
    await persons.until(words, lambda s: find(s, TRIAGE, words), ADA)


@pytest.fixture(autouse=True)
def _at_once(bot: Bot) -> None:
    """Over is over, without the quiet minute."""
    bot.health.quiet_s = 0.0


async def test_a_broken_model_is_told_once_and_everything_goes_to_a_person(
    bot: Bot, persons: Persons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Classifier, texts: Sequence[str]) -> list[Reading]:
        raise RuntimeError("the graph is broken")

    with monkeypatch.context() as patched:
        patched.setattr(Classifier, "read", broken)
        for i in range(3):
            await say(bot, CALM, user=BEN, ts=f"170000000{i}.000100")
        await told(persons, "Not read by the bot")
        await eventually(lambda: messages(tmp_path / "softanswer.db", id=3))
        lines = await bot.services.status.lines()
        assert "The model does not answer" in lines[0]
    await say(bot, CALM, user=CARLA, ts="1700000100.000100")
    await told(persons, "Recovered after")
    assert len(await notices(persons, "The model does not answer")) == 1
    assert "RuntimeError: the graph is broken" in (await notices(persons, "The model does not answer"))[0]
    assert len(cases(tmp_path / "softanswer.db", flag="unread")) == 3
    assert len(actions(tmp_path / "softanswer.db", kind="reply")) == 1


async def test_a_gpu_that_goes_is_told_once_and_the_cpu_reads_on(
    bot: Bot, persons: Persons, tmp_path: Path
) -> None:
    classifier = bot.batcher.classifier
    on_the_cpu = (classifier._session, "cpu")
    classifier._session, classifier.device, classifier._on_cpu = DyingGpu(None), "gpu", lambda: on_the_cpu
    for i in range(3):
        await say(bot, CALM, user=BEN, ts=f"170000{i}000.000100")
    await told(persons, "The GPU does not answer")
    await eventually(lambda: messages(tmp_path / "softanswer.db", id=3))
    assert {m.label for m in messages(tmp_path / "softanswer.db")} == {"neutral"}
    assert cases(tmp_path / "softanswer.db", flag="unread") == []
    (said,) = await notices(persons, "The GPU does not answer")
    assert "CUDA failure 999" in said and "on the CPU" in said
    lines = "\n".join(await bot.services.status.lines())
    assert "The GPU does not answer" in lines and "on cpu" in lines
    await bot.batcher.swap(bot.services.learning.serving.load(classifier.version))  # it may answer again
    await say(bot, CALM, user=CARLA, ts="1700009000.000100")
    await told(persons, "Recovered after")


async def test_a_template_that_breaks_at_work_calls_a_person(
    bot: Bot, persons: Persons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Templates, *_: Any) -> str:
        raise TemplateRuntimeError("division by zero")

    with monkeypatch.context() as patched:
        patched.setattr(Templates, "render", broken)
        await say(bot, CALM, user=BEN)
        await told(persons, "Customer needs a reply")
        await told(persons, "An answer cannot be made")
    await say(bot, CALM, user=CARLA, ts="1700000100.000100")
    await told(persons, "Recovered after")
    assert [m.reply for m in messages(tmp_path / "softanswer.db")] == [None, "template"]


async def test_a_database_that_is_locked_is_told_past_the_outbox_and_loses_nothing(
    bot: Bot, persons: Persons, tmp_path: Path
) -> None:
    await say(bot, CALM, user=CARLA, ts="1700000100.000100")
    await eventually(lambda: messages(tmp_path / "softanswer.db"))
    await bot.services.store.database.transaction(lambda db: db.execute("PRAGMA busy_timeout=50"))
    with locked(tmp_path / "softanswer.db", "exclusive"):
        sent = asyncio.create_task(say(bot, CALM, user=BEN))  # not acked: Slack would send it again
        with pytest.raises((AssertionError, StoreUnavailable)):
            await sent
        await told(persons, "The database cannot be used")
    await say(bot, CALM, user=BEN)
    await told(persons, "Recovered after")
    await eventually(lambda: messages(tmp_path / "softanswer.db", user=BEN))
    assert len(await notices(persons, "The database cannot be used")) == 1


async def test_an_event_that_cannot_be_worked_on_goes_to_a_person_in_the_end(
    bot: Bot, persons: Persons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.services.pipeline, "_matches", lambda *_: 1 / 0)
    await say(bot, CALM, user=BEN)
    await told(persons, "Not read by the bot")
    assert [(e.state, e.attempts) for e in inbox(tmp_path / "softanswer.db")] == [("done", 2)]
    assert [(m.reply, m.flag) for m in messages(tmp_path / "softanswer.db")] == [(None, "unread")]


async def test_slack_out_of_reach_is_told_when_it_is_over(
    bot: Bot, persons: Persons, tmp_path: Path, sandbox: Sandbox
) -> None:
    asked = await persons.write(BEN, HELP, CALM)
    sandbox.place.interventions.hold("chat.postMessage", 3, 0.05)
    sandbox.place.interventions.hold(
        "conversations.replies", 8, 0.05
    )  # the HTTP client requests twice by itself
    await say(bot, CALM, user=BEN, ts=asked)
    await eventually(lambda: "Slack cannot be reached" in bot.health.failing, within_s=40)
    await told(persons, "Slack cannot be reached")
    await persons.until("the end of it", lambda s: find(s, TRIAGE, "Recovered after"), ADA, within_s=60)


async def test_what_fails_now_and_then_is_not_told_now_and_then(
    bot: Bot, persons: Persons, tmp_path: Path
) -> None:
    health, now = bot.health, [1000.0]
    health._clock, health.quiet_s = lambda: now[0], 60.0
    for _ in range(5):
        await health.failed(TEMPLATES, "a is broken", "a")
        now[0] += 5
        await health.worked(TEMPLATES, "b")  # another template works, which says nothing of this one
        now[0] += 61
        await health.report_recovered()
    assert TEMPLATES in health.failing
    await health.worked(TEMPLATES, "a")
    now[0] += 30
    await health.failed(TEMPLATES, "a is broken", "a")
    await health.worked(TEMPLATES, "a")
    now[0] += 59
    await health.report_recovered()
    assert TEMPLATES in health.failing
    now[0] += 2
    await health.report_recovered()
    assert health.failing == {}
    await told(persons, "Recovered after")
    assert len(await notices(persons, "An answer cannot be made")) == 1


async def test_one_text_that_cannot_be_read_is_no_broken_model(
    bot: Bot, persons: Persons, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Classifier.read

    def picky(self: Classifier, texts: Sequence[str]) -> list[Reading]:
        if any("zeppelin" in text for text in texts):
            raise RuntimeError("not this one")
        return read(self, texts)

    monkeypatch.setattr(Classifier, "read", picky)
    await say(bot, "The zeppelin is late", user=BEN)
    await told(persons, "Not read by the bot")
    assert bot.health.failing == {}


async def test_a_full_outbox_says_so_though_nothing_arrives(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: Outbox) -> list[Any]:
        raise StoreUnavailable("unwritable", "disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(Outbox, "heads", broken)
        bot.deliverer.wake()
        await eventually(lambda: DATABASE in bot.health.failing)
        bot.services.pipeline._arrived.set()
    await eventually(lambda: bot.health.failing == {}, within_s=20)


async def test_an_answer_that_waited_too_long_calls_a_person_instead(bot: Bot, tmp_path: Path) -> None:
    database, store = tmp_path / "softanswer.db", bot.services.store
    bot.deliverer._too_late_s = -1.0
    await say(bot, CALM, user=BEN)
    await eventually(lambda: cases(database))
    assert [(a.state, a.error) for a in actions(database, kind="reply")] == [
        ("dropped", "too late to answer")
    ]
    assert [c.flag for c in cases(database)] == ["request"]
    assert await store.outbox.failed() == []
