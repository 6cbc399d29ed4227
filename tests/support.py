"""Small tools that tests share: wait for something, look into the database, sign a request as Slack does."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import hmac
import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from slack_bolt.request.async_request import AsyncBoltRequest

from model.artefact_folder import MANIFEST, read_manifest, write_manifest
from model.registry import SHIPPED, Registry

SIGNING_SECRET = "sandbox-signing-secret"


async def eventually(look: Callable[[], Any], within_s: float = 20.0) -> Any:
    """Look again and again until it is there (true); fails when it does not come in time."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        found = look()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"did not come within {within_s} s")


def rows(database: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Read the bot's database from outside, as anybody may."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as db:
        return list(db.execute(sql, values))


def signed(
    payload: dict[str, Any], *, form: bool = False, age_s: float = 0.0, secret: str = SIGNING_SECRET
) -> AsyncBoltRequest:
    """A request as Slack would send it over HTTP: an event (JSON), or an action or command (a form)."""
    body = urlencode(payload) if form else json.dumps(payload)
    timestamp = str(int(time.time() - age_s))
    digest = hmac.new(secret.encode(), f"v0:{timestamp}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "content-type": ["application/x-www-form-urlencoded" if form else "application/json"],
        "x-slack-signature": [f"v0={digest}"],
        "x-slack-request-timestamp": [timestamp],
    }
    return AsyncBoltRequest(body=body, headers=headers)


def promote_a_copy(root: Path, version: str) -> Path:
    """A version like the shipped one under another name, in service in the model folder `root`; returns its folder."""
    folder = root / version
    shutil.copytree(SHIPPED, folder)
    manifest = dataclasses.replace(read_manifest(folder), version=version, parent=SHIPPED.name)
    (folder / MANIFEST).unlink()
    write_manifest(folder, manifest)
    Registry(root).promote(version)
    return folder
