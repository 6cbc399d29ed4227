"""The teacher: a larger encoder, fine-tuned on the same corpus, whose probabilities the shipped model learns from.

    python -m training teach --teacher DIR --out FOLDER

Twelve layers of 768 (all-mpnet-base-v2, 110 million parameters) read irony and mixed feelings better than six of 384, but are too
slow and too large to ship, each by a factor of five. So they are distilled (Hinton et al. 2015). The soft labels of the training
messages and the transfer texts are in `training/soft_labels/`, so `softanswer train` does not need the teacher.

The lower six layers are frozen; their output is computed once per message, which saves half the work of every step.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from model.reading import LABELS
from training.base import Base
from training.dataset import Example, Split
from training.metrics import scores
from training.progress import Progress
from training.train import buckets, pad, reduced_precision, smoothed

FROZEN = 6


@dataclass(frozen=True, slots=True)
class TeacherSettings:
    """The settings of the teacher's training."""

    epochs: int = 1
    batch_size: int = 64
    rate: float = 8e-5
    """Learning rate of the top layer; each layer below has 0.9 of the one above."""
    head_rate: float = 3e-4
    warmup: float = 0.08
    label_smoothing: float = 0.04
    borderline_smoothing: float = 0.2
    seed: int = 1


class Teacher(nn.Module):
    """MPNet with a head on its first token and the mean of its tokens."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        from transformers import MPNetModel
        from transformers.utils import logging

        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(256)
        self.net: Any = MPNetModel.from_pretrained(
            folder, add_pooling_layer=False, attn_implementation="eager", local_files_only=True
        )
        wide = 2 * self.net.config.hidden_size
        self.head = nn.Sequential(
            nn.Dropout(0.1),
            nn.Linear(wide, wide // 2),
            nn.Tanh(),
            nn.Dropout(0.1),
            nn.Linear(wide // 2, len(LABELS)),
        )

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        return [self.tokenizer.encode(text).ids for text in texts]

    @torch.no_grad()
    def lower(self, tokens: Sequence[list[int]], progress: Progress, stage: str) -> list[Tensor]:
        """Output of the frozen layers for each text: (tokens, 768) float16."""
        self.net.eval()
        found: list[Tensor] = [torch.empty(0)] * len(tokens)
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        for start in range(0, len(order), 64):
            batch = order[start : start + 64]
            ids, mask = pad([tokens[i] for i in batch], self.net.config.pad_token_id)
            hidden = self.net.embeddings(input_ids=ids)
            bias = self.net.encoder.compute_position_bias(hidden)
            with reduced_precision():
                for layer in self.net.encoder.layer[:FROZEN]:
                    hidden = layer(hidden, _hide(mask), bias)[0]
            for row, i in enumerate(batch):
                found[i] = hidden[row, : len(tokens[i])].half()
            progress.report(stage, start / len(order))
        return found

    def upper(self, hidden: Sequence[Tensor]) -> Tensor:
        """Logits (n, 3) from the frozen layers' output for n texts."""
        longest = max(len(h) for h in hidden)
        x = torch.zeros(len(hidden), longest, self.net.config.hidden_size)
        mask = torch.zeros(len(hidden), longest)
        for row, h in enumerate(hidden):
            x[row, : len(h)], mask[row, : len(h)] = h.float(), 1
        with torch.no_grad():
            bias = self.net.encoder.compute_position_bias(x)
        with reduced_precision():
            for layer in self.net.encoder.layer[FROZEN:]:
                x = layer(x, _hide(mask), bias)[0]
        x = x.float()
        mean = (x * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        logits: Tensor = self.head(torch.cat([x[:, 0], mean], 1))
        return logits

    @torch.no_grad()
    def logits(self, hidden: Sequence[Tensor]) -> Tensor:
        """Logits (n, 3) in the order of the texts, without gradients."""
        self.eval()
        found = torch.zeros(len(hidden), len(LABELS))
        order = sorted(range(len(hidden)), key=lambda i: len(hidden[i]))
        for start in range(0, len(order), 64):
            batch = order[start : start + 64]
            found[batch] = self.upper([hidden[i] for i in batch])
        return found

    def read(self, texts: Sequence[str], progress: Progress, stage: str) -> Tensor:
        """Logits (n, 3) of texts, a few thousand at a time: the frozen layers' output is large."""
        parts = [
            self.logits(self.lower(self.tokens(texts[start : start + 4096]), progress, stage))
            for start in range(0, len(texts), 4096)
        ]
        return torch.cat([torch.zeros(0, len(LABELS)), *parts])


def _hide(mask: Tensor) -> Tensor:
    return (1.0 - mask[:, None, None, :].float()) * -1e9


def teach(
    settings: TeacherSettings, data: Split, base: Base, progress: Progress
) -> tuple[Teacher, Tensor, list[float]]:
    """Fine-tune the teacher on `data.train`; returns it, its logits there, and its macro-F1 on `data.dev` after each half
    epoch. The rate falls to 0, and the last epoch is used."""
    torch.manual_seed(settings.seed)
    shuffle = np.random.default_rng(settings.seed)
    teacher = Teacher(base.folder)
    train, dev = (teacher.tokens([e.cleaned for e in part]) for part in (data.train, data.dev))
    hidden_dev = teacher.lower(dev, progress, "frozen layers, dev")
    hidden = teacher.lower(train, progress, "frozen layers")
    gold = smoothed(data.train, settings.label_smoothing, settings.borderline_smoothing)
    for parameter in teacher.net.parameters():
        parameter.requires_grad_(False)
    groups: list[dict[str, Any]] = []
    for depth, layer in enumerate(reversed(teacher.net.encoder.layer[FROZEN:])):
        for parameter in layer.parameters():
            parameter.requires_grad_(True)
        groups.append({"params": list(layer.parameters()), "rate": settings.rate * 0.9**depth})
    groups.append({"params": list(teacher.head.parameters()), "rate": settings.head_rate})
    optimizer = torch.optim.AdamW(groups, lr=settings.rate, weight_decay=0.01, fused=True)
    weights = [p for group in groups for p in group["params"]]
    steps_per_epoch = math.ceil(len(train) / settings.batch_size)
    steps, step, history = settings.epochs * steps_per_epoch, 0, []
    rising = int(settings.warmup * steps)
    for _ in range(settings.epochs):
        for batch in buckets(train, settings.batch_size, shuffle):
            teacher.train()
            logits = teacher.upper([hidden[i] for i in batch])
            loss = functional.cross_entropy(logits, gold[batch])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            factor = min((step + 1) / max(1, rising), (steps - step) / max(1, steps - rising))
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * factor
            optimizer.step()
            step += 1
            progress.report("teach", step / steps, loss=round(loss.item(), 4))
            if step % max(1, steps_per_epoch // 2) == 0:
                predicted = teacher.logits(hidden_dev).argmax(1).tolist()
                gold_dev = [e.label for e in data.dev]
                history.append(float(scores(gold_dev, [LABELS[i] for i in predicted])["macro_f1"]))
    return teacher, teacher.logits(hidden), history


def averaged(logits: Tensor, others: Sequence[tuple[float, float, float] | None]) -> Tensor:
    """Logits (n, 3), averaged with another teacher's where it has any."""
    return torch.stack([
        row if other is None else (row + torch.tensor(other)) / 2 for row, other in zip(logits, others, strict=True)
    ])  # fmt: skip


def write_soft_labels(
    folder: Path,
    train: Sequence[Example],
    logits: Tensor,
    transfer: Sequence[tuple[str, Tensor]],
    unlabelled: Sequence[tuple[str, Tensor]],
    about: dict[str, object],
) -> None:
    """Write `messages.jsonl` (by hash of the message), `transfer.jsonl` (with their texts), `unlabelled.jsonl` (real turns, by
    hash) and `about.json`."""
    from training.distillation import UNLABELLED, key, text_key

    folder.mkdir(parents=True, exist_ok=True)
    messages = [{"key": key(e), "logits": _short(row)} for e, row in zip(train, logits, strict=True)]
    others = [{"text": text, "logits": _short(row)} for text, row in transfer]
    real = [{"key": text_key(text), "logits": _short(row)} for text, row in unlabelled]
    for name, rows in (("messages.jsonl", messages), ("transfer.jsonl", others), (UNLABELLED, real)):
        lines = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
        (folder / name).write_bytes(lines.encode("utf-8", "replace"))
    made = {**about, "made": time.strftime("%Y-%m-%d", time.gmtime())}
    (folder / "about.json").write_text(json.dumps(made, indent=1) + "\n", "utf-8")


def _short(row: Tensor) -> list[float]:
    return [round(float(value), 2) for value in row]
