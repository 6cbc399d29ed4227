"""What each part of the recipe is worth, on the corpus' dev split: the ablation table of docs/model.md.

    OMP_WAIT_POLICY=PASSIVE python bench/recipe.py --out FILE.jsonl plain layer_decay=0.85 r_drop=1,seed=2 …

A variant names what differs from the plain recipe, joined by commas; see `Options`. Never looks at the holdout. One
JSON line a variant: macro-F1 on dev, all and hard, negative log-likelihood after fitting a temperature (it moves
before the F1 does), seconds. Variants that are in FILE already are skipped, so an interrupted run goes on. Two runs with
`--threads 1` side by side are faster than one with two threads. `--public FILE.jsonl` are rows labelled by another
guide (`{"text", "label"}`), for the variants with `public`.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measures import figures, macro_f1
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from model.reading import LABELS
from training import base, dataset
from training.augment import augmented
from training.dataset import Example, Split
from training.encoder import Encoder, load_trained, prepare, trained_weights, update_ema
from training.progress import Progress
from training.train import buckets, compute_base_embeddings, pad, predict_logits, reduced_precision


@dataclass(frozen=True, slots=True)
class Options:
    """The plain recipe; a variant changes some of it."""

    seed: int = 1
    epochs: int = 6
    rate: float = 1e-4
    batch: int = 16
    masked: float = 0.1
    smoothing: float = 0.05
    meaning: float = 3.0
    average: int = 1
    """1: judge and keep the running average of the weights over an epoch."""
    method: str = "full"
    top: int = 6
    """Train only so many of the upper layers."""
    layer_decay: float = 1.0
    """Each layer learns at this times the rate of the one above."""
    pooling: str = "first"
    """What the head reads: first token, mean, or both."""
    kind: float = 0.0
    """Weight of a second head that learns the kind of the message."""
    focal: float = 0.0
    balanced: int = 0
    r_drop: float = 0.0
    fgm: float = 0.0
    """Length of the adversarial step on the word embeddings."""
    mixup: float = 0.0
    contrast: float = 0.0
    """Weight of the supervised contrastive loss."""
    augment: float = 0.0
    """Share of the messages with a typo, other punctuation or a greeting at each sight."""
    language: float = 0.0
    """Epochs of masked-language-model warm-up on the training texts."""
    public: float = 0.0
    """Weight of the public rows, which have a head of their own; a third of each epoch is theirs."""
    teachers: int = 0
    """So many seeds are trained first and the student learns from their mean, half and half with the labels."""


class Study(nn.Module):
    """The encoder with the heads that some variants add."""

    def __init__(self, found: base.Base, options: Options, kinds: int) -> None:
        super().__init__()
        self.encoder = Encoder(found.folder)
        self.pooling = options.pooling
        dim = self.encoder.dim
        self.wide = nn.Linear(2 * dim, dim)
        self.kind_head = nn.Linear(dim, kinds)
        self.public_head = nn.Linear(dim, len(LABELS))

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        hidden = self.encoder.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * weights).sum(1) / weights.sum(1)
        first = hidden[:, 0]
        head = self.encoder.head
        if self.pooling == "both":
            middle = torch.tanh(self.wide(head[0](torch.cat([first, mean], -1))))
        else:
            middle = head[:3](mean if self.pooling == "mean" else first)
        dropped = self.encoder.head[3](middle)
        return (
            self.encoder.head[4](dropped),
            functional.normalize(mean, dim=-1),
            self.kind_head(dropped),
            self.public_head(dropped),
            middle,
        )


class Evaluated(nn.Module):
    """What `predict_logits` wants: two outputs."""

    def __init__(self, study: Study) -> None:
        super().__init__()
        self.study, self.dim = study, study.encoder.dim

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        return self.study(ids, mask)[:2]


class Quiet(Progress):
    def report(self, stage: str, progress: float, **fields: object) -> None:
        pass


def run(
    options: Options, data: Split, public: list[Example], found: base.Base
) -> tuple[Tensor, Tensor, float]:
    """Train one variant; returns the logits on train and dev of the best epoch, and the seconds."""
    soft = None
    began = time.monotonic()
    if options.teachers:
        apart = [
            replace(options, teachers=0, seed=options.seed + 100 * i) for i in range(1, options.teachers + 1)
        ]
        logits = [run(each, data, public, found)[0] for each in apart]
        soft = torch.stack([functional.softmax(each, -1) for each in logits]).mean(0)
    torch.manual_seed(options.seed)
    shuffle, rng = np.random.default_rng(options.seed), random.Random(options.seed)
    tokenizer = Tokenizer.from_file(str(found.folder / "tokenizer.json"))
    tokenizer.enable_truncation(128)
    tokenizer.no_padding()
    kinds = sorted({e.kind for e in data.train})

    study = Study(found, options, len(kinds))
    own = [tokenizer.encode(e.cleaned).ids for e in data.train]
    dev = [tokenizer.encode(e.cleaned).ids for e in data.dev]
    others = [tokenizer.encode(e.cleaned).ids for e in public]
    base_embeddings = compute_base_embeddings(study.encoder, own + others, Quiet())
    if options.language:
        _language_warm_up(study, own, tokenizer, options, found)
    labels = torch.tensor([LABELS.index(e.label) for e in data.train + public])
    kind_of = torch.tensor([kinds.index(e.kind) for e in data.train] + [0] * len(public))
    counts = torch.bincount(labels[: len(own)], minlength=len(LABELS)).float()
    class_weights = counts.sum() / counts / len(LABELS) if options.balanced else torch.ones(len(LABELS))

    prepare(study.encoder, options.method)
    if options.method == "full":
        for layer in study.encoder.bert.encoder.layer[: 6 - options.top]:
            layer.requires_grad_(False)
    optimizer = torch.optim.AdamW(_groups(study, options), lr=options.rate, fused=True)
    trained = [p for p in study.parameters() if p.requires_grad]
    sights = len(own) + (min(len(others), len(own) // 2) if options.public else 0)
    steps = options.epochs * -(-sights // options.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (0.1 * steps), max(0.0, (steps - step) / (0.9 * steps)))
    )
    mask_id = tokenizer.token_to_id("[MASK]")
    frame = torch.tensor([tokenizer.token_to_id(t) for t in ("[PAD]", "[UNK]", "[CLS]", "[SEP]")])
    embeddings = _Perturbed(study.encoder)

    def losses(ids: Tensor, mask: Tensor, batch: list[int]) -> tuple[Tensor, Tensor]:
        hidden = ~torch.isin(ids, frame) & (torch.rand(ids.shape) < options.masked)
        with reduced_precision():
            logits, embedding, kind, by_public, middle = study(ids.masked_fill(hidden, mask_id), mask)
        where = torch.tensor(batch)
        is_own = where < len(own)
        gold = labels[where]
        logits = torch.where(is_own[:, None], logits.float(), by_public.float())
        each = functional.cross_entropy(
            logits, gold, weight=class_weights, reduction="none", label_smoothing=options.smoothing
        )
        if options.focal:
            each = each * (1 - functional.softmax(logits, -1).gather(1, gold[:, None])[:, 0]) ** options.focal
        if options.mixup:
            other = torch.randperm(len(batch))
            share = float(shuffle.beta(options.mixup, options.mixup))
            mixed = study.encoder.head[4](share * middle.float() + (1 - share) * middle.float()[other])
            each = share * functional.cross_entropy(mixed, gold, reduction="none") + (
                1 - share
            ) * functional.cross_entropy(mixed, gold[other], reduction="none")
        if soft is not None:
            wanted = soft[where]
            each = 0.5 * each - 0.5 * (wanted * functional.log_softmax(logits, -1)).sum(-1)
        each = torch.where(is_own, each, options.public * each)
        total = each.mean() + options.meaning * (
            1 - functional.cosine_similarity(embedding.float(), base_embeddings[where]).mean()
        )
        if options.kind:
            total = total + options.kind * functional.cross_entropy(
                kind.float()[is_own], kind_of[where][is_own]
            )
        if options.contrast:
            total = total + options.contrast * _contrast(middle.float(), gold)
        return total, logits

    average = trained_weights(study)
    best: tuple[float, Any] = (-1.0, None)
    step = 0
    for _ in range(options.epochs):
        study.train()
        chosen = list(range(len(own)))
        if options.public:
            chosen += [len(own) + int(i) for i in shuffle.permutation(len(others))[: sights - len(own)]]
        tokens = [(own + others)[i] for i in chosen]
        if options.augment:
            tokens = [
                tokenizer.encode(augmented(data.train[i].cleaned, data.train[i].label, rng)).ids
                if i < len(own) and rng.random() < options.augment
                else ids
                for i, ids in zip(chosen, tokens, strict=True)
            ]
        for at in buckets(tokens, options.batch, shuffle):
            batch = [chosen[i] for i in at]
            ids, mask = pad([tokens[i] for i in at])
            optimizer.zero_grad()
            embeddings.watch(options.fgm > 0)
            loss, logits = losses(ids, mask, batch)
            if options.r_drop:
                again, second = losses(ids, mask, batch)
                one, two = functional.log_softmax(logits, -1), functional.log_softmax(second, -1)
                both = functional.kl_div(one, two, log_target=True, reduction="batchmean")
                both = both + functional.kl_div(two, one, log_target=True, reduction="batchmean")
                loss = (loss + again) / 2 + options.r_drop * both / 4
            loss.backward()
            if options.fgm:
                embeddings.step(options.fgm)
                losses(ids, mask, batch)[0].backward()
                embeddings.watch(False)
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
            step += 1
            if options.average:
                update_ema(average, study, 1 / min(step, -(-sights // options.batch)))
        current = trained_weights(study)
        load_trained(study, average if options.average else current)
        with reduced_precision():
            f1 = macro_f1(predict_logits(Evaluated(study), dev)[0], data.dev)
        if f1 > best[0]:
            best = (f1, trained_weights(study))
        load_trained(study, current)
    load_trained(study, best[1])
    with reduced_precision():
        on_train = predict_logits(Evaluated(study), own)[0]
    return on_train, predict_logits(Evaluated(study), dev)[0], time.monotonic() - began


def _groups(study: Study, options: Options) -> list[dict[str, Any]]:
    """Parameters by depth, each layer with its own rate; biases and norms without decay."""
    groups = []
    for name, parameter in study.named_parameters():
        if not parameter.requires_grad:
            continue
        depth = (
            7
            if "embeddings" in name
            else 6 - int(name.split("layer.")[1].split(".")[0])
            if "layer." in name
            else 0
        )
        rate = options.rate * options.layer_decay**depth
        groups.append(
            {"params": [parameter], "lr": rate, "weight_decay": 0.01 if parameter.ndim > 1 else 0.0}
        )
    return groups


class _Perturbed:
    """The word embeddings' output, watched for its gradient, then moved along it (Miyato et al. 2017)."""

    def __init__(self, encoder: Encoder) -> None:
        self._watching, self._seen, self._delta = False, torch.empty(0), None
        encoder.bert.embeddings.word_embeddings.register_forward_hook(self._hook)

    def watch(self, on: bool) -> None:
        self._watching, self._delta = on, None

    def step(self, length: float) -> None:
        gradient = self._seen.grad
        self._delta = length * gradient / (gradient.norm(dim=(1, 2), keepdim=True) + 1e-12)

    def _hook(self, _module: Any, _inputs: Any, output: Tensor) -> Tensor:
        if not self._watching:
            return output
        if self._delta is not None:
            return output + self._delta
        self._seen = output.detach().requires_grad_()
        return self._seen


def _contrast(points: Tensor, gold: Tensor, temperature: float = 0.1) -> Tensor:
    """Supervised contrastive loss over the batch (Khosla et al. 2020)."""
    points = functional.normalize(points, dim=-1)
    itself = torch.eye(len(points), dtype=torch.bool)
    similarity = (points @ points.T / temperature).masked_fill(itself, -1e9)
    log_share = similarity - similarity.logsumexp(1, keepdim=True)
    same = (gold[:, None] == gold[None]) & ~itself
    return -((log_share * same).sum(1) / same.sum(1).clamp(min=1)).mean()


def _language_warm_up(
    study: Study, tokens: list[list[int]], tokenizer: Tokenizer, options: Options, found: base.Base
) -> None:
    """Guess hidden words of the training texts, with the input embeddings as output layer."""
    bert = study.encoder.bert
    optimizer = torch.optim.AdamW(bert.parameters(), lr=5e-5)
    shuffle = np.random.default_rng(options.seed)
    mask_id = tokenizer.token_to_id("[MASK]")
    bert.train()
    for _ in range(round(options.language)):
        for batch in buckets(tokens, 16, shuffle):
            ids, mask = pad([tokens[i] for i in batch])
            hidden = (ids > 999) & (torch.rand(ids.shape) < 0.15)
            if not hidden.any():
                continue
            with reduced_precision():
                states = bert(
                    input_ids=ids.masked_fill(hidden, mask_id), attention_mask=mask
                ).last_hidden_state
                logits = states[hidden] @ bert.embeddings.word_embeddings.weight.T
            optimizer.zero_grad()
            functional.cross_entropy(logits.float(), ids[hidden]).backward()
            optimizer.step()


def _options(variant: str) -> Options:
    if variant == "plain":
        return Options()
    types = {field.name: field.type for field in fields(Options)}
    casts: dict[str, Any] = {"int": int, "float": float, "str": str}
    given = dict(part.split("=") for part in variant.split(",") if part != "plain")
    return Options(**{name: casts[str(types[name])](value) for name, value in given.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("variants", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--public", type=Path)
    parser.add_argument("--corpus", type=Path, default=dataset.CORPUS, help="folder of *.jsonl")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", type=int, help="so many training rows only")
    parser.add_argument("--logits", type=Path, help="folder for each variant's logits on dev")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    found = base.resolve()
    data = dataset.split(dataset.load(sorted(given.corpus.glob("*.jsonl"))))
    if given.rows:
        data = replace(data, train=dataset.sample(data.train, given.rows))
    public = dataset.load([given.public]) if given.public else []
    for variant in given.variants:
        written = given.out.read_text("utf-8").splitlines() if given.out.exists() else []
        if variant in [json.loads(line)["variant"] for line in written]:
            continue
        options = _options(variant)
        _, logits, seconds = run(options, data, public if options.public else [], found)
        line = {
            "variant": variant,
            **{key: round(value, 4) for key, value in figures(logits, data.dev).items()},
            "seconds": round(seconds),
            "n": len(data.train),
        }
        with given.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**line, "options": asdict(options)}) + "\n")
        print(json.dumps(line), flush=True)
        if given.logits:
            given.logits.mkdir(exist_ok=True)
            np.save(given.logits / f"{variant}.npy", logits.numpy())


if __name__ == "__main__":
    main()
