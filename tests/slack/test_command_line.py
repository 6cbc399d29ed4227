"""The command line's learning half, on a database that a bot has left behind."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import cli
from bot.demo.workspace import write_config
from bot.desk import cases
from bot.domain.actions import Notice
from bot.domain.message import Decision, Message
from bot.learning import offline
from bot.store import open_store
from model.artefact_folder import read_manifest
from model.reading import Reading
from model.registry import SHIPPED, Registry
from tests.support.database import actions, models, runs, shadow_evaluations
from tests.support.learning import FAKE_TRAINER


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    folder = write_config(tmp_path)
    store = open_store(tmp_path / "softanswer.db", cases.apply)

    async def live() -> None:
        for i in range(8):
            await store.records.remember("", "team", "T1")
            await store.inbox.put("T2", {"channel": "C1", "ts": f"{i}.0", "text": "x"}, 1.0)
            message = Message(
                "T1",
                "C1",
                f"{i}.0",
                f"{i}.0",
                "U1",
                f"mail u{i}@x.org about {i * 7} things",
                "customer",
                "auto",
            )
            reading = Reading(
                SHIPPED.name, "negative", {"negative": 0.6, "neutral": 0.4, "positive": 0.0}, None
            )
            await store.conversations.commit(i + 1, message, reading, Decision(), [], 1.0)
            await store.feedback.correct("T1", i + 1, "neutral", "UA" if i % 2 else "UB", "card", 2.0 + i)
        await store.records.set_consent("T1", True, "UADA", 1.0)

    asyncio.run(live())
    store.database.close()
    yield folder


def run(config: Path, *words: str) -> int:
    return cli.main([*words, "--config", str(config)])


@pytest.mark.parametrize(
    ("how", "code", "state"), [("better", 0, "promoted"), ("worse", 1, "rejected"), ("dies", 1, "failed")]
)
def test_retrain(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], how: str, code: int, state: str
) -> None:  # fmt: skip
    trainer = (sys.executable, FAKE_TRAINER, how)
    monkeypatch.setattr(offline.retrain, "__defaults__", (trainer,))
    assert run(config, "retrain") == code
    told = capsys.readouterr()
    database = tmp_path / "softanswer.db"
    assert [(r.state, r.trigger) for r in runs(database)] == [(state, "command line")]
    if how == "better":
        assert "serves from the bot's next start" in told.out and "ok  macro-F1" in told.out
        assert len(shadow_evaluations(database, state="open")) == 1
        assert run(config, "models", "rollback") == 0
        assert f"→ {SHIPPED.name}" in capsys.readouterr().out
        assert shadow_evaluations(database, state="open") == []
    elif how == "worse":
        (version,) = [m.version for m in models(database, state="rejected")]
        assert run(config, "models", "promote", version) == 2
        assert "failed its release checks — add --anyway" in capsys.readouterr().err
        assert run(config, "models", "promote", version, "--anyway") == 0
        assert f"→ {version}" in capsys.readouterr().out
    elif how == "dies":
        assert told.err == "softanswer: retrain: softanswer training: the disk is full — make room\n"


def test_retrain_wants_consent(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = open_store(tmp_path / "softanswer.db", cases.apply)
    asyncio.run(store.records.set_consent("T1", False, "UADA", 1.0))
    store.database.close()
    assert run(config, "retrain") == 1
    assert "consent is off" in capsys.readouterr().err


def test_feedback_export(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "learned.jsonl"
    assert run(config, "feedback", "export", str(file)) == 0
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert lines and all("an address" in line["text"] and "@" not in line["text"] for line in lines)
    assert f"wrote {len(lines)} messages" in capsys.readouterr().out
    assert run(config, "feedback", "export", str(tmp_path / "none" / "a.jsonl")) == 2
    assert "No such file" in capsys.readouterr().err


def test_models_are_compared(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "models" / "other"
    shutil.copytree(SHIPPED, other)
    text = (other / "manifest.json").read_text("utf-8").replace(f'"{SHIPPED.name}"', '"other"', 1)
    (other / "manifest.json").write_text(text, "utf-8")
    assert read_manifest(Registry(tmp_path / "models").folder("other")).version == "other"
    assert run(config, "models", "diff", SHIPPED.name, "other") == 0
    shown = capsys.readouterr().out
    assert "macro_f1" in shown and "recall of negative" in shown and "epochs" in shown
    for words in (("diff", "other"), ("show",), ("list", "other")):
        assert run(config, "models", *words) == 2
        assert "softanswer models list shows them" in capsys.readouterr().err


def test_outbox(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = open_store(tmp_path / "softanswer.db", cases.apply)

    async def give_up() -> None:
        await store.outbox.put("T1", Notice(key="lost", channel="C1", text="lost"), 1.0)
        await store.outbox.fail(1, 40, "channel_not_found")

    asyncio.run(give_up())
    store.database.close()
    assert run(config, "outbox") == 0
    assert capsys.readouterr().out == "1  notice  C1  channel_not_found\n"
    assert run(config, "outbox", "retry") == 0
    assert capsys.readouterr().out == "1 will be tried again\n"
    assert [(a.state, a.attempts) for a in actions(tmp_path / "softanswer.db")] == [("sending", 0)]
    assert run(config, "outbox") == 0 and capsys.readouterr().out == ""
