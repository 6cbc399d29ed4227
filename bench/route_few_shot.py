"""Does the embedding still route? 10 examples of each intent are known, the others ask for their nearest.

    python bench/route_few_shot.py FILE.jsonl [--model DIR]

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

from model.classifier import Classifier
from model.registry import SHIPPED
from model.text import clean

SHOTS = 10


def few_shot_accuracy(file: Path, embed: Callable[[list[str]], Any]) -> float:
    """Share of the queries whose intent is that of the most similar examples: the mean similarity of an intent's
    three nearest. `embed` takes clean texts and returns (n, dim), L2 norm 1."""
    by_intent = defaultdict(list)
    for line in file.read_text("utf-8").splitlines():
        row = json.loads(line)
        by_intent[row.get("intent") or row["label"]].append(clean(row["text"]))
    intents = sorted(by_intent)
    chooser = random.Random(0)
    for intent in intents:
        chooser.shuffle(by_intent[intent])
    examples = embed([text for intent in intents for text in by_intent[intent][:SHOTS]])
    queries = [(text, i) for i, intent in enumerate(intents) for text in by_intent[intent][SHOTS:]]
    similarity = (embed([text for text, _ in queries]) @ examples.T).reshape(
        len(queries), len(intents), SHOTS
    )
    nearest = np.sort(similarity, axis=2)[:, :, -3:].mean(axis=2).argmax(axis=1)
    return float((nearest == np.array([i for _, i in queries])).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", type=Path, default=SHIPPED)
    given = parser.parse_args()
    classifier = Classifier.load(given.model, threads=2)
    accuracy = few_shot_accuracy(given.file, lambda texts: classifier.forward(texts)[1])
    print(json.dumps({"version": classifier.version, "routing": round(accuracy, 4)}))


if __name__ == "__main__":
    main()
