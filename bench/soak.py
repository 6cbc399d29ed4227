"""An hour at Slack's own ceiling for a workspace, 8.3 messages a second, with faults: does memory grow, do files stay open?

    python bench/soak.py [--minutes M] [--rate R]

Ten support channels, two customers, one message in twenty a complaint. Every half minute: the bot's resident memory, its open files,
and how long it took from a message to its reply (median and 99th percentile of the replies that came since). Growth is printed
against the mean of the first tenth after five minutes' warm-up. Replies that met a fault wait for their retry: with the
default rate some 3 in 100 calls do.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))

from bot.demo.people import Persons
from bot.demo.process import BotProcess
from bot.demo.workspace import ADA, ANNA, BEN, CARLA, seed, write_config
from sandbox.faults import Faults, Rates
from sandbox.server import Sandbox, Settings
from tests.support.chaos.walk import CHATTER, COMPLAINTS, QUESTIONS

CHANNELS = [f"C0HELP{i}" for i in range(10)]
A_SECOND = 30_000 / 3600


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    given.add_argument("--minutes", type=float, default=60.0)
    given.add_argument("--rate", type=float, default=0.005, help="of each fault")
    options = given.parse_args()
    return asyncio.run(_soak(options.minutes, options.rate))


async def _soak(minutes: float, rate: float) -> int:
    folder = Path(tempfile.mkdtemp(prefix="softanswer-soak-"))
    workspace = seed()
    workspace["channels"] += [
        {"id": c, "name": f"help-{i}", "members": [CARLA, BEN, ANNA, ADA, "U0BOT"], "history": []}
        for i, c in enumerate(CHANNELS)
    ]
    config = write_config(folder)
    file = config / "softanswer.yaml"
    settings = yaml.safe_load(file.read_text("utf-8"))
    settings["channels"]["support"] = [
        {"channel": f"#help-{i}", "mode": "auto"} for i in range(len(CHANNELS))
    ]
    settings["rules"]["conversation_s"] = 0
    file.write_text(yaml.safe_dump(settings), "utf-8")
    faults = Faults(1, Rates())
    with Sandbox(workspace, port=0, settings=Settings(faults=faults)) as sandbox:
        bot = BotProcess(config, sandbox.api_url, folder / "bot.log")
        try:
            bot.wait_until_ready()
            faults.rates = Rates.all_at(rate)
            async with Persons(sandbox.url) as persons:
                rows = await _write(sandbox, bot, persons, minutes)
        finally:
            faults.stop()
            bot.stop()
    return _report(rows, faults)


async def _write(
    sandbox: Sandbox, bot: BotProcess, persons: Persons, minutes: float
) -> list[dict[str, float]]:
    rng, rows, written = random.Random(1), [], 0
    began = printed = time.monotonic()
    looked_at = 0.0
    print(
        "| minute | messages | MB | open files | replies | median ms | p99 ms |\n|---|---|---|---|---|---|---|",
        flush=True,
    )
    while (now := time.monotonic()) < began + minutes * 60:
        if written / A_SECOND > now - began:
            await asyncio.sleep(0.02)
            continue
        kind = rng.choices([QUESTIONS, COMPLAINTS, CHATTER], [55, 5, 40])[0]
        user, channel = rng.choice([BEN, CARLA]), CHANNELS[written % len(CHANNELS)]
        await persons.write(user, channel, f"{rng.choice(kind)} ({written})")
        written += 1
        if now - printed >= 30.0:
            printed = now
            row = _look(sandbox, bot, looked_at) | {"minute": (now - began) / 60, "messages": written}
            looked_at = row.pop("until")
            rows.append(row)
            print(
                f"| {row['minute']:.1f} | {written} | {row['mb']:.0f} | {row['files']:.0f} | {row['replies']:.0f} |"
                f" {row['median']:.0f} | {row['p99']:.0f} |",
                flush=True,
            )
    return rows


def _look(sandbox: Sandbox, bot: BotProcess, since: float) -> dict[str, float]:
    place = Path(f"/proc/{bot.process.pid}")
    mb = int((place / "status").read_text().split("VmRSS:")[1].split()[0]) / 1024
    files = len(list((place / "fd").iterdir()))
    waits, until = [], since
    for channel in CHANNELS:
        for ts, message in _now(sandbox.place.workspace.channels[channel].messages).items():
            if message.get("bot_id") and float(ts) > since and message.get("thread_ts"):
                waits.append((float(ts) - float(message["thread_ts"])) * 1000)
                until = max(until, float(ts))
    found = waits or [0.0]
    return {
        "mb": mb, "files": files, "replies": len(waits), "median": float(np.median(found)),
        "p99": float(np.quantile(found, 0.99)), "until": until,
    }  # fmt: skip


def _now(messages: dict[str, Any]) -> dict[str, Any]:
    """A copy, while the sandbox's thread goes on writing."""
    while True:
        try:
            return dict(messages)
        except RuntimeError:
            continue


def _report(rows: list[dict[str, float]], faults: Faults) -> int:
    warm = [row for row in rows if row["minute"] > 5] or rows
    part = max(1, len(warm) // 10)
    first, last = warm[:part], warm[-part:]

    def mean(some: list[dict[str, float]], key: str) -> float:
        return float(np.mean([row[key] for row in some]))

    growth = mean(last, "mb") / mean(first, "mb") - 1
    print(
        f"\nfaults met: {sum(faults.met.values())} ({', '.join(f'{k} {v}' for k, v in sorted(faults.met.items()))})"
    )
    print(f"memory {mean(first, 'mb'):.0f} → {mean(last, 'mb'):.0f} MB ({growth:+.1%} after warm-up)")
    print(f"open files {mean(first, 'files'):.1f} → {mean(last, 'files'):.1f}")
    half = len(warm) // 2 or 1
    print(
        f"p99 of event → reply, first half {mean(warm[:half], 'p99'):.0f} ms, second half {mean(warm[half:] or warm, 'p99'):.0f} ms"
    )
    return 0 if growth < 0.05 else 1


if __name__ == "__main__":
    sys.exit(main())
