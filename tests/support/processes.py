"""The bot as a process that may die at any moment, and its successors."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import yaml

from bot.demo.workspace import write_config

UNDER_TEST = Path(__file__).parent / "chaos" / "bot_under_test.py"
IMPATIENT = Path(__file__).parent / "chaos" / "impatient_bot.py"


class Mortal:
    """The bot as a process that may die, and its successor."""

    def __init__(self, folder: Path, api_url: str) -> None:
        self.folder = folder
        self.config = self._write_config(folder)
        self._api_url = api_url
        self.journal = folder / "journal"
        self.process: subprocess.Popen[str] | None = None
        self._pump: threading.Thread | None = None
        self.died_by_itself = 0
        """How often it ended without being killed: that is no fault of the walk's."""

    def _write_config(self, folder: Path) -> Path:
        config = write_config(folder)
        file = config / "softanswer.yaml"
        settings = yaml.safe_load(file.read_text("utf-8"))
        settings["rules"] |= {"conversation_s": 0, "late_answer_max_s": 86400, "human_quiet_s": 5}
        settings["pace"] = {"posts_per_second": 10_000.0, "at_once": 10_000}
        file.write_text(yaml.safe_dump(settings), "utf-8")
        return config

    def start(self, point: str = "", nth: int = 0, skew: float = 0.0) -> bool:
        """Start it, to die at the nth time of a point; False if it died before it served."""
        return self.launch([str(UNDER_TEST), str(self.config), str(self.journal), point, str(nth), str(skew)])

    def launch(self, arguments: list[str]) -> bool:
        """Start a process and wait for its first line."""
        self._bury()
        environment = {
            **os.environ,
            "SLACK_BOT_TOKEN": "xoxb-sandbox",
            "SLACK_APP_TOKEN": "xapp-sandbox",
            "SLACK_API_URL": self._api_url,
            "HF_HUB_OFFLINE": "1",
        }
        with (self.folder / "bot.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                env=environment | {"PYTHONPATH": "."},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        lines: queue.Queue[str] = queue.Queue()
        output = self.process.stdout
        assert output

        def pump() -> None:
            for line in output:
                lines.put(line)
            lines.put("")

        self._pump = threading.Thread(target=pump, daemon=True)
        self._pump.start()
        with contextlib.suppress(queue.Empty):
            return bool(lines.get(timeout=60))
        return False

    def _bury(self) -> None:
        """Close what is left of the last process."""
        if self.process is None:
            return
        if self.process.wait() not in (0, -signal.SIGKILL):
            self.died_by_itself += 1
        if self._pump:
            self._pump.join()
        if self.process.stdout:
            self.process.stdout.close()
        self.process = None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self._bury()

    def stop(self) -> float:
        """SIGTERM; returns how many seconds it took."""
        assert self.process
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        took = time.monotonic() - began
        self._bury()
        return took

    def points(self) -> list[str]:
        """The points that were reached in at least a third of its lives: at one of these it will soon come by again."""
        file = self.journal.with_suffix(".points")
        reached = Counter(file.read_text("utf-8").split("\n") if file.exists() else [])
        del reached[""]
        lives = max(reached.values(), default=1)
        return sorted(point for point, count in reached.items() if count >= lives / 3)

    def killed_at(self) -> list[str]:
        file = self.journal.with_suffix(".kills")
        return [line for line in file.read_text("utf-8").split("\n") if line] if file.exists() else []

    def rss_mb(self) -> float:
        assert self.process
        status = Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024
