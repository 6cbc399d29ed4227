"""Draws the learning report in a process of its own: the drawing library needs more memory than the bot."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

PAINTER = (sys.executable, "-m", "training", "picture")
_TIMEOUT_S = 60.0


class NotDrawn(Exception):
    """The picture could not be drawn. The text says why: the drawing library may not be installed."""


async def draw(figures: Mapping[str, Any], painter: Sequence[str] = PAINTER) -> bytes:
    """The picture of `Report.figures` (bot.domain.learning), as PNG. Raises NotDrawn."""
    try:
        process = await asyncio.create_subprocess_exec(
            *painter, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )  # fmt: skip
    except OSError as error:
        raise NotDrawn(str(error)) from None
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            png, errors = await process.communicate(json.dumps(dict(figures)).encode())
    except TimeoutError:
        raise NotDrawn(f"it took longer than {_TIMEOUT_S:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or not png:
        lines = errors.decode(errors="replace").strip().splitlines()
        raise NotDrawn(lines[-1] if lines else f"the process ended with status {process.returncode}")
    return png
