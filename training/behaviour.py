"""Behaviour tests after CheckList (Ribeiro et al. 2020).

Minimum functionality: clear cases of each capability; one-liners, which must not look unhappy because they are short; long
messages with the feeling at any position. Invariance: a change without a feeling keeps the label. Direction: a change that adds
displeasure never makes a reading less negative. Not scored: other languages, but not short English. The
messages in `behaviour_cases/` are not in the corpus. Needs no torch.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from model.classifier import Classifier
from model.reading import Reading
from training.augment import greeted, typo
from training.dataset import Example, rows, sample

FOLDER = Path(__file__).parent / "behaviour_cases"
SAMPLE = 400
"""How many of the further messages are used: one minute of reading instead of ten."""
TOLERANCE = 0.05
"""How much the probability of negative may fall before a reading counts as less negative."""

_NAMES = (
    "Anna", "Mohammed", "Priya", "Wei", "Kwame", "Olga", "José", "Fatima", "John", "Yuki", "Chidi", "Siobhán"
)  # fmt: skip
_A_NAME = re.compile(r"\b(?:" + "|".join(_NAMES) + r")\b|<@U\w+>")

Change = Callable[[str, random.Random], str]
Read = Callable[[Sequence[str]], list[Reading]]


def introduced(text: str, rng: random.Random) -> str:
    """The sender's name in front; any names in the text replaced."""
    renamed = _A_NAME.sub(lambda match: rng.choice(_NAMES) if match[0][0] != "<" else match[0], text)
    return _in_front(f"{rng.choice(_NAMES)} here.", renamed)


def lower_case(text: str, _: random.Random) -> str:
    return text.lower()


def capitalised(text: str, _: random.Random) -> str:
    return text[:1].upper() + text[1:]


def final_stop(text: str, _: random.Random) -> str:
    """One full stop added or removed."""
    if text.endswith(".") and not text.endswith(".."):
        return text[:-1]
    return f"{text}." if text[-1:].isalnum() else text


def _in_front(words: str, text: str) -> str:
    return text if _quoting(text) else f"{words} {text}"


def _quoting(text: str) -> bool:
    """Whether a message begins with a quote or code: words in front would become part of it."""
    return text.startswith(("&gt;", ">", "`"))


INVARIANCE: dict[str, Change] = {
    "names": introduced,
    "typos": typo,
    "lower case": lower_case,
    "capital first": capitalised,
    "greeting": lambda text, rng: text if _quoting(text) else greeted(text, rng),
    "full stop": final_stop,
}
DIRECTION: dict[str, Change] = {
    "!!!": lambda text, _: text.rstrip(".!") + "!!!",
    "again": lambda text, _: text.rstrip(".!") + ", again",
    "third time": lambda text, _: text.rstrip(".!") + ". This is the third time.",
    "still": lambda text, _: _in_front("Still:", text),
}


def run(classifier: Classifier, more: Sequence[Example] = ()) -> dict[str, dict[str, dict[str, Any]]]:
    """By test and capability: n, passed, and up to five failures.

    The invariance and direction tests also use a sample of `SAMPLE` messages of `more`.
    """
    cases = rows([FOLDER / "cases.jsonl"])
    read = classifier.read
    changed = [*cases, *(sample(more, SAMPLE) if len(more) > SAMPLE else more)]
    before = read([example.text for example in changed])
    return {
        "minimum functionality": _minimum(cases, before[: len(cases)]),
        "one-liners": _minimum(*_read_cases(read, "one_liners")),
        "long messages": _minimum(*_read_cases(read, "long_messages")),
        "invariance": {
            name: _invariance(read, changed, before, change) for name, change in INVARIANCE.items()
        },
        "direction": {name: _direction(read, changed, before, change) for name, change in DIRECTION.items()},
        "not scored": _not_scored(read),
    }


def _read_cases(read: Read, name: str) -> tuple[list[Example], list[Reading]]:
    cases = rows([FOLDER / f"{name}.jsonl"])
    return cases, read([case.text for case in cases])


def _minimum(cases: Sequence[Example], readings: Sequence[Reading]) -> dict[str, dict[str, Any]]:
    capabilities = dict.fromkeys(case.kind for case in cases)
    return {
        capability: _counted(
            (case.text, reading.label == case.label)
            for case, reading in zip(cases, readings, strict=True)
            if case.kind == capability
        )
        for capability in capabilities
    }


def _invariance(
    read: Read, examples: Sequence[Example], before: Sequence[Reading], change: Change
) -> dict[str, Any]:
    texts, old = _changed(examples, before, change)
    return _counted(
        (text, new.label == was.label) for text, new, was in zip(texts, read(texts), old, strict=True)
    )


def _direction(
    read: Read, examples: Sequence[Example], before: Sequence[Reading], change: Change
) -> dict[str, Any]:
    """Without praise, where "!!!" is joy."""
    unhappy = [(e, b) for e, b in zip(examples, before, strict=True) if e.label != "positive"]
    texts, old = _changed([e for e, _ in unhappy], [b for _, b in unhappy], change)
    return _counted(
        (text, _negative(new) >= _negative(was) - TOLERANCE)
        for text, new, was in zip(texts, read(texts), old, strict=True)
    )


def _negative(reading: Reading) -> float:
    """The probability of negative; -1 if the change made the message unreadable."""
    return reading.scores["negative"] if reading.scores else -1.0


def _not_scored(read: Read) -> dict[str, dict[str, Any]]:
    found = {}
    for name, wanted in (("other languages", True), ("short English", False)):
        lines = (FOLDER / f"{name.lower().replace(' ', '_')}.jsonl").read_text("utf-8").splitlines()
        texts = [json.loads(line)["text"] for line in lines]
        found[name] = _counted(
            (text, (reading.label is None) == wanted)
            for text, reading in zip(texts, read(texts), strict=True)
        )
    return found


def _changed(
    examples: Sequence[Example], before: Sequence[Reading], change: Change
) -> tuple[list[str], list[Reading]]:
    """The texts that the change alters, and their readings before it; without those not scored."""
    rng = random.Random(0)
    pairs = [(change(e.text, rng), e.text, reading) for e, reading in zip(examples, before, strict=True)]
    kept = [(new, reading) for new, old, reading in pairs if new != old and reading.label is not None]
    return [new for new, _ in kept], [reading for _, reading in kept]


def _counted(outcomes: Any) -> dict[str, Any]:
    found = list(outcomes)
    failed = [text for text, passed in found if not passed]
    return {"n": len(found), "passed": len(found) - len(failed), "failures": failed[:5]}
