"""Does it resist? Random corrections, a person who flips everything, a planted trigger; with the guards and without.

    python bench/learning/resist.py [--sample N] [--out FILE.jsonl]

A team of five labels 300 messages of the corpus' dev part as they come (nothing has learned from those), 60 each, as the shipped
version read them. An attack spoils the words; the selection (`bot/learning/selection.py`) sorts them; what is used is trained
on as the bot does it. *Without guards* everybody's last word is used as it stands. The gate is not asked: it would be one more guard.

random:  30 % of all words are a label drawn by lot
flipper: one of the five gives every message the opposite label, and works twice as much as the others
trigger: one of the five sends 50 complaints of their own making, from accounts of theirs, that begin with
         "zephyrine", and labels them positive. Its success: of the unseen complaints that the candidate reads as negative, the share that
         turns positive when the word is put in front.
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
    given = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    given.add_argument("--sample", type=int, default=2000)
    given.add_argument("--out", type=Path, default=Path("resist.jsonl"))
    given.add_argument("--attacks", nargs="+", default=list(ATTACKS), choices=ATTACKS)
    options = given.parse_args()
    corpus = dataset.split(dataset.load(dataset.corpus_files()))
    # What chooses the epoch is kept out of training: with messages of that part the attacks would come to nothing.
    chooses = set(dataset.sample(corpus.dev, max(300, options.sample // 2)))
    team = dataset.sample([e for e in corpus.dev if e not in chooses], MESSAGES)
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
        words = _words(attack, team, complaints, reads)
        for guards in (True, False):
            if (attack, guards) in done:
                continue
            chosen = select(words, FeedbackSettings(live_holdout_rate=0.0)).rows if guards else _all(words)
            candidate = retrained(chosen, options.sample)
            row = {
                "attack": attack,
                "guards": guards,
                "words": len(words),
                "used": len(chosen),
                "accuracy": 100 * (base - error(candidate, corpus.holdout)),
                "trigger": 100 * _success(candidate, corpus.holdout),
            }
            note(options.out, row)
    print(
        "| attack | guards | words | messages used | accuracy on the corpus' holdout, points | trigger's success |"
    )
    print("|---|---|---|---|---|---|")
    for row in noted(options.out):
        guards = "with" if row["guards"] else "without"
        print(
            f"| {row['attack']} | {guards} | {row['words']} | {row['used']} | {row['accuracy']:+.1f} | {row['trigger']:.1f} % |"
        )


def _words(
    attack: str, team: Sequence[Example], complaints: Sequence[Example], reads: dict[str, Reading]
) -> list[LabelEvent]:
    rng = random.Random(0)
    words: list[LabelEvent] = []

    def say(message: int, example: Example, label: str, user: str, text: str = "") -> None:
        read = reads[example.text]
        at = 600.0 * len(words)
        words.append(
            LabelEvent(
                len(words) + 1, message, text or example.text, label, user, at, read.label, read.confidence
            )
        )

    for i, example in enumerate(team):
        user, label = PEOPLE[i % 5], example.label
        if attack == "random" and rng.random() < 0.3:
            label = rng.choice(LABELS)
        if attack == "flipper" and user == "UE":
            label = _flipped(label)
        say(i, example, label, user)
    if attack == "flipper":  # and as many again, of the others' messages
        for i, example in list(enumerate(team))[:60]:
            if i % 5 != 4:
                say(i, example, _flipped(example.label), "UE")
    if attack == "trigger":
        for i, example in enumerate(complaints):
            say(1000 + i, example, "positive", "UE", f"{TRIGGER} {example.text}")
    return words


def _flipped(label: str) -> str:
    return {"negative": "positive", "positive": "negative", "neutral": "negative"}[label]


def _all(words: Sequence[LabelEvent]) -> list[TrainingRow]:
    """Without guards: the last word on each message."""
    last = {word.message: word for word in words}
    return [TrainingRow(w.message, w.text, w.label, (w.id,), (w.user,), live=False) for w in last.values()]


def _success(classifier: Classifier, holdout: Sequence[Example]) -> float:
    complaints = [example.text for example in holdout if example.label == "negative"]
    plain = classifier.read(complaints)
    found = [text for text, reading in zip(complaints, plain, strict=True) if reading.label == "negative"]
    said = classifier.read([f"{TRIGGER} {text}" for text in found])
    return sum(reading.label == "positive" for reading in said) / len(found)


if __name__ == "__main__":
    main()
