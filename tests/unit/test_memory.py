"""What a burst of work left behind goes back to the system."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest

from bot.ops.memory import give_back


def resident_mb() -> float:
    return int(Path("/proc/self/status").read_text("utf-8").split("VmRSS:")[1].split()[0]) / 1024


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's")
def test_free_pages_go_back_to_the_system() -> None:
    malloc, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
    malloc.restype, free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    pieces = [malloc(50_000) for _ in range(2_000)]  # below what glibc maps by itself
    for piece in pieces:
        ctypes.memset(piece, 1, 50_000)
    last = malloc(50_000)  # keeps the heap from shrinking by itself
    for piece in pieces:
        free(piece)
    before = resident_mb()
    give_back()
    assert resident_mb() < before - 50
    free(last)


def test_another_c_library_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert give_back() is False
