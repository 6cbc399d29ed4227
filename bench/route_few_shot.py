"""Does the embedding still route? 10 examples of each intent are known, the others ask for their nearest.

    python bench/route_few_shot.py FILE.jsonl [FILE.jsonl ...] [--model DIR] [--seeds N] [--first SEED]

Each FILE has `{"text", "intent"}` lines (the project measures with Banking77's training part and CLINC150). Lines may
say their `part`: then the examples come from `train`, the label_requests from `val`, and other parts are left out.

Prints, per seed, the accuracy of a version folder, the shipped one by default; and, with templates for only half of the
intents, how well the score tells whether a question has one: the AUROC, and the share of the unknown that would be
answered at the threshold at which 90 % of the known are.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from bot.pipeline.matching import fit
from model.classifier import Classifier
from model.registry import SHIPPED
from model.text import clean

SHOTS = 10
Embed = Callable[[list[str]], Any]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Questions:
    """Clean texts, the number of each one's intent, its part ("" where the file names none) and its embedding."""

    texts: list[str]
    intents: Places
    parts: list[str]
    embeddings: Any

    def drawn(self, seed: int) -> tuple[Places, Places]:
        """Places of the examples, `SHOTS` of each intent and one intent after the other, and of the queries."""
        by_intent = defaultdict(list)
        for place, (intent, part) in enumerate(zip(self.intents, self.parts, strict=True)):
            if part in ("", "train"):
                by_intent[intent].append(place)
        chooser = random.Random(seed)
        for intent in sorted(by_intent):
            chooser.shuffle(by_intent[intent])
        examples = [place for intent in sorted(by_intent) for place in by_intent[intent][:SHOTS]]
        queries = [place for intent in sorted(by_intent) for place in by_intent[intent][SHOTS:]]
        if any(self.parts):
            queries = [place for place, part in enumerate(self.parts) if part == "val"]
        return np.array(examples), np.array(queries)

    def scores(self, examples: Places, owners: Places, queries: Places) -> npt.NDArray[np.float64]:
        """What the bot's own matching says, (queries, templates)."""
        match = fit(self.embeddings[examples], owners, owners.max() + 1, [self.texts[i] for i in examples])
        return match(self.embeddings[queries], [self.texts[i] for i in queries])


def load(file: Path, embed: Embed) -> Questions:
    """`embed` takes clean texts and returns (n, dim), L2 norm 1."""
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    rows = [row for row in rows if row.get("part", "train") in ("train", "val")]
    names = [row.get("intent") or row["label"] for row in rows]
    texts = [clean(row["text"]) for row in rows]
    numbers = np.unique(names, return_inverse=True)[1]
    return Questions(texts, numbers, [row.get("part", "") for row in rows], embed(texts))


def accuracy(asked: Questions, seed: int) -> dict[str, float]:
    """Share of the queries whose intent is found: by the bot's own matching, by a logistic regression, and as that of
    the nearest example."""
    examples, queries = asked.drawn(seed)
    known, owners = asked.embeddings[examples], asked.intents[examples]
    query = asked.embeddings[queries]
    found = {
        "routing": asked.scores(examples, owners, queries).argmax(axis=1),
        "logistic": LogisticRegression(C=30, max_iter=1000).fit(known, owners).predict(query),
        "nearest": owners[(query @ known.T).argmax(axis=1)],
    }
    return {name: round(float((said == asked.intents[queries]).mean()), 4) for name, said in found.items()}


def half_unknown(asked: Questions, seed: int) -> dict[str, float]:
    """Only half of the intents have templates, all are asked about: does the best score tell which?"""
    examples, queries = asked.drawn(seed)
    count = int(asked.intents.max()) + 1
    templates = sorted(random.Random(1000 + seed).sample(range(count), count // 2))
    examples = examples[np.isin(asked.intents[examples], templates)]
    best = asked.scores(examples, np.searchsorted(templates, asked.intents[examples]), queries).max(axis=1)
    known = np.isin(asked.intents[queries], templates)
    answered = best[~known] >= np.quantile(best[known], 0.1)
    return {
        "auroc": round(float(roc_auc_score(known, best)), 4),
        "unknown_answered": round(float(answered.mean()), 4),
    }


def few_shot_accuracy(file: Path, embed: Embed, seed: int = 0) -> dict[str, float]:
    """`accuracy` on a file, for one choice of the examples."""
    return accuracy(load(file, embed), seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--seeds", type=int, default=3, help="so many choices of the 10 examples")
    parser.add_argument("--first", type=int, default=0, help="the first choice's seed")
    given = parser.parse_args()
    classifier = Classifier.load(given.model, threads=2)
    for file in given.files:
        asked = load(file, lambda texts: classifier.forward(texts)[1])
        for seed in range(given.first, given.first + given.seeds):
            figures = accuracy(asked, seed) | half_unknown(asked, seed)
            row = {"version": classifier.version, "file": file.name, "seed": seed}
            print(json.dumps(row | figures), flush=True)


if __name__ == "__main__":
    main()
