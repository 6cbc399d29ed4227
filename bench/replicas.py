"""Many recipes at once on one GPU, several seeds each: the ablation table of docs/model.md on the whole corpus.

    python bench/replicas.py --out FILE.jsonl [--seeds 3] plain floor=0.5,average=2 focal=1 …

A variant names what differs from today's recipe (`Variant`), joined by commas. All replicas take each step together: weights are
stacked (replica, out, in), so that the matrices of fifty small models are one large product. Replicas of a seed see the same
batches, and all begin with the same head, so variants are compared in pairs. The recipe is `training.train`'s, written a second
time; `tests/unit/test_bench_replicas.py` holds the two together. Never looks at the holdout. One JSON line a variant: macro-F1 on dev, all
and hard, and negative log-likelihood, each the mean over seeds, of the average weights of the epoch that is best; the
difference to the first variant with its standard error over seeds; macro-F1 by epoch; and of the mean of the seeds' weights.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measures import figures, macro_f1
from torch import Tensor
from torch.nn import functional

from model.reading import LABELS
from training import base, dataset, lessons
from training.encoder import Encoder
from training.train import Config, Lesson, augmented_tokens, buckets, chosen_texts, pad, prepared

HEADS, LAYERS = 12, 6
DROPOUT = 0.1
_PLAIN = Config()


@dataclass(frozen=True, slots=True)
class Variant:
    """Today's recipe; a variant changes some of it."""

    rate: float = _PLAIN.rate
    floor: float = 0.0
    """The rate falls to this share of itself instead of to 0."""
    average: float = 1.0
    """Epochs over which the weights are averaged."""
    masked: float = _PLAIN.masked
    smoothing: float = _PLAIN.label_smoothing
    distilled: float = _PLAIN.distilled
    meaning: float = _PLAIN.meaning_weight
    focal: float = 0.0
    balanced: float = 0.0
    """1: a class counts the more the rarer it is."""
    contrast: float = 0.0
    """Weight of the supervised contrastive loss."""
    mixup: float = 0.0
    """Share of the other message that is mixed in at the head is drawn from Beta(this, this)."""
    fgm: float = 0.0
    """Length of the adversarial step on the embeddings; doubles the time of the whole run."""
    top: float = LAYERS
    """Train only so many of the upper layers."""
    layer_decay: float = 1.0
    """Each layer learns at this times the rate of the one above."""


class Replicas:
    """`count` encoders with heads, every weight but the words' stacked as (count, …)."""

    def __init__(self, encoder: Encoder, count: int, device: torch.device) -> None:
        self.words = encoder.bert.embeddings.word_embeddings.weight.detach().to(device)
        self.weights = {
            name: torch.stack([parameter.detach()] * count).to(device).requires_grad_()
            for name, parameter in encoder.named_parameters()
            if "word_embeddings" not in name
        }

    def forward(
        self, words: Tensor, mask: Tensor, weights: dict[str, Tensor], dropout: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`words` (replica, batch, tokens, dim), `mask` (replica, batch, tokens) bool → logits (replica, batch, 3),
        sentence embeddings (replica, batch, dim), what the head's last layer reads (replica, batch, dim)."""
        count, batch, length, dim = words.shape

        def linear(x: Tensor, name: str) -> Tensor:
            return torch.baddbmm(
                weights[f"{name}.bias"][:, None], x, weights[f"{name}.weight"].transpose(1, 2)
            )

        def norm(x: Tensor, name: str) -> Tensor:
            scale, shift = weights[f"{name}.weight"][:, None], weights[f"{name}.bias"][:, None]
            return functional.layer_norm(x.float(), (dim,), eps=1e-12) * scale + shift

        def drop(x: Tensor) -> Tensor:
            return functional.dropout(x, dropout, training=dropout > 0)

        places = weights["bert.embeddings.position_embeddings.weight"][:, None, :length]
        kind = weights["bert.embeddings.token_type_embeddings.weight"][:, None, :1]
        x = (words + kind + places).view(count, batch * length, dim)
        x = drop(norm(x, "bert.embeddings.LayerNorm"))
        seen = mask.reshape(count * batch, 1, 1, length)
        for i in range(LAYERS):
            at = f"bert.encoder.layer.{i}"
            query, key, value = (
                linear(x, f"{at}.attention.self.{part}")
                .view(count * batch, length, HEADS, dim // HEADS)
                .transpose(1, 2)
                for part in ("query", "key", "value")
            )
            mixed = functional.scaled_dot_product_attention(
                query, key, value, attn_mask=seen, dropout_p=dropout
            )
            mixed = mixed.transpose(1, 2).reshape(count, batch * length, dim)
            x = norm(
                drop(linear(mixed, f"{at}.attention.output.dense")) + x, f"{at}.attention.output.LayerNorm"
            )
            wide = functional.gelu(linear(x, f"{at}.intermediate.dense"))
            x = norm(drop(linear(wide, f"{at}.output.dense")) + x, f"{at}.output.LayerNorm")
        hidden = x.view(count, batch, length, dim)
        there = mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * there).sum(2) / there.sum(2).clamp(min=1)
        middle = drop(torch.tanh(linear(drop(hidden[:, :, 0]), "head.1"))).float()
        return (
            linear(middle, "head.4").float(),
            functional.normalize(mean, dim=-1),
            middle,
        )


def train(
    variants: Sequence[Variant],
    seeds: Sequence[int],
    data: dataset.Split,
    known: lessons.Lessons,
    found: base.Base,
    device: torch.device,
    config: Config = _PLAIN,
    least_steps: int | None = None,
) -> list[list[list[Tensor]]]:
    """Train every variant with every seed; returns the logits on dev (n, 3) by variant, epoch, and seed, with those of the
    mean of the seeds' weights as last. `least_steps` ends the run early, to try it out."""
    lesson = prepared(data, found, known, config, device)
    gold, soft, share = lesson.labels, lesson.soft, lesson.soft_share
    own = gold[: len(data.train)]
    rarity = len(own) / torch.bincount(own, minlength=len(LABELS)).float() / len(LABELS)

    torch.manual_seed(config.seed)
    encoder = Encoder(found.folder)
    one = Replicas(encoder, 1, device)
    meanings = _read(one, one.weights, lesson.tokens)[1][0]
    rows, columns = len(variants), len(seeds)
    count = rows * columns
    replicas = Replicas(encoder, count, device)
    weights = list(replicas.weights.values())
    optimizer = torch.optim.AdamW(
        [
            {"params": [w for w in weights if w.ndim > 2], "weight_decay": config.weight_decay},
            {"params": [w for w in weights if w.ndim < 3], "weight_decay": 0.0},
        ],
        lr=1e-4,
        fused=device.type == "cuda",
    )
    average = [w.detach().clone() for w in weights]

    def by_replica(name: str) -> Tensor:
        values = torch.tensor([float(getattr(v, name)) for v in variants], device=device)
        return values[:, None].expand(rows, columns).reshape(count)

    options = {field.name: by_replica(field.name) for field in fields(Variant)}
    used = {name for name in ("fgm", "mixup", "contrast") if any(getattr(v, name) for v in variants)}
    speeds = [_speed(name, options) for name in replicas.weights]
    in_an_epoch = len(data.train) + round(config.transfer * len(known.transfer))
    steps_per_epoch = -(-in_an_epoch // config.batch_size)
    steps, step = config.epochs * steps_per_epoch, 0
    rising = max(1, round(config.warmup * steps))
    shuffles = [np.random.default_rng(seed) for seed in seeds]
    torch.manual_seed(config.seed)
    outcome: list[list[list[Tensor]]] = [[] for _ in variants]
    began = time.monotonic()
    for epoch in range(1, config.epochs + 1):
        streams = [
            _stream(lesson, replace(config, seed=s), epoch, in_an_epoch, len(data.train), r)
            for s, r in zip(seeds, shuffles, strict=True)
        ]
        for batches in zip(*_alike(streams, epoch), strict=True):
            longest = max(len(row) for _, rows_ in batches for row in rows_)
            widest = max(len(at) for at, _ in batches)
            ids = torch.zeros(columns, widest, longest, dtype=torch.int64)
            where = torch.zeros(columns, widest, dtype=torch.int64)
            present = torch.zeros(columns, widest)
            for s, (at, rows_) in enumerate(batches):
                some = pad(rows_)[0]
                ids[s, : len(at), : some.shape[1]] = some
                where[s, : len(at)] = torch.tensor(at)
                present[s, : len(at)] = 1
            ids, where, present = (t.to(device, non_blocking=True) for t in (ids, where, present))
            mask = ids > 0
            mask[:, :, 0] = True  # an absent row must attend to something
            fixed = torch.isin(ids, lesson.frame)
            chance = torch.rand(ids.shape, device=device)

            def spread(t: Tensor) -> Tensor:
                return t[None].expand(rows, *t.shape).reshape(count, *t.shape[1:])

            hidden = spread(chance) < options["masked"][:, None, None]
            words = replicas.words[spread(ids).masked_fill(hidden & ~spread(fixed), lesson.mask_id)]
            target = (spread(gold[where]), spread(soft[where]), spread(share[where]), spread(meanings[where]))
            there, seen = spread(present), spread(mask)
            words.requires_grad_("fgm" in used)
            torch.autograd.backward(
                _loss(replicas, words, seen, there, target, options, used, rarity, config)
            )
            if "fgm" in used:
                gradient = _gradient(words)
                length = gradient.flatten(2).norm(dim=2)[..., None, None] + 1e-12
                moved = words.detach() + options["fgm"][:, None, None, None] * gradient / length
                torch.autograd.backward(
                    _loss(replicas, moved, seen, there, target, options, used, rarity, config)
                )
            _clip([_gradient(w) for w in weights])
            before = torch._foreach_add([w.detach() for w in weights], 0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            with torch.no_grad():
                fall = (steps - step) / max(1, steps - rising)
                rate = options["rate"] * torch.clamp(
                    options["floor"] + (1 - options["floor"]) * fall, max=(step + 1) / rising
                )
                # AdamW's step is proportional to its rate: so each replica may have its own, and a layer of its own.
                for w, old, speed in zip(weights, before, speeds, strict=True):
                    w.copy_(torch.lerp(old, w, _shaped(speed * rate / 1e-4, w)))
                step += 1
                reach = 1 / torch.clamp(options["average"] * steps_per_epoch, max=step)
                for a, w in zip(average, weights, strict=True):
                    a.copy_(torch.lerp(a, w, _shaped(reach, w)))
            if step % 500 == 0:
                print(f"step {step} of {steps}, {step / (time.monotonic() - began):.1f} a second", flush=True)
            if least_steps and step >= least_steps:
                break
        found_weights = dict(zip(replicas.weights, average, strict=True))
        logits = (
            _read(replicas, found_weights, lesson.dev_tokens)[0]
            .view(rows, columns, len(data.dev), len(LABELS))
            .cpu()
        )
        souped = {n: w.view(rows, columns, *w.shape[1:]).mean(1) for n, w in found_weights.items()}
        soups = _read(replicas, souped, lesson.dev_tokens)[0].cpu()
        for v in range(rows):
            outcome[v].append([*logits[v], soups[v]])
        means = [round(float(np.mean([macro_f1(x, data.dev) for x in some])), 4) for some in logits]
        print(f"epoch {epoch}: mean macro-F1 on dev by variant {means}", flush=True)
        if least_steps and step >= least_steps:
            break
    return outcome


def _loss(
    replicas: Replicas,
    words: Tensor,
    mask: Tensor,
    there: Tensor,
    target: tuple[Tensor, Tensor, Tensor, Tensor],
    options: dict[str, Tensor],
    used: set[str],
    rarity: Tensor,
    config: Config,
) -> Tensor:
    """The sum of the replicas' losses: none has a part in another's gradient."""
    gold, soft, taught, meaning = target
    with torch.autocast(words.device.type, torch.bfloat16, enabled=words.device.type == "cuda"):
        logits, embedding, middle = replicas.forward(words, mask, replicas.weights, DROPOUT)
        if "mixup" in used:
            shape = options["mixup"].clamp(min=0.01)
            share = torch.distributions.Beta(shape, shape).sample()[:, None, None]
            share = torch.where(options["mixup"][:, None, None] > 0, share, 1.0)
            other = torch.randperm(words.shape[1], device=words.device)
            mixed = share * middle + (1 - share) * middle[:, other]
            weights = replicas.weights
            logits = torch.baddbmm(
                weights["head.4.bias"][:, None], mixed, weights["head.4.weight"].transpose(1, 2)
            ).float()
    likely = functional.log_softmax(logits, -1)
    ease = options["smoothing"][:, None]

    def hard(labels: Tensor) -> Tensor:
        of_label = likely.gather(2, labels[..., None])[..., 0]
        weight = torch.where(options["balanced"][:, None] > 0, rarity[labels], torch.ones_like(of_label))
        doubt = (1 - of_label.exp()) ** options["focal"][:, None]
        return -weight * doubt * ((1 - ease) * of_label + ease * likely.mean(-1))

    softer = functional.log_softmax(logits / config.softness, -1)
    # Of the transfer texts (1) all is the teacher's; of the messages (a share) each variant has its own.
    taught = torch.where((taught > 0) & (taught < 1), options["distilled"][:, None], taught)
    each = (1 - taught) * hard(gold) + taught * config.softness**2 * -(soft * softer).sum(-1)
    if "mixup" in used:
        theirs = taught[:, other]
        apart = (1 - theirs) * hard(gold[:, other]) + theirs * config.softness**2 * -(
            soft[:, other] * softer
        ).sum(-1)
        each = share[..., 0] * each + (1 - share[..., 0]) * apart
    drift = 1 - functional.cosine_similarity(embedding.float(), meaning, dim=-1)
    each = each + options["meaning"][:, None] * drift
    total = (each * there).sum(1) / there.sum(1)
    if "contrast" in used:
        total = total + options["contrast"] * _contrast(middle, gold, there)
    return total.sum()


def _contrast(points: Tensor, gold: Tensor, there: Tensor, temperature: float = 0.1) -> Tensor:
    """Supervised contrastive loss over each replica's batch (Khosla et al. 2020)."""
    points = functional.normalize(points.float(), dim=-1)
    apart = ~torch.eye(points.shape[1], dtype=torch.bool, device=points.device) & (there[:, None] > 0)
    similarity = (points @ points.transpose(1, 2) / temperature).masked_fill(~apart, -1e9)
    log_share = similarity - similarity.logsumexp(2, keepdim=True)
    same = (gold[:, :, None] == gold[:, None]) & apart
    each = -(log_share * same).sum(2) / same.sum(2).clamp(min=1)
    return (each * there).sum(1) / there.sum(1)


def _clip(gradients: Sequence[Tensor]) -> None:
    """Scale each replica's gradients to a norm of 1 at most, in place."""
    squares = torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0)
    scale = (1 / (squares.sqrt() + 1e-6)).clamp(max=1)
    for gradient in gradients:
        gradient.mul_(_shaped(scale, gradient))


def _gradient(tensor: Tensor) -> Tensor:
    assert tensor.grad is not None, "a weight that no loss depends on"
    return tensor.grad


def _shaped(values: Tensor, like: Tensor) -> Tensor:
    """(count,) as (count, 1, …), to go with a stacked weight."""
    return values.view(-1, *[1] * (like.ndim - 1))


def _speed(name: str, options: dict[str, Tensor]) -> Tensor:
    """What the rate is multiplied by for one weight, by replica: frozen and lower layers learn less."""
    depth = 0 if name.startswith("head") else LAYERS + 1
    if ".layer." in name:
        depth = LAYERS - int(name.split(".layer.")[1].split(".")[0])
    frozen = (depth > options["top"]) & (options["top"] < LAYERS)
    return torch.where(frozen, 0.0, options["layer_decay"] ** depth)


def _stream(
    lesson: Lesson,
    config: Config,
    epoch: int,
    in_an_epoch: int,
    messages: int,
    shuffle: np.random.Generator,
) -> list[tuple[list[int], list[list[int]]]]:
    """One seed's epoch, as training.train makes it: batches of (which texts, their tokens)."""
    chosen = chosen_texts(messages, len(lesson.texts), in_an_epoch, config.seed, epoch)
    seen = augmented_tokens(lesson, config, epoch)
    return [
        ([chosen[place] for place in places], [seen[chosen[place]] for place in places])
        for places in buckets([seen[i] for i in chosen], config.batch_size, shuffle)
    ]


def _alike(streams: Sequence[list[Any]], epoch: int) -> list[list[Any]]:
    """The streams' batches so ordered that those taken together are about equally long: padding costs what it pads."""
    order = np.random.default_rng(epoch).permutation(len(streams[0]))
    by_length = [sorted(stream, key=lambda batch: max(map(len, batch[1]))) for stream in streams]
    return [[stream[i] for i in order] for stream in by_length]


@torch.no_grad()
def _read(
    replicas: Replicas, weights: dict[str, Tensor], tokens: Sequence[list[int]], size: int = 128
) -> tuple[Tensor, Tensor]:
    """Logits (count, n, 3) and embeddings (count, n, dim) in float32, in the order of `tokens`."""
    count = next(iter(weights.values())).shape[0]
    device = replicas.words.device
    order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
    logits = torch.zeros(count, len(tokens), len(LABELS), device=device)
    embeddings = torch.zeros(count, len(tokens), replicas.words.shape[1], device=device)
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        ids, mask = (t.to(device) for t in pad([tokens[i] for i in batch]))
        words = replicas.words[ids][None].expand(count, -1, -1, -1)
        seen = mask.bool()[None].expand(count, -1, -1).contiguous()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            some_logits, some_embeddings, _ = replicas.forward(words, seen, weights, 0.0)
        logits[:, batch], embeddings[:, batch] = some_logits.float(), some_embeddings.float()
    return logits, embeddings


def _variant(text: str) -> Variant:
    pairs = [part.split("=") for part in text.split(",") if part != "plain"]
    return Variant(**{name: float(value) for name, value in pairs})


def _line(
    name: str, outcome: list[list[Tensor]], first: list[list[Tensor]], data: dataset.Split
) -> dict[str, Any]:
    """One variant's figures: each seed at the epoch that is best for it, as training.train chooses it."""
    by_epoch = [[macro_f1(logits, data.dev) for logits in epoch] for epoch in outcome]
    seeds = len(outcome[0]) - 1

    def of(run: list[list[Tensor]], key: str) -> list[float]:
        bests = [max((epoch[s] for epoch in run), key=lambda x: macro_f1(x, data.dev)) for s in range(seeds)]
        return [figures(logits, data.dev)[key] for logits in bests]

    apart = np.array(of(outcome, "dev")) - np.array(of(first, "dev"))
    return {
        "variant": name,
        **{key: round(float(np.mean(of(outcome, key))), 4) for key in ("dev", "hard", "nll")},
        "apart": round(float(apart.mean()), 4),
        "error": round(float(apart.std(ddof=1) / math.sqrt(seeds)), 4) if seeds > 1 else None,
        "by_seed": [round(value, 4) for value in of(outcome, "dev")],
        "by_epoch": [round(float(np.mean(epoch[:-1])), 4) for epoch in by_epoch],
        "soup": {key: round(value, 4) for key, value in figures(outcome[-1][-1], data.dev).items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("variants", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--base", default=base.NAME)
    parser.add_argument("--steps", type=int, help="end after so many, to try it out")
    given = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found = base.resolve(given.base, None)
    data = dataset.split(dataset.load(dataset.corpus_files()))
    names = given.variants
    outcome = train(
        [_variant(name) for name in names],
        range(1, given.seeds + 1),
        data,
        lessons.load(),
        found,
        device,
        least_steps=given.steps,
    )
    for name, each in zip(names, outcome, strict=True):
        line = _line(name, each, outcome[0], data)
        with given.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
