"""Writes version folders: complete and checked, or nothing."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialised

from model.artefact_folder import (
    CARD,
    GRAPH,
    TOKENIZER,
    WEIGHTS,
    ArtefactError,
    Manifest,
    read_manifest,
    write_manifest,
)
from model.classifier import Classifier, load_tokenizer
from model.reading import LABELS
from model.session import create_session
from training import behaviour, calibration, real_turns
from training.base import Base
from training.card import card
from training.dataset import Example, Split, data_hash
from training.encoder import Encoder, load_trained, merge, prepare
from training.evaluate import evaluate
from training.export import MIN_AGREEMENT, export_cpu, export_gpu
from training.figures import CURVE, RELIABILITY, draw_curve, draw_reliability
from training.metrics import scores
from training.train import Config, Result, predict_logits


@contextmanager
def under_construction(out: Path) -> Iterator[Path]:
    """A temporary folder in `out`, removed afterwards; `out` is removed too if it was created here and stayed empty.

    Move finished folders out of it. Raises ArtefactError if `out` cannot be written.
    """
    is_new = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=".building-", dir=out))
    except OSError as error:
        raise ArtefactError(
            f"{out}: {error.strerror} — give a folder with --out that can be written"
        ) from None
    try:
        yield building
    finally:
        shutil.rmtree(building, ignore_errors=True)
        if is_new and not any(out.iterdir()):
            out.rmdir()


def build(
    folder: Path,
    result: Result,
    config: Config,
    data: Split,
    base: Base,
    *,
    parent: str | None,
    corrections: int = 0,
    source: str | None = None,
    start: str | None = None,
    min_agreement: float = MIN_AGREEMENT,
    documented: bool = True,
    real: bool = False,
) -> Classifier:
    """Write the int8 version folder `folder`, whose name is the version; returns it loaded.

    `source` names the training data if it is not the project's own; `real` says that they include real turns; `start` is the
    version whose weights the run started from. With `documented` every held-out part is measured, the behaviour tests run and
    the pictures are drawn, which takes a minute. Raises ExportRefused if the graph differs from the trained encoder.
    """
    folder.mkdir()
    shutil.copyfile(base.folder / "tokenizer.json", folder / TOKENIZER)
    tokenizer = load_tokenizer(folder / TOKENIZER)
    tokenizer.enable_truncation(config.max_length)
    tokenizer.no_padding()
    dev = [example.cleaned for example in data.dev]
    agreement = export_cpu(result.encoder, tokenizer, dev, folder / GRAPH, min_agreement)
    # Half precision: the GPU's graph runs in it, and it is half the size in git.
    halves = {name: weights.half().contiguous() for name, weights in result.weights.items()}
    (folder / WEIGHTS).write_bytes(serialised(halves))
    manifest = Manifest(
        version=folder.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        device="cpu",
        method=config.method,
        base_model=base.name,
        base_sha256=base.sha256,
        parent=parent,
        data_hash=data_hash(data.train),
        labels=LABELS,
        temperature=1.0,
        bias=(0.0,) * len(LABELS),
        max_length=config.max_length,
        embedding_dim=result.encoder.dim,
        settings={
            "epochs": len(result.history),
            "planned_epochs": config.epochs,
            **({} if parent else {"branches": result.branches}),
            "learning_rate": config.rate,
            "batch_size": config.batch_size,
            "seed": config.seed,
            "train_rows": len(data.train),
            "corrections": corrections,
            **({"data": source} if source else {}),
            **({"real_turns": sum(e.kind == real_turns.KIND for e in data.train)} if real else {}),
            **({"start": start, "interpolation": config.interpolation} if start else {}),
        },
        metrics={},
        files={},
    )
    session, device = create_session(folder / GRAPH, device="cpu", threads=torch.get_num_threads())
    logits, _ = Classifier(manifest, tokenizer, session, device).forward(dev)
    manifest = _calibrated(manifest, Classifier(manifest, tokenizer, session, device), data)
    classifier = Classifier(manifest, tokenizer, session, device)
    gold = [example.label for example in data.dev]
    in_fp32 = (
        predict_logits(result.encoder, [tokenizer.encode(text).ids for text in dev])[0].argmax(1).tolist()
    )
    metrics: dict[str, Any] = {
        "dev": evaluate(classifier, data.dev),
        "int8": {
            "agreement": agreement,
            "fp32": scores(gold, [LABELS[i] for i in in_fp32])["macro_f1"],
            "int8": scores(gold, [LABELS[i] for i in logits.argmax(1).tolist()])["macro_f1"],
        },
        "train_seconds": round(result.seconds, 1),
        "history": result.history,
    }
    if documented:
        parts = {"real": data.real, "chosen": data.chosen, "talk": data.talk, "holdout": data.holdout}
        parts |= {"challenge": data.challenge, "extras": data.extras}
        metrics |= {name: evaluate(classifier, part) for name, part in parts.items() if part}
        metrics["behaviour"] = behaviour.run(classifier, data.holdout)
        draw_curve(result.history, folder / CURVE)
        shown = metrics.get("holdout", metrics["dev"])
        draw_reliability(shown["reliability"], shown["ece"], folder / RELIABILITY)
    _finish(folder, dataclasses.replace(manifest, metrics=metrics))
    return Classifier(read_manifest(folder), tokenizer, session, device)


def add_figures(folder: Path, **figures: Any) -> None:
    """Add figures measured after `build` to manifest and card of a version that is not published yet."""
    manifest = read_manifest(folder)
    _finish(folder, dataclasses.replace(manifest, metrics={**manifest.metrics, **figures}))


def build_gpu(folder: Path, source: Path, base: Base, dev: list[Example]) -> None:
    """Write the fp16 version folder `folder` from the trained weights of `source`.

    Raises ArtefactError if the base or the weights do not belong to `source`, ExportRefused as `build` does.
    """
    manifest = read_manifest(source)
    encoder = restore(source, manifest, base)
    folder.mkdir()
    shutil.copyfile(source / WEIGHTS, folder / WEIGHTS)
    for name in (TOKENIZER, CURVE, RELIABILITY):
        if (source / name).exists():
            shutil.copyfile(source / name, folder / name)
    tokenizer = load_tokenizer(folder / TOKENIZER)
    tokenizer.enable_truncation(manifest.max_length)
    tokenizer.no_padding()
    tokens = [tokenizer.encode(example.cleaned).ids for example in dev]
    export_gpu(encoder, encoder.bert.config.num_attention_heads, tokens, folder / GRAPH)
    _finish(
        folder,
        # Temperature and bias stay: half precision changes a logit by less than their accuracy.
        dataclasses.replace(manifest, version=folder.name, device="gpu", parent=manifest.version),
    )


def restore(source: Path, manifest: Manifest, base: Base) -> Encoder:
    """The trained encoder of the version folder `source`, merged and in eval mode.

    Raises ArtefactError if the base or the weights do not belong to it.
    """
    if base.sha256 != manifest.base_sha256:
        raise ArtefactError(
            f"{source}: was trained from a base with sha256 {manifest.base_sha256} — give that one"
        )
    encoder = Encoder(base.folder)
    prepare(encoder, manifest.method)
    try:
        load_trained(encoder, load_file(source / WEIGHTS))
    except KeyError as error:
        raise ArtefactError(f"{source / WEIGHTS}: {error.args[0]} — train the version again") from None
    return merge(encoder)


def _calibrated(manifest: Manifest, classifier: Classifier, data: Split) -> Manifest:
    """With temperature and bias fitted at the mix of a channel; without such data, only the temperature, on dev."""
    examples = data.channel or data.dev
    logits, _ = classifier.forward([example.cleaned for example in examples])
    gold = _positions(examples)
    fitted = (
        calibration.fit_partly(logits, gold)
        if data.channel
        else calibration.fit(logits, gold, with_bias=False)
    )
    return dataclasses.replace(manifest, temperature=fitted.temperature, bias=fitted.bias)


def _finish(folder: Path, manifest: Manifest) -> None:
    (folder / CARD).write_text(card(manifest), "utf-8")
    write_manifest(folder, manifest)


def _positions(examples: list[Example]) -> np.ndarray:
    return np.array([LABELS.index(example.label) for example in examples])
