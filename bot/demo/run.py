"""`softanswer demo`: a local Slack with the bot in it. The bot runs as it would for a team: a process of its own,
real HTTP, a real WebSocket; only the workspace is ours."""

from __future__ import annotations

import asyncio
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from bot.demo.story import ADA, ANNA, BEN, CARLA, HELP, TRIAGE, Story
from bot.ops import init
from model.errors import UserError
from sandbox.server import PortInUse, Sandbox

_READY_WITHIN_S = 60.0


class DemoError(UserError):
    """One line: what keeps the demo from running, and what to do."""


def seed() -> dict[str, Any]:
    """The workspace *Acme*: two customers, an agent, an admin, two channels, some history."""

    def person(user: str, name: str, real_name: str, title: str) -> dict[str, str]:
        return {"id": user, "name": name, "real_name": real_name, "title": title}

    history = [
        {
            "user": CARLA,
            "text": "Morning all! First day with the new dashboard, it looks great.",
            "minutes_ago": 190,
        },
        {
            "user": BEN,
            "text": "Where do I find the invoice for October?",
            "minutes_ago": 150,
            "thread": [
                {"user": ANNA, "text": "Under Settings → Billing → Invoices, Ben.", "minutes_ago": 141},
                {"user": BEN, "text": "got it, thanks", "minutes_ago": 139},
            ],
        },
    ]
    return {
        "team": {"id": "T0ACME", "name": "Acme", "domain": "acme"},
        "app": {
            "id": "A0SOFT",
            "name": "Softanswer",
            "bot_user": "U0BOT",
            "bot_id": "B0SOFT",
            "bot_token": "xoxb-sandbox",
            "app_token": "xapp-sandbox",
            "signing_secret": "sandbox-signing-secret",
            "commands": ["/softanswer"],
            "request_url": None,
            "shortcuts": [{"callback_id": "sentiment", "name": "Sentiment of this message"}],
        },
        "users": [
            person(CARLA, "carla", "Carla Reyes", "Customer"),
            person(BEN, "ben", "Ben Whitaker", "Customer"),
            person(ANNA, "anna", "Anna Okafor", "Support agent"),
            person(ADA, "ada", "Ada Novak", "Admin"),
        ],
        "channels": [
            {
                "id": HELP,
                "name": "help",
                "topic": "Ask us anything about Acme",
                "members": [CARLA, BEN, ANNA, ADA, "U0BOT"],
                "history": history,
            },
            {
                "id": TRIAGE,
                "name": "triage",
                "topic": "For the support team: cases land here",
                "members": [ANNA, ADA, "U0BOT"],
                "history": [],
            },
        ],
        "usergroups": [{"id": "S0AGENTS", "handle": "agents", "users": [ANNA]}],
    }


def write_config(folder: Path, **learning: Any) -> Path:
    """The example settings, with paths inside `folder` and a retraining small enough for a demonstration."""
    config = folder / "config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "templates.yaml").write_text(init.text("templates.yaml"), encoding="utf-8")
    settings = yaml.safe_load(init.text("softanswer.yaml"))
    settings["database"] = str(folder / "softanswer.db")
    settings["model"]["folder"] = str(folder / "models")
    settings["learning"] |= {"sample": 800, "threads": 2, **learning}
    settings["http"]["port"] = 0
    # A newcomer tries one thing after the other: within two minutes that would all be one conversation.
    settings["rules"]["conversation_s"] = 15
    (config / "softanswer.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return config


class BotProcess:
    """The bot as a child process, talking to a local Slack. Its log goes to `log`."""

    def __init__(
        self, config: Path, api_url: str, log: Path, environment: dict[str, str] | None = None
    ) -> None:
        self.log = log
        self._pump: threading.Thread | None = None
        tokens = {
            "SLACK_BOT_TOKEN": "xoxb-sandbox",
            "SLACK_APP_TOKEN": "xapp-sandbox",
            "SLACK_API_URL": api_url,
        }
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot", "run", "--config", str(config)],
                env={**os.environ, **tokens, "HF_HUB_OFFLINE": "1", **(environment or {})},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def wait_until_ready(self) -> str:
        """The line with which the bot says that it serves; raises DemoError when it does not come."""
        assert self.process.stdout
        lines: queue.Queue[str] = queue.Queue()
        stdout = self.process.stdout

        def pump() -> None:
            for line in stdout:
                lines.put(line)
            lines.put("")

        self._pump = threading.Thread(target=pump, daemon=True)
        self._pump.start()
        try:
            line = lines.get(timeout=_READY_WITHIN_S).strip()
        except queue.Empty:
            line = ""
        if not line:
            self.stop()
            said = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise DemoError(
                f"the bot did not start ({said[-1] if said else 'it said nothing'}) — its log: {self.log}"
            )
        return line

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self._pump:
            self._pump.join()
        if self.process.stdout:
            self.process.stdout.close()


@contextmanager
def running(folder: Path, port: int, **learning: Any) -> Iterator[Sandbox]:
    """Sandbox and bot, up and talking; both stopped on the way out."""
    config = write_config(folder, **learning)
    sandbox = Sandbox(seed(), port=port)
    try:
        sandbox.start()
    except PortInUse:
        raise DemoError(f"port {port} is in use — choose another with --port") from None
    try:
        bot = BotProcess(config, sandbox.api_url, folder / "bot.log")
        try:
            bot.wait_until_ready()
            yield sandbox
        finally:
            bot.stop()
    finally:
        sandbox.stop()


def main(*, script: bool, port: int, keep: Path | None) -> int:
    """Run the demo; with `script`, play the story and return 0 only if every step of it happened."""
    folder = keep or Path(tempfile.mkdtemp(prefix="softanswer-demo-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "bot.log").touch()
    except OSError as error:
        raise DemoError(
            f"{folder}: cannot be written ({error.strerror}) — name a folder with --keep"
        ) from None
    print("Starting a local Slack and the bot …", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # however it is stopped, the bot stops with it
    with running(folder, 0 if script else port) as sandbox:
        story = Story(sandbox.url, folder / "softanswer.db")
        if script:
            return asyncio.run(story.play())
        asyncio.run(story.prepare())
        print(_welcome(sandbox.url, folder), flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("\nStopping. Nothing of it runs on.")
    return 0


def _welcome(url: str, folder: Path) -> str:
    return f"""
  The workspace is open:  {url}

  1. You are Carla, a customer. In #help, ask:      How do I export our data?
  2. Then become Ben (top left) and complain:       Third time this week the export dies on me!
  3. Become Anna, an agent. In #triage: take the case, correct the label if it is wrong.
  4. Become Ada, an admin, and write:               /softanswer retrain
     (she has said /softanswer consent on already; on a small sample it takes about two minutes)

  Everything is in {folder / "softanswer.db"}
  Stop with Ctrl-C.
"""
