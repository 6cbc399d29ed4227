"""After a promotion: the old model goes on reading the same messages in the shadow, and may be called back. Pure.

Where the two differ, a person is asked who is right. The test is sequential: it may be looked at after every message
without being fooled by looking often. It is a likelihood ratio of *worse by five points* against *no worse than the gate
said* (Wald 1945; by Ville's inequality it passes 50 by chance in one of 50 shadow_evaluations at most), with a second condition for
messages unlike the gate's, on which two equal models may differ more often: the old one must have been right twice as
often as the new one. How often it errs is simulated in bench/learning/shadow.py; see docs/learning.md.
"""

from __future__ import annotations

from math import log

from bot.domain.learning import MIN_ANNOTATORS, ShadowCounts

WORSE_BY = 0.05
"""What the test looks for: five points of accuracy."""
ODDS = 50.0
MIN_EXPECTED = 0.02
"""Two trained models differ on so many messages at least."""


def known(counts: ShadowCounts) -> float:
    """How many readings count: where people answered only a part of the label_requests, only that part of all that was read.

    What nobody answered says nothing for the new model, and must not pass for agreement.
    """
    answered = counts.old_right + counts.new_right + counts.neither
    share = answered / counts.differ if counts.differ else 1.0
    return share * (counts.readings - counts.differ) + answered


def odds(counts: ShadowCounts) -> float:
    """The likelihood of what was counts if the new model is worse by WORSE_BY, over that if it is as the gate said."""
    each = max(counts.expected, MIN_EXPECTED) / 2
    silent = known(counts) - counts.old_right - counts.new_right
    ratio = counts.old_right * log((each + WORSE_BY) / each)
    ratio += silent * log((1 - 2 * each - WORSE_BY) / (1 - 2 * each))
    return float(2.718281828459045 ** min(ratio, 50.0))


def is_worse(counts: ShadowCounts) -> bool:
    """Whether the new model is shown to be worse than the old one."""
    return odds(counts) >= ODDS and counts.old_right >= 2 * counts.new_right + 3


def is_one_annotator(counts: ShadowCounts, team: int) -> bool:
    """Whether what speaks for the old version is one person's word, though the team (so many people) has others."""
    return counts.annotators < min(MIN_ANNOTATORS, team)


def summary(counts: ShadowCounts) -> str:
    """What was counts, in words."""
    return (
        f"{counts.readings} messages read by both, different labels for {counts.differ}; people say that the new version is "
        f"right on {counts.new_right} of these and the old one on {counts.old_right} "
        f"({counts.differ - counts.old_right - counts.new_right - counts.neither} not answered)"
    )
