"""The two runs from data to a version folder: `train` for people, `retrain` for the bot and its corrections."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from model.artefact_folder import WEIGHTS, ArtefactError, read_manifest
from model.classifier import Classifier
from model.reading import Reading
from training import checkpoint, comparison, dataset, distillation, mixture, promote, real_turns
from training.base import Base
from training.candidate import add_figures, build, under_construction
from training.export import ExportRefused
from training.progress import Progress
from training.soup import mean, train_souped
from training.train import Config, device_for, train

_PARTS = ("real", "talk", "dev", "holdout", "challenge", "extras")
MIN_DEV = 300
"""Below this many messages neither the best epoch nor int8's agreement can be measured."""
JUDGED_BY = 3000
"""Messages of the corpus' holdout in the release checks, the same each time. More take longer and change little (error rates
with this many: docs/learning.md)."""


def train_version(
    config: Config,
    files: list[Path] | None,
    base: Base,
    out: Path,
    version: str | None,
    progress: Progress,
    real: Sequence[Path] = (),
    start: Sequence[Path] = (),
) -> dict[str, Any]:
    """Train on the files, or on the project's own data and `real` (training.mixture), and publish `out/<version>`; returns
    the last line.

    The corpus' dev and holdout are not trained on. Given files lose only their dev part (their owner has a test set), and rows
    of the corpus' holdout. `start`: version folders; training goes on from the mean of their weights. The same call after an
    interruption resumes the run (`out/.resume-…`).
    """
    progress.report("load", 0.0)
    if files:
        data = dataset.split(dataset.load(files), holdout=False)
        data = dataset.without_holdout(data, dataset.split(dataset.load(dataset.corpus_files())))
    else:
        data = mixture.load(real)
    dataset.require_enough(data.train, ", ".join(map(str, files or [dataset.CORPUS])))
    # No soft labels for given files: the teacher knows only the corpus' guide to labels.
    given = distillation.NONE if files else distillation.load(texts=real_turns.load(real).unlabelled)
    version = version or _new_version(data.train)
    if (out / version).exists():
        raise ArtefactError(
            f"{out / version}: is already there — remove it, or give another --version or --out"
        )
    with under_construction(out) as building:
        taught = {**asdict(config), "device": device_for(config.device).type, "soft_labels": given.digest}
        names = [read_manifest(folder).version for folder in start]
        begin = mean([weights_of(folder, base) for folder in start]) if start else None
        if begin:
            taught["start"] = names
        resume = out / f".resume-{checkpoint.key(taught, data.train, data.dev, base.sha256)}"
        result = train_souped(config, data, base, progress, resume, soft_labels=given, start=begin)
        progress.report("export", 0.0)
        source = " ".join(path.name for path in files) if files else None
        classifier = build(
            building / version,
            result,
            config,
            data,
            base,
            parent=None,
            source=source,
            real=bool(real),
            start=", ".join(names) or None,
        )
        (building / version).rename(out / version)
        for folder in (resume, *out.glob(f"{resume.name}-branch*")):
            shutil.rmtree(folder, ignore_errors=True)
    metrics = {part: classifier.manifest.metrics.get(part, {}) for part in _PARTS}
    return {
        "stage": "done",
        "candidate": str(out / version),
        "version": version,
        "metrics": {part: {"n": f["n"], "macro_f1": f["macro_f1"]} for part, f in metrics.items() if f},
    }


def retrain(
    config: Config,
    snapshot: Path | None,
    golden: Path | None,
    active: Path,
    start: Path | None,
    base: Base,
    out: Path,
    sample: int | None,
    progress: Progress,
    real: Sequence[Path] = (),
) -> dict[str, Any]:
    """Train on the corpus and the snapshot, and run the release checks against the active version.

    Every run starts from the same weights and uses all corrections: a model trained on from the last candidate would forget,
    and could not drop erased messages. `start` is the version folder with these weights (the shipped one, which was trained on
    no team's messages: minutes instead of an hour); None starts from the base model. `sample` limits the corpus' training
    rows (never the snapshot's), and the dev rows to half as many. `golden` is the team's golden set; `real` are files of real
    turns, to train on and to measure. Returns the last line, without a candidate if the export was refused.
    """
    progress.report("load", 0.0)
    serving = Classifier.load(active, device="cpu", threads=max(1, config.threads))
    own = dataset.load([snapshot]) if snapshot and snapshot.stat().st_size else []
    golden_set = comparison.golden_from(golden)
    live, corrections = [e for e in own if e.live], [e for e in own if not e.live]
    corpus = mixture.load(real)
    if sample is not None and sample < len(corpus.train):
        few = dataset.sample(corpus.dev, max(MIN_DEV, sample // 2))
        # All long mails: there are few, and a sample of them would forget how to read long messages.
        long = [example for example in corpus.train if example.kind.startswith("long")]
        others = [example for example in corpus.train if not example.kind.startswith("long")]
        corpus = replace(corpus, train=dataset.sample(others, sample) + long, dev=few)
    data = dataset.replay(corpus, own)
    if len(data.holdout) > JUDGED_BY:  # after replay, which excludes all of it from training
        data = replace(data, holdout=dataset.sample(data.holdout, JUDGED_BY))
    dataset.require_enough(data.train, "corpus and snapshot")
    version = _new_version(data.train)
    with under_construction(out) as building:
        known = distillation.SoftLabels(distillation.load().messages, [])
        begin = weights_of(start, base) if start else None
        result = train(config, data, base, progress, start=begin, soft_labels=known)
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
                start=start.name if start else None,
                documented=False,
            )
        except ExportRefused as refused:
            outcome = promote.refusal(str(refused))
            return {"stage": "done", "candidate": None, "version": version, "verdict": outcome, "worse": []}
        measured, readings = comparison.measure(
            candidate,
            serving,
            data.holdout,
            live,
            golden_set,
            lambda done: progress.report("evaluate", done),
            [*data.talk, *data.real],
        )
        verdict = promote.verdict(measured)
        add_figures(folder, holdout=promote.figures(measured.corpus), live=promote.figures(measured.live))
        progress.report("gate", 1.0)
        (folder / "verdict.json").write_text(comparison.as_json(verdict), "utf-8")
        folder.rename(out / version)
    return {
        "stage": "done",
        "candidate": str(out / version),
        "version": version,
        "verdict": verdict,
        "worse": _worse(measured, [*data.holdout, *live], readings),
    }


def weights_of(start: Path, base: Base) -> dict[str, Tensor]:
    """The trained weights of a version, to start from. Raises ArtefactError if it has another base."""
    manifest = read_manifest(start)
    if manifest.base_sha256 != base.sha256:
        raise ArtefactError(
            f"{start}: was trained from another base model — give that one with --base, or no --start"
        )
    return {name: weights.float() for name, weights in load_file(start / WEIGHTS).items()}


def _worse(
    measured: promote.Measured, examples: Sequence[dataset.Example], readings: Sequence[Reading]
) -> list[dict[str, Any]]:
    """Up to ten regressions, the team's own messages first. Those are given by number only: a copy of their text could
    not be erased."""
    both = promote.Part(
        [*measured.corpus.gold, *measured.live.gold],
        [*measured.corpus.candidate, *measured.live.candidate],
        [*measured.corpus.active, *measured.live.active],
    )
    at = sorted(promote.worsened(both), key=lambda i: (not examples[i].live, -readings[i].confidence))
    return [
        {
            "message": examples[i].message,
            "text": None if examples[i].live else examples[i].text,
            "label": examples[i].label,
            "read": readings[i].label,
        }
        for i in at[:10]
    ]


def _new_version(rows: list[dataset.Example]) -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{dataset.data_hash(rows)[:6]}"
