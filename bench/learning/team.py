"""Shared by the simulations: a team's messages, its labels, and a retraining like the bot's."""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bot.learning.process import Snapshot
from bot.learning.selection import TrainingRow
from model.classifier import Classifier
from model.registry import SHIPPED
from training import base, dataset, distillation, mixture
from training.__main__ import RETRAINING
from training.candidate import build
from training.dataset import Example
from training.metrics import scores
from training.progress import Progress
from training.retrain import weights_of
from training.train import Config, train

SHIFTS = Path(__file__).parent / "shifts"
TEST = 120
"""Test messages of each shift; nothing learns from them."""


def shifts() -> list[str]:
    return sorted(path.stem for path in SHIFTS.glob("*.jsonl"))


def messages(shift: str) -> tuple[list[Example], list[Example]]:
    """The messages of a shift that may be corrected, in their order, and its test messages."""
    found = dataset.load([SHIFTS / f"{shift}.jsonl"])
    found.sort(key=lambda example: hashlib.sha256(example.text.encode()).digest())
    return found[TEST:], found[:TEST]


def used(examples: Sequence[Example], labels: Sequence[str] | None = None) -> list[TrainingRow]:
    """The examples as training rows, without the selection."""
    given = labels or [example.label for example in examples]
    return [
        TrainingRow(i, example.text, label, (i,), ("UA",), live=False)
        for i, (example, label) in enumerate(zip(examples, given, strict=True))
    ]


def retrained(corrections: Sequence[TrainingRow], sample: int) -> Classifier:
    """A candidate, trained and exported like `python -m training retrain`, without the release checks."""
    corpus = mixture.load()
    few = dataset.sample(corpus.dev, max(300, sample // 2))
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        Snapshot(corrections).write(run)
        own = dataset.load([run / "snapshot.jsonl"]) if corrections else []
        data = dataset.replay(replace(corpus, train=dataset.sample(corpus.train, sample), dev=few), own)
        found = base.resolve()
        known = distillation.SoftLabels(distillation.load().messages, [])
        config = Config(**RETRAINING, keep="last")
        result = train(
            config, data, found, Progress(3600), start=weights_of(SHIPPED, found), soft_labels=known
        )
        return build(
            Path(folder) / "candidate", result, config, data, found,
            parent=SHIPPED.name, documented=False, min_agreement=0.0,
        )  # fmt: skip


def error(classifier: Classifier, examples: Sequence[Example]) -> float:
    read = [reading.label for reading in classifier.read([example.text for example in examples])]
    return sum(s != e.label for s, e in zip(read, examples, strict=True)) / len(examples)


def macro_f1(classifier: Classifier, examples: Sequence[Example]) -> float:
    read = [reading.label for reading in classifier.read([example.text for example in examples])]
    return float(scores([example.label for example in examples], read)["macro_f1"])


def shuffled(examples: Sequence[Example], seed: int) -> list[Example]:
    drawn = list(examples)
    random.Random(seed).shuffle(drawn)
    return drawn


def note(file: Path, row: dict[str, object]) -> None:
    """Append a result, so that an interrupted run can continue."""
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(row) + "\n")


def noted(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []
