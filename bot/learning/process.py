"""Runs the training process, `python -m training retrain`, at low priority."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.domain.learning import Golden
from bot.learning.selection import TrainingRow
from bot.settings import LearningSettings

TRAINER = (sys.executable, "-m", "training", "retrain")
"""The command that trains; its arguments and output are described in docs/contributor.md."""

Step = Mapping[str, Any]


class RunFailed(Exception):
    """The training process ended without a verdict; the text is its last line."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The redacted training rows and golden set of one run."""

    rows: Sequence[TrainingRow]
    golden: Sequence[Golden] = ()

    def lines(self) -> list[str]:
        """One JSON object per message."""
        return [
            json.dumps(
                {"text": r.text, "label": r.label, "message": r.message, "live": r.live}, ensure_ascii=False
            )
            for r in self.rows
        ]

    @property
    def hash(self) -> str:
        """sha256 of `lines`."""
        return hashlib.sha256("\n".join(self.lines()).encode("utf-8", "surrogatepass")).hexdigest()

    def write(self, folder: Path) -> None:
        """Write `snapshot.jsonl` and `golden.jsonl`."""
        folder.mkdir(parents=True)
        golden_lines = [
            json.dumps({"text": g.text, "label": g.label, "message": g.id}, ensure_ascii=False)
            for g in self.golden
        ]
        for name, lines in (("snapshot", self.lines()), ("golden", golden_lines)):
            text = "".join(f"{line}\n" for line in lines)
            (folder / f"{name}.jsonl").write_bytes(text.encode("utf-8", "replace"))


async def train(
    trainer: Sequence[str],
    settings: LearningSettings,
    folder: Path,
    snapshot: Snapshot,
    active: Path,
    on_step: Callable[[Step], Awaitable[None]],
) -> Step:
    """Write the snapshot into `folder` and train there. Returns the process's last line; `on_step` gets the others.

    Raises RunFailed. The process has always ended when this returns, raises or is cancelled. It also ends itself when
    its standard input closes, which happens if the bot is killed.
    """
    await asyncio.to_thread(snapshot.write, folder)
    process = await asyncio.create_subprocess_exec(
        *trainer, *_arguments(settings, folder, active),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=1 << 20,
    )  # fmt: skip
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, 10)
    assert process.stderr
    errors = asyncio.create_task(process.stderr.read())
    try:
        done = await _follow(process, on_step)
        status = await process.wait()
        if status != 0 or done is None:
            async with asyncio.timeout(5):
                lines = (await errors).decode(errors="replace").strip().splitlines()
            raise RunFailed(lines[-1] if lines else f"the training process ended with status {status}")
        return done
    finally:
        await _end(process)
        errors.cancel()  # a grandchild may hold the pipe open for ever
        await asyncio.gather(errors, return_exceptions=True)


async def _follow(
    process: asyncio.subprocess.Process, on_step: Callable[[Step], Awaitable[None]]
) -> Step | None:
    """Pass each progress line to `on_step` until the output ends; returns the last line, the verdict."""
    assert process.stdout
    done: Step | None = None
    async for line in process.stdout:
        try:
            step = json.loads(line)
        except ValueError:
            raise RunFailed(f"the training process wrote {line.decode(errors='replace')[:200]!r}") from None
        if step["stage"] == "done":
            done = step
        else:
            await on_step(step)
    return done


def _arguments(settings: LearningSettings, folder: Path, active: Path) -> list[str]:
    values = {
        "snapshot": folder / "snapshot.jsonl",
        "golden": folder / "golden.jsonl",
        "active": active,
        "out": folder / "out",
        "method": settings.method,
        "threads": settings.threads,
        "device": settings.device,
        "sample": settings.sample,
        "epochs": settings.epochs,
    }
    options = [
        part for name, value in values.items() if value is not None for part in (f"--{name}", str(value))
    ]
    return [*options, "--while-open"]


async def _end(process: asyncio.subprocess.Process) -> None:
    """Terminate the process; kill it if it has not ended after 5 s."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(5):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
