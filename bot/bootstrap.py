"""Builds all objects and connects them. Only this module imports from everywhere. Nothing is built on import."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bot.failpoints import Reach
from bot.health import Health
from bot.insight.status import Status
from bot.learning.offline import RUNS
from bot.learning.process import TRAINER
from bot.learning.requester import LabelRequester
from bot.learning.runs import Learning
from bot.learning.serving import Serving, load_last_good
from bot.learning.shadow_evaluation import ShadowEvaluator
from bot.pipeline.matching import Router
from bot.pipeline.pipeline import Pipeline
from bot.pipeline.templates import Templates
from bot.privacy.forgetting import Forgetting
from bot.privacy.retention import Retention
from bot.services import Services
from bot.settings import Settings, Tokens
from bot.slack.app import App, build_app
from bot.slack.backfill import Backfill
from bot.slack.client import Client
from bot.slack.deliver import Deliverer, Pace
from bot.slack.directory import Directory
from bot.slack.writers import Writers
from bot.store import Store
from bot.workspace import Workspace
from model.batcher import Batcher
from model.classifier import Classifier
from model.registry import Registry


@dataclass(frozen=True, slots=True)
class Bot:
    """All parts of the bot, ready to be started by `serve`."""

    app: App
    client: Client
    directory: Directory
    services: Services
    batcher: Batcher
    deliverer: Deliverer
    health: Health
    retention: Retention
    backfill: Backfill
    tokens: Tokens


def load_classifier(settings: Settings, folder: Path) -> Classifier:
    return Classifier.load(folder, device=settings.model.device, threads=settings.model.threads)


async def build(
    settings: Settings,
    templates: Templates,
    tokens: Tokens,
    store: Store,
    api_url: str,
    clock: Callable[[], float] = time.time,
    trainer: Sequence[str] = TRAINER,
    reach: Reach | None = None,
    classifier: Classifier | None = None,
) -> Bot:
    """Build the bot: load the directory from Slack, load the active model, connect the parts.

    `reach`: see bot.failpoints. `classifier`: a loaded version; it is used if it is the active one. Raises SettingsError,
    ArtefactError.
    """
    client = Client(tokens.bot, api_url, reach=reach)
    workspace = Workspace()
    directory = Directory(client, workspace, settings.channels, settings.people, clock)
    await directory.load()

    registry = Registry(settings.model.folder)
    load = partial(load_classifier, settings)
    damaged: dict[str, str] = {}
    if classifier and classifier.version == registry.active():
        active = classifier
    else:
        active, damaged = await asyncio.to_thread(load_last_good, registry, load)
    router = Router(templates)
    await store.records.remember("", "team", workspace.team)
    await asyncio.to_thread(router.prepare, active.embed, active.version)
    batcher = Batcher(active)

    writers = Writers(client, store, workspace, settings.product)
    pace = Pace(settings.pace.posts_per_second, settings.pace.burst)
    health = Health(
        store=store,
        workspace=workspace,
        committed=lambda: deliverer.wake(),
        clock=clock,
        post_now=lambda text: client.chat_postMessage(channel=workspace.triage, text=text),
    )
    deliverer = Deliverer(
        writers,
        store.outbox,
        health,
        store.conversations.drop_answer,
        clock,
        pace,
        too_late_s=settings.rules.late_answer_max_s,
    )
    forgetting = Forgetting(
        store.erasure,
        interrupt=lambda why: learning.interrupt(why),
        reload_examples=lambda: serving.reload_examples(),
        committed=deliverer.wake,
        clock=clock,
    )
    pipeline = Pipeline(
        store=store,
        batcher=batcher,
        router=router,
        workspace=workspace,
        forgetting=forgetting,
        rules=settings.rules,
        health=health,
        product=settings.product,
        committed=deliverer.wake,
        clock=clock,
    )
    serving = Serving(
        store=store,
        registry=registry,
        batcher=batcher,
        router=router,
        workspace=workspace,
        load=load,
        clock=clock,
        keep=settings.learning.keep_versions,
    )
    await serving.fall_back(damaged)
    shared: dict[str, Any] = {
        "store": store,
        "workspace": workspace,
        "committed": deliverer.wake,
        "clock": clock,
    }
    learning = Learning(
        settings=settings.learning,
        runs=settings.model.folder / RUNS,
        serving=serving,
        requester=LabelRequester(settings=settings.learning, **shared),
        shadow_evaluator=ShadowEvaluator(
            settings=settings.learning.shadow_evaluation, serving=serving, **shared
        ),
        trainer=trainer,
        **shared,
    )
    status = Status(store, workspace, batcher, registry, learning, health, clock)
    writers.status_lines = status.lines
    writers.template_title = lambda template: templates[template].title if template in templates else template
    services = Services(
        settings,
        store,
        workspace,
        directory.refresh,
        pipeline,
        batcher,
        learning,
        forgetting,
        status,
        templates,
        deliverer.wake,
        clock,
    )
    retention = Retention(
        store.erasure,
        settings.retain_text_days,
        settings.learning.feedback.retain_days,
        lambda: store.records.consent(workspace.team),
        lambda: None if settings.learning.feedback.shared_channels else workspace.shared,
        clock,
    )
    backfill = Backfill(client, store, workspace, pipeline.accept, clock)
    app = build_app(api_url, tokens, services)
    return Bot(app, client, directory, services, batcher, deliverer, health, retention, backfill, tokens)
