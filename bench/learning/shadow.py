"""How often the evaluation errs: a version that is worse by five points kept, an equal one called back.

    python bench/learning/shadow.py [--evaluations N]

No model: on each message the two versions differ by lot, and a person says who is right, in a share of the cases. The evaluation
ends when so many readings count as given (where half is answered, only half of what was read counts). The test is looked at after
every message, as the bot does.
"""

from __future__ import annotations

import argparse

import numpy as np

from bot.domain.learning import ShadowCounts
from bot.learning.shadow import MIN_EXPECTED, WORSE_BY, is_worse, known


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    given.add_argument("--evaluations", type=int, default=2000)
    evaluations = given.parse_args().evaluations
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
                    [_called_back(old, new, expected, readings, answered, rng) for _ in range(evaluations)]
                )
                for old, new in ((each + WORSE_BY, each), (each, each), (2 * each, 2 * each))
            ]
            shown = " | ".join(f"{cell:.1%}" for cell in cells)
            print(f"| {answered:.0%} | {expected:.0%} | {readings:,} | {shown} |", flush=True)


def _called_back(
    old: float, new: float, expected: float, count: int, answers: float, rng: np.random.Generator
) -> bool:
    """One evaluation. `old`: share of messages on which the old version is right and the new one wrong; `new`: the reverse."""
    readings = int(count / answers * 1.2)
    lot = rng.random(readings)
    answered = rng.random(readings) < answers
    old_right = np.cumsum((lot < old) & answered)
    new_right = np.cumsum((lot > 1 - new) & answered)
    differ = np.cumsum((lot < old) | (lot > 1 - new))
    for i in range(readings):
        counts = ShadowCounts(i + 1, int(differ[i]), int(old_right[i]), int(new_right[i]), 0, expected)
        if is_worse(counts):
            return True
        if i > 50 and known(counts) >= count:
            return False
    return False


if __name__ == "__main__":
    main()
