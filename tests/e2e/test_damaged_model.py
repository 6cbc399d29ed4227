"""The active version's graph is overwritten while the bot serves: it goes on, and its successor serves what served before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.demo.people import Persons, bot_reply, find
from bot.demo.process import BotProcess
from bot.demo.workspace import ADA, BEN, CARLA, HELP, TRIAGE
from bot.learning.serving import load_last_good
from model.artefact_folder import ArtefactError
from model.classifier import Classifier
from model.registry import SHIPPED, Registry
from tests.support.database import actions, audit, messages, not_sent
from tests.support.models import promote_a_copy
from tests.support.wait import eventually


async def test_a_damaged_version_is_passed_over_and_told_once(
    persons: Persons, start_bot: Callable[..., BotProcess], tmp_path: Path
) -> None:
    database, models = tmp_path / "softanswer.db", tmp_path / "models"
    folder = promote_a_copy(models, "walk-1")
    settings = tmp_path / "config" / "softanswer.yaml"
    settings.write_text(
        settings.read_text("utf-8").replace("conversation_s: 15", "conversation_s: 0"), "utf-8"
    )
    bot = start_bot()

    async def answered(user: str, question: str, word: str) -> None:
        ts = await persons.write(user, HELP, question)
        await persons.until("an answer", lambda s: bot_reply(s, HELP, ts, word), CARLA)

    await answered(CARLA, "How do I export my data?", "Export")
    (folder / "model.onnx").write_bytes(b"no graph at all")
    await answered(BEN, "Where can I download my invoices?", "Invoices")
    bot.process.kill()
    bot.process.wait()
    later = await persons.write(CARLA, HELP, "How do I reset my password?")  # nobody is there
    bot = start_bot()
    await persons.until("an answer", lambda s: bot_reply(s, HELP, later, "assword"), CARLA)
    await persons.until("the word to triage", lambda s: find(s, TRIAGE, "`walk-1` is damaged"), ADA)
    assert Registry(models).active() == SHIPPED.name
    versions = [m.version for m in messages(database) if m.version is not None]
    assert versions == ["walk-1", "walk-1", SHIPPED.name]
    assert [(e.user, e.what) for e in audit(database)] == [("the bot's start", "fell back")]
    bot.stop()
    start_bot()
    await answered(BEN, "Is there an API?", "API")
    await eventually(lambda: not not_sent(database))
    assert len([a for a in actions(database) if a.key.startswith("damaged:")]) == 1


def test_where_nothing_is_whole_the_active_versions_error_is_told(tmp_path: Path) -> None:
    shipped = tmp_path / "shipped"
    folder = promote_a_copy(tmp_path / "models", "walk-1")
    (folder / "model.onnx").write_bytes(b"no graph at all")
    with pytest.raises(ArtefactError, match=r"walk-1/model\.onnx: sha256 differs"):
        load_last_good(Registry(tmp_path / "models", shipped), Classifier.load)
    classifier, damaged = load_last_good(Registry(tmp_path / "models"), Classifier.load)
    assert classifier.version == SHIPPED.name and list(damaged) == ["walk-1"]


def test_what_is_no_version_at_all_is_not_passed_over(tmp_path: Path) -> None:
    folder = promote_a_copy(tmp_path / "models", "walk-1")
    (folder / "manifest.json").unlink()
    with pytest.raises(ArtefactError, match=r"walk-1: no manifest\.json"):
        load_last_good(Registry(tmp_path / "models"), Classifier.load)
    (tmp_path / "models" / "active").write_text("none\n")
    with pytest.raises(ArtefactError, match="no model version 'none'"):
        load_last_good(Registry(tmp_path / "models"), Classifier.load)
