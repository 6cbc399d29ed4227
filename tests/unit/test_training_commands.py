"""The command line of training: what it refuses, how it ends, and a whole retraining with its verdict."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from model.artefact_folder import read_manifest
from model.classifier import Classifier
from model.registry import SHIPPED
from training import dataset

pytest.importorskip("torch", reason="the extra 'train' is not installed")

from training.__main__ import main
from training.candidate import build

pytestmark = [
    # transformers asks its own modules for names that it has deprecated.
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning"),
    pytest.mark.usefixtures("untaught"),
]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--data", "{tmp}/none.jsonl", "--out", "{tmp}/out"], "No such file"),
        (["train", "--data", "{tmp}/few.jsonl", "--out", "{tmp}/out"], "0 examples of negative"),
        (["train", "--data", "{tmp}/empty.jsonl", "--out", "{tmp}/out"], "no examples"),
        (["train", "--base-sha256", "0", "--out", "{tmp}/out"], "sha256 is"),
        (["train", "--out", "{tmp}", "--version", "there"], "already there"),
        (["retrain", "--active", "{tmp}/none", "--out", "{tmp}/out"], "no such model folder"),
        (["retrain", "--snapshot", "{tmp}/none.jsonl", "--out", "{tmp}/out"], "no such file"),
        (["retrain", "--golden", "{tmp}/none.jsonl", "--out", "{tmp}/out"], "no such file"),
        (["retrain", "--start", "{tmp}/none", "--out", "{tmp}/out"], "no such model folder"),
        (["retrain", "--sample", "30", "--out", "{tmp}/out"], "at least 20"),
        (["evaluate", "--model", "{tmp}"], "no manifest.json"),
        (["evaluate", "--data", "{tmp}/none.jsonl"], "No such file"),
        (["export", "--device", "gpu", "--model", "{tmp}", "--out", "{tmp}/out"], "no manifest.json"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "few.jsonl").write_text('{"text": "ok", "label": "neutral"}\n')
    assert main([argument.format(tmp=tmp_path) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_evaluate_reads_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(
        '{"text": "Love it, thanks!", "label": "positive"}\n{"text": "`x`", "label": "neutral"}\n'
    )
    assert main(["evaluate", "--data", str(file), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["n"], figures["accuracy"]) == (2, 0.5)
    assert main(["evaluate", "--data", str(file)]) == 0
    shown = capsys.readouterr().out
    assert f"{SHIPPED.name} on 2 messages: macro-F1" in shown and "nothing is flagged" in shown
    file.write_text(file.read_text() + '{"text": "still broken, unacceptable", "label": "negative"}\n')
    assert main(["evaluate", "--data", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "flagged from 0.70 on: 33.3% of the messages, 100% rightly; finds 100% of the unhappy" in shown
    assert main(["evaluate", "--data", str(file), "--prevalence", "0.06"]) == 0
    assert "the unhappy, 6.0% of the messages" in capsys.readouterr().out
    assert main(["evaluate", "--data", str(file), "--prevalence", "6"]) == 2
    assert "--prevalence 6.0: a fraction of the messages" in capsys.readouterr().err


def test_retrain_stopped_half_way_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = subprocess.Popen(
        [sys.executable, "-m", "training", "retrain", "--out", str(out), "--sample", "300", "--threads", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert run.stdout
    for line in run.stdout:
        if json.loads(line)["stage"] == "embed":
            break
    run.send_signal(signal.SIGTERM)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 143
    assert "Traceback" not in errors
    assert not out.exists()


def test_a_retraining_whose_bot_is_gone_ends_itself(tmp_path: Path) -> None:
    run = subprocess.Popen(
        [sys.executable, "-m", "training", "retrain", "--while-open", "--out", str(tmp_path / "out")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert run.stdout and run.stdin
    assert b"load" in run.stdout.readline()
    run.stdin.close()
    run.stdin = None
    run.communicate(timeout=60)
    assert run.returncode == 143
    assert not (tmp_path / "out").exists()


def test_retrain_judges_the_candidate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: dataset.Split, capsys: pytest.CaptureFixture[str]
) -> None:
    from training import mixture
    from training import retrain as retraining

    monkeypatch.setattr(mixture, "load", lambda *_: data)
    monkeypatch.setattr(retraining, "build", lambda *a, **k: build(*a, **k, min_agreement=0.0))
    snapshot = tmp_path / "snapshot.jsonl"
    snapshot.write_text(
        '{"text": "the export dies on me again", "label": "negative", "message": 7, "live": false}\n'
        '{"text": "the import sings", "label": "positive", "message": 8, "live": true}\n'
    )
    golden = tmp_path / "golden.jsonl"
    golden.write_text('{"text": "the import is the import", "label": "neutral"}\n')
    out = tmp_path / "out"
    code = main(
        ["retrain", "--snapshot", str(snapshot), "--golden", str(golden), "--out", str(out), "--threads", "1"]
    )
    assert code == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    stages = list(dict.fromkeys(line["stage"] for line in lines))
    assert stages == ["load", "embed", "train", "export", "evaluate", "gate", "done"]
    done = lines[-1]
    folder = Path(done["candidate"])
    assert folder == out / done["version"] and list(out.iterdir()) == [folder]
    assert json.loads((folder / "verdict.json").read_text()) == done["verdict"]
    assert (done["verdict"]["n"], done["verdict"]["n_live"]) == (21, 1)
    assert all(worse["text"] or worse["message"] == 8 for worse in done["worse"])
    manifest = read_manifest(folder)
    assert (manifest.parent, manifest.settings["train_rows"], manifest.settings["corrections"]) == (
        SHIPPED.name,
        60 + dataset.MAX_REPEATS,
        1,
    )
    assert (manifest.settings["start"], manifest.settings["epochs"]) == (SHIPPED.name, 2)
    assert manifest.settings["interpolation"] == 0.8 and "branches" not in manifest.settings
    written = (folder / "card.md").read_text()
    assert "| holdout | 20 |" in written and "| live | 1 |" in written
    assert f"(`softanswer retrain`), from {SHIPPED.name}" in written
    assert np.isfinite(Classifier.load(folder).embed(["hello"])).all()
