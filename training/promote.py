"""Whether a candidate may take the active model's place. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training.metrics import scores

MARGIN = 0.01
"""One point: less cannot be told from noise on a holdout of a thousand messages."""


def verdict(
    gold: Sequence[str], candidate: Sequence[str | None], active: Sequence[str | None], margin: float = MARGIN
) -> dict[str, Any]:
    """`{"promote", "reasons", "checks", "n"}`: the candidate must not be worse than the active model.

    Not worse means within the margin, for macro-F1 and for the recall of negative: an unhappy customer missed is
    the dearest error. All three sequences are labels of the same messages; None means not scored.
    """
    new, old = scores(gold, candidate), scores(gold, active)
    checks = [
        _check("macro-F1", new["macro_f1"], old["macro_f1"], margin),
        _check(
            "recall of negative",
            new["per_class"]["negative"]["recall"],
            old["per_class"]["negative"]["recall"],
            margin,
        ),
    ]
    reasons = [_reason(check) for check in checks if not check["passed"]]
    if not gold:
        reasons.append("there are no messages to judge by")
    if not reasons:
        reasons = [_reason(check) for check in checks]
        return {"promote": True, "reasons": reasons, "checks": checks, "n": len(gold)}
    return {"promote": False, "reasons": reasons, "checks": checks, "n": len(gold)}


def not_exported(why: str) -> dict[str, Any]:
    """The verdict on a candidate whose ONNX graph did not say what the trained model says: it is never published."""
    return {"promote": False, "reasons": [why], "checks": [], "n": 0}


def _check(name: str, candidate: float, active: float, margin: float) -> dict[str, Any]:
    limit = active - margin
    # Rounded away: the last bits of a float must not decide at the limit.
    passed = round(candidate - limit, 9) >= 0
    return {"name": name, "candidate": candidate, "active": active, "limit": limit, "passed": passed}


def _reason(check: dict[str, Any]) -> str:
    before, after = f"{check['active']:.3f}", f"{check['candidate']:.3f}"
    if before == after:
        return f"{check['name']} stayed at {after}"
    return f"{check['name']} {'rose' if check['candidate'] > check['active'] else 'fell'} from {before} to {after}"
