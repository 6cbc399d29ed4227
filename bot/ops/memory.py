"""Returns freed memory to the system. glibc keeps freed memory in fragments, so the process grows with every burst although
nothing leaks (measured by bench/soak.py)."""

from __future__ import annotations

import asyncio
import ctypes

_EVERY_S = 300.0


async def keep_small() -> None:
    """Call `give_back` every five minutes, until cancelled."""
    while True:
        await asyncio.sleep(_EVERY_S)
        await asyncio.to_thread(give_back)


def give_back() -> bool:
    """Return free pages to the system; takes some milliseconds. False if the C library cannot do it (musl, macOS)."""
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (AttributeError, OSError, TypeError):
        return False
