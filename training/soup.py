"""A version's training from end to end: one long run, then short ones that begin with its weights, and the mean of all.

The mean of weights that were learned apart lies flatter than each of them and reads new messages better, at no cost to whoever
serves it (model soup, Wortsman et al. 2022). The short runs are branches of one trunk, so that the way between them is short too.
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
    """`training.train.train`, and then `config.branches` of one epoch each, from its weights, at half the rate and with seeds
    of their own. The outcome is the mean of the run's weights and the branches'; the history is the first run's.

    `start`: trained weights that the first run goes on from.

    With `resume`, a folder, the trunk's standing is kept there and each branch's beside it. Raises what `train` raises.
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
    weights = mean([trunk.weights, *(each.weights for each in grown)])
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
    """The weights halfway between all, by name."""
    return {name: torch.stack([each[name] for each in several]).mean(0) for name in several[0]}
