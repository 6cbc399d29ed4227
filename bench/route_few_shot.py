"""Does the embedding still route? 10 examples of each intent are known, the others ask for their nearest.

    python bench/route_few_shot.py FILE.jsonl [--model DIR] [--seeds N]

FILE has `{"text", "intent"}` lines (the project measures with Banking77's training part). Prints the accuracy of a
version folder, the shipped one by default.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from bot.matching import fit
from model.classifier import Classifier
from model.registry import SHIPPED
from model.text import clean

SHOTS = 10


def few_shot_accuracy(file: Path, embed: Callable[[list[str]], Any], seed: int = 0) -> dict[str, float]:
    """Share of the queries whose intent is found: by the bot's own matching, by a logistic regression, and as that of
    the nearest example. `embed` takes clean texts and returns (n, dim), L2 norm 1."""
    by_intent = defaultdict(list)
    for line in file.read_text("utf-8").splitlines():
        row = json.loads(line)
        by_intent[row.get("intent") or row["label"]].append(clean(row["text"]))
    intents = sorted(by_intent)
    chooser = random.Random(seed)
    for intent in intents:
        chooser.shuffle(by_intent[intent])
    examples = embed([text for intent in intents for text in by_intent[intent][:SHOTS]])
    queries = [(text, i) for i, intent in enumerate(intents) for text in by_intent[intent][SHOTS:]]
    asked, wanted = embed([text for text, _ in queries]), np.array([i for _, i in queries])
    owners = np.repeat(np.arange(len(intents)), SHOTS)
    found = {
        "routing": fit(examples, owners, len(intents))(asked).argmax(axis=1),
        "logistic": LogisticRegression(C=30, max_iter=1000).fit(examples, owners).predict(asked),
        "nearest": owners[(asked @ examples.T).argmax(axis=1)],
    }
    return {name: round(float((intent == wanted).mean()), 4) for name, intent in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--seeds", type=int, default=3, help="so many choices of the 10 examples")
    given = parser.parse_args()
    classifier = Classifier.load(given.model, threads=2)
    for seed in range(given.seeds):
        figures = few_shot_accuracy(given.file, lambda texts: classifier.forward(texts)[1], seed)
        print(json.dumps({"version": classifier.version, "seed": seed, **figures}))


if __name__ == "__main__":
    main()
