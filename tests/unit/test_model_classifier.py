import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

import model.classifier
from model.artefact_folder import ArtefactError, write_manifest
from model.classifier import Classifier
from model.reading import LABELS
from model.registry import SHIPPED
from model.session import create_session
from tests.support.models import DyingGpu


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load(SHIPPED)


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / SHIPPED.name
    folder.mkdir()
    for file in SHIPPED.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    yield folder


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("third time this week the export dies on me", "negative"),
        ("still waiting…", "negative"),
        ("The export returns 504 above 10k rows.", "neutral"),
        ("How do I kill a stuck job?", "neutral"),
        ("Where can I download invoices?", "neutral"),
        ("ok, done", "neutral"),
        ("That fixed it, thank you so much!", "positive"),
        ("Love the new dashboard.", "positive"),
        ("works perfectly now :tada:", "positive"),
    ],
)
def test_the_guides_own_examples(classifier: Classifier, text: str, label: str) -> None:
    assert classifier.read([text])[0].label == label


def test_a_reading_is_complete(classifier: Classifier) -> None:
    reading = classifier.read(["Where can I download invoices?"])[0]
    assert reading.version == SHIPPED.name == classifier.version
    assert reading.scores is not None and reading.embedding is not None and reading.reason is None
    assert tuple(reading.scores) == LABELS
    assert sum(reading.scores.values()) == pytest.approx(1.0)
    assert reading.confidence == max(reading.scores.values())
    assert reading.embedding.dtype == np.float32
    assert reading.embedding.shape == (384,)
    assert np.linalg.norm(reading.embedding) == pytest.approx(1.0, abs=1e-5)


def test_many_are_read_in_their_order(classifier: Classifier) -> None:
    long, short = "and then it failed again, " * 80, "it works now, thank you!"
    texts = [long, short, "<https://a.example>", *["Where are my invoices?"] * 60, ""]
    readings = classifier.read(texts)
    assert [reading.reason for reading in readings] == [None, None, "only a link", *[None] * 60, "empty"]
    assert readings[0].label == classifier.read([long])[0].label
    assert readings[1].label == classifier.read([short])[0].label
    assert readings[2].confidence == 0.0 and readings[2].label is None and readings[2].embedding is None
    assert classifier.read([]) == []


def test_embeddings_know_what_is_alike(classifier: Classifier) -> None:
    embeddings = classifier.embed(
        ["How do I reset my password?", "forgot my password", "The invoice is wrong", ""]
    )
    assert embeddings.shape == (4, 384)
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert embeddings[0] @ embeddings[1] > embeddings[0] @ embeddings[2]


def test_hostile_text_is_read(classifier: Classifier) -> None:
    texts = [
        "a" * 40_000,
        "<!channel> {{ 7 * 7 }}",
        "\x00\x07\ud800",
        "\u202eevil",
        "😡" * 5_000,
        "' OR 1=1 --",
    ]
    assert len(classifier.read(texts)) == len(texts)


def test_wrong_device(copied: Path) -> None:
    with pytest.raises(ArtefactError, match="device is 'tpu'"):
        Classifier.load(copied, device="tpu")
    with pytest.raises(ArtefactError, match="export --device gpu"):
        Classifier.load(copied, device="gpu")
    with pytest.raises(ArtefactError, match="threads is 0"):
        Classifier.load(copied, threads=0)


def test_a_broken_graph_or_tokenizer_is_one_line(copied: Path, classifier: Classifier) -> None:
    (copied / "model.onnx").write_bytes(b"no graph")
    write_manifest(copied, classifier.manifest)
    with pytest.raises(ArtefactError, match=r"model\.onnx: onnxruntime cannot load it") as raised:
        Classifier.load(copied)
    assert "\n" not in str(raised.value)
    (copied / "tokenizer.json").write_text("{}")
    write_manifest(copied, classifier.manifest)
    with pytest.raises(ArtefactError, match=r"tokenizer\.json: not a tokenizer"):
        Classifier.load(copied)


class FakeSession:
    def __init__(self, providers: list[str]) -> None:
        self._providers = providers

    def get_providers(self) -> list[str]:
        return self._providers


@pytest.mark.parametrize("comes_up", [True, False])
def test_a_gpu_is_believed_only_when_the_session_says_so(
    monkeypatch: pytest.MonkeyPatch, comes_up: bool
) -> None:
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    asked: list[Any] = []

    def session(graph: Path, options: Any, providers: list[str]) -> FakeSession:
        asked.append(providers)
        return FakeSession(both if comes_up else both[1:])

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: asked.append("preload"))
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    if comes_up:
        assert create_session(Path("model.onnx"), device="gpu", threads=1)[1] == "gpu"
    else:
        with pytest.raises(ArtefactError, match="came up on the CPU"):
            create_session(Path("model.onnx"), device="gpu", threads=1)
    assert asked == ["preload", both]


def on_dying_gpu(classifier: Classifier, on_cpu: Any, runs: int = 0) -> Classifier:
    session = DyingGpu(classifier._session, runs)
    return Classifier(classifier.manifest, classifier._tokenizer, session, "gpu", on_cpu)


def test_a_gpu_that_goes_in_service_leaves_its_work_to_the_cpu(classifier: Classifier) -> None:
    made: list[int] = []

    def on_cpu() -> tuple[Any, str]:
        made.append(1)
        return classifier._session, "cpu"

    dying = on_dying_gpu(classifier, on_cpu, runs=1)
    assert dying.read(["Where are my invoices?"])[0].label == "neutral"
    assert (dying.device, dying.fell_back, made) == ("gpu", None, [])
    for _ in range(2):
        assert dying.read(["Where are my invoices?"])[0].label == "neutral"
    assert dying.device == "cpu" and dying.fell_back and made == [1]
    assert "CUDA failure 999" in dying.fell_back and "\n" not in dying.fell_back


def test_where_the_cpu_cannot_do_it_either_the_first_error_stands(classifier: Classifier) -> None:
    def no_session() -> tuple[Any, str]:
        raise ArtefactError("no kernel for the CPU")

    for on_cpu in (no_session, lambda: (DyingGpu(None), "cpu"), None):
        dying = on_dying_gpu(classifier, on_cpu)
        with pytest.raises(RuntimeException, match="CUDA failure 999"):
            dying.read(["Where are my invoices?"])
        assert (dying.device, dying.fell_back) == ("gpu", None)


def test_a_gpu_that_does_not_answer_at_the_start(
    copied: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest(copied, dataclasses.replace(classifier.manifest, device="gpu"))

    def session(graph: Path, *, device: str, threads: int) -> tuple[Any, str]:
        if device == "gpu":
            raise ArtefactError("the session came up on the CPU")
        return create_session(graph, device=device, threads=threads)

    monkeypatch.setattr(model.classifier, "gpu_offered", lambda: True)
    monkeypatch.setattr(model.classifier, "create_session", session)
    found = Classifier.load(copied)
    assert (found.device, found.fell_back) == ("cpu", "the session came up on the CPU")
    assert found.read(["Where are my invoices?"])[0].label == "neutral"
    with pytest.raises(ArtefactError, match="came up on the CPU"):
        Classifier.load(copied, device="gpu")


def test_no_gpu_in_this_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ArtefactError, match="no CUDA in this onnxruntime"):
        create_session(Path("model.onnx"), device="gpu", threads=1)


def test_reading_needs_neither_torch_nor_transformers() -> None:
    program = (
        "import sys; from model.classifier import Classifier; from model.registry import SHIPPED;"
        "import model.batcher; Classifier.load(SHIPPED).read(['hi']);"
        "print(sorted({'torch', 'transformers', 'onnx', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_evaluate_needs_no_torch(tmp_path: Path) -> None:
    data = tmp_path / "mine.jsonl"
    data.write_text('{"text": "works now, thank you!", "label": "positive"}\n')
    program = (
        "import sys; from training.__main__ import main; code = main(['evaluate', '--json', '--data', sys.argv[1]]);"
        "sys.exit(code or ('torch' in sys.modules))"
    )
    command = [sys.executable, "-c", program, str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["version"] == SHIPPED.name


def test_temperature_and_bias_make_the_probabilities() -> None:
    """softmax(logits / temperature + bias), with what the manifest says of both."""
    classifier = Classifier.load(SHIPPED)
    text = "the export stops at row 40 again, any idea?"
    for temperature, bias in ((1.0, (0.0, 0.0, 0.0)), (0.5, (0.0, 0.0, 0.0)), (1.0, (-2.0, 0.0, 0.5))):
        classifier.manifest = dataclasses.replace(classifier.manifest, temperature=temperature, bias=bias)
        powers = np.exp(classifier.forward([text])[0][0].astype(float) / temperature + np.array(bias))
        scores = classifier.read([text])[0].scores
        assert scores is not None
        assert list(scores.values()) == pytest.approx((powers / powers.sum()).tolist(), abs=1e-6)
