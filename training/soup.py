"""Model soup: one long run, short branches that start from its weights, and the mean of their weights.

The mean lies in a flatter minimum than each of the runs and generalises better, at no cost in serving (Wortsman et al. 2022). The
branches share one trunk, so that their weights stay close enough to average.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from training.base import Base
from training.dataset import Split
from training.distillation import NONE, SoftLabels
from training.encoder import Encoder, load_trained, merge, prepare
from training.progress import Progress
from training.train import Config, Result, train


def train_souped(
    config: Config,
    data: Split,
    base: Base,
    progress: Progress,
    resume: Path | None = None,
    soft_labels: SoftLabels = NONE,
    start: Mapping[str, Tensor] | None = None,
) -> Result:
    """`training.train.train`, then `config.branches` runs of one epoch from its weights, at half the rate and with their own
    seeds. The result has the mean of the branches' weights (of a
    single branch's and the trunk's); the history is the first run's.

    `start`: trained weights that the first run goes on from.

    With `resume`, a folder, the trunk's checkpoint is written there and each branch's beside it. Raises what `train` raises.
    """
    trunk = train(config, data, base, progress, resume, start=start, soft_labels=soft_labels)
    if not config.branches:
        return trunk
    grown = []
    for branch in range(1, config.branches + 1):
        settings = replace(
            config, epochs=1, learning_rate=config.rate / 2, keep="last", seed=config.seed + 9 + branch
        )
        place = resume.with_name(f"{resume.name}-branch{branch}") if resume else None
        grown.append(
            train(
                settings, data, base, progress, place,
                start=trunk.weights, soft_labels=soft_labels, stage=f"branch {branch}", base_embeddings=trunk.base_embeddings,
            )
        )  # fmt: skip
    # The trunk learned an epoch less than its branches: with two of them it is left out.
    averaged = grown if len(grown) > 1 else [trunk, *grown]
    weights = mean([each.weights for each in averaged])
    encoder = Encoder(base.folder)
    prepare(encoder, config.method)
    load_trained(encoder, weights)
    return replace(
        trunk,
        encoder=merge(encoder),
        weights=weights,
        branches=len(grown),
        seconds=trunk.seconds + sum(each.seconds for each in grown),
    )


def mean(several: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of the weights, by name."""
    return {name: torch.stack([each[name] for each in several]).mean(0) for name in several[0]}
