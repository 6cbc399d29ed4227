"""Wait for something, instead of sleeping and hoping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any


async def eventually(look: Callable[[], Any], within_s: float = 20.0) -> Any:
    """Look again and again until it is there (true); fails when it does not come in time."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        found = look()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"did not come within {within_s} s")
