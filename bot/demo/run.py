"""`softanswer demo`: a local Slack with the bot in it. The bot runs as it would for a team: a process of its own,
real HTTP, a real WebSocket; only the workspace is ours."""

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
