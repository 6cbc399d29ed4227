"""The long random walk: faults and kills, again and again; then what is on disk and in Slack is checked.

    python bench/chaos.py [--seeds N] [--messages N] [--kills N] [--rate R]

Twenty seeds of 510 messages and 10 to 11 kills each by default: over 10,000 messages, over 200 kills. A seed takes two to three
minutes. The seed decides what is written, done and killed and which calls and deliveries meet a fault; how processes interleave is
the machine's. Exit code 1 if anything is lost, doubled or leaked.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from sandbox.faults import Rates
from tests.support.chaos.walk import HEAD, Walk


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    given.add_argument("--seeds", type=int, default=20)
    given.add_argument("--first", type=int, default=1)
    given.add_argument("--messages", type=int, default=510)
    given.add_argument("--kills", type=int, default=11)
    given.add_argument("--rate", type=float, default=0.02, help="of each fault, a call or a delivery")
    given.add_argument("--keep", action="store_true", help="keep the folders of walks that failed")
    options = given.parse_args()
    print(HEAD, flush=True)
    points: set[str] = set()
    wrong = messages = kills = 0
    for seed in range(options.first, options.first + options.seeds):
        folder = Path(tempfile.mkdtemp(prefix=f"softanswer-chaos-{seed}-"))
        walk = Walk(
            seed, folder, messages=options.messages, kills=options.kills, rates=Rates.all_at(options.rate)
        )
        books = asyncio.run(walk.run())
        print(books.row(), flush=True)
        points |= books.points
        messages, kills, wrong = messages + books.messages, kills + books.kills, wrong + (not books.ok)
        if not books.ok:
            print(books, file=sys.stderr)
        if books.ok or not options.keep:
            shutil.rmtree(folder)
    print(
        f"\n{messages} messages, {kills} kills at {len(points)} named points, {wrong} walks with a book that does not balance"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
