"""`python -m training train | teach | retrain | evaluate | picture | export`: the learning half of Softanswer.

Exit code 0: done; 1: failed or refused; 2: bad input. An error is one line on stderr, and nothing is half-written.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from model.artefact_folder import ArtefactError, read_manifest
from model.classifier import Classifier
from model.registry import SHIPPED
from training import base, behaviour, dataset
from training.card import behaviour_table
from training.evaluate import evaluate
from training.progress import Progress


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = _parser().parse_args(arguments)
    # Threads that spin while they wait for one another slow a run down eighteenfold as soon as the bot, or anything
    # else, wants a core too (measured). Must be set before torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # But a moment's spinning, some 50 µs, saves most of the waking up: a fifth faster on a quiet machine.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _stop)
    try:
        given.run(given)
    except (ArtefactError, dataset.DataError, base.BaseModelError) as error:
        print(f"softanswer training: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        where = error.filename or f"{getattr(given, 'out', '')} or {tempfile.gettempdir()}"
        print(f"softanswer training: {where}: {error.strerror or error}", file=sys.stderr)
        return 1
    except Exception as error:
        # By name: their modules import torch, which evaluate must not.
        if type(error).__name__ not in ("ExportRefused", "NoGPU"):
            raise
        print(f"softanswer training: {error}", file=sys.stderr)
        return 1
    return 0


def _stop(*_: object) -> NoReturn:
    sys.exit(143)  # as an exception, so that what is half-built is cleared away


def _train(given: argparse.Namespace) -> None:
    from training.retrain import train_version

    progress = Progress()
    found = base.resolve(given.base, given.base_sha256)
    progress.line(train_version(_config(given), given.data, found, given.out, given.version, progress))


def _teach(given: argparse.Namespace) -> None:
    from training import lessons, teacher
    from training.transfer import transfer_texts

    progress = Progress()
    found = base.resolve(given.teacher, given.teacher_sha256)
    data = dataset.split(dataset.load(dataset.corpus_files()))
    taught, logits, history = teacher.teach(teacher.Lesson(), data, found, progress)
    texts = transfer_texts(data.train, given.transfer)
    unread = taught.lower(taught.tokens(texts), progress, "frozen layers, transfer")
    about = {
        "teacher": found.name,
        "sha256": found.sha256,
        "dev_macro_f1": history,
        "train_rows": len(data.train),
    }
    teacher.write_lessons(given.out, data.train, logits, texts, taught.logits(unread), about)
    progress.line(
        {
            "stage": "done",
            "out": str(given.out),
            "dev_macro_f1": history,
            "lessons": lessons.load(given.out).digest,
        }
    )


def _retrain(given: argparse.Namespace) -> None:
    for file in (given.snapshot, given.golden):
        if file and not file.is_file():
            raise dataset.DataError(f"{file}: no such file — give a readable JSON-lines file")
    read_manifest(given.active)  # before the seconds that torch takes to load
    start = None if given.method == "lora" or given.start == Path("none") else given.start
    if start:
        read_manifest(start)
    if given.while_open:
        _end_with_stdin()
    from training.retrain import retrain

    progress = Progress()
    found = base.resolve(given.base, given.base_sha256)
    config = dataclasses.replace(
        _config(given, RETRAINING if start else {}), keep="last" if start else "best"
    )
    progress.line(
        retrain(
            config,
            given.snapshot,
            given.golden,
            given.active,
            start,
            found,
            given.out,
            given.sample,
            progress,
        )
    )


RETRAINING = {"epochs": 2, "learning_rate": 1e-4, "moved": 0.8}
"""A run that begins with a trained version needs less; see docs/learning.md."""


def _end_with_stdin() -> None:
    """End when whoever started this is gone: its end of the pipe closes, however it died."""

    def wait() -> None:
        # Not sys.stdin: a thread that waits in it keeps the interpreter from ending in peace.
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _evaluate(given: argparse.Namespace) -> None:
    challenge: list[dataset.Example] = []
    if given.data:
        examples = dataset.rows([given.data])
    else:
        corpus = dataset.split(dataset.load(dataset.corpus_files()))
        examples, challenge = corpus.holdout, corpus.challenge
    classifier = Classifier.load(given.model, threads=given.threads or os.cpu_count() or 1)
    if given.behaviour:
        tests = behaviour.run(classifier, examples)
        print(json.dumps(tests) if given.json else "\n".join(_failures(tests) + behaviour_table(tests)))
        return
    figures = evaluate(classifier, examples)
    if challenge:
        figures["challenge"] = evaluate(classifier, challenge)
    print(json.dumps(figures) if given.json else _readable(figures))


def _picture(given: argparse.Namespace) -> None:
    from training.figures import draw_learning

    draw_learning(json.load(sys.stdin), sys.stdout.buffer)


def _export(given: argparse.Namespace) -> None:
    manifest = read_manifest(given.model)
    from training.candidate import build_gpu, under_construction

    found = base.resolve(given.base or manifest.base_model, manifest.base_sha256)
    dev = dataset.split(dataset.load(dataset.corpus_files())).dev
    version = f"{manifest.version}-gpu"
    if (given.out / version).exists():
        raise ArtefactError(f"{given.out / version}: is already there — remove it or give another --out")
    with under_construction(given.out) as building:
        build_gpu(building / version, given.model, found, dev)
        (building / version).rename(given.out / version)
    Progress().line({"stage": "done", "candidate": str(given.out / version), "version": version})


def _config(given: argparse.Namespace, defaults: Mapping[str, Any] = MappingProxyType({})) -> Any:
    from training.train import Config

    named = {
        name: getattr(given, name, None)
        for name in ("method", "epochs", "branches", "learning_rate", "seed", "threads", "device")
    }
    return Config(**{**defaults, **{name: value for name, value in named.items() if value is not None}})


def _readable(figures: dict[str, Any]) -> str:
    lines = [
        f"{figures['version']} on {figures['n']} messages: macro-F1 {figures['macro_f1']:.3f}, "
        f"accuracy {figures['accuracy']:.3f}, calibration error {figures['ece']:.3f}"
    ]
    low, high = figures["macro_f1_interval"]
    parts = [
        f"{name} {part['macro_f1']:.3f}"
        for name, part in figures["slices"]["difficulty"].items()
        if "macro_f1" in part
    ]
    lines.append("  ".join([f"  macro-F1's 95 % interval {low:.3f}–{high:.3f}", *parts]))
    lines += [
        f"  {label:9} precision {c['precision']:.3f}  recall {c['recall']:.3f}  F1 {c['f1']:.3f}  n {c['support']}"
        for label, c in figures["per_class"].items()
    ]
    lines += [
        f"  flagged from {least} on: {flags['recall']:.1%} of the unhappy, {flags['precision']:.1%} of the flags are right"
        for least, flags in figures["flags"].items()
        if flags["recall"] is not None and flags["precision"] is not None
    ]
    if hard := figures.get("challenge"):
        lines.append(
            f"the challenge, {hard['n']} messages written to be beyond it: macro-F1 {hard['macro_f1']:.3f}, "
            f"accuracy {hard['accuracy']:.3f}"
        )
    return "\n".join(lines)


def _failures(tests: dict[str, Any]) -> list[str]:
    return [
        f"failed  {test}, {capability}: {text}"
        for test, capabilities in tests.items()
        for capability, found in capabilities.items()
        for text in found["failures"]
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("train", help="train a version on the corpus")
    command.add_argument(
        "--data",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="these files instead of the corpus (name its files, too, to add to it)",
    )
    command.add_argument(
        "--out", type=Path, default=Path("runs"), help="where the version folder goes (runs)"
    )
    command.add_argument("--version", help="its name; default: the time and the data's hash")
    command.add_argument(
        "--branches", type=int, metavar="N", help="further epochs whose weights are averaged in (2)"
    )
    _add_training(command)
    command.set_defaults(run=_train)

    command = commands.add_parser("teach", help="fine-tune the teacher and write what it says of the corpus")
    command.add_argument("--teacher", default=base.TEACHER, help="folder or hub name")
    command.add_argument(
        "--teacher-sha256", default=base.TEACHER_SHA256,
        help="of its model.safetensors",
    )  # fmt: skip
    command.add_argument(
        "--out", type=Path, required=True, help="where the lessons go (training/soft_labels)"
    )
    command.add_argument(
        "--transfer", type=_positive, default=20_000, metavar="N", help="texts without a label"
    )
    command.set_defaults(run=_teach)

    command = commands.add_parser("retrain", help="train a candidate with corrections and judge it")
    command.add_argument("--snapshot", type=Path, metavar="FILE", help="corrections, a JSON object a line")
    command.add_argument(
        "--active", type=Path, default=SHIPPED, help="the version in service (the shipped one)"
    )
    command.add_argument(
        "--golden", type=Path, metavar="FILE", help="the team's messages that must be read right"
    )
    command.add_argument(
        "--start",
        type=Path,
        default=SHIPPED,
        metavar="DIR",
        help="version whose weights training begins with (the shipped one); none: the base model",
    )
    command.add_argument("--out", type=Path, required=True, help="where the candidate folder goes")
    command.add_argument("--while-open", action="store_true", help="end when standard input is closed")
    command.add_argument("--sample", type=_positive, metavar="N", help="take N messages of the corpus only")
    _add_training(command)
    command.set_defaults(run=_retrain)

    command = commands.add_parser("evaluate", help="measure a version; needs no torch")
    command.add_argument("--model", type=Path, default=SHIPPED, help="version folder (the shipped one)")
    command.add_argument("--data", type=Path, metavar="FILE", help="labelled messages (the corpus' holdout)")
    command.add_argument(
        "--behaviour", action="store_true", help="run the behaviour tests instead (docs/model.md)"
    )
    command.add_argument("--json", action="store_true", help="one JSON object")
    command.add_argument("--threads", type=_positive, help="CPU threads (all)")
    command.set_defaults(run=_evaluate)

    command = commands.add_parser(
        "picture", help="draw the learning report that standard input holds, as PNG on standard output"
    )
    command.set_defaults(run=_picture)

    command = commands.add_parser("export", help="make the GPU's graph of a version")
    command.add_argument("--device", choices=["gpu"], required=True)
    command.add_argument("--model", type=Path, required=True, help="version folder")
    command.add_argument("--out", type=Path, required=True, help="where the new version folder goes")
    command.add_argument("--base", help="folder of the base model, if it is not installed")
    command.set_defaults(run=_export)
    return parser


def _add_training(command: argparse.ArgumentParser) -> None:
    command.add_argument("--method", choices=["full", "lora"])
    command.add_argument("--epochs", type=_positive)
    command.add_argument("--learning-rate", type=float)
    command.add_argument("--seed", type=int)
    command.add_argument("--threads", type=_positive, help="CPU threads (all)")
    command.add_argument(
        "--device", choices=["auto", "cpu", "gpu"], help="auto: the GPU where torch finds one"
    )
    command.add_argument("--base", default=base.NAME, help="folder or hub name of the base model")
    command.add_argument(
        "--base-sha256",
        type=lambda text: None if text == "any" else text,
        default=base.SHA256,
        help="of its model.safetensors; 'any' takes any",
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
