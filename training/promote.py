"""The release checks: may a candidate replace the active model? Pure.

A higher figure is not required: on a team's small holdout, noise alone moves it. The candidate must be shown not to be worse
(non-inferiority with a margin, on the same messages), must stay above every floor, and must not fail what passed before.
The error rates are simulated in bench/learning/release_checks.py; see docs/learning.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from training.metrics import macro_f1_interval, scores

Label = str | None


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of the release checks."""

    margin: float = 0.01
    """A candidate worse by no more than this counts as not worse: one point of macro-F1, or of the recall of negative."""
    certainty: float = 0.95
    """Confidence of the paired bootstrap over all messages, one-sided."""
    live_certainty: float = 0.85
    """Confidence over the team's own messages alone, which are few."""
    min_live: int = 250
    """With fewer, the team's own messages are only measured together with the corpus'."""
    recall_floor: float = 0.80
    slice_floor: float = 0.70
    min_slice: int = 40
    slice_margin: float = 0.04
    """A slice below the floor may be worse than the active model's by this much."""
    talk_margin: float = 0.02
    """Margin of macro-F1 on whole conversations: about a hundred of their turns are unhappy, so a point is noise."""
    false_alarms: float = 0.01
    """The rate of calm turns read as negative may rise by this much."""
    behaviour_margin: float = 0.01
    ece: float = 0.08
    agreement: float = 0.98
    speed: float = 1.2


@dataclass(frozen=True, slots=True)
class Part:
    """Messages with gold labels, and the labels of both models (None: not scored)."""

    gold: Sequence[str]
    candidate: Sequence[Label]
    active: Sequence[Label]


@dataclass(frozen=True, slots=True)
class Measured:
    """The input of the verdict."""

    corpus: Part
    live: Part = Part((), (), ())
    """The team's live holdout, never trained on."""
    talk: Part = Part((), (), ())
    """Turns of whole conversations at the mix of a channel: our own, and real ones where given."""
    slices: Mapping[str, Part] = field(default_factory=dict)
    behaviour: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """By test: pass rate of the candidate, of the active model."""
    golden: Sequence[tuple[str, str, Label]] = ()
    """The golden set: name, label, the candidate's label."""
    ece: float = 0.0
    agreement: float = 1.0
    speed: float = 1.0
    """The candidate's time to read over the active model's."""


def verdict(measured: Measured, limits: Limits = Limits()) -> dict[str, Any]:
    """`{"promote", "reasons", "checks", "n", "n_live", "live", "disagreement"}`; each check `{"name", "candidate", "active",
    "limit", "passed", "digits"}`; `live`, on the team's messages, `{"candidate", "active"}`, each `{"macro_f1", "low", "high"}`.

    `reasons` are sentences about the failed checks, or, if none failed, about what changed.
    """
    corpus, live = measured.corpus, measured.live
    both = Part(
        [*corpus.gold, *live.gold], [*corpus.candidate, *live.candidate], [*corpus.active, *live.active]
    )
    if not both.gold:
        return refusal("there are no messages to judge by")
    checks = [_not_worse("macro-F1", both, limits.margin, limits.certainty)]
    checks.append(_figure("macro-F1, corpus", corpus, limits.margin))
    if len(live.gold) >= limits.min_live:
        checks.append(_not_worse("macro-F1, your messages", live, limits.margin, limits.live_certainty))
    checks.append(_recall(both, limits))
    checks += _talk(measured.talk, limits)
    checks += _slices(measured.slices, limits)
    checks += [
        _check(f"behaviour: {name}", new, old, old - limits.behaviour_margin)
        for name, (new, old) in measured.behaviour.items()
    ]
    missed = [name for name, label, predicted in measured.golden if predicted != label]
    if measured.golden:
        passed = 1 - len(missed) / len(measured.golden)
        checks.append(_check("golden messages read right", passed, None, 1.0))
    checks.append(_at_most("calibration error", measured.ece, limits.ece))
    checks.append(_check("ONNX agrees with torch", measured.agreement, None, limits.agreement))
    checks.append(_at_most("time to read, in the active model's", measured.speed, limits.speed))
    failed = [check for check in checks if not check["passed"]]
    reasons = [_reason(check) for check in failed or checks[:1]]
    if missed:
        reasons.append("golden messages read wrong: " + "; ".join(missed[:3]))
    return {
        "promote": not failed,
        "reasons": reasons,
        "checks": checks,
        "n": len(both.gold),
        "n_live": len(live.gold),
        "live": {
            "candidate": _with_interval(live.gold, live.candidate),
            "active": _with_interval(live.gold, live.active),
        }
        if live.gold
        else None,
        "disagreement": sum(a != b for a, b in zip(both.candidate, both.active, strict=True))
        / len(both.gold),
    }


def refusal(why: str) -> dict[str, Any]:
    """The verdict on a candidate that could not be measured or exported."""
    return {
        "promote": False,
        "reasons": [why],
        "checks": [],
        "n": 0,
        "n_live": 0,
        "live": None,
        "disagreement": 0.0,
    }


def figures(part: Part) -> dict[str, Any]:
    """The candidate's scores on a part, for its manifest; empty if there are no messages."""
    return scores(part.gold, part.candidate) if part.gold else {}


def _with_interval(gold: Sequence[str], predicted: Sequence[Label]) -> dict[str, float]:
    low, high = macro_f1_interval(gold, predicted)
    return {"macro_f1": scores(gold, predicted)["macro_f1"], "low": low, "high": high}


def worsened(part: Part) -> list[int]:
    """Positions of the regressions: messages the active model reads correctly and the candidate does not."""
    triples = zip(part.gold, part.candidate, part.active, strict=True)
    return [i for i, (gold, new, old) in enumerate(triples) if old == gold != new]


def difference_bound(part: Part, certainty: float, resamples: int = 1000) -> float:
    """The lower one-sided bound of the candidate's macro-F1 less the active model's, by the paired bootstrap (Efron and
    Tibshirani 1993): both are measured on the same resamples of the messages, so common errors cancel.
    """
    labels = sorted(set(part.gold))
    gold = np.array([labels.index(g) for g in part.gold])
    new, old = (_codes(predicted, labels) for predicted in (part.candidate, part.active))
    # Cells of equal (gold, new, old). Resampling their counts equals resampling the messages.
    size = len(labels) + 1
    cells, counts = np.unique((gold * size + new) * size + old, return_counts=True)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(gold), counts / len(gold), size=resamples)
    g, n, o = cells // size // size, cells // size % size, cells % size
    difference = _macro_f1(drawn, g, n, len(labels)) - _macro_f1(drawn, g, o, len(labels))
    return float(np.quantile(difference, 1 - certainty))


def _codes(predicted: Sequence[Label], labels: Sequence[str]) -> np.ndarray:
    return np.array([labels.index(s) if s in labels else len(labels) for s in predicted])


def _macro_f1(drawn: np.ndarray, gold: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Macro-F1 of each resample; `drawn` (resamples, cells) holds the count of each cell."""
    f1 = []
    for label in range(classes):
        right = drawn[:, (gold == label) & (predicted == label)].sum(axis=1)
        there, named = drawn[:, gold == label].sum(axis=1), drawn[:, predicted == label].sum(axis=1)
        f1.append(2 * right / np.maximum(there + named, 1))
    return np.asarray(np.mean(f1, axis=0))


def _not_worse(name: str, part: Part, margin: float, certainty: float) -> dict[str, Any]:
    new, old = scores(part.gold, part.candidate)["macro_f1"], scores(part.gold, part.active)["macro_f1"]
    bound = difference_bound(part, certainty)
    check = _check(name, new, old, old - margin)
    passed = round(bound + margin, 9) >= 0
    return check | {"passed": passed, "bound": bound, "certainty": certainty}


def _figure(name: str, part: Part, margin: float) -> dict[str, Any]:
    new, old = (scores(part.gold, predicted)["macro_f1"] for predicted in (part.candidate, part.active))
    return _check(name, new, old, old - margin)


def _recall(part: Part, limits: Limits) -> dict[str, Any]:
    """A missed unhappy customer is the most expensive error."""
    new, old = (
        scores(part.gold, predicted)["per_class"]["negative"]["recall"]
        for predicted in (part.candidate, part.active)
    )
    return _check("recall of negative", new, old, max(old - limits.margin, min(limits.recall_floor, old)))


def _talk(talk: Part, limits: Limits) -> list[dict[str, Any]]:
    """Real channels are calm: corrections must not raise the false alarms."""
    if not talk.gold:
        return []
    calm = [i for i, gold in enumerate(talk.gold) if gold != "negative"]
    new, old = (
        sum(predicted[i] == "negative" for i in calm) / max(1, len(calm))
        for predicted in (talk.candidate, talk.active)
    )
    return [
        _figure("macro-F1, conversations", talk, limits.talk_margin),
        _at_most("false alarms in conversations", new, old + limits.false_alarms),
    ]


def _slices(slices: Mapping[str, Part], limits: Limits) -> list[dict[str, Any]]:
    found = []
    for name, part in slices.items():
        if len(part.gold) < limits.min_slice:
            continue
        new, old = (scores(part.gold, predicted)["accuracy"] for predicted in (part.candidate, part.active))
        found.append(
            _check(f"accuracy, {name}", new, old, min(limits.slice_floor, old - limits.slice_margin))
        )
    failed = [check for check in found if not check["passed"]]
    # If all slices pass, only the one closest to its limit is shown.
    return failed or sorted(found, key=lambda check: check["candidate"] - check["limit"])[:1]


def _check(name: str, candidate: float, active: float | None, limit: float) -> dict[str, Any]:
    # Rounded, so that float error does not decide at the limit.
    passed = round(candidate - limit, 9) >= 0
    check = {"name": name, "candidate": candidate, "active": active, "limit": limit, "passed": passed}
    return check | {"digits": _digits(candidate, limit)}


def _at_most(name: str, candidate: float, limit: float) -> dict[str, Any]:
    return _check(name, candidate, None, limit) | {"passed": round(limit - candidate, 9) >= 0, "most": True}


def _digits(figure: float, limit: float) -> int:
    """Decimals needed to tell the two apart ("0.975, limit 0.975, no" says nothing); at least three."""
    return next((d for d in range(3, 9) if f"{figure:.{d}f}" != f"{limit:.{d}f}"), 3)


def _reason(check: Mapping[str, Any]) -> str:
    after = f"{check['candidate']:.3f}"
    if check["active"] is None:
        after, limit = (f"{check[which]:.{check['digits']}f}" for which in ("candidate", "limit"))
        return f"{check['name']} is {after}, {'above' if check.get('most') else 'below'} the limit of {limit}"
    before = f"{check['active']:.3f}"
    if before == after:
        moved = f"{check['name']} stayed at {after}"
    else:
        verb = "rose" if check["candidate"] > check["active"] else "fell"
        moved = f"{check['name']} {verb} from {before} to {after}"
    if "bound" in check and not check["passed"] and check["candidate"] >= check["limit"]:
        return (
            f"{moved}, but on so few messages it may have fallen by {-check['bound']:.3f} "
            f"(certain to {check['certainty']:.0%})"
        )
    return moved
