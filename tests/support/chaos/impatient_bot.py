"""The bot with less patience for silent sockets than two minutes: `python tests/support/chaos/impatient_bot.py CONFIG`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bot.ops.run import run
from bot.slack import socket_health

socket_health.SILENCE_S = 6.0
socket_health.BUSY_SILENCE_S = 6.0
asyncio.run(run(Path(sys.argv[1]), ready=lambda line: print(line, flush=True)))
