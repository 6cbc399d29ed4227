"""How often the release checks err: a truly worse candidate promoted, a truly better one rejected.

    python bench/learning/release_checks.py [--pairs N]

Nothing is trained: the shipped version reads the corpus' holdout once. Each pair is drawn from that. Its messages, with
their gold labels and the active model's labels, are resampled to the size of a team's live holdout. Its candidate breaks
some right readings and corrects some wrong ones, so that its true macro-F1 is two points lower or higher. The two differ
on about DIFFER of the messages (retrained versions differ on 3 to 6 %). Wrong readings follow the shipped version's errors.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from model.classifier import Classifier
from model.reading import LABELS
from model.registry import SHIPPED
from training import dataset
from training.evaluate import predict
from training.promote import Measured, Part, verdict
from training.retrain import JUDGED_BY

DIFFER = 0.045

Read = tuple[str, str, str]
"""Gold label, the active model's, the hard kind."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=400)
    pairs = parser.parse_args().pairs
    holdout = dataset.sample(dataset.split(dataset.load(dataset.corpus_files())).holdout, JUDGED_BY)
    labels = predict(Classifier.load(SHIPPED, threads=2), holdout)
    read = [(e.label, label or "neutral", e.kind) for e, label in zip(holdout, labels, strict=True)]
    rng = np.random.default_rng(0)
    print(f"{pairs} pairs a cell; corpus holdout {len(read)}; the two differ on about {DIFFER:.1%}\n")
    print("| the candidate is truly | live holdout | promoted | wanted |")
    print("|---|---|---|---|")
    for name, live_gap, corpus_gap, wanted in (
        ("2 points worse everywhere", -0.02, -0.02, "≤ 5 %"),
        ("2 points worse on the team's messages, equal on the corpus", -0.02, 0.0, "≤ 5 %"),
        ("2 points better everywhere", 0.02, 0.02, "≥ 80 %"),
        ("2 points better on the team's messages, equal on the corpus", 0.02, 0.0, "≥ 80 %"),
        ("equal", 0.0, 0.0, ""),
    ):
        for size in (100, 300, 1000):
            promoted = [_promoted(read, size, live_gap, corpus_gap, rng) for _ in range(pairs)]
            print(f"| {name} | {size:,} | {np.mean(promoted):.1%} | {wanted} |", flush=True)


def _promoted(
    read: Sequence[Read], size: int, live_gap: float, corpus_gap: float, rng: np.random.Generator
) -> bool:
    corpus = [read[i] for i in rng.integers(len(read), size=len(read))]
    live = [read[i] for i in rng.integers(len(read), size=size)]
    wrong = float(np.mean([gold != old for gold, old, _ in read]))
    new, own = (_candidate(some, wrong, gap, rng) for some, gap in ((corpus, corpus_gap), (live, live_gap)))
    kinds: dict[str, list[int]] = {}
    for position, (_, _, kind) in enumerate(corpus):
        kinds.setdefault(kind, []).append(position)
    slices = {k: _part([corpus[i] for i in at], [new[i] for i in at]) for k, at in kinds.items()}
    measured = Measured(corpus=_part(corpus, new), live=_part(live, own), slices=slices)
    return bool(verdict(measured)["promote"])


def _part(read: Sequence[Read], new: Sequence[str]) -> Part:
    return Part([gold for gold, _, _ in read], new, [old for _, old, _ in read])


def _candidate(read: Sequence[Read], wrong: float, gap: float, rng: np.random.Generator) -> list[str]:
    """Random labels of a candidate: each message is drawn on its own, so the results vary as real samples do.

    One broken or corrected message in a hundred changes accuracy, and here macro-F1, by about a point.
    """
    broken, corrected = (DIFFER - gap) / 2, (DIFFER + gap) / 2
    labels = []
    for gold, old, _ in read:
        if old == gold:
            labels.append(_error(gold, rng) if rng.random() < broken / (1 - wrong) else old)
        else:
            labels.append(gold if rng.random() < corrected / wrong else old)
    return labels


def _error(gold: str, rng: np.random.Generator) -> str:
    """A wrong label. Negative and positive are rarely confused."""
    if gold == "neutral":
        return str(rng.choice(["negative", "positive"], p=[0.6, 0.4]))
    return "neutral" if rng.random() < 0.8 else LABELS[2 - LABELS.index(gold)]


if __name__ == "__main__":
    main()
