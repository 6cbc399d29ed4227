"""`softanswer check`: everything that `run` would find wrong, without serving."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from bot.bootstrap import load_classifier
from bot.pipeline.templates import load_templates
from bot.settings import SettingsError, api_url, load_settings, load_tokens
from bot.slack.client import UNREACHABLE, Client, SlackRefused, retried
from bot.slack.directory import Directory, refused, unreachable
from bot.workspace import Workspace
from model.registry import Registry

_WRONG_APP_TOKEN = {"invalid_auth", "not_allowed_token_type", "missing_scope", "token_revoked"}


async def check(config: Path) -> list[str]:
    """What was checked, a line each. Raises UserError at the first thing that is wrong."""
    settings = load_settings(config)
    templates = load_templates(config)
    tokens = load_tokens()
    workspace = Workspace()
    await Directory(Client(tokens.bot, api_url()), workspace, settings.channels, settings.people).load()
    if tokens.app is not None:
        await check_app_token(Client(tokens.app, api_url()), tokens.app)
    registry = Registry(settings.model.folder)
    classifier = await asyncio.to_thread(load_classifier, settings, registry.folder(registry.active()))
    roles = Counter(workspace.roles.values())
    return [
        f"settings   {config}",
        f"templates  {len(templates)}",
        f"Slack      team {workspace.team}, {len(workspace.channels)} support channels, {roles['agent']} agents, {roles['admin']} admins",
        f"model      {classifier.version} on {classifier.device}",
    ]


async def check_app_token(client: Client, token: str) -> None:
    """The socket client would try a wrong token for ever; asked once, Slack says what is wrong with it. Raises SettingsError."""
    try:
        await retried(lambda: client.apps_connections_open(app_token=token))
    except SlackRefused as error:
        if error.code in _WRONG_APP_TOKEN:
            raise SettingsError(
                "Slack refused SLACK_APP_TOKEN (invalid_auth or scope) — create an app-level token with connections:write"
            ) from None
        raise refused(error) from None
    except UNREACHABLE as error:
        raise unreachable(error) from None
