"""`softanswer check`: finds the errors that `run` would find, without serving."""

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
    """One line for each check. Raises UserError at the first error."""
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
    """Check the app token with one call, as the socket client would retry a wrong one for ever. Raises SettingsError."""
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
