"""The shadow evaluation: after a promotion, the old model reads the same messages, and may return to service. Pure.

Where the two differ, a person is asked which is right. The test is sequential: looking at it after every message does
not raise its error rate. It is a likelihood ratio of *worse by five points* against *no worse than the release checks
found* (Wald 1945). By Ville's inequality it exceeds 50 by chance in at most one of 50 shadow evaluations.

There is a second condition: the old model must have been right twice as often as the new one. It covers messages unlike
those of the release checks, on which two equal models may differ more often. bench/learning/shadow.py simulates the
error rates; see docs/learning.md.
"""

from __future__ import annotations

from math import log

from bot.domain.learning import MIN_ANNOTATORS, ShadowCounts

WORSE_BY = 0.05
"""The loss of accuracy that the test looks for."""
MIN_ODDS = 50.0
MIN_EXPECTED = 0.02
"""The lowest rate of messages on which two trained models are taken to differ."""


def known(counts: ShadowCounts) -> float:
    """How many readings count: of those on which both agree, only the rate at which label requests were answered.

    A label request without an answer is no evidence for the new model, so it must not count as agreement.
    """
    answered = counts.old_right + counts.new_right + counts.neither
    answer_rate = answered / counts.differ if counts.differ else 1.0
    return answer_rate * (counts.readings - counts.differ) + answered


def odds(counts: ShadowCounts) -> float:
    """The likelihood of the counts if the new model is worse by WORSE_BY, over the one if it is as the release checks found."""
    each = max(counts.expected, MIN_EXPECTED) / 2
    agreed = known(counts) - counts.old_right - counts.new_right
    ratio = counts.old_right * log((each + WORSE_BY) / each)
    ratio += agreed * log((1 - 2 * each - WORSE_BY) / (1 - 2 * each))
    return float(2.718281828459045 ** min(ratio, 50.0))


def is_worse(counts: ShadowCounts) -> bool:
    """Whether the new model is shown to be worse than the old one."""
    return odds(counts) >= MIN_ODDS and counts.old_right >= 2 * counts.new_right + 3


def is_one_annotator(counts: ShadowCounts, team: int) -> bool:
    """Whether all labels for the old version are from one person, though the team has more. `team`: its number of people."""
    return counts.annotators < min(MIN_ANNOTATORS, team)


def summary(counts: ShadowCounts) -> str:
    """The counts as a sentence."""
    return (
        f"both read {counts.readings} messages and differ on {counts.differ}; people say that the new version is "
        f"right on {counts.new_right} of these and the old one on {counts.old_right} "
        f"({counts.differ - counts.old_right - counts.new_right - counts.neither} not answered)"
    )
