"""What a valid model version folder is: files, and a manifest written last that names and hashes them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from model.errors import UserError
from model.reading import LABELS

MANIFEST = "manifest.json"
GRAPH = "model.onnx"
TOKENIZER = "tokenizer.json"
WEIGHTS = "weights.safetensors"
CARD = "card.md"
REQUIRED = (GRAPH, TOKENIZER, WEIGHTS, CARD)
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")


class ArtefactError(UserError):
    """A version folder cannot be used. One line: what, where, what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`manifest.json`: description and origin of a version, and the sha256 of each of its files."""

    version: str
    created: str
    """UTC, ISO 8601."""
    device: str
    """What the graph was exported for: "cpu" (int8) or "gpu" (fp16)."""
    method: str
    """How it was trained: "full" or "lora"."""
    base_model: str
    base_sha256: str
    parent: str | None
    """The version that was active when this one was trained."""
    data_hash: str
    """sha256 over the training rows."""
    labels: tuple[str, ...]
    """The order of the logits."""
    temperature: float
    """Logits are divided by it before the softmax; fitted after quantisation."""
    bias: tuple[float, ...]
    """Added to the divided logits, one per label: corrects for the label mix of a channel. Zeros where it is not fitted, as in
    versions of earlier releases."""
    max_length: int
    """Tokens read of a message."""
    embedding_dim: int
    settings: Mapping[str, Any]
    """Other settings of the training: epochs, learning rate, seed and so on."""
    metrics: Mapping[str, Any]
    files: Mapping[str, str]
    """sha256 by file name."""


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a version folder, after checking its schema and the hash of every file.

    Raises ArtefactError.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        raise ArtefactError(f"{folder}: no such model folder — give the path of a version folder")
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtefactError(
            f"{folder}: no {MANIFEST}, so not a model version — train or export it again"
        ) from None
    except (OSError, ValueError) as error:
        raise ArtefactError(
            f"{path}: not readable as JSON ({error}) — train or export the version again"
        ) from None
    manifest = _checked(path, fields)
    for name in REQUIRED:
        if name not in manifest.files:
            raise ArtefactError(f"{path}: 'files' lacks {name} — train or export the version again")
    for name, expected in manifest.files.items():
        _check_file(folder, name, expected)
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Hash the folder's files into the manifest and write it, atomically and as the last file. Returns it."""
    files = {path.name: sha256(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    manifest = dataclasses.replace(manifest, files=files)
    temporary = folder / f"{MANIFEST}.part"
    temporary.write_text(
        json.dumps(dataclasses.asdict(manifest), indent=2, ensure_ascii=False) + "\n", "utf-8"
    )
    temporary.replace(folder / MANIFEST)
    return manifest


def sha256(path: Path) -> str:
    """The file's sha256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked(path: Path, fields: Any) -> Manifest:
    hints = get_type_hints(Manifest)
    if isinstance(fields, dict):
        fields.setdefault("bias", [0.0] * len(LABELS))
    if not isinstance(fields, dict) or set(fields) != set(hints):
        wrong = sorted(set(hints) ^ set(fields)) if isinstance(fields, dict) else "not an object"
        raise ArtefactError(
            f"{path}: keys missing or unknown: {wrong} — made by another release? export it again"
        )
    accepted: dict[Any, Any] = {
        str: str,
        int: int,
        float: (int, float),
        str | None: (str, type(None)),
        tuple[str, ...]: list,
        tuple[float, ...]: list,
    }
    for name, hint in hints.items():
        if not isinstance(fields[name], accepted.get(hint, dict)):
            raise ArtefactError(f"{path}: '{name}' has the wrong type — train or export the version again")
    manifest = Manifest(**{**fields, "labels": tuple(fields["labels"]), "bias": tuple(fields["bias"])})
    if manifest.labels != LABELS:
        raise ArtefactError(
            f"{path}: labels are {list(manifest.labels)}, expected {list(LABELS)} — train it again"
        )
    if not _VERSION.fullmatch(manifest.version):
        raise ArtefactError(f"{path}: version {manifest.version!r} cannot be a folder name — export it again")
    if manifest.device not in ("cpu", "gpu"):
        raise ArtefactError(f"{path}: device is {manifest.device!r}, expected cpu or gpu — export it again")
    if not (math.isfinite(manifest.temperature) and manifest.temperature > 0):
        raise ArtefactError(
            f"{path}: temperature is {manifest.temperature}, expected above 0 — export it again"
        )
    if len(manifest.bias) != len(LABELS) or not all(_is_finite(value) for value in manifest.bias):
        raise ArtefactError(
            f"{path}: bias is {list(manifest.bias)}, expected a number a label — export it again"
        )
    if manifest.max_length < 3 or manifest.embedding_dim < 1:
        raise ArtefactError(f"{path}: max_length or embedding_dim is too small — export it again")
    return manifest


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _check_file(folder: Path, name: str, expected: str) -> None:
    if Path(name).name != name:
        raise ArtefactError(
            f"{folder / MANIFEST}: file name {name!r} leaves the folder — do not use this version"
        )
    try:
        found = sha256(folder / name)
    except OSError:
        raise ArtefactError(
            f"{folder / name}: missing or unreadable — copy the whole version folder again"
        ) from None
    if found != expected:
        raise ArtefactError(
            f"{folder / name}: sha256 differs from the manifest — copy the version folder again"
        )
