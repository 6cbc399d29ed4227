"""Bad input: one line that says what, where and what to do; exit code 2; nothing half-written."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.demo.workspace import write_config
from sandbox.server import Sandbox
from tests.support.database import set_schema

Change = Callable[[dict[str, Any]], Any]
TOKENS = {"SLACK_BOT_TOKEN": "xoxb-sandbox", "SLACK_APP_TOKEN": "xapp-sandbox"}


def softanswer(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SLACK_")}
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        cwd=cwd,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 2, and exactly one line of complaint that has all the words and says what to do (after the dash)."""
    complaint = [line for line in done.stderr.splitlines() if line.startswith("softanswer: ")]
    assert done.returncode == 2, done.stderr
    assert len(complaint) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in complaint[0], complaint[0]
    assert " — " in complaint[0], complaint[0]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path)


def edit(config: Path, name: str, change: Change) -> None:
    raw = yaml.safe_load((config / name).read_text())
    change(raw)
    (config / name).write_text(yaml.safe_dump(raw))


def run(config: Path, sandbox: Sandbox, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**TOKENS, "SLACK_API_URL": sandbox.api_url, **environment}
    return softanswer("run", "--config", str(config), cwd=config.parent, **environment)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"SLACK_BOT_TOKEN": ""}, ["SLACK_BOT_TOKEN is not set"]),
        ({"SLACK_BOT_TOKEN": "xoxb-wrong"}, ["invalid_auth", "check SLACK_BOT_TOKEN"]),
        ({"SLACK_APP_TOKEN": ""}, ["neither SLACK_APP_TOKEN", "nor SLACK_SIGNING_SECRET"]),
        ({"SLACK_APP_TOKEN": "xapp-wrong"}, ["SLACK_APP_TOKEN", "invalid_auth"]),
        ({"SLACK_API_URL": "http://127.0.0.1:1/api/"}, ["Slack cannot be reached"]),
    ],
)
def test_tokens(config: Path, sandbox: Sandbox, environment: dict[str, str], words: list[str]) -> None:
    refused(run(config, sandbox, **environment), *words)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("softanswer.yaml", lambda raw: raw.pop("product"), ["softanswer.yaml", "missing key 'product'"]),
        ("softanswer.yaml", lambda raw: raw.update(colour=1), ["unknown key 'colour'"]),
        (
            "softanswer.yaml",
            lambda raw: raw["channels"].update(triage="#nowhere"),
            ["channels.triage", "#nowhere"],
        ),
        (
            "softanswer.yaml",
            lambda raw: raw["channels"].update(triage="#help"),
            ["triage channel is also a support"],
        ),
        (
            "softanswer.yaml",
            lambda raw: raw["people"].update(admins=["@nobody"]),
            ["people.admins", "@nobody"],
        ),
        (
            "softanswer.yaml",
            lambda raw: raw["people"].update(agents_group="@none"),
            ["people.agents_group", "@none"],
        ),
        (
            "softanswer.yaml",
            lambda raw: raw["learning"].update(schedule="at night"),
            ["learning.schedule", "at night"],
        ),
        (
            "softanswer.yaml",
            lambda raw: raw["learning"].update(timezone="Mars/Base"),
            ["learning.timezone", "Mars/Base"],
        ),
        (
            "templates.yaml",
            lambda raw: raw["templates"][0].update(examples=[]),
            ["has no examples", "add at least one"],
        ),
        (
            "templates.yaml",
            lambda raw: raw["templates"][0]["tones"].update(neutral="{{ x"),
            ["broken Jinja expression"],
        ),
    ],
)
def test_settings_and_templates(
    config: Path, sandbox: Sandbox, name: str, change: Change, words: list[str]
) -> None:
    edit(config, name, change)
    refused(run(config, sandbox), *words)


def test_no_settings_at_all(tmp_path: Path, sandbox: Sandbox) -> None:
    refused(run(tmp_path / "config", sandbox), "softanswer.yaml", "not found", "softanswer init")
    assert list(tmp_path.iterdir()) == []


def test_a_model_folder_without_a_manifest(config: Path, sandbox: Sandbox) -> None:
    models = config.parent / "models"
    (models / "v9").mkdir(parents=True)
    (models / "active").write_text("v9\n")
    refused(run(config, sandbox), "v9", "manifest.json")
    refused(
        softanswer("classify", "hello", "--model", str(models / "v9"), cwd=config.parent), "manifest.json"
    )


def test_a_database_from_a_newer_version(config: Path, sandbox: Sandbox) -> None:
    set_schema(config.parent / "softanswer.db", 99)
    refused(run(config, sandbox), "softanswer.db", "newer Softanswer")


def test_a_database_in_a_place_that_cannot_be_written(config: Path, sandbox: Sandbox) -> None:
    (config.parent / "file").write_text("")
    edit(config, "softanswer.yaml", lambda raw: raw.update(database=str(config.parent / "file" / "a.db")))
    refused(run(config, sandbox), "cannot be written")


def test_a_port_in_use(config: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        edit(config, "softanswer.yaml", lambda raw: raw["http"].update(port=port))
        refused(run(config, sandbox), f"http.port {port}", "choose another port")
        refused(softanswer("demo", "--port", str(port), cwd=tmp_path), f"port {port} is in use")


def test_a_second_bot_on_the_same_database(
    config: Path, sandbox: Sandbox, start_bot: Callable[..., Any], tmp_path: Path
) -> None:
    start_bot()
    refused(run(config, sandbox), "in use by a running bot")
    refused(
        softanswer("backup", str(tmp_path / "b.db"), "--config", str(config), cwd=tmp_path),
        "in use by a running bot",
    )


def test_init_does_not_overwrite(tmp_path: Path) -> None:
    assert softanswer("init", cwd=tmp_path).returncode == 0
    before = (tmp_path / "config" / "softanswer.yaml").read_bytes()
    refused(softanswer("init", cwd=tmp_path), "already exists")
    assert (tmp_path / "config" / "softanswer.yaml").read_bytes() == before


def test_classify_without_a_text(tmp_path: Path) -> None:
    refused(softanswer("classify", cwd=tmp_path), "no text", "--stdin")
