"""What `build` makes of a classifier that is loaded already."""

from __future__ import annotations

from pathlib import Path

from bot import bootstrap
from bot.bootstrap import Bot
from bot.demo.workspace import write_config
from bot.desk import cases
from bot.settings import load_settings
from bot.store import open_store
from model.registry import SHIPPED
from sandbox.server import Sandbox
from tests.support.bot import TOKENS, Loaded
from tests.support.models import embeddings_computed_once, promote_a_copy


async def build(sandbox: Sandbox, folder: Path, loaded: Loaded) -> Bot:
    """The bot with the loaded classifier, which is the shipped version; not started."""
    settings = load_settings(write_config(folder))
    store = open_store(settings.database, cases.apply)
    try:
        with embeddings_computed_once():
            return await bootstrap.build(
                settings, loaded.templates, TOKENS, store, sandbox.api_url, classifier=loaded.classifier
            )
    finally:
        store.database.close()


async def test_it_serves_as_it_is_if_its_version_is_the_active_one(
    sandbox: Sandbox, tmp_path: Path, loaded: Loaded
) -> None:
    assert loaded.classifier.version == SHIPPED.name
    assert (await build(sandbox, tmp_path, loaded)).batcher.classifier is loaded.classifier


async def test_another_version_that_is_active_is_loaded_instead(
    sandbox: Sandbox, tmp_path: Path, loaded: Loaded
) -> None:
    promote_a_copy(tmp_path / "models", "copy-1")
    assert (await build(sandbox, tmp_path, loaded)).batcher.classifier.version == "copy-1"
