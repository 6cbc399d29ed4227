"""Long messages are read in overlapping windows. Pure: combines the windows' outputs.

The strongest feeling decides: a message that explains for two hundred words and ends with "I expected better" is negative. The
embedding is the mean of the windows'.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

OVERLAP = 48
"""Overlap of two neighbouring windows in tokens, so that a sentence at the border is complete in one of them."""


def speaking(logits: Floats, negative: int, positive: int) -> Floats:
    """The logits (labels,) of a message from those of its windows (windows, labels).

    The window with the highest *negative*, if its label is negative; else the one with the highest *positive*, if its label
    is positive; else their mean. `negative` and `positive` are the labels' positions.
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
