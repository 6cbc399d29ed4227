"""Draws the learning report in a process of its own: what draws weighs more than the bot."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

PAINTER = (sys.executable, "-m", "training", "picture")
_LONGEST_S = 60.0


class NotDrawn(Exception):
    """There is no picture; the text says why (its drawing library may not be installed)."""


async def draw(facts: Mapping[str, Any], painter: Sequence[str] = PAINTER) -> bytes:
    """The picture of bot.learning.report.Report.facts, as PNG. Raises NotDrawn."""
    try:
        process = await asyncio.create_subprocess_exec(
            *painter, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )  # fmt: skip
    except OSError as error:
        raise NotDrawn(str(error)) from None
    try:
        async with asyncio.timeout(_LONGEST_S):
            drawn, said = await process.communicate(json.dumps(dict(facts)).encode())
    except TimeoutError:
        raise NotDrawn(f"it took longer than {_LONGEST_S:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or not drawn:
        lines = said.decode(errors="replace").strip().splitlines()
        raise NotDrawn(lines[-1] if lines else f"the process ended with status {process.returncode}")
    return drawn
