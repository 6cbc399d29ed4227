"""Training and export, on as little data as they take."""

import dataclasses
import errno
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from model.artefact_folder import MANIFEST, WEIGHTS, ArtefactError, read_manifest
from model.classifier import Classifier
from training import base, dataset, mixture

pytest.importorskip("torch", reason="the extra 'train' is not installed")

import torch
from safetensors.torch import load_file, save_file

from model.registry import SHIPPED
from training import soup
from training.__main__ import main
from training.candidate import build, build_gpu, under_construction
from training.card import card
from training.encoder import Encoder, load_trained, merge, prepare, trained_weights
from training.export import ExportRefused, check_parity, export_cpu, write_onnx
from training.progress import Progress
from training.soup import train_souped
from training.train import Config, train

pytestmark = [
    # transformers asks its own modules for names that it has deprecated.
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning"),
    pytest.mark.usefixtures("untaught"),
]

TINY = {"epochs": 1, "threads": 1, "learning_rate": 1e-4, "device": "cpu"}


def test_a_run_may_go_a_part_of_the_way(found: base.Base, data: dataset.Split) -> None:
    encoder = Encoder(found.folder)
    prepare(encoder, "full")
    start = trained_weights(encoder)
    ends = {
        interpolation: train(
            Config(**TINY, interpolation=interpolation), data, found, Progress(0), start=start
        ).weights
        for interpolation in (0.0, 0.5, 1.0)
    }
    for name, began in start.items():
        torch.testing.assert_close(ends[0.0][name], began)
        torch.testing.assert_close(ends[0.5][name], (began + ends[1.0][name]) / 2)
    assert any(not torch.equal(ends[1.0][name], began) for name, began in start.items())


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_tiny_run_makes_a_version_that_loads(
    tmp_path: Path, found: base.Base, data: dataset.Split, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config(method=method, **TINY)
    result = train(config, data, found, Progress(0))
    stages = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["progress"] for line in stages if line["stage"] == "train"] == [0.25, 0.5, 0.75, 1.0]
    assert [epoch.keys() for epoch in result.history] == [{"loss", "dev_macro_f1"}]

    # After one epoch on 60 messages the labels are near ties, and int8 may tip them.
    folder = tmp_path / "tiny"
    built = build(folder, result, config, data, found, parent="v0", corrections=3, min_agreement=0.0)
    manifest = read_manifest(folder)
    assert (manifest.version, manifest.parent, manifest.method, manifest.device) == (
        "tiny",
        "v0",
        method,
        "cpu",
    )
    assert manifest.metrics["holdout"]["n"] == 20
    assert "and 3 corrections by the team" in card(manifest)
    texts = [example.text for example in data.holdout]
    loaded = Classifier.load(folder).read(texts)
    assert [r.label for r in loaded] == [r.label for r in built.read(texts)]

    # The weights file alone, with the base, gives the same model back.
    gpu = tmp_path / "tiny-gpu"
    build_gpu(gpu, folder, found, data.dev)
    rebuilt = read_manifest(gpu)
    assert (rebuilt.device, rebuilt.parent) == ("gpu", "tiny")


def test_the_same_seed_gives_the_same_weights(found: base.Base, data: dataset.Split) -> None:
    config = Config(method="lora", **TINY)
    few = dataset.Split(data.train[::4], data.dev[:5], [])
    one, two = (train(config, few, found, Progress()).weights for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_an_interrupted_run_ends_with_the_same_weights(
    tmp_path: Path, found: base.Base, data: dataset.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config(method="lora", epochs=2, threads=1, device="cpu")
    few = dataset.Split(data.train[::4], data.dev[:5], [])
    whole = train(config, few, found, Progress())

    class Killed(Exception):
        pass

    def killed(self: Progress, stage: str, progress: float, **fields: Any) -> None:
        if fields.get("epoch") == 2:
            raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(Progress, "report", killed)
        train(config, few, found, Progress(), tmp_path / "resume")
    resumed = train(config, few, found, Progress(), tmp_path / "resume")
    assert resumed.history == whole.history
    assert all(torch.equal(whole.weights[name], resumed.weights[name]) for name in whole.weights)

    # What is left of a checkpoint cut short is not believed.
    (tmp_path / "resume" / "tensors.safetensors").write_bytes(b"half")
    again = train(config, few, found, Progress(), tmp_path / "resume")
    assert again.history == whole.history


def test_a_retraining_replays_every_long_mail_however_small_the_sample(
    tmp_path: Path, found: base.Base, data: dataset.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    import training.retrain as retraining

    long = [
        dataclasses.replace(example, text=f"long {n}", cleaned=f"long {n}", kind="long, calm")
        for n, example in enumerate(data.train[:7])
    ]
    both = dataclasses.replace(data, train=[*data.train, *long])
    learned: list[list[dataset.Example]] = []

    def train(config: Config, data: dataset.Split, *_: Any, **__: Any) -> Any:
        learned.append(data.train)
        raise OSError("far enough")

    monkeypatch.setattr(dataset, "require_enough", lambda *_: None)
    monkeypatch.setattr(mixture, "load", lambda *_: both)
    monkeypatch.setattr(retraining, "train", train)
    with pytest.raises(OSError, match="far enough"):
        retraining.retrain(Config(**TINY), None, None, SHIPPED, None, found, tmp_path / "out", 12, Progress())
    kinds = [example.kind.startswith("long") for example in learned[0]]
    assert kinds.count(True) == 7 and kinds.count(False) == 12


def test_a_training_may_begin_with_the_mean_of_two_versions(
    tmp_path: Path, data: dataset.Split, monkeypatch: pytest.MonkeyPatch, untaught: None, capsys: Any
) -> None:
    import training.retrain as retraining
    from training.train import Result

    begun: list[Any] = []

    def trained(config: Config, *_: Any, start: Any, **__: Any) -> Result:
        begun.append((config.epochs, config.rate, config.branches, start))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "far enough")

    other = tmp_path / "other"
    shutil.copytree(SHIPPED, other)
    weights = {name: tensor + 1 for name, tensor in load_file(SHIPPED / WEIGHTS).items()}
    save_file(weights, other / WEIGHTS)
    manifest = json.loads((other / MANIFEST).read_text("utf-8"))
    manifest["files"][WEIGHTS] = hashlib.sha256((other / WEIGHTS).read_bytes()).hexdigest()
    (other / MANIFEST).write_text(json.dumps(manifest), "utf-8")
    monkeypatch.setattr(mixture, "load", lambda *_: data)
    monkeypatch.setattr(retraining, "train_souped", trained)
    assert main(["train", "--out", str(tmp_path / "out"), "--start", str(SHIPPED), str(other)]) == 1
    (epochs, rate, branches, start) = begun[0]
    assert (epochs, rate, branches) == (3, 1.5e-4, 2)
    for name, tensor in load_file(SHIPPED / WEIGHTS).items():
        torch.testing.assert_close(start[name], tensor.float() + 0.5, atol=2e-3, rtol=1e-3)
    assert main(["train", "--out", str(tmp_path / "out"), "--start", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_branches_are_averaged_also_after_a_kill(
    tmp_path: Path, found: base.Base, data: dataset.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = dataset.Split(data.train[::4], data.dev[:5], [])
    config = Config(**TINY, branches=2)
    runs: list[tuple[Config, Any]] = []

    def noted(settings: Config, *args: Any, **kwargs: Any) -> Any:
        runs.append((settings, train(settings, *args, **kwargs)))
        return runs[-1][1]

    monkeypatch.setattr(soup, "train", noted)
    whole = train_souped(config, few, found, Progress())
    assert [(c.seed, c.epochs, c.rate) for c, _ in runs] == [(1, 1, 1e-4), (11, 1, 5e-5), (12, 1, 5e-5)]
    assert whole.history == runs[0][1].history and whole.branches == 2
    for name, weights in whole.weights.items():
        expected = sum(result.weights[name] for _, result in runs[1:]) / 2
        torch.testing.assert_close(weights, expected)
        torch.testing.assert_close(whole.encoder.get_parameter(name), expected)

    class Killed(Exception):
        pass

    def killed(self: Progress, stage: str, progress: float, **fields: Any) -> None:
        if stage == "branch 2":
            raise Killed

    seen: list[str] = []
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(Progress, "report", killed)
        train_souped(config, few, found, Progress(), tmp_path / "resume")
    with monkeypatch.context() as patched:
        patched.setattr(Progress, "report", lambda self, stage, *_, **__: seen.append(stage))
        resumed = train_souped(config, few, found, Progress(), tmp_path / "resume")
    assert all(torch.equal(whole.weights[name], resumed.weights[name]) for name in whole.weights)
    assert "branch 2" in seen and not {"train", "branch 1"} & set(seen)


def test_a_gpu_that_is_not_there_is_said(
    tmp_path: Path, data: dataset.Split, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(mixture, "load", lambda *_: data)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["train", "--out", str(tmp_path / "out"), "--device", "gpu"]) == 1
    error = capsys.readouterr().err
    assert "--device gpu: torch finds no GPU" in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_full_disk_publishes_nothing(
    tmp_path: Path, found: base.Base, data: dataset.Split, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    import errno

    from training import quantise

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "model.onnx")

    monkeypatch.setattr(mixture, "load", lambda *_: data)
    monkeypatch.setattr(quantise, "quantize_dynamic", full)
    out = tmp_path / "out"
    command = [
        "train",
        "--out",
        str(out),
        "--epochs",
        "1",
        "--threads",
        "1",
        "--version",
        "v",
        "--branches",
        "2",
    ]
    assert main(command) == 1
    assert "model.onnx: No space left on device" in capsys.readouterr().err
    # The training itself is kept, so that the next call only exports.
    assert [path.name.startswith(".resume-") for path in out.iterdir()] == [True] * 3
    monkeypatch.undo()
    monkeypatch.setattr(mixture, "load", lambda *_: data)
    from training import retrain as retraining

    monkeypatch.setattr(retraining, "build", lambda *a, **k: build(*a, **k, min_agreement=0.0))
    assert main(command) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    trained = ("train", "branch 1", "branch 2")
    assert not [line for line in lines if line["stage"] in trained and line["progress"] > 0]
    assert [path.name for path in out.iterdir()] == ["v"]
    assert {"training.png", "reliability.png"} <= {path.name for path in (out / "v").iterdir()}
    assert "## Behaviour" in (out / "v" / "card.md").read_text()


def test_a_disk_too_full_for_where_the_run_stands(
    tmp_path: Path, data: dataset.Split, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    import errno

    def full(self: Path, _: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(mixture, "load", lambda *_: data)
    monkeypatch.setattr(Path, "write_bytes", full)
    assert main(["train", "--out", str(tmp_path / "out"), "--epochs", "1", "--threads", "1"]) == 1
    error = capsys.readouterr().err
    assert (
        f"{tmp_path / 'out'} or " in error and "No space left on device" in error and error.count("\n") == 1
    )
    assert not (tmp_path / "out").exists()


def test_an_unfaithful_graph_is_refused(tmp_path: Path, found: base.Base) -> None:
    encoder = Encoder(found.folder).eval()
    write_onnx(encoder, tmp_path / "model.onnx")
    tokens = [[101, 7592, 102]]
    check_parity(encoder, tmp_path / "model.onnx", tokens)
    with torch.no_grad():
        encoder.head[-1].bias.add_(0.01)
    with pytest.raises(ExportRefused, match=r"differ by 0\.01"):
        check_parity(encoder, tmp_path / "model.onnx", tokens)


def test_a_graph_that_quantisation_has_spoiled_is_refused(tmp_path: Path, found: base.Base) -> None:
    from model.classifier import load_tokenizer

    tokenizer = load_tokenizer(found.folder / "tokenizer.json")
    with pytest.raises(ExportRefused, match="needed 101%"):
        export_cpu(Encoder(found.folder).eval(), tokenizer, ["hello"], tmp_path / "model.onnx", 1.01)


def test_weights_of_another_method_do_not_fit(found: base.Base) -> None:
    lora, full = Encoder(found.folder), Encoder(found.folder)
    prepare(lora, "lora")
    prepare(full, "full")
    with pytest.raises(KeyError, match="do not fit"):
        load_trained(full, trained_weights(lora))
    with pytest.raises(ValueError, match="half"):
        prepare(full, "half")
    assert merge(full) is full


def test_building_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), under_construction(tmp_path / "out") as building:
        (building / "half").mkdir()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtefactError, match="--out"), under_construction(tmp_path / "file"):
        pass


def test_a_wrong_base_is_refused(tmp_path: Path, found: base.Base) -> None:
    with pytest.raises(base.BaseModelError, match="sha256 is"):
        base.resolve(expected="0" * 64)
    with pytest.raises(base.BaseModelError, match=r"no model\.safetensors"):
        base.resolve(str(tmp_path), None)
    assert base.resolve(str(found.folder)).sha256 == base.SHA256
    assert base.resolve(str(found.folder), None).folder == found.folder


def test_a_base_that_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def offline(*_: Any, **__: Any) -> str:
        raise OSError("offline\nmode")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(base.BaseModelError, match=r"acme/none: .*\(offline\).*--base") as raised:
        base.resolve("acme/none")
    assert "\n" not in str(raised.value)
