"""How good logits are: what the ablations of bench/recipe.py and bench/replicas.py compare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from model.reading import LABELS
from training.calibration import fit
from training.dataset import Example
from training.metrics import scores


def macro_f1(logits: Tensor, examples: Sequence[Example]) -> float:
    """`logits`: (n, 3)."""
    said = [LABELS[i] for i in logits.argmax(1).tolist()]
    return float(scores([e.label for e in examples], said)["macro_f1"])


def figures(logits: Tensor, examples: Sequence[Example]) -> dict[str, float]:
    """Macro-F1, that of the hard kinds, and negative log-likelihood at the best temperature. `logits`: (n, 3)."""
    hard = [i for i, e in enumerate(examples) if e.kind != "plain"]
    gold = np.array([LABELS.index(e.label) for e in examples])
    scaled = logits / fit(logits.numpy(), gold, with_bias=False).temperature
    return {
        "dev": macro_f1(logits, examples),
        "hard": macro_f1(logits[hard], [examples[i] for i in hard]),
        "nll": float(functional.cross_entropy(scaled, torch.tensor(gold))),
    }
