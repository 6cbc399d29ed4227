"""How often the watch errs: a version that is worse by five points kept, an equal one called back.

    python bench/learning/watch.py [--watches N]

No model: on each message the two versions differ by lot, and a person says who is right, in ANSWERED of the cases. The test is
looked at after every message, as the bot does.
"""

from __future__ import annotations

import argparse

import numpy as np

from bot.learning.watch import LEAST_EXPECTED, WORSE_BY, Seen, is_worse

ANSWERED = 0.9
"""Share of the questions that people answer while the watch goes on."""


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    given.add_argument("--watches", type=int, default=2000)
    watches = given.parse_args().watches
    chance = np.random.default_rng(0)
    print(f"{watches} watches a cell; {ANSWERED:.0%} of the questions answered; called back:\n")
    print(
        "| the two differed at the gate on | readings | worse by 5 points | equal | equal, but differs twice as often |"
    )
    print("|---|---|---|---|---|")
    for expected in (0.02, 0.03, 0.05):
        each = max(expected, LEAST_EXPECTED) / 2
        for readings in (200, 400, 600, 1000):
            cells = [
                np.mean([_called_back(old, new, expected, readings, chance) for _ in range(watches)])
                for old, new in ((each + WORSE_BY, each), (each, each), (2 * each, 2 * each))
            ]
            print(
                f"| {expected:.0%} | {readings:,} | " + " | ".join(f"{cell:.1%}" for cell in cells) + " |",
                flush=True,
            )


def _called_back(old: float, new: float, expected: float, readings: int, chance: np.random.Generator) -> bool:
    """One watch. `old`: share of messages on which the old version is right and the new one wrong; `new`: the reverse."""
    lot = chance.random(readings)
    answered = chance.random(readings) < ANSWERED
    old_right = np.cumsum((lot < old) & answered)
    new_right = np.cumsum((lot > 1 - new) & answered)
    differ = np.cumsum((lot < old) | (lot > 1 - new))
    # Nothing changes for the worse but when a person finds the old version right.
    moments = np.flatnonzero(np.diff(old_right, prepend=0))
    return any(
        is_worse(Seen(int(i) + 1, int(differ[i]), int(old_right[i]), int(new_right[i]), expected))
        for i in moments
    )


if __name__ == "__main__":
    main()
