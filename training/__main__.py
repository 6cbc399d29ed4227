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
from model.errors import UserError
from model.registry import SHIPPED
from training import base, behaviour, dataset, mixture, readable
from training.card import behaviour_table
from training.evaluate import evaluate
from training.progress import Progress


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = _parser().parse_args(arguments)
    # Threads that spin while they wait slow a run down eighteenfold as soon as another process needs a core
    # (measured). Must be set before torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Spinning for some 50 µs avoids most wake-ups: a fifth faster on an idle machine.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _stop)
    try:
        given.run(given)
    except UserError as error:
        print(f"softanswer training: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        where = error.filename or f"{getattr(given, 'out', '')} or {tempfile.gettempdir()}"
        print(f"softanswer training: {where}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


def _stop(*_: object) -> NoReturn:
    sys.exit(143)  # as an exception, so that unfinished folders are removed


def _train(given: argparse.Namespace) -> None:
    from training.retrain import train_version

    progress = Progress()
    found = base.resolve(given.base, given.base_sha256)
    for folder in given.start:
        read_manifest(folder)  # before the seconds that torch takes to load
    config = _config(given, CONTINUING if given.start else {})
    version = train_version(
        config, given.data, found, given.out, given.version, progress, given.real, given.start
    )
    progress.line(version)


CONTINUING = {"epochs": 3, "learning_rate": 1.5e-4, "branches": 2}
"""A training that begins with trained versions; see docs/model.md."""


def _teach(given: argparse.Namespace) -> None:
    from training import distillation, real_turns, teacher
    from training.transfer import transfer_texts

    progress = Progress()
    found = base.resolve(given.teacher, given.teacher_sha256)
    data = mixture.load(given.real)
    taught, logits, history = teacher.teach(teacher.TeacherSettings(), data, found, progress)
    earlier = distillation.load(given.beside) if given.beside else distillation.NONE
    logits = teacher.averaged(logits, [earlier.of(example) for example in data.train])
    # From our own messages only: the texts are stored, and texts of real turns must not be.
    own = [example for example in data.train if example.kind != real_turns.KIND]
    texts = transfer_texts(own, given.transfer)
    unlabelled = real_turns.load(given.real).unlabelled
    about = {
        "teacher": found.name,
        "sha256": found.sha256,
        "dev_macro_f1": history,
        "train_rows": len(data.train),
    }
    teacher.write_soft_labels(
        given.out,
        data.train,
        logits,
        list(zip(texts, taught.read(texts, progress, "transfer"), strict=True)),
        list(zip(unlabelled, taught.read(unlabelled, progress, "unlabelled"), strict=True)),
        about,
    )
    progress.line(
        {
            "stage": "done",
            "out": str(given.out),
            "dev_macro_f1": history,
            "soft_labels": distillation.load(given.out).digest,
        }
    )


def _retrain(given: argparse.Namespace) -> None:
    for file in (given.snapshot, given.golden):
        if file and not file.is_file():
            raise dataset.DataError(f"{file}: no such file — give a readable JSON-lines file")
    read_manifest(given.active)  # checked before torch is loaded, which takes seconds
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
            given.real,
        )
    )


RETRAINING = {"epochs": 2, "learning_rate": 1e-4, "interpolation": 0.8}
"""A run that starts from a trained version needs less; see docs/learning.md."""


def _end_with_stdin() -> None:
    """End when the parent process is gone: its end of the pipe closes, however it ended."""

    def wait() -> None:
        # Not sys.stdin: a thread blocked in it delays the interpreter's exit.
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _evaluate(given: argparse.Namespace) -> None:
    if given.prevalence is not None and not 0 < given.prevalence < 1:
        raise dataset.DataError(
            f"--prevalence {given.prevalence}: a fraction of the messages — give a number between 0 and 1"
        )
    classifier = Classifier.load(given.model, threads=given.threads or os.cpu_count() or 1)
    if given.data:
        measured = {"data": dataset.rows([given.data])}
    else:
        everything = mixture.load(given.real)
        measured = {name: getattr(everything, name) for name in readable.PARTS}
    if given.behaviour:
        tests = behaviour.run(classifier, measured.get("data") or measured["holdout"])
        print(json.dumps(tests) if given.json else "\n".join(_failures(tests) + behaviour_table(tests)))
        return
    figures = {name: evaluate(classifier, some, given.prevalence) for name, some in measured.items() if some}
    if given.json:  # the corpus' holdout at the top level, the other parts by name
        print(json.dumps(figures.get("data") or {**figures.pop("holdout"), **figures}))
    else:
        print(readable.part(figures["data"]) if given.data else readable.parts(figures))


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
        help="these files instead of the corpus (to add to the corpus, name its files too)",
    )
    command.add_argument(
        "--out", type=Path, default=Path("runs"), help="where the version folder goes (runs)"
    )
    command.add_argument("--version", help="its name; default: the time and the data's hash")
    command.add_argument(
        "--branches", type=int, metavar="N", help="further epochs whose weights are averaged in (2)"
    )
    command.add_argument(
        "--start", nargs="+", type=Path, default=[], metavar="DIR",
        help="version folders: begin with the mean of their weights instead of the base model",
    )  # fmt: skip
    _add_training(command)
    command.set_defaults(run=_train)

    command = commands.add_parser(
        "teach", help="fine-tune the teacher and write its soft labels for the corpus"
    )
    command.add_argument("--teacher", default=base.TEACHER, help="folder or hub name")
    command.add_argument(
        "--teacher-sha256", default=base.TEACHER_SHA256,
        help="of its model.safetensors",
    )  # fmt: skip
    command.add_argument(
        "--out", type=Path, required=True, help="where the soft labels go (training/soft_labels)"
    )
    command.add_argument(
        "--beside", type=Path, metavar="DIR",
        help="soft labels of another teacher: where both have one, the mean is written",
    )  # fmt: skip
    command.add_argument(
        "--transfer", type=_positive, default=8_000, metavar="N", help="texts without a label"
    )
    _add_real(command)
    command.set_defaults(run=_teach)

    command = commands.add_parser(
        "retrain", help="train a candidate with corrections and run the release checks"
    )
    command.add_argument("--snapshot", type=Path, metavar="FILE", help="corrections, a JSON object a line")
    command.add_argument(
        "--active", type=Path, default=SHIPPED, help="the version in service (the shipped one)"
    )
    command.add_argument(
        "--golden",
        type=Path,
        metavar="FILE",
        help="the team's golden set: messages that must be read correctly",
    )
    command.add_argument(
        "--start",
        type=Path,
        default=SHIPPED,
        metavar="DIR",
        help="version whose weights training starts from (the shipped one); none: the base model",
    )
    command.add_argument("--out", type=Path, required=True, help="where the candidate folder goes")
    command.add_argument("--while-open", action="store_true", help="end when standard input is closed")
    command.add_argument("--sample", type=_positive, metavar="N", help="use only N messages of the corpus")
    _add_training(command)
    command.set_defaults(run=_retrain)

    command = commands.add_parser("evaluate", help="measure a version; needs no torch")
    command.add_argument("--model", type=Path, default=SHIPPED, help="version folder (the shipped one)")
    command.add_argument(
        "--data", type=Path, metavar="FILE", help="labelled messages (everything held out, part by part)"
    )
    command.add_argument(
        "--prevalence", type=float, metavar="P",
        help="figures of flags if this fraction of the messages were unhappy, 0.06 in a calm channel (default: the data's own)",
    )  # fmt: skip
    _add_real(command)
    command.add_argument(
        "--behaviour", action="store_true", help="run the behaviour tests instead (docs/model.md)"
    )
    command.add_argument("--json", action="store_true", help="one JSON object")
    command.add_argument("--threads", type=_positive, help="CPU threads (all)")
    command.set_defaults(run=_evaluate)

    command = commands.add_parser(
        "picture", help="draw the learning report from standard input as PNG on standard output"
    )
    command.set_defaults(run=_picture)

    command = commands.add_parser("export", help="make the GPU's graph of a version")
    command.add_argument("--device", choices=["gpu"], required=True)
    command.add_argument("--model", type=Path, required=True, help="version folder")
    command.add_argument("--out", type=Path, required=True, help="where the new version folder goes")
    command.add_argument("--base", help="folder of the base model, if it is not installed")
    command.set_defaults(run=_export)
    return parser


def _add_real(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--real",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="texts of real turns, whose labels are in training/real_turns.tsv (docs/model.md)",
    )


def _add_training(command: argparse.ArgumentParser) -> None:
    _add_real(command)
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
