"""How often the shadow evaluation errs: a version that is worse by five points kept, an equal one rolled back.

    python bench/learning/shadow.py [--evaluations N]

No model is used: on each message the two versions differ at random, and a person says at a given rate which is right. The
evaluation ends after the given number of readings that count; if half of the requests are answered, half of the readings
count. The test runs after every message, as in the bot.
"""

from __future__ import annotations

import argparse

import numpy as np

from bot.domain.learning import ShadowCounts
from bot.learning.shadow import MIN_EXPECTED, WORSE_BY, is_worse, known


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--evaluations", type=int, default=2000)
    evaluations = parser.parse_args().evaluations
    rng = np.random.default_rng(0)
    print(f"{evaluations} shadow evaluations a cell; rolled back:\n")
    print(
        "| answered | differed in the comparison on | readings that count | worse by 5 points | equal | equal, differs twice as often |"
    )
    print("|---|---|---|---|---|---|")
    for answered, expected in ((0.9, 0.02), (0.9, 0.03), (0.9, 0.05), (0.5, 0.03)):
        each = max(expected, MIN_EXPECTED) / 2
        for readings in (200, 400, 600, 1000):
            cells = [
                np.mean(
                    [_rolled_back(old, new, expected, readings, answered, rng) for _ in range(evaluations)]
                )
                for old, new in ((each + WORSE_BY, each), (each, each), (2 * each, 2 * each))
            ]
            shown = " | ".join(f"{cell:.1%}" for cell in cells)
            print(f"| {answered:.0%} | {expected:.0%} | {readings:,} | {shown} |", flush=True)


def _rolled_back(
    old: float, new: float, expected: float, count: int, answer_rate: float, rng: np.random.Generator
) -> bool:
    """One evaluation. `old`: the rate of messages on which only the old version is right; `new`: only the new one."""
    readings = int(count / answer_rate * 1.2)
    draw = rng.random(readings)
    answered = rng.random(readings) < answer_rate
    old_right = np.cumsum((draw < old) & answered)
    new_right = np.cumsum((draw > 1 - new) & answered)
    differ = np.cumsum((draw < old) | (draw > 1 - new))
    for i in range(readings):
        counts = ShadowCounts(i + 1, int(differ[i]), int(old_right[i]), int(new_right[i]), 0, expected)
        if is_worse(counts):
            return True
        if i > 50 and known(counts) >= count:
            return False
    return False


if __name__ == "__main__":
    main()
