"""Whether a candidate may take the active model's place. Pure.

Not "is the figure higher": on the holdouts a team has, noise alone moves it. The candidate must be shown not to be worse
(non-inferiority with a margin, on the same messages), nowhere to fall below a floor, and to break nothing that held.
How often this errs is simulated in bench/learning/release_checks.py; see docs/learning.md.
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
    """What a candidate must keep to."""

    margin: float = 0.01
    """So much worse still counts as not worse: one point of macro-F1, or of the recall of negative."""
    certainty: float = 0.95
    """Of the paired bootstrap over all messages, one-sided."""
    live_certainty: float = 0.85
    """Over the team's own messages alone, which are few."""
    live_least: int = 250
    """With fewer, the team's own messages are judged together with the corpus' only."""
    recall_floor: float = 0.80
    slice_floor: float = 0.70
    slice_least: int = 40
    slice_margin: float = 0.04
    """A slice below the floor must not be worse than the active model's by more than this."""
    talk_margin: float = 0.02
    """Of macro-F1 on whole conversations: some hundred of their turns are unhappy, so a point is noise."""
    false_alarms: float = 0.01
    """So much more of the calm turns may be read as negative, as a share of them."""
    behaviour_margin: float = 0.01
    ece: float = 0.08
    agreement: float = 0.98
    speed: float = 1.2


@dataclass(frozen=True, slots=True)
class Part:
    """Messages of one kind, read by both models: gold labels, the candidate's, the active model's (None: not scored)."""

    gold: Sequence[str]
    candidate: Sequence[Label]
    active: Sequence[Label]


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything the verdict is made of."""

    corpus: Part
    live: Part = Part((), (), ())
    """The team's own messages that are never learned from."""
    talk: Part = Part((), (), ())
    """Turns of whole conversations at the mix of a channel: ours, and real ones where they are."""
    slices: Mapping[str, Part] = field(default_factory=dict)
    behaviour: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """By test: share passed by the candidate, by the active model."""
    golden: Sequence[tuple[str, str, Label]] = ()
    """Messages that must be read right: what to call it, its label, the candidate's."""
    ece: float = 0.0
    agreement: float = 1.0
    speed: float = 1.0
    """The candidate's time to read, in the active model's."""


def verdict(measured: Measured, limits: Limits = Limits()) -> dict[str, Any]:
    """`{"promote", "reasons", "checks", "n", "n_live", "live", "disagreement"}`; each check `{"name", "candidate", "active",
    "limit", "passed", "digits"}`; `live`, on the team's messages, `{"candidate", "active"}`, each `{"macro_f1", "low", "high"}`.

    `reasons` are sentences: of what failed, or, if nothing did, of what changed.
    """
    corpus, live = measured.corpus, measured.live
    both = Part(
        [*corpus.gold, *live.gold], [*corpus.candidate, *live.candidate], [*corpus.active, *live.active]
    )
    if not both.gold:
        return refusal("there are no messages to judge by")
    checks = [_not_worse("macro-F1", both, limits.margin, limits.certainty)]
    checks.append(_figure("macro-F1, corpus", corpus, limits.margin))
    if len(live.gold) >= limits.live_least:
        checks.append(_not_worse("macro-F1, your messages", live, limits.margin, limits.live_certainty))
    checks.append(_recall(both, limits))
    checks += _talk(measured.talk, limits)
    checks += _slices(measured.slices, limits)
    checks += [
        _check(f"behaviour: {name}", new, old, old - limits.behaviour_margin)
        for name, (new, old) in measured.behaviour.items()
    ]
    missed = [name for name, label, said in measured.golden if said != label]
    if measured.golden:
        share = 1 - len(missed) / len(measured.golden)
        checks.append(_check("golden messages read right", share, None, 1.0))
    checks.append(_most("calibration error", measured.ece, limits.ece))
    checks.append(_check("ONNX agrees with torch", measured.agreement, None, limits.agreement))
    checks.append(_most("time to read, in the active model's", measured.speed, limits.speed))
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
    """The verdict on a candidate of which nothing could be measured, or that was never exported."""
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


def _with_interval(gold: Sequence[str], said: Sequence[Label]) -> dict[str, float]:
    low, high = macro_f1_interval(gold, said)
    return {"macro_f1": scores(gold, said)["macro_f1"], "low": low, "high": high}


def worsened(part: Part) -> list[int]:
    """The positions of messages that the active model reads right and the candidate wrong."""
    triples = zip(part.gold, part.candidate, part.active, strict=True)
    return [i for i, (gold, new, old) in enumerate(triples) if old == gold != new]


def difference_bound(part: Part, certainty: float, resamples: int = 1000) -> float:
    """The lower one-sided bound of the candidate's macro-F1 less the active model's, by the paired bootstrap (Efron and
    Tibshirani 1993): both are measured on the same resamples of the messages, so what is common to them cancels.
    """
    labels = sorted(set(part.gold))
    gold = np.array([labels.index(g) for g in part.gold])
    new, old = (_codes(said, labels) for said in (part.candidate, part.active))
    # Messages that count alike: (gold, new, old). Resampling their counts is the same as resampling the messages.
    size = len(labels) + 1
    cells, counts = np.unique((gold * size + new) * size + old, return_counts=True)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(gold), counts / len(gold), size=resamples)
    g, n, o = cells // size // size, cells // size % size, cells % size
    gap = _macro_f1(drawn, g, n, len(labels)) - _macro_f1(drawn, g, o, len(labels))
    return float(np.quantile(gap, 1 - certainty))


def _codes(said: Sequence[Label], labels: Sequence[str]) -> np.ndarray:
    return np.array([labels.index(s) if s in labels else len(labels) for s in said])


def _macro_f1(drawn: np.ndarray, gold: np.ndarray, said: np.ndarray, classes: int) -> np.ndarray:
    """Macro-F1 of each resample; `drawn` (resamples, cells) says how often a cell occurs in each."""
    f1 = []
    for label in range(classes):
        right = drawn[:, (gold == label) & (said == label)].sum(axis=1)
        there, named = drawn[:, gold == label].sum(axis=1), drawn[:, said == label].sum(axis=1)
        f1.append(2 * right / np.maximum(there + named, 1))
    return np.asarray(np.mean(f1, axis=0))


def _not_worse(name: str, part: Part, margin: float, certainty: float) -> dict[str, Any]:
    new, old = scores(part.gold, part.candidate)["macro_f1"], scores(part.gold, part.active)["macro_f1"]
    bound = difference_bound(part, certainty)
    check = _check(name, new, old, old - margin)
    passed = round(bound + margin, 9) >= 0
    return check | {"passed": passed, "bound": bound, "certainty": certainty}


def _figure(name: str, part: Part, margin: float) -> dict[str, Any]:
    new, old = (scores(part.gold, said)["macro_f1"] for said in (part.candidate, part.active))
    return _check(name, new, old, old - margin)


def _recall(part: Part, limits: Limits) -> dict[str, Any]:
    """An unhappy customer missed is the dearest error."""
    new, old = (
        scores(part.gold, said)["per_class"]["negative"]["recall"] for said in (part.candidate, part.active)
    )
    return _check("recall of negative", new, old, max(old - limits.margin, min(limits.recall_floor, old)))


def _talk(talk: Part, limits: Limits) -> list[dict[str, Any]]:
    """Real channels are calm: what is learned from corrections must not bring the false alarms back."""
    if not talk.gold:
        return []
    calm = [i for i, gold in enumerate(talk.gold) if gold != "negative"]
    new, old = (
        sum(said[i] == "negative" for i in calm) / max(1, len(calm)) for said in (talk.candidate, talk.active)
    )
    return [
        _figure("macro-F1, conversations", talk, limits.talk_margin),
        _most("false alarms in conversations", new, old + limits.false_alarms),
    ]


def _slices(slices: Mapping[str, Part], limits: Limits) -> list[dict[str, Any]]:
    found = []
    for name, part in slices.items():
        if len(part.gold) < limits.slice_least:
            continue
        new, old = (scores(part.gold, said)["accuracy"] for said in (part.candidate, part.active))
        found.append(
            _check(f"accuracy, {name}", new, old, min(limits.slice_floor, old - limits.slice_margin))
        )
    failed = [check for check in found if not check["passed"]]
    # A table of twenty slices that all hold tells nobody anything: the one nearest its limit stands for them.
    return failed or sorted(found, key=lambda check: check["candidate"] - check["limit"])[:1]


def _check(name: str, candidate: float, active: float | None, limit: float) -> dict[str, Any]:
    # Rounded away: the last bits of a float must not decide at the limit.
    passed = round(candidate - limit, 9) >= 0
    check = {"name": name, "candidate": candidate, "active": active, "limit": limit, "passed": passed}
    return check | {"digits": _digits(candidate, limit)}


def _most(name: str, candidate: float, limit: float) -> dict[str, Any]:
    return _check(name, candidate, None, limit) | {"passed": round(limit - candidate, 9) >= 0, "most": True}


def _digits(figure: float, limit: float) -> int:
    """Decimals in which the two differ, so that nobody reads "0.975, limit 0.975, no"; three if they do there."""
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
