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
    """What a run can be told. The defaults are what was measured best; see docs/model.md."""

    method: str = "full"
    epochs: int = 3
    learning_rate: float | None = None
    """None: what suits the method."""
    batch_size: int = 16
    warmup: float = 0.1
    """Share of the steps over which the learning rate rises; afterwards it falls in a line to 0."""
    weight_decay: float = 0.01
    masked: float = 0.1
    """Share of the tokens hidden at each step, so that no single word decides."""
    augmented: float = 0.55
    """Share of the messages changed as training.augment does, anew in each epoch."""
    label_smoothing: float = 0.05
    borderline_smoothing: float = 0.25
    """Of messages whose readers found them open to another reading."""
    distilled: float = 0.7
    """Share of the loss that asks for the teacher's probabilities instead of the label, where the teacher has read a message."""
    distillation_temperature: float = 2.0
    """Both sides' logits are divided by this before they are compared: the small probabilities say how things are alike."""
    transfer: float = 0.1
    """Share of the teacher's texts without a label that an epoch sees, others in each."""
    calm_real: float = 0.4
    """Share of the calm real turns that an epoch sees, others in each: there are very many, and each teaches little."""
    embedding_weight: float = 3.0
    """How hard the embedding is held to the frozen base's, so that routing keeps working."""
    patience: int = 4
    """Epochs without a better dev macro-F1 before the run stops."""
    branches: int = 0
    """Further runs of an epoch with whose weights those of the first are averaged; see training.soup."""
    keep: str = "best"
    """Which epoch's weights: the best on dev, or the last."""
    interpolation: float = 1.0
    """How far to go, in the end, from the weights that the run began with to those it learned. A little less than all the way
    forgets much less and knows nearly as much of what is new (WiSE-FT, Wortsman et al. 2022)."""
    max_length: int = 256
    """Tokens of a window; longer messages are read in several (model.windows), and learned from in pieces (training.mixture)."""
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
    """A trained encoder and how it came to be."""

    encoder: Encoder
    """Merged, in eval mode, with the averaged weights of the best epoch."""
    weights: dict[str, Tensor]
    """What was trained, by name; see training.encoder.load_trained."""
    history: list[dict[str, float]]
    """By epoch: loss, dev_macro_f1."""
    seconds: float
    """Wall time of embedding and training."""
    base_embeddings: Tensor
    """The frozen base's embeddings (n, dim) of what was trained on, for another run on the same."""
    branches: int = 0
    """With how many others its weights were averaged; see training.soup."""


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

    `start` are trained weights to go on from, of a version with the same base and method; without them training begins
    with the base as it is. `soft_labels` are what the teacher says; see training.distillation. `stage` is what the run is called where
    its progress is shown; `base_embeddings` are those of an earlier run on the same data, and save computing them again.

    With `resume`, a folder, the run's standing is kept there after each epoch; a later call with the same arguments
    goes on from it and ends with the same weights (on a CPU to the bit; a GPU adds in another order each time).

    What is measured and kept is the running average of the weights over about one epoch: single steps' weights jump
    about by a point of macro-F1 from epoch to epoch, their average does not.

    Raises BaseModelError if the base is no BERT, NoGPU if one is asked for and torch finds none.
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
        now = checkpoint.Standing(0, 0, -1.0, 0, [], 0.0, weights, trained_weights(encoder), weights)
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
            # At first over the few steps there are, or the average would remember the untrained head for an epoch.
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
    """Everything that is the same in each epoch, ready to be computed with."""

    tokenizer: Tokenizer
    mask_id: int
    frame: Tensor
    """Ids that are never hidden: padding, unknown, first, last."""
    texts: list[Example]
    """The messages to learn from, and then the transfer texts."""
    tokens: list[list[int]]
    dev_tokens: list[list[int]]
    labels: Tensor
    """(n, 3): the labels as probabilities, smoothed."""
    soft: Tensor
    """(n, 3): the teacher's probabilities."""
    soft_rate: Tensor
    """(n,): their share in each loss."""


def prepared(
    data: Split, base: Base, soft_labels: SoftLabels, config: Config, device: torch.device
) -> PreparedData:
    """Texts as tokens, labels and the teacher's words as tensors on `device`. Raises BaseModelError if the base is no BERT."""
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


def smoothed(examples: Sequence[Example], share: float, borderline: float) -> Tensor:
    """Labels as probabilities (n, 3): so much of each is spread over all labels, for no reader is always right."""
    spread = torch.tensor([borderline if example.borderline else share for example in examples])[:, None]
    certain = functional.one_hot(torch.tensor([LABELS.index(e.label) for e in examples]), len(LABELS)).float()
    return certain * (1 - spread) + spread / len(LABELS)


def _unlabelled(soft_labels: SoftLabels) -> list[Example]:
    """The transfer texts, as examples of what the teacher takes them for; only its probabilities are learned from them."""
    return [
        Example(text, LABELS[max(range(len(LABELS)), key=logits.__getitem__)], cleaned=text)
        for text, logits in soft_labels.transfer
    ]


def _soft_targets(train: Sequence[Example], soft_labels: SoftLabels, config: Config) -> tuple[Tensor, Tensor]:
    """The teacher's probabilities (n, 3) of the messages and then the transfer texts, and their share (n,) in each loss."""
    said = [soft_labels.of(example) for example in train]
    logits = [found or (0.0, 0.0, 0.0) for found in said] + [found for _, found in soft_labels.transfer]
    shares = [config.distilled if found else 0.0 for found in said] + [1.0] * len(soft_labels.transfer)
    return torch.softmax(torch.tensor(logits) / config.distillation_temperature, dim=1), torch.tensor(shares)


def _feeling(logits: Tensor, labels: Tensor, soft: Tensor, share: Tensor, config: Config) -> Tensor:
    """Cross-entropy with the labels and with the teacher's probabilities, mixed message by message.

    The second is multiplied by the distillation_temperature squared, or its gradients would be smaller by that (Hinton et al. 2015).
    """
    hard = functional.cross_entropy(logits, labels, reduction="none")
    if not bool(share.any()):
        return hard.mean()
    softer = functional.cross_entropy(logits / config.distillation_temperature, soft, reduction="none")
    return ((1 - share) * hard + share * config.distillation_temperature**2 * softer).mean()


def chosen_texts(texts: Sequence[Example], messages: int, config: Config, epoch: int) -> list[int]:
    """What an epoch sees: all messages but most of the calm real turns, and some of the transfer texts, others in each epoch.

    The first `messages` of `texts` are messages, what follows are transfer texts. Positions in `texts`; as many in each epoch.
    """
    calm = [i for i in range(messages) if texts[i].kind == real_turns.KIND and texts[i].label == "neutral"]
    transfer = list(range(messages, len(texts)))
    random.Random(f"{config.seed} {epoch} calm").shuffle(calm)
    random.Random(f"{config.seed} {epoch} transfer").shuffle(transfer)
    left_out = set(calm[round(config.calm_real * len(calm)) :])
    seen = [i for i in range(messages) if i not in left_out]
    return seen + transfer[: round(config.transfer * len(transfer))]


def pad(tokens: Sequence[list[int]], fill: int = 0) -> tuple[Tensor, Tensor]:
    """Token ids as (batch, longest) int64, padded with `fill`, and the mask of what is not padding."""
    longest = max(map(len, tokens))
    ids = torch.tensor([row + [fill] * (longest - len(row)) for row in tokens])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in tokens])
    return ids, mask


def predict_logits(
    encoder: Encoder, tokens: Sequence[list[int]], batch_size: int = 64
) -> tuple[Tensor, Tensor]:
    """Logits and embeddings in float32 on the CPU, in the order of `tokens`; nothing is learned."""
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
    """Batches of texts of about one length, in random order: padding is most of what a CPU would compute."""
    order = shuffle.permutation(len(tokens)).tolist()
    near = 20 * size
    batches = []
    for start in range(0, len(order), near):
        alike = sorted(order[start : start + near], key=lambda i: len(tokens[i]))
        batches += [alike[i : i + size] for i in range(0, len(alike), size)]
    return (batches[i] for i in shuffle.permutation(len(batches)))


def augmented_tokens(prepared_data: PreparedData, config: Config, epoch: int) -> list[list[int]]:
    """The tokens of an epoch: of some messages those of a changed text. The same for the same seed and epoch."""
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
    """A GPU was asked for, and torch finds none."""

    exit_code = 1


def device_for(wanted: str) -> torch.device:
    """Where to train: `auto`, `cpu` or `gpu`. Raises NoGPU."""
    if wanted == "gpu" and not torch.cuda.is_available():
        raise NoGPU(
            "--device gpu: torch finds no GPU — install a torch built for CUDA, or train with --device cpu"
        )
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def reduced_precision(device: torch.device = _CPU) -> Any:
    """bf16 where the processor computes in it: twice as fast. Elsewhere it is emulated, and slower than float32."""
    can = torch.cpu.get_capabilities()
    has_it = can.get("avx512_bf16") or can.get("amx_bf16")
    if device.type == "cuda":
        has_it = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=bool(has_it))
