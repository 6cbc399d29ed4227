"""From messages to readings: one forward pass gives sentiment and embedding."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from model import text
from model.artefact_folder import GRAPH, TOKENIZER, ArtefactError, Manifest, read_manifest
from model.reading import Reading
from model.session import create_session, first_line, gpu_offered
from model.windows import OVERLAP, speaking

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]

_PADDED_TOKENS = 1024
"""Tokens of one run, padding included. On a CPU batches of 8 short texts are as fast as 32, and padding is the
largest cost, so the budget counts padded tokens rather than texts."""


class Classifier:
    """One loaded model version. Not thread-safe."""

    def __init__(
        self,
        manifest: Manifest,
        tokenizer: Tokenizer,
        session: Any,
        device: str,
        on_cpu: Callable[[], tuple[Any, str]] | None = None,
    ) -> None:
        """`on_cpu` creates a CPU session for the same graph if the GPU fails; see `fell_back`."""
        tokenizer.enable_truncation(manifest.max_length, stride=min(OVERLAP, manifest.max_length // 4))
        tokenizer.no_padding()
        self.manifest = manifest
        self.version = manifest.version
        self.device = device
        self.fell_back: str | None = None
        """The GPU's error, if a GPU's graph runs on the CPU."""
        self._on_cpu = on_cpu
        self._tokenizer = tokenizer
        self._session = session

    @classmethod
    def load(cls, folder: Path, *, device: str = "auto", threads: int = 1) -> Classifier:
        """Load a version folder.

        `device` is auto, cpu or gpu. Auto uses the GPU for a graph exported for one, and the CPU if that GPU fails.
        Raises ArtefactError: one line that says what, where and what to do.
        """
        manifest = read_manifest(folder)
        if device not in ("auto", "cpu", "gpu"):
            raise ArtefactError(f"device is {device!r} — use auto, cpu or gpu")
        if device == "gpu" and manifest.device != "gpu":
            raise ArtefactError(
                f"{folder}: holds the int8 graph for CPUs — make the GPU's with "
                f"python -m training export --device gpu --model {folder} --out DIR"
            )
        tokenizer = load_tokenizer(folder / TOKENIZER)
        create = partial(create_session, folder / GRAPH, threads=threads)
        on_cpu = partial(create, device="cpu")
        if device == "auto" and manifest.device == "gpu" and gpu_offered():
            try:
                return cls(manifest, tokenizer, *create(device="gpu"), on_cpu)
            except ArtefactError as error:
                classifier = cls(manifest, tokenizer, *on_cpu())
                classifier.fell_back = str(error)
                return classifier
        return cls(manifest, tokenizer, *create(device="gpu" if device == "gpu" else "cpu"), on_cpu)

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One Reading per text, in the order of the texts. Blocking."""
        cleaned = [text.clean(raw) for raw in texts]
        reasons = [text.not_scored_reason(words, raw) for words, raw in zip(cleaned, texts, strict=True)]
        scored = [position for position, reason in enumerate(reasons) if reason is None]
        logits, embeddings = self.forward([cleaned[position] for position in scored])
        readings = [Reading(self.version, None, None, None, reason) for reason in reasons]
        for position, scores, embedding in zip(scored, self._probabilities(logits), embeddings, strict=True):
            by_label = dict(zip(self.manifest.labels, scores.tolist(), strict=True))
            label = max(by_label, key=by_label.__getitem__)
            readings[position] = Reading(self.version, label, by_label, embedding)
        return readings

    def embed(self, texts: Sequence[str]) -> Floats:
        """Sentence embeddings: (n, dim) float32, L2 norm 1. Blocking."""
        return self.forward([text.clean(raw) for raw in texts])[1]

    def forward(self, cleaned: Sequence[str]) -> tuple[Floats, Floats]:
        """Raw logits (n, labels) and embeddings (n, dim) of cleaned texts. Blocking.

        Texts longer than `max_length` tokens are read in windows; see model.windows.
        """
        windows = [self._windows(words) for words in cleaned]
        logits, embeddings = self._forward([window for some in windows for window in some])
        if len(logits) > len(cleaned):
            ends = np.cumsum([len(some) for some in windows])
            logits, embeddings = self._combined(np.split(logits, ends[:-1]), np.split(embeddings, ends[:-1]))
        # The norm of an fp16 graph's embedding, or of a mean, is not exactly 1.
        embeddings /= np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
        return logits, embeddings

    def _windows(self, words: str) -> list[npt.NDArray[np.int64]]:
        encoding = self._tokenizer.encode(words)
        return [np.array(part.ids, dtype=np.int64) for part in (encoding, *encoding.overflowing)]

    def _combined(self, logits: Sequence[Floats], embeddings: Sequence[Floats]) -> tuple[Floats, Floats]:
        """Logits and embedding of each message, from its windows'."""
        order = self.manifest.labels
        negative, positive = order.index("negative"), order.index("positive")
        spoken = np.stack([speaking(windows, negative, positive) for windows in logits])
        return spoken, np.stack([windows.mean(axis=0) for windows in embeddings])

    def _forward(self, encoded: Sequence[npt.NDArray[np.int64]]) -> tuple[Floats, Floats]:
        """Logits and embeddings of token ids, batched by length."""
        logits = np.zeros((len(encoded), len(self.manifest.labels)), dtype=np.float32)
        embeddings = np.zeros((len(encoded), self.manifest.embedding_dim), dtype=np.float32)
        for positions in _batches([len(ids) for ids in encoded]):
            longest = max(len(encoded[position]) for position in positions)
            ids = np.zeros((len(positions), longest), dtype=np.int64)
            mask = np.zeros_like(ids)
            for row, position in enumerate(positions):
                ids[row, : len(encoded[position])] = encoded[position]
                mask[row, : len(encoded[position])] = 1
            outputs = self._run({"input_ids": ids, "attention_mask": mask})
            logits[positions] = outputs[0]
            embeddings[positions] = outputs[1]
        return logits, embeddings

    def _run(self, inputs: dict[str, npt.NDArray[np.int64]]) -> Any:
        """One run of the graph. A GPU may fail in service (driver reset, no memory): then the CPU serves from here on.

        If the CPU fails as well, the error was not the GPU's and is raised. Only a new process can use the GPU again.
        """
        outputs = ["logits", "embedding"]
        try:
            return self._session.run(outputs, inputs)
        except Exception as error:  # onnxruntime raises a dozen unrelated types here
            if self.device != "gpu" or self._on_cpu is None:
                raise
            try:
                session, device = self._on_cpu()
                found = session.run(outputs, inputs)
            except Exception:
                raise error from None
            log.warning("the GPU failed, using the CPU from here on: %s", first_line(error))
            self._session, self.device, self.fell_back = session, device, first_line(error)
            return found

    def _probabilities(self, logits: Floats) -> npt.NDArray[np.float64]:
        scaled = logits.astype(np.float64) / self.manifest.temperature + np.array(self.manifest.bias)
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        probabilities: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return probabilities


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in `path`; raises ArtefactError if it cannot be loaded."""
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain Exception
        raise ArtefactError(f"{path}: not a tokenizer ({error}) — copy the version folder again") from None


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Positions grouped by length to reduce padding, within the budget of padded tokens."""
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[position] > _PADDED_TOKENS:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch
