"""A long message is read in overlapping windows, whole. Pure: which window speaks for the message.

The strongest feeling decides: who explains for two hundred words and ends with "I expected better" is unhappy. The meaning is the
mean of the windows'.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

OVERLAP = 48
"""Tokens that two neighbouring windows share, so that a sentence at the border is whole in one of them."""


def speaking(logits: Floats, negative: int, positive: int) -> Floats:
    """The logits (labels,) of a message from those of its windows (windows, labels).

    Those of the window that is surest of *negative*, if that is what it reads; else of the one surest of *positive*, if that
    is; else their mean. `negative` and `positive` are the labels' positions.
    """
    if len(logits) == 1:
        return np.asarray(logits[0])
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    for label in (negative, positive):
        surest = int(probabilities[:, label].argmax())
        if int(logits[surest].argmax()) == label:
            return np.asarray(logits[surest])
    return np.asarray(logits.mean(axis=0))
