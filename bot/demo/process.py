"""The bot as a child process: started, waited for, stopped."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

from model.errors import UserError

_READY_WITHIN_S = 60.0


class DemoError(UserError):
    """One line that says why the demo cannot run, and what to do."""


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
        """The line that the bot prints once it serves; raises DemoError if it does not come."""
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
            logged = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise DemoError(
                f"the bot did not start ({logged[-1] if logged else 'its log is empty'}) — its log: {self.log}"
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
