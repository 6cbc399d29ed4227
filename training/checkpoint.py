"""Checkpoints: an interrupted run resumes after its last complete epoch.

Tensors in safetensors, the rest in JSON: loading a checkpoint runs no code.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialised
from torch import Tensor

_TENSORS, _STATE = "tensors.safetensors", "state.json"


@dataclass(slots=True)
class RunState:
    """The state a run needs to resume."""

    epoch: int
    """Epochs that are done."""
    step: int
    best_f1: float
    best_epoch: int
    history: list[dict[str, float]]
    seconds: float
    """Wall time so far."""
    weights: dict[str, Tensor]
    average: dict[str, Tensor]
    best: dict[str, Tensor]


def key(*parts: Any) -> str:
    """A name for a run, from its settings, data and base."""
    return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()[:16]


def save(folder: Path, run: RunState, optimizer: torch.optim.Optimizer, shuffle: np.random.Generator) -> None:
    """Write the state, the optimizer and both random generators; the earlier checkpoint is replaced when this one is complete."""
    tensors = {
        f"{part}.{name}": tensor.contiguous()
        for part in ("weights", "average", "best")
        for name, tensor in getattr(run, part).items()
    }
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value.contiguous() for name, value in state.items()}
    tensors["random"] = torch.get_rng_state()
    if any(tensor.is_cuda for tensor in run.weights.values()):
        tensors["random_gpu"] = torch.cuda.get_rng_state()
    fields = {
        name: getattr(run, name) for name in ("epoch", "step", "best_f1", "best_epoch", "history", "seconds")
    }
    fields["shuffle"] = shuffle.bit_generator.state
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        # Written by Python: the library raises no OSError on a full disk.
        (part / _TENSORS).write_bytes(serialised(tensors))
        (part / _STATE).write_text(json.dumps(fields), "utf-8")
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
        raise
    old = folder.with_suffix(".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def load(
    folder: Path, optimizer: torch.optim.Optimizer, shuffle: np.random.Generator, device: torch.device
) -> RunState | None:
    """The state of an interrupted run, its weights on `device`; sets the optimizer and the generators. None if there is none.

    A checkpoint that cannot be read counts as none: the run starts from the beginning.
    """
    try:
        fields = json.loads((folder / _STATE).read_text("utf-8"))
        tensors = load_file(folder / _TENSORS)
        parts: dict[str, dict[str, Tensor]] = {"weights": {}, "average": {}, "best": {}}
        states: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            if part in parts:
                parts[part][rest] = tensor.to(device)
            elif part == "optimizer":
                index, _, what = rest.partition(".")
                states.setdefault(int(index), {})[what] = tensor
        shuffled, rng = fields.pop("shuffle"), tensors["random"]
        run = RunState(**(fields | parts))
        # Checked first: nothing is set before everything is read.
        optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
        shuffle.bit_generator.state = shuffled
        torch.set_rng_state(rng)
        if device.type == "cuda":
            torch.cuda.set_rng_state(tensors["random_gpu"])
        return run
    except Exception:  # missing, truncated or of another version: starting again is safe
        return None
