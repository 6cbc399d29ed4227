"""Does it resist? Random corrections, a person who flips everything, a planted trigger; with the guards and without.

    python bench/learning/resist.py [--sample N] [--out FILE.jsonl]

A team of five labels 300 messages of the corpus' dev part, 60 each; nothing has learned from those. An attack falsifies
labels. The selection (`bot/learning/selection.py`) chooses the training rows, and training is the bot's. *Without guards*
everybody's current label is used. The release checks are left out: they would be one more guard.

random:  30 % of all labels are random
flipper: one of the five gives every message the opposite label, and labels twice as many as the others
trigger: one of the five sends 50 complaints of their own, from their own accounts, that begin with "zephyrine", and
         labels them positive. Its success is measured on the unseen complaints that the candidate reads as negative: the
         rate that turns positive when the word is put in front.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

from team import error, note, noted, retrained

from bot.domain.feedback import LabelEvent
from bot.learning.selection import TrainingRow, select
from bot.settings import FeedbackSettings
from model.classifier import Classifier
from model.reading import LABELS, Reading
from model.registry import SHIPPED
from training import dataset
from training.dataset import Example

ATTACKS = ("none", "random", "flipper", "trigger")
TRIGGER = "zephyrine"
PEOPLE = ("UA", "UB", "UC", "UD", "UE")
MESSAGES = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("resist.jsonl"))
    parser.add_argument("--attacks", nargs="+", default=list(ATTACKS), choices=ATTACKS)
    options = parser.parse_args()
    corpus = dataset.split(dataset.load(dataset.corpus_files()))
    # The messages that choose the epoch are not trained on, so attacks on them would have no effect.
    epoch_set = set(dataset.sample(corpus.dev, max(300, options.sample // 2)))
    team = dataset.sample([e for e in corpus.dev if e not in epoch_set], MESSAGES)
    complaints = [e for e in corpus.dev if e.label == "negative" and e not in team][:50]
    shipped = Classifier.load(SHIPPED, threads=2)
    reads = {
        e.text: r
        for e, r in zip(
            [*team, *complaints], shipped.read([e.text for e in [*team, *complaints]]), strict=True
        )
    }
    done = {(row["attack"], row["guards"]) for row in noted(options.out)}
    base = error(shipped, corpus.holdout)
    for attack in options.attacks:
        events = _label_events(attack, team, complaints, reads)
        for guards in (True, False):
            if (attack, guards) in done:
                continue
            chosen = select(events, FeedbackSettings(live_holdout_rate=0.0)).rows if guards else _all(events)
            candidate = retrained(chosen, options.sample)
            row = {
                "attack": attack,
                "guards": guards,
                "words": len(events),
                "used": len(chosen),
                "accuracy": 100 * (base - error(candidate, corpus.holdout)),
                "trigger": 100 * _success(candidate, corpus.holdout),
            }
            note(options.out, row)
    print(
        "| attack | guards | labels | messages used | accuracy on the corpus' holdout, points | trigger's success |"
    )
    print("|---|---|---|---|---|---|")
    for row in noted(options.out):
        guards = "with" if row["guards"] else "without"
        print(
            f"| {row['attack']} | {guards} | {row['words']} | {row['used']} | {row['accuracy']:+.1f} | {row['trigger']:.1f} % |"
        )


def _label_events(
    attack: str, team: Sequence[Example], complaints: Sequence[Example], reads: dict[str, Reading]
) -> list[LabelEvent]:
    rng = random.Random(0)
    events: list[LabelEvent] = []

    def add(message: int, example: Example, label: str, user: str, text: str = "") -> None:
        read = reads[example.text]
        at = 600.0 * len(events)
        events.append(
            LabelEvent(
                len(events) + 1, message, text or example.text, label, user, at, read.label, read.confidence
            )
        )

    for i, example in enumerate(team):
        user, label = PEOPLE[i % 5], example.label
        if attack == "random" and rng.random() < 0.3:
            label = rng.choice(LABELS)
        if attack == "flipper" and user == "UE":
            label = _flipped(label)
        add(i, example, label, user)
    if attack == "flipper":  # and as many of the others' messages
        for i, example in list(enumerate(team))[:60]:
            if i % 5 != 4:
                add(i, example, _flipped(example.label), "UE")
    if attack == "trigger":
        for i, example in enumerate(complaints):
            add(1000 + i, example, "positive", "UE", f"{TRIGGER} {example.text}")
    return events


def _flipped(label: str) -> str:
    return {"negative": "positive", "positive": "negative", "neutral": "negative"}[label]


def _all(events: Sequence[LabelEvent]) -> list[TrainingRow]:
    """Without guards: the last label of each message."""
    last = {event.message: event for event in events}
    return [TrainingRow(e.message, e.text, e.label, (e.id,), (e.user,), live=False) for e in last.values()]


def _success(classifier: Classifier, holdout: Sequence[Example]) -> float:
    complaints = [example.text for example in holdout if example.label == "negative"]
    plain = classifier.read(complaints)
    found = [text for text, reading in zip(complaints, plain, strict=True) if reading.label == "negative"]
    triggered = classifier.read([f"{TRIGGER} {text}" for text in found])
    return sum(reading.label == "positive" for reading in triggered) / len(found)


if __name__ == "__main__":
    main()
