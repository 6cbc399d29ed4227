"""The reading of one message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LABELS = ("negative", "neutral", "positive")
"""The order of the model's logits."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Sentiment and embedding of one message, or the reason why it was not scored."""

    version: str
    label: str | None
    scores: Mapping[str, float] | None
    """Calibrated probabilities by label; they sum to 1."""
    embedding: npt.NDArray[np.float32] | None
    """float32 (dim,), L2 norm 1."""
    reason: str | None = None
    """Why the message was not scored; None when it was."""

    @property
    def confidence(self) -> float:
        """The largest score, 0.0 when not scored."""
        return max(self.scores.values()) if self.scores else 0.0
