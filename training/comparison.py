"""Measures candidate and active model on the same messages, for the release checks (training.promote)."""

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
"""The package's golden set: messages that every version must read correctly."""

Progress = Callable[[float], None]


def measure(
    candidate: Classifier,
    active: Classifier,
    corpus: Sequence[Example],
    live: Sequence[Example],
    golden: Sequence[Example],
    progress: Progress = lambda done: None,
    talk: Sequence[Example] = (),
) -> tuple[Measured, list[Reading]]:
    """The input of the verdict, and the candidate's readings of corpus and live messages, in that order.

    `corpus` and `live` are labelled messages that neither model was trained on; `golden` is the team's golden set, in addition
    to the package's; `talk` are turns of whole conversations.
    """
    examples = [*corpus, *live]
    new, old = _read_both(candidate, active, examples)
    progress(0.5)
    # Without the corpus' sample, which would take longer than everything else.
    tests = [behaviour.run(classifier) for classifier in (candidate, active)]
    progress(0.9)
    golden_set = [*rows([GOLDEN]), *golden]
    labels = [reading.label for reading in candidate.read([example.text for example in golden_set])]
    scored = [(r, e.label) for r, e in zip(new, examples, strict=True) if r.label is not None]
    ece = expected_calibration_error([r.confidence for r, _ in scored], [r.label == g for r, g in scored])
    cut = len(corpus)
    found = Measured(
        corpus=_part(corpus, new[:cut], old[:cut]),
        live=_part(live, new[cut:], old[cut:]),
        talk=_part(talk, *_read_both(candidate, active, talk)),
        slices=_slices(corpus, new[:cut], old[:cut]),
        behaviour={name: (_passed(tests[0][name]), _passed(tests[1][name])) for name in tests[0]},
        golden=[(_golden_name(e), e.label, label) for e, label in zip(golden_set, labels, strict=True)],
        ece=ece,
        agreement=candidate.manifest.metrics.get("int8", {}).get("agreement", 1.0),
        speed=_time_ratio(candidate, active, [example.text for example in examples[:64]]),
    )
    progress(1.0)
    return found, new


def _golden_name(golden: Example) -> str:
    """Name of a golden message in the verdict: the text of the package's own, the number of the team's, because a verdict is
    kept and the text of a message may have to be erased."""
    return f"“{golden.text}”" if golden.message is None else f"number {golden.message} of yours"


def golden_from(file: Path | None) -> list[Example]:
    """The team's golden set: `{"text", "label", "message"}` a line, the last its number. Raises DataError."""
    return rows([file]) if file and file.stat().st_size else []


def _read_both(
    candidate: Classifier, active: Classifier, examples: Sequence[Example]
) -> tuple[list[Reading], list[Reading]]:
    texts = [example.text for example in examples]
    return candidate.read(texts), active.read(texts)


def _part(examples: Sequence[Example], new: Sequence[Reading], old: Sequence[Reading]) -> Part:
    return Part([e.label for e in examples], [r.label for r in new], [r.label for r in old])


def _slices(examples: Sequence[Example], new: Sequence[Reading], old: Sequence[Reading]) -> dict[str, Part]:
    """By hard kind, and by length."""
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
    """The candidate's time per message over the active model's: the median of the ratios. Both read each message in turn, so
    that other load on the machine affects both."""
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
