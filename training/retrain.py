"""The two runs from data to a version folder: `train` for people, `retrain` for the bot and its corrections."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model.artefact_folder import ArtefactError
from model.classifier import Classifier
from training import checkpoint, dataset, promote
from training.base import Base
from training.candidate import build, under_construction
from training.evaluate import predict
from training.export import ExportRefused
from training.progress import Progress
from training.train import Config, train

LEAST_DEV = 300
"""Messages below which neither the best epoch nor int8's agreement can be told."""


def train_version(
    config: Config,
    files: list[Path] | None,
    base: Base,
    out: Path,
    version: str | None,
    progress: Progress,
) -> dict[str, Any]:
    """Train on the files, or the corpus, and publish `out/<version>`; returns the last line.

    Of the corpus dev and holdout are kept out; of given files dev alone (who brings data brings a test set), and what
    is in the corpus' holdout. The same call after an interruption goes on where the run stood (`out/.resume-…`).
    """
    progress.report("load", 0.0)
    data = dataset.split(dataset.load(files or dataset.corpus_files()), holdout=files is None)
    if files:
        data = dataset.without_holdout(data, dataset.split(dataset.load(dataset.corpus_files())))
    dataset.require_enough(data.train, ", ".join(map(str, files or [dataset.CORPUS])))
    version = version or _new_version(data.train)
    if (out / version).exists():
        raise ArtefactError(
            f"{out / version}: is already there — remove it, or give another --version or --out"
        )
    with under_construction(out) as building:
        resume = out / f".resume-{checkpoint.key(asdict(config), data.train, data.dev, base.sha256)}"
        result = train(config, data, base, progress, resume)
        progress.report("export", 0.0)
        source = " ".join(path.name for path in files) if files else None
        classifier = build(building / version, result, config, data, base, parent=None, source=source)
        (building / version).rename(out / version)
        shutil.rmtree(resume, ignore_errors=True)
    metrics = {part: classifier.manifest.metrics.get(part, {}) for part in ("dev", "holdout")}
    return {
        "stage": "done",
        "candidate": str(out / version),
        "version": version,
        "metrics": {part: {"n": f["n"], "macro_f1": f["macro_f1"]} for part, f in metrics.items() if f},
    }


def retrain(
    config: Config,
    snapshot: Path | None,
    active: Path,
    base: Base,
    out: Path,
    sample: int | None,
    progress: Progress,
) -> dict[str, Any]:
    """Train from the frozen base on the corpus and the snapshot, and judge the outcome against the active version.

    Always from the base and always with everything: a model trained on from the last one forgets. `sample` takes
    that many of the corpus' training rows (the snapshot's are always all there) and half as many to choose the epoch
    by. Returns the last line; without a candidate if the export was refused.
    """
    progress.report("load", 0.0)
    serving = Classifier.load(active, device="cpu", threads=max(1, config.threads))
    corrections = dataset.load([snapshot]) if snapshot else []
    corpus = dataset.split(dataset.load(dataset.corpus_files()))
    if sample is not None and sample < len(corpus.train):
        few = dataset.sample(corpus.dev, max(LEAST_DEV, sample // 2))
        corpus = dataset.Split(dataset.sample(corpus.train, sample), few, corpus.holdout)
    data = dataset.replay(corpus, corrections)
    dataset.require_enough(data.train, "corpus and snapshot")
    version = _new_version(data.train)
    with under_construction(out) as building:
        result = train(config, data, base, progress)
        progress.report("export", 0.0)
        folder = building / version
        try:
            candidate = build(
                folder,
                result,
                config,
                data,
                base,
                parent=serving.version,
                corrections=len(corrections),
                documented=False,
            )
        except ExportRefused as refusal:
            outcome = promote.not_exported(str(refusal))
            return {"stage": "done", "candidate": None, "version": version, "verdict": outcome}
        progress.report("evaluate", 0.0)
        gold = [example.label for example in data.holdout]
        labels = predict(candidate, data.holdout)
        progress.report("evaluate", 0.5)
        verdict = promote.verdict(gold, labels, predict(serving, data.holdout))
        progress.report("gate", 1.0)
        (folder / "verdict.json").write_text(json.dumps(verdict, indent=2) + "\n", "utf-8")
        folder.rename(out / version)
    return {"stage": "done", "candidate": str(out / version), "version": version, "verdict": verdict}


def _new_version(rows: list[dataset.Example]) -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{dataset.data_hash(rows)[:6]}"
