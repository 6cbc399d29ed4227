"""Does it learn a team's dialect? Several shifts, 50 / 100 / 200 corrections, and the effect on the corpus.

    python bench/learning/dialect.py [--sample N] [--out FILE.jsonl] [--only SHIFT:N …]

Each shift (`shifts/`, 340 messages of one team, written for this) is split: 220 messages that agents may correct, and a
test set of 120. The first n of the 220, ordered by hash, become labels, whether the shipped version read them right or
not. Training and export are the bot's. A run takes about four minutes on two cores. Results are appended to FILE, and a
run whose result is there is skipped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from team import error, macro_f1, messages, note, noted, retrained, shifts, used

from model.classifier import Classifier
from model.registry import SHIPPED
from training import dataset

SIZES = (50, 100, 200)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("dialect.jsonl"))
    parser.add_argument(
        "--only", nargs="+", metavar="SHIFT:N", default=_all(), help="these runs, in this order"
    )
    options = parser.parse_args()
    holdout = dataset.split(dataset.load(dataset.corpus_files())).holdout
    shipped = Classifier.load(SHIPPED, threads=2)
    before = macro_f1(shipped, holdout)
    done = {(row["shift"], row["corrections"]) for row in noted(options.out)}
    for shift, _, corrections in (run.partition(":") for run in options.only):
        size = int(corrections)
        if (shift, size) in done:
            continue
        pool, test = messages(shift)
        candidate = retrained(used(pool[:size]), options.sample)
        note(
            options.out,
            {
                "shift": shift,
                "corrections": size,
                "before": error(shipped, test),
                "after": error(candidate, test),
                "corpus": macro_f1(candidate, holdout) - before,
            },
        )
    _table(noted(options.out))


def _all() -> list[str]:
    return [f"{shift}:{size}" for size in reversed(SIZES) for shift in shifts()]


def _table(rows: list[dict[str, object]]) -> None:
    found = {(str(row["shift"]), int(str(row["corrections"]))): row for row in rows}
    print("| shift | error before | " + " | ".join(f"after {size} (fall; corpus)" for size in SIZES) + " |")
    print("|---|---|" + "---|" * len(SIZES))
    for shift in sorted({shift for shift, _ in found}):
        cells = []
        for size in SIZES:
            row = found.get((shift, size))
            if row is None:
                cells.append("")
                continue
            before, after, corpus = (float(str(row[key])) for key in ("before", "after", "corpus"))
            cells.append(f"{after:.3f} (−{(before - after) / before:.0%}; {corpus * 100:+.1f})")
        first = next(row for (name, _), row in found.items() if name == shift)
        print(
            f"| {shift.replace('_', ' ')} | {float(str(first['before'])):.3f} | " + " | ".join(cells) + " |"
        )


if __name__ == "__main__":
    main()
