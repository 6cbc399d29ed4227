"""Fine-tuning, one visible loop: `train(config, split, base)` reads top to bottom."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from model.errors import UserError
from model.reading import LABELS
from training import checkpoint, real_turns
from training.augment import augmented
from training.base import Base, BaseModelError
from training.dataset import Example, Split
from training.distillation import NONE, SoftLabels
from training.encoder import Encoder, interpolate, load_trained, merge, prepare, trained_weights, update_ema
from training.metrics import scores
from training.progress import Progress

_CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of a run. The defaults measured best; see docs/model.md."""

    method: str = "full"
    epochs: int = 3
    learning_rate: float | None = None
    """None: the default of the method."""
    batch_size: int = 16
    warmup: float = 0.1
    """Fraction of the steps in which the learning rate rises; then it falls linearly to 0."""
    weight_decay: float = 0.01
    masked: float = 0.1
    """Fraction of the tokens masked at each step, so that no single word decides."""
    augmented: float = 0.55
    """Fraction of the messages changed by training.augment, drawn again in each epoch."""
    label_smoothing: float = 0.05
    borderline_smoothing: float = 0.25
    """Label smoothing of borderline messages."""
    distilled: float = 0.7
    """Weight of the soft labels in the loss, for messages that have one."""
    distillation_temperature: float = 2.0
    """Both models' logits are divided by this before they are compared, so that small probabilities count too."""
    transfer: float = 0.1
    """Fraction of the transfer texts in an epoch, drawn again in each."""
    calm_real: float = 0.4
    """Fraction of the calm real turns in an epoch, drawn again in each: there are many, and each teaches little."""
    embedding_weight: float = 3.0
    """Weight of the distance to the base embeddings, so that routing keeps working."""
    patience: int = 4
    """Epochs without a better dev macro-F1 before the run stops."""
    branches: int = 0
    """Further runs of one epoch whose weights are averaged with the first run's; see training.soup."""
    keep: str = "best"
    """Which epoch's weights: the best on dev, or the last."""
    interpolation: float = 1.0
    """Interpolation of the start weights (0) and the trained ones (1). A little less than 1 forgets much less and learns
    nearly as much (WiSE-FT, Wortsman et al. 2022)."""
    max_length: int = 256
    """Tokens of a window. Longer messages are read in several (model.windows) and trained on in pieces (training.mixture)."""
    seed: int = 1
    threads: int = 0
    """CPU threads; 0: torch decides."""
    device: str = "auto"
    """auto: the GPU where torch finds one; cpu, gpu."""

    @property
    def rate(self) -> float:
        return self.learning_rate or {"full": 2e-4, "lora": 5e-4}[self.method]


@dataclass(frozen=True, slots=True)
class Result:
    """A trained encoder and the record of its run."""

    encoder: Encoder
    """Merged, in eval mode, with the averaged weights of the best epoch."""
    weights: dict[str, Tensor]
    """The trained weights by name; see training.encoder.load_trained."""
    history: list[dict[str, float]]
    """By epoch: loss, dev_macro_f1."""
    seconds: float
    """Wall time of embedding and training, in seconds."""
    base_embeddings: Tensor
    """Base embeddings (n, dim) of the training data, for another run on the same data."""
    branches: int = 0
    """How many branches its weights were averaged with; see training.soup."""


def train(
    config: Config,
    data: Split,
    base: Base,
    progress: Progress,
    resume: Path | None = None,
    start: Mapping[str, Tensor] | None = None,
    soft_labels: SoftLabels = NONE,
    stage: str = "train",
    base_embeddings: Tensor | None = None,
) -> Result:
    """Fine-tune the base on `data.train`, keep the epoch that is best on `data.dev` (or the last, see `Config.keep`).

    `start` are trained weights of a version with the same base and method; without them training starts from the base.
    `soft_labels`: see training.distillation. `stage` names the run in its progress lines. `base_embeddings` of an earlier
    run on the same data save computing them again.

    With `resume`, a folder, a checkpoint is written there after each epoch. A later call with the same arguments resumes
    from it and ends with the same weights (bit for bit on a CPU; a GPU adds in another order each time).

    The EMA of the weights over about one epoch is measured and kept: the weights of single steps vary by a point of
    macro-F1 from epoch to epoch, their average does not.

    Raises BaseModelError if the base is no BERT, NoGPU if a GPU is required and torch finds none.
    """
    began = time.monotonic()
    device = device_for(config.device)
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    shuffle = np.random.default_rng(config.seed)
    prepared_data = prepared(data, base, soft_labels, config, device)
    taught, tokens = prepared_data.texts, prepared_data.tokens
    encoder = Encoder(base.folder).to(device)
    # Once, not at every step: the frozen base's forward pass would cost a third of the run.
    if base_embeddings is None:
        base_embeddings = compute_base_embeddings(encoder, tokens, progress)
    base_embeddings = base_embeddings.to(device)
    prepare(encoder, config.method)
    if start:
        load_trained(encoder, dict(start))
    decayed = [p for p in encoder.parameters() if p.requires_grad and p.ndim > 1]
    undecayed = [p for p in encoder.parameters() if p.requires_grad and p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": config.weight_decay},
            {"params": undecayed, "weight_decay": 0.0},
        ],
        lr=config.rate,
        fused=True,  # a step in a quarter of the time
    )
    steps_per_epoch = -(-len(chosen_texts(taught, len(data.train), config, epoch=1)) // config.batch_size)
    steps = config.epochs * steps_per_epoch
    rising = max(1, round(config.warmup * steps))
    now = checkpoint.load(resume, optimizer, shuffle, device) if resume else None
    if now:
        load_trained(encoder, now.weights)
    else:
        weights = trained_weights(encoder)
        now = checkpoint.RunState(0, 0, -1.0, 0, [], 0.0, weights, trained_weights(encoder), weights)
    for epoch in range(now.epoch + 1, config.epochs + 1):
        if epoch - 1 - now.best_epoch >= config.patience:
            break
        encoder.train()
        losses = []
        chosen = chosen_texts(taught, len(data.train), config, epoch)
        seen = augmented_tokens(prepared_data, config, epoch)
        for places in buckets([seen[i] for i in chosen], config.batch_size, shuffle):
            batch = [chosen[place] for place in places]
            ids, mask = (part.to(device) for part in pad([seen[i] for i in batch]))
            hidden = ~torch.isin(ids, prepared_data.frame) & (
                torch.rand(ids.shape).to(device) < config.masked
            )
            ids = ids.masked_fill(hidden, prepared_data.mask_id)
            with reduced_precision(device):
                logits, embedding = encoder(ids, mask)
            feeling = _feeling(
                logits.float(),
                prepared_data.labels[batch],
                prepared_data.soft[batch],
                prepared_data.soft_rate[batch],
                config,
            )
            drift = 1 - functional.cosine_similarity(embedding.float(), base_embeddings[batch]).mean()
            loss = feeling + config.embedding_weight * drift
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(decayed + undecayed, 1.0)
            for group in optimizer.param_groups:
                group["lr"] = config.rate * min(
                    (now.step + 1) / rising, (steps - now.step) / max(1, steps - rising)
                )
            optimizer.step()
            now.step += 1
            # At first over fewer steps, or the average would keep the untrained head for an epoch.
            update_ema(now.average, encoder, 1 / min(now.step, steps_per_epoch))
            losses.append(loss.item())
            progress.report(stage, now.step / steps, epoch=epoch, loss=round(losses[-1], 4))
        now.epoch, now.weights = epoch, trained_weights(encoder)
        load_trained(encoder, now.average)
        f1 = _macro_f1(encoder, prepared_data.dev_tokens, data.dev)
        now.history.append({"loss": float(np.mean(losses)), "dev_macro_f1": f1})
        if f1 > now.best_f1 or config.keep == "last":
            now.best_f1, now.best, now.best_epoch = f1, trained_weights(encoder), epoch
        load_trained(encoder, now.weights)
        if resume:
            now.seconds, began = now.seconds + time.monotonic() - began, time.monotonic()
            checkpoint.save(resume, now, optimizer, shuffle)
    best = {name: weights.cpu() for name, weights in now.best.items()}
    if start:
        best = interpolate(start, best, config.interpolation)
    load_trained(encoder.cpu(), best)
    seconds = now.seconds + time.monotonic() - began
    return Result(merge(encoder), best, now.history, seconds, base_embeddings.cpu())


@dataclass(frozen=True, slots=True)
class PreparedData:
    """The data that is the same in each epoch, as tensors."""

    tokenizer: Tokenizer
    mask_id: int
    frame: Tensor
    """Ids that are never masked: padding, unknown, first, last."""
    texts: list[Example]
    """The training messages, then the transfer texts."""
    tokens: list[list[int]]
    dev_tokens: list[list[int]]
    labels: Tensor
    """(n, 3): the labels as probabilities, smoothed."""
    soft: Tensor
    """(n, 3): the teacher's probabilities."""
    soft_rate: Tensor
    """(n,): their weight in each loss."""


def prepared(
    data: Split, base: Base, soft_labels: SoftLabels, config: Config, device: torch.device
) -> PreparedData:
    """Texts as tokens, labels and soft labels as tensors on `device`. Raises BaseModelError if the base is no BERT."""
    tokenizer = Tokenizer.from_file(str(base.folder / "tokenizer.json"))
    tokenizer.enable_truncation(config.max_length)
    tokenizer.no_padding()
    mask_id, *around = _special_tokens(tokenizer, base, "[MASK]", "[PAD]", "[UNK]", "[CLS]", "[SEP]")
    texts = [*data.train, *_unlabelled(soft_labels)]
    soft, soft_rate = _soft_targets(data.train, soft_labels, config)
    return PreparedData(
        tokenizer=tokenizer,
        mask_id=mask_id,
        frame=torch.tensor(around, device=device),
        texts=texts,
        tokens=[tokenizer.encode(example.cleaned).ids for example in texts],
        dev_tokens=[tokenizer.encode(example.cleaned).ids for example in data.dev],
        labels=smoothed(texts, config.label_smoothing, config.borderline_smoothing).to(device),
        soft=soft.to(device),
        soft_rate=soft_rate.to(device),
    )


def smoothed(examples: Sequence[Example], amount: float, borderline: float) -> Tensor:
    """Labels as smoothed probabilities (n, 3), for no annotator is always right."""
    spread = torch.tensor([borderline if example.borderline else amount for example in examples])[:, None]
    certain = functional.one_hot(torch.tensor([LABELS.index(e.label) for e in examples]), len(LABELS)).float()
    return certain * (1 - spread) + spread / len(LABELS)


def _unlabelled(soft_labels: SoftLabels) -> list[Example]:
    """The transfer texts as examples with the teacher's label; only its probabilities are used in the loss."""
    return [
        Example(text, LABELS[max(range(len(LABELS)), key=logits.__getitem__)], cleaned=text)
        for text, logits in soft_labels.transfer
    ]


def _soft_targets(train: Sequence[Example], soft_labels: SoftLabels, config: Config) -> tuple[Tensor, Tensor]:
    """The teacher's probabilities (n, 3) of the messages, then the transfer texts, and their weight (n,) in each loss."""
    known = [soft_labels.of(example) for example in train]
    logits = [found or (0.0, 0.0, 0.0) for found in known] + [found for _, found in soft_labels.transfer]
    weights = [config.distilled if found else 0.0 for found in known] + [1.0] * len(soft_labels.transfer)
    return torch.softmax(torch.tensor(logits) / config.distillation_temperature, dim=1), torch.tensor(weights)


def _feeling(logits: Tensor, labels: Tensor, soft: Tensor, weight: Tensor, config: Config) -> Tensor:
    """Cross-entropy with the labels and with the teacher's probabilities, mixed message by message.

    The second is multiplied by the squared distillation temperature, which its gradients are divided by (Hinton et al.
    2015).
    """
    hard = functional.cross_entropy(logits, labels, reduction="none")
    if not bool(weight.any()):
        return hard.mean()
    softer = functional.cross_entropy(logits / config.distillation_temperature, soft, reduction="none")
    return ((1 - weight) * hard + weight * config.distillation_temperature**2 * softer).mean()


def chosen_texts(texts: Sequence[Example], messages: int, config: Config, epoch: int) -> list[int]:
    """The rows of an epoch: all messages except most of the calm real turns, and some transfer texts, drawn again in each.

    The first `messages` of `texts` are messages, the rest transfer texts. Positions in `texts`; the same number each epoch.
    """
    calm = [i for i in range(messages) if texts[i].kind == real_turns.KIND and texts[i].label == "neutral"]
    transfer = list(range(messages, len(texts)))
    random.Random(f"{config.seed} {epoch} calm").shuffle(calm)
    random.Random(f"{config.seed} {epoch} transfer").shuffle(transfer)
    left_out = set(calm[round(config.calm_real * len(calm)) :])
    seen = [i for i in range(messages) if i not in left_out]
    return seen + transfer[: round(config.transfer * len(transfer))]


def pad(tokens: Sequence[list[int]], fill: int = 0) -> tuple[Tensor, Tensor]:
    """Token ids (batch, longest) int64, padded with `fill`, and the attention mask."""
    longest = max(map(len, tokens))
    ids = torch.tensor([row + [fill] * (longest - len(row)) for row in tokens])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in tokens])
    return ids, mask


def predict_logits(
    encoder: Encoder, tokens: Sequence[list[int]], batch_size: int = 64
) -> tuple[Tensor, Tensor]:
    """Logits and embeddings in float32 on the CPU, in the order of `tokens`, without gradients."""
    encoder.eval()
    device = next(encoder.parameters()).device
    order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
    logits, embeddings = torch.zeros(len(tokens), len(LABELS)), torch.zeros(len(tokens), encoder.dim)
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        with torch.no_grad():
            ids, mask = pad([tokens[i] for i in batch])
            some_logits, some_embeddings = encoder(ids.to(device), mask.to(device))
        logits[batch], embeddings[batch] = some_logits.float().cpu(), some_embeddings.float().cpu()
    return logits, embeddings


def buckets(tokens: Sequence[list[int]], size: int, shuffle: np.random.Generator) -> Iterator[list[int]]:
    """Batches of texts of similar length, in random order: less padding to compute."""
    order = shuffle.permutation(len(tokens)).tolist()
    span = 20 * size
    batches = []
    for start in range(0, len(order), span):
        alike = sorted(order[start : start + span], key=lambda i: len(tokens[i]))
        batches += [alike[i : i + size] for i in range(0, len(alike), size)]
    return (batches[i] for i in shuffle.permutation(len(batches)))


def augmented_tokens(prepared_data: PreparedData, config: Config, epoch: int) -> list[list[int]]:
    """The tokens of an epoch; some messages are augmented. The same for the same seed and epoch."""
    rng = random.Random(f"{config.seed} {epoch}")
    return [
        prepared_data.tokenizer.encode(augmented(example.cleaned, example.label, rng)).ids
        if rng.random() < config.augmented
        else ids
        for example, ids in zip(prepared_data.texts, prepared_data.tokens, strict=True)
    ]


def _special_tokens(tokenizer: Tokenizer, base: Base, *names: str) -> list[int]:
    ids = [i for i in map(tokenizer.token_to_id, names) if i is not None]
    if len(ids) < len(names):
        raise BaseModelError(
            f"{base.folder}: its tokenizer lacks one of {', '.join(names)} — take a BERT as base"
        )
    return ids


def compute_base_embeddings(encoder: Encoder, tokens: Sequence[list[int]], progress: Progress) -> Tensor:
    chunk = 512
    parts = []
    for start in range(0, len(tokens), chunk):
        progress.report("embed", start / len(tokens))
        with reduced_precision(next(encoder.parameters()).device):
            parts.append(predict_logits(encoder, tokens[start : start + chunk])[1])
    progress.report("embed", 1.0)
    return torch.cat(parts)


def _macro_f1(encoder: Encoder, tokens: Sequence[list[int]], examples: Sequence[Example]) -> float:
    with reduced_precision(next(encoder.parameters()).device):
        predicted = predict_logits(encoder, tokens)[0].argmax(dim=1).tolist()
    return float(scores([e.label for e in examples], [LABELS[i] for i in predicted])["macro_f1"])


class NoGPU(UserError):
    """A GPU is required, and torch finds none."""

    exit_code = 1


def device_for(wanted: str) -> torch.device:
    """Where to train: `auto`, `cpu` or `gpu`. Raises NoGPU."""
    if wanted == "gpu" and not torch.cuda.is_available():
        raise NoGPU(
            "--device gpu: torch finds no GPU — install a torch built for CUDA, or train with --device cpu"
        )
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def reduced_precision(device: torch.device = _CPU) -> Any:
    """Autocast to bf16 where the processor supports it: twice as fast. Emulated, it is slower than float32."""
    can = torch.cpu.get_capabilities()
    has_it = can.get("avx512_bf16") or can.get("amx_bf16")
    if device.type == "cuda":
        has_it = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=bool(has_it))
