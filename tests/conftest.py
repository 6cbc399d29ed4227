"""What several tests need: a local Slack with the bot in it, inside the test's process or as processes of their own."""

from __future__ import annotations

import asyncio
import copy
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from bot import bootstrap
from bot.bootstrap import Bot
from bot.demo.people import Persons
from bot.demo.process import BotProcess
from bot.demo.workspace import seed, write_config
from bot.desk import cases
from bot.learning.process import TRAINER
from bot.pipeline.templates import load_templates
from bot.settings import load_settings
from bot.store import open_store
from model.registry import SHIPPED
from sandbox.server import Sandbox
from tests.support.bot import TOKENS, Loaded
from tests.support.dispatch import PIPELINE
from tests.support.leaks import leaks
from tests.support.learning import a_picture
from tests.support.models import embeddings_computed_once


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A local Slack with the demo's workspace."""
    with Sandbox(seed(), port=0) as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_internal_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test with the bot in it is about: when it ends, every Web API call that the bot made is read."""
    with_the_bot = {"bot", "start_bot"} & set(request.fixturenames)
    sandbox = request.getfixturevalue("sandbox") if with_the_bot else None
    yield
    if sandbox is not None:
        assert leaks(sandbox) == []


@pytest.fixture
async def persons(sandbox: Sandbox) -> AsyncIterator[Persons]:
    async with Persons(sandbox.url) as people:
        yield people


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    folder = tmp_path_factory.mktemp("loaded")
    config = write_config(folder)
    settings = load_settings(config)
    open_store(settings.database, cases.apply).database.close()
    return Loaded(bootstrap.load_classifier(settings, SHIPPED), load_templates(config), settings.database)


@pytest.fixture
async def bot(
    sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest, loaded: Loaded
) -> AsyncIterator[Bot]:
    """The bot, built as `softanswer run` builds it, working inside the test; events come by `app.async_dispatch`.

    Model, templates and tables are loaded once a session; each test has a classifier object and a database of its own.

    A test's mark `settings(…)` changes settings of learning, `trainer(…)` the command that trains; `painter` has the learning
    report drawn as in production, which takes a second.
    """
    marks = {mark.name: mark for mark in request.node.iter_markers()}
    config = write_config(tmp_path, **(marks["settings"].kwargs if "settings" in marks else {}))
    settings = load_settings(config)
    database = tmp_path / "softanswer.db"
    shutil.copyfile(loaded.database, database)
    store = open_store(database, cases.apply)
    trainer = (sys.executable, *marks["trainer"].args) if "trainer" in marks else TRAINER
    with embeddings_computed_once():
        built = await bootstrap.build(
            settings, loaded.templates, TOKENS, store, sandbox.api_url,
            trainer=trainer, classifier=copy.copy(loaded.classifier),
        )  # fmt: skip
        if "painter" not in marks:
            built.deliverer._writers.draw = a_picture
        await built.batcher.start()
        await built.services.learning.open()
        work = [
            asyncio.create_task(built.services.pipeline.run(), name=PIPELINE),
            asyncio.create_task(built.deliverer.run()),
        ]
        yield built
        await built.services.learning.close()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await built.batcher.close()
        store.database.close()


@pytest.fixture
def start_bot(sandbox: Sandbox, tmp_path: Path) -> Iterator[Callable[..., BotProcess]]:
    """Starts the bot as a process, as often as a test likes, on the same settings and database."""
    config = write_config(tmp_path)
    started: list[BotProcess] = []

    def start(**environment: str) -> BotProcess:
        process = BotProcess(config, sandbox.api_url, tmp_path / "bot.log", environment)
        started.append(process)
        process.wait_until_ready()
        return process

    yield start
    for process in started:
        process.stop()
