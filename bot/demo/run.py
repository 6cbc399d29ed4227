"""`softanswer demo`: a local Slack with the bot in it. The bot runs as it would for a team, with its own process, real HTTP
and a real WebSocket. Only the workspace is simulated."""

from __future__ import annotations

import asyncio
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot.demo.process import BotProcess, DemoError
from bot.demo.story import Story
from bot.demo.workspace import seed, write_config
from sandbox.server import PortInUse, Sandbox


@contextmanager
def running(folder: Path, port: int, **learning: Any) -> Iterator[Sandbox]:
    """The sandbox with the running bot; both are stopped at the end."""
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
    """Run the demo. With `script`, play the story; returns 0 only if every step happened."""
    folder = keep or Path(tempfile.mkdtemp(prefix="softanswer-demo-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "bot.log").touch()
    except OSError as error:
        raise DemoError(
            f"{folder}: cannot be written ({error.strerror}) — name a folder with --keep"
        ) from None
    print("Starting a local Slack and the bot …", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that SIGTERM stops the bot, too
    with running(folder, 0 if script else port) as sandbox:
        story = Story(sandbox.url, folder / "softanswer.db")
        if script:
            return asyncio.run(story.play())
        asyncio.run(story.prepare())
        print(_welcome(sandbox.url, folder), flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("\nStopping the bot and the local Slack.")
    return 0


def _welcome(url: str, folder: Path) -> str:
    return f"""
  The workspace is open:  {url}

  1. You are Carla, a customer. In #help, ask:      How do I export our data?
  2. Then become Ben (top left) and complain:       Third time this week the export dies on me!
  3. Become Anna, an agent. In #triage: take the case, correct the label if it is wrong.
  4. Become Ada, an admin, and write:               /softanswer retrain
     (consent is on already; with a small sample it takes about two minutes)

  The database is {folder / "softanswer.db"}
  Stop with Ctrl-C.
"""
