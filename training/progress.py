"""Progress of a run: one JSON object a line for the parent process, a bar at a terminal."""

from __future__ import annotations

import json
import sys
import time
from typing import Any


class Progress:
    """Writes to stdout; where stdout is a terminal, draws a bar on stderr instead."""

    def __init__(self, seconds_between: float = 1.0) -> None:
        self._between = seconds_between
        self._terminal = sys.stdout.isatty()
        self._bar: Any = None
        self._stage = ""
        self._began = 0.0
        self._from = 0.0
        self._written = 0.0

    def report(self, stage: str, progress: float, **fields: Any) -> None:
        """`progress` runs from 0 to 1 within the stage; `eta_s` is the estimated time left in the stage."""
        now = time.monotonic()
        if stage != self._stage:
            self._finish_bar()
            self._stage, self._began, self._from, self._written = stage, now, progress, 0.0
        if 0 < progress < 1 and now - self._written < self._between:
            return
        self._written = now
        if progress > self._from:  # a resumed run starts in the middle: earlier work took no time now
            fields["eta_s"] = round((now - self._began) / (progress - self._from) * (1 - progress))
        if self._terminal:
            self._draw(stage, progress, fields)
        else:
            self.line({"stage": stage, "progress": round(progress, 3), **fields})

    def line(self, message: dict[str, Any]) -> None:
        """One JSON object on stdout, at once."""
        self._finish_bar()
        print(json.dumps(message, ensure_ascii=False), flush=True)

    def _draw(self, stage: str, progress: float, fields: dict[str, Any]) -> None:
        from tqdm import tqdm  # imported late: only a terminal needs it

        if self._bar is None:
            self._bar = tqdm(total=100, desc=stage, unit="%", file=sys.stderr)
        self._bar.set_postfix({key: value for key, value in fields.items() if key != "eta_s"})
        self._bar.update(round(progress * 100) - self._bar.n)

    def _finish_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
