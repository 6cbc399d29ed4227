"""Measuring a candidate against the model in service, on the same messages: what training.promote decides on."""

from __future__ import annotations

import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from model.classifier import Classifier
from model.reading import Reading
from training import behaviour
from training.dataset import Example, rows
from training.evaluate import length
from training.metrics import expected_calibration_error
from training.promote import Measured, Part

GOLDEN = Path(__file__).parent / "golden.jsonl"
"""Messages that no version may read wrong, whatever its figures."""

Progress = Callable[[float], None]


def measure(
    candidate: Classifier,
    active: Classifier,
    corpus: Sequence[Example],
    live: Sequence[Example],
    golden: Sequence[Example],
    progress: Progress = lambda share: None,
    talk: Sequence[Example] = (),
) -> tuple[Measured, list[Reading]]:
    """Everything the verdict needs, and the candidate's readings of corpus and live messages, in that order.

    `corpus` and `live` are labelled messages neither model has learned from; `golden` the team's own must-pass messages,
    beside the ones that come with the package; `talk` turns of whole conversations.
    """
    examples = [*corpus, *live]
    new, old = _read_both(candidate, active, examples)
    progress(0.5)
    # On their own cases alone: with the corpus' sample added they take longer than all the rest.
    tests = [behaviour.run(classifier) for classifier in (candidate, active)]
    progress(0.9)
    golden_set = [*rows([GOLDEN]), *golden]
    said = [reading.label for reading in candidate.read([example.text for example in golden_set])]
    scored = [(r, e.label) for r, e in zip(new, examples, strict=True) if r.label is not None]
    ece = expected_calibration_error([r.confidence for r, _ in scored], [r.label == g for r, g in scored])
    cut = len(corpus)
    found = Measured(
        corpus=_part(corpus, new[:cut], old[:cut]),
        live=_part(live, new[cut:], old[cut:]),
        talk=_part(talk, *_read_both(candidate, active, talk)),
        slices=_slices(corpus, new[:cut], old[:cut]),
        behaviour={name: (_passed(tests[0][name]), _passed(tests[1][name])) for name in tests[0]},
        golden=[(_called(e), e.label, label) for e, label in zip(golden_set, said, strict=True)],
        ece=ece,
        agreement=candidate.manifest.metrics.get("int8", {}).get("agreement", 1.0),
        speed=_time_ratio(candidate, active, [example.text for example in examples[:64]]),
    )
    progress(1.0)
    return found, new


def _called(golden: Example) -> str:
    """A golden message in the verdict: the package's own in its words, the team's by its number, for a verdict stays and
    the words of a message may have to go."""
    return f"“{golden.text}”" if golden.message is None else f"number {golden.message} of yours"


def golden_from(file: Path | None) -> list[Example]:
    """The team's must-pass messages: `{"text", "label", "message"}` a line, the last its number. Raises DataError."""
    return rows([file]) if file and file.stat().st_size else []


def _read_both(
    candidate: Classifier, active: Classifier, examples: Sequence[Example]
) -> tuple[list[Reading], list[Reading]]:
    texts = [example.text for example in examples]
    return candidate.read(texts), active.read(texts)


def _part(examples: Sequence[Example], new: Sequence[Reading], old: Sequence[Reading]) -> Part:
    return Part([e.label for e in examples], [r.label for r in new], [r.label for r in old])


def _slices(examples: Sequence[Example], new: Sequence[Reading], old: Sequence[Reading]) -> dict[str, Part]:
    """By hard kind, and by length: short messages are another task than long ones."""
    places: dict[str, list[int]] = defaultdict(list)
    for position, example in enumerate(examples):
        if example.kind:
            places[example.kind].append(position)
        places[length(example)].append(position)
    return {
        name: _part([examples[i] for i in at], [new[i] for i in at], [old[i] for i in at])
        for name, at in sorted(places.items())
    }


def _passed(capabilities: Mapping[str, Mapping[str, Any]]) -> float:
    cases = sum(found["n"] for found in capabilities.values())
    return sum(found["passed"] for found in capabilities.values()) / cases if cases else 1.0


def _time_ratio(candidate: Classifier, active: Classifier, texts: Sequence[str]) -> float:
    """How long one message takes, the candidate's time over the active model's: each message by both in turn, so that
    whatever else the machine does meets both; the median of the ratios."""
    ratios = []
    for text in texts:
        times = []
        for classifier in (active, candidate):
            began = time.perf_counter()
            classifier.read([text])
            times.append(time.perf_counter() - began)
        ratios.append(times[1] / max(times[0], 1e-9))
    return statistics.median(ratios) if ratios else 1.0


def as_json(verdict: Mapping[str, Any]) -> str:
    return json.dumps(verdict, indent=2) + "\n"
