"""`softanswer run`: settings → database → bot → serve."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from bot.bootstrap import build
from bot.desk import cases
from bot.failpoints import Reach
from bot.ops.serve import serve
from bot.pipeline.templates import load_templates
from bot.settings import api_url, load_settings, load_tokens
from bot.store import StoreError, StoreUnavailable, open_store


async def run(
    config: Path,
    ready: Callable[[str], None],
    reach: Reach | None = None,
    clock: Callable[[], float] = time.time,
) -> None:
    """Read the settings, open the database, build the bot, serve until a signal. Raises UserError."""
    settings = load_settings(config)
    templates = load_templates(config)
    tokens = load_tokens()
    store = await asyncio.to_thread(open_store, settings.database, cases.apply, reach)
    try:
        bot = await build(settings, templates, tokens, store, api_url(), clock, reach=reach)
        await serve(bot, ready)
    except StoreUnavailable as error:  # only at the start; later it is reported to triage and retried
        raise StoreError(
            f"{settings.database}: cannot be used ({error.__cause__ or error}) — check the disk and what else uses it, then start again"
        ) from None
    finally:
        with contextlib.suppress(Exception):
            store.database.close()
