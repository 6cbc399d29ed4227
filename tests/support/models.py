"""Model versions for tests: copies of the shipped one, classifiers that answer as told, and embeddings computed once."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

from model.artefact_folder import GRAPH, MANIFEST, read_manifest, write_manifest
from model.classifier import Classifier, Floats
from model.reading import Reading
from model.registry import SHIPPED, Registry

_known: dict[tuple[str, tuple[str, ...]], Floats] = {}


def promote_a_copy(root: Path, version: str) -> Path:
    """A version like the shipped one under another name, in service in the model folder `root`; returns its folder."""
    folder = root / version
    shutil.copytree(SHIPPED, folder)
    manifest = dataclasses.replace(read_manifest(folder), version=version, parent=SHIPPED.name)
    (folder / MANIFEST).unlink()
    write_manifest(folder, manifest)
    Registry(root).promote(version)
    return folder


@contextlib.contextmanager
def embeddings_computed_once() -> Iterator[None]:
    """Within it `Classifier.embed` computes the same batch of texts with the same graph once a session.

    Every bot of a test embeds the same templates. The key is the whole batch: what a text is batched with moves the
    numbers of an int8 graph a little.
    """
    compute = Classifier.embed

    def embed(self: Classifier, texts: Sequence[str]) -> Floats:
        key = (self.manifest.files[GRAPH], tuple(texts))
        if key not in _known:
            _known[key] = compute(self, texts)
        return _known[key].copy()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Classifier, "embed", embed)
        yield


class ConstantClassifier:
    """A classifier that reads everything as it is told."""

    def __init__(self, version: str, label: str) -> None:
        self.version, self.device, self._label = version, "cpu", label

    def read(self, texts: list[str]) -> list[Reading]:
        return [Reading(self.version, self._label, {self._label: 0.9}, None) for _ in texts]


class DyingGpu:
    """A session on a GPU that answers until it is lost, as onnxruntime reports it."""

    lost = RuntimeException(
        "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : CUDA failure 999: unknown error ; GPU=0\nexpr=cudaStreamSynchronize"
    )

    def __init__(self, session: Any, runs: int = 0) -> None:
        self._session = session
        self._runs = runs

    def run(self, *given: Any) -> Any:
        self._runs -= 1
        if self._runs < 0:
            raise self.lost
        return self._session.run(*given)
