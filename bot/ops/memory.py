"""Gives back what a burst left behind: glibc keeps freed memory in pieces for itself, so that a bot that runs for months would hold the
sum of its busiest moments. Nothing leaks then, and yet an operator sees it grow (measured by bench/soak.py)."""

from __future__ import annotations

import asyncio
import ctypes

_BETWEEN_S = 300.0


async def keep_small() -> None:
    """Every five minutes, until cancelled."""
    while True:
        await asyncio.sleep(_BETWEEN_S)
        await asyncio.to_thread(give_back)


def give_back() -> bool:
    """Hand free pages back to the system, some milliseconds' work; False where the C library does not know how (musl, macOS)."""
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (AttributeError, OSError, TypeError):
        return False
