"""The bot as a process that dies where it is told to: `python tests/support/chaos/bot_under_test.py CONFIG JOURNAL [POINT NTH] [SKEW]`.

Every named point (bot.failpoints) is noted in JOURNAL.points when it is first reached; the one at which it died in
JOURNAL.kills.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from pathlib import Path

from bot.ops.run import run


class KillAt:
    """Dies at the nth time that a point is reached: SIGKILL, so nothing is tidied up."""

    def __init__(self, journal: Path, point: str, nth: int) -> None:
        self._points = journal.with_suffix(".points")
        self._kills = journal.with_suffix(".kills")
        self._point = point
        self._left = nth
        self._seen: set[str] = set()

    def __call__(self, point: str) -> None:
        if point not in self._seen:
            self._seen.add(point)
            _append(self._points, point)
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                _append(self._kills, point)
                os.kill(os.getpid(), signal.SIGKILL)


def _append(file: Path, line: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


def main() -> None:
    config, journal, point, nth, skew = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:6]
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(
        run(
            config,
            ready=lambda line: print(line, flush=True),
            reach=KillAt(journal, point, int(nth)),
            clock=lambda: time.time() + float(skew),
        )
    )


if __name__ == "__main__":
    main()
