"""Canaries: tokens planted where tokens belong must come out nowhere: log, output, database, errors, `repr`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.demo.people import Persons, bot_reply, find
from bot.demo.workspace import ANNA, CARLA, HELP, TRIAGE, seed, write_config
from bot.settings import Tokens
from sandbox.server import Sandbox
from tests.support.database import messages
from tests.support.wait import eventually

CANARIES = {
    "SLACK_BOT_TOKEN": "xoxb-canary-1f6b2c9d8e7a",
    "SLACK_APP_TOKEN": "xapp-canary-5a4b3c2d1e0f",
    "SLACK_SIGNING_SECRET": "canary-0d9c8b7a6f5e",
}
SECRETS = [value.encode() for value in CANARIES.values()]


def workspace() -> dict[str, Any]:
    planted = seed()
    planted["app"] |= {
        "bot_token": CANARIES["SLACK_BOT_TOKEN"],
        "app_token": CANARIES["SLACK_APP_TOKEN"],
        "signing_secret": CANARIES["SLACK_SIGNING_SECRET"],
    }
    return planted


def start(tmp_path: Path, api_url: str, **environment: str) -> subprocess.Popen[bytes]:
    with (tmp_path / "out").open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "bot", "run", "--config", str(write_config(tmp_path))],
            env={**os.environ, **CANARIES, "SLACK_API_URL": api_url, "HF_HUB_OFFLINE": "1", **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def leaked(tmp_path: Path) -> list[str]:
    files = [f for f in tmp_path.rglob("*") if f.is_file()]
    return [f.name for f in files if any(secret in f.read_bytes() for secret in SECRETS)]


async def test_a_bot_at_work_and_in_trouble_tells_no_token(tmp_path: Path) -> None:
    with Sandbox(workspace()) as sandbox:
        process = start(tmp_path, sandbox.api_url)
        try:
            async with Persons(sandbox.url) as persons:
                await eventually(lambda: b"serving" in (tmp_path / "out").read_bytes(), within_s=60)
                for status in (500, 503, 429):
                    sandbox.place.interventions.fail(
                        "chat.postMessage", 1, None, status, 1 if status == 429 else None
                    )
                sandbox.place.interventions.hold("chat.postMessage", 1, 0.1)
                asked = await persons.write(CARLA, HELP, "How do I export my data?")
                await persons.write(CARLA, HELP, "Third time this week the export dies on me. Unacceptable!")
                await persons.until(
                    "an answer", lambda s: bot_reply(s, HELP, asked, "Export"), CARLA, within_s=60
                )
                await persons.until("a card", lambda s: find(s, TRIAGE, "dies on me"), ANNA, within_s=60)
            assert len(messages(tmp_path / "softanswer.db")) == 2
            process.send_signal(signal.SIGABRT)  # a crash
        finally:
            process.wait(timeout=30)
    assert leaked(tmp_path) == []


@pytest.mark.parametrize(
    "environment",
    [
        {"SLACK_BOT_TOKEN": "xoxb-canary-1f6b2c9d8e7a-wrong"},
        {"SLACK_APP_TOKEN": "xapp-canary-5a4b3c2d1e0f-wrong"},
        {"SLACK_BOT_TOKEN": "canary-1f6b2c9d8e7a", "SLACK_APP_TOKEN": "canary-5a4b3c2d1e0f"},
        {"SLACK_API_URL": "http://127.0.0.1:9/api/"},
    ],
)
def test_an_error_at_the_start_tells_no_token(tmp_path: Path, environment: dict[str, str]) -> None:
    with Sandbox(workspace()) as sandbox:
        process = start(tmp_path, sandbox.api_url, **environment)
        assert process.wait(timeout=60) == 2
    said = (tmp_path / "out").read_bytes()
    assert b"softanswer: " in said and b"1f6b2c9d8e7a" not in said and b"5a4b3c2d1e0f" not in said


def test_tokens_have_no_repr() -> None:
    tokens = Tokens(*CANARIES.values())
    assert not any(secret.decode() in f"{tokens!r} {tokens}" for secret in SECRETS)
