"""After a promotion: the old model goes on reading the same messages in the shadow, and may be called back. Pure.

Where the two differ, a person is asked who is right. The test is sequential: it may be looked at after every message
without being fooled by looking often. It is a likelihood ratio of *worse by five points* against *no worse than the gate
said* (Wald 1945; by Ville's inequality it passes 50 by chance in one of 50 watches at most), with a second condition for
messages unlike the gate's, on which two equal models may differ more often: the old one must have been right twice as
often as the new one. How often it errs is simulated in bench/learning/watch.py; see docs/learning.md.
"""

from __future__ import annotations

from math import log

from bot.domain.learning import VOICES, Seen

WORSE_BY = 0.05
"""What the test looks for: five points of accuracy."""
ODDS = 50.0
MIN_EXPECTED = 0.02
"""Two trained models differ on so many messages at least."""


def known(seen: Seen) -> float:
    """How many readings count: where people answered only a part of the questions, only that part of all that was read.

    What nobody answered says nothing for the new model, and must not pass for agreement.
    """
    answered = seen.old_right + seen.new_right + seen.neither
    share = answered / seen.differ if seen.differ else 1.0
    return share * (seen.readings - seen.differ) + answered


def odds(seen: Seen) -> float:
    """The likelihood of what was seen if the new model is worse by WORSE_BY, over that if it is as the gate said."""
    each = max(seen.expected, MIN_EXPECTED) / 2
    silent = known(seen) - seen.old_right - seen.new_right
    ratio = seen.old_right * log((each + WORSE_BY) / each)
    ratio += silent * log((1 - 2 * each - WORSE_BY) / (1 - 2 * each))
    return float(2.718281828459045 ** min(ratio, 50.0))


def is_worse(seen: Seen) -> bool:
    """Whether the new model is shown to be worse than the old one."""
    return odds(seen) >= ODDS and seen.old_right >= 2 * seen.new_right + 3


def is_one_voice(seen: Seen, team: int) -> bool:
    """Whether what speaks for the old version is one person's word, though the team (so many people) has others."""
    return seen.voices < min(VOICES, team)


def told(seen: Seen) -> str:
    """What was seen, in words."""
    return (
        f"{seen.readings} messages read by both, different labels for {seen.differ}; people say that the new version is "
        f"right on {seen.new_right} of these and the old one on {seen.old_right} "
        f"({seen.differ - seen.old_right - seen.new_right - seen.neither} not answered)"
    )
