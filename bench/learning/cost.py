"""What learning costs: a whole retraining beside a serving bot, and swaps under load.

    python bench/learning/cost.py [--swaps N] [--sample N] [--skip-retrain]

One process reads single messages of the corpus, four per second, as the bot does (batcher, one thread). It does so first
alone, then while `python -m training retrain` runs at low priority with one thread, as the bot starts it. Then N swaps
happen under full load: every message must get exactly one reading.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from team import messages, used

from bot.learning.process import Snapshot
from model.batcher import Batcher
from model.classifier import Classifier
from model.registry import SHIPPED
from training import dataset


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--swaps", type=int, default=60)
    parser.add_argument("--sample", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--skip-retrain", action="store_true")
    options = parser.parse_args()
    texts = [e.text for e in dataset.split(dataset.load(dataset.corpus_files())).holdout]
    batcher = Batcher(Classifier.load(SHIPPED, threads=1))
    await batcher.start()
    if not options.skip_retrain:
        idle = await _read_for(batcher, texts, 30.0)
        took, meanwhile = await _beside_a_retraining(batcher, texts, options)
        print(f"a retraining with 200 corrections: {took / 60:.1f} minutes beside a serving bot")
        print(
            f"p95 of a reading: {_p95(idle):.1f} ms alone, {_p95(meanwhile):.1f} ms meanwhile: {_p95(meanwhile) / _p95(idle):.1f} ×"
        )
    print(await _swaps(batcher, texts, options.swaps))
    await batcher.close()


async def _read_for(batcher: Batcher, texts: list[str], seconds: float) -> list[float]:
    times: list[float] = []
    until = time.monotonic() + seconds
    for text in itertools.cycle(texts):
        if time.monotonic() > until:
            return times
        began = time.perf_counter()
        await batcher.read(text)
        times.append(time.perf_counter() - began)
        await asyncio.sleep(0.25)
    return times


async def _beside_a_retraining(
    batcher: Batcher, texts: list[str], options: argparse.Namespace
) -> tuple[float, list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        Snapshot(used(messages("slang")[0][:200])).write(run)
        arguments = [
            "--snapshot",
            str(run / "snapshot.jsonl"),
            "--out",
            str(run / "out"),
            "--sample",
            str(options.sample),
        ]
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "training", "retrain", *arguments, "--threads", str(options.threads),
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        os.setpriority(os.PRIO_PROCESS, process.pid, 10)
        times: list[float] = []
        while process.returncode is None:
            times += await _read_for(batcher, texts, 5.0)
        assert process.returncode == 0, process.returncode
        return time.monotonic() - began, times


async def _swaps(batcher: Batcher, texts: list[str], count: int) -> str:
    """Swap under load, and count the messages without a reading and those with two."""
    readings: Counter[int] = Counter()
    stop = asyncio.Event()

    async def customer(first: int) -> None:
        for i in itertools.count(first, 8):
            if stop.is_set():
                return
            reading = await batcher.read(texts[i % len(texts)])
            assert reading.version == SHIPPED.name
            readings[i] += 1

    customers = [asyncio.create_task(customer(i)) for i in range(8)]
    for _ in range(count):
        fresh = await asyncio.to_thread(Classifier.load, SHIPPED, threads=1)
        await batcher.swap(fresh)
        await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*customers)
    asked = sum(len(range(c, max(i for i in readings if i % 8 == c) + 1, 8)) for c in range(8))
    twice = sum(n > 1 for n in readings.values())
    return f"{count} swaps under load: {asked} messages, {asked - len(readings)} lost, {twice} read twice"


def _p95(times: list[float]) -> float:
    return float(np.quantile(times, 0.95)) * 1000


if __name__ == "__main__":
    asyncio.run(main())
