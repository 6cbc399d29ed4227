import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from model.artefact_folder import MANIFEST, REQUIRED, ArtefactError, Manifest, read_manifest, write_manifest
from model.reading import LABELS
from model.registry import Registry


def manifest(version: str = "v1", **changes: Any) -> Manifest:
    fields: dict[str, Any] = {
        "version": version,
        "created": "2026-01-01T00:00:00+00:00",
        "device": "cpu",
        "method": "lora",
        "base_model": "base",
        "base_sha256": "0" * 64,
        "parent": None,
        "data_hash": "0" * 64,
        "labels": LABELS,
        "temperature": 1.5,
        "bias": (-0.5, 0.0, 0.0),
        "max_length": 128,
        "embedding_dim": 384,
        "settings": {"seed": 1},
        "metrics": {},
        "files": {},
    }
    return Manifest(**{**fields, **changes})


def version_folder(root: Path, version: str = "v1", **changes: Any) -> Path:
    folder = root / version
    folder.mkdir(parents=True)
    for name in REQUIRED:
        (folder / name).write_text(f"{name} of {version}")
    write_manifest(folder, manifest(version, **changes))
    return folder


def rewrite(folder: Path, **changes: Any) -> None:
    path = folder / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_manifest_of_an_earlier_release_has_no_bias(tmp_path: Path) -> None:
    folder = version_folder(tmp_path)
    fields = json.loads((folder / MANIFEST).read_text())
    del fields["bias"]
    (folder / MANIFEST).write_text(json.dumps(fields))
    assert read_manifest(folder).bias == (0.0, 0.0, 0.0)


def test_a_written_manifest_is_read_back(tmp_path: Path) -> None:
    folder = version_folder(tmp_path, temperature=2, parent="v0")
    read = read_manifest(folder)
    assert set(read.files) == set(REQUIRED)
    assert dataclasses.replace(read, files={}) == manifest(temperature=2, parent="v0")


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="no such model folder"):
        read_manifest(tmp_path / "none")


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"no manifest\.json"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("content", [b"{", b"\xff"])
def test_unreadable_manifest(tmp_path: Path, content: bytes) -> None:
    folder = version_folder(tmp_path)
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(ArtefactError, match="not readable as JSON"):
        read_manifest(folder)


def test_manifest_that_is_not_an_object(tmp_path: Path) -> None:
    folder = version_folder(tmp_path)
    (folder / MANIFEST).write_text("[]")
    with pytest.raises(ArtefactError, match="not an object"):
        read_manifest(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"surprise": 1}, "surprise"),
        ({"temperature": "hot"}, "'temperature' has the wrong type"),
        ({"metrics": []}, "'metrics' has the wrong type"),
        ({"labels": ["bad", "good"]}, "labels are"),
        ({"version": "../v1"}, "cannot be a folder name"),
        ({"device": "tpu"}, "device is 'tpu'"),
        ({"temperature": 0}, "temperature is 0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"bias": [0, 0]}, "a number a label"),
        ({"bias": [0, "x", 0]}, "a number a label"),
        ({"max_length": 0}, "too small"),
        ({"embedding_dim": 0}, "too small"),
        ({"files": {}}, r"lacks model\.onnx"),
    ],
)
def test_wrong_manifest_is_refused_in_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    folder = version_folder(tmp_path)
    rewrite(folder, **changes)
    with pytest.raises(ArtefactError, match=message) as raised:
        read_manifest(folder)
    assert "\n" not in str(raised.value)


def test_changed_file_is_refused(tmp_path: Path) -> None:
    folder = version_folder(tmp_path)
    (folder / "model.onnx").write_text("other")
    with pytest.raises(ArtefactError, match=r"model\.onnx: sha256 differs"):
        read_manifest(folder)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    folder = version_folder(tmp_path)
    (folder / "card.md").unlink()
    with pytest.raises(ArtefactError, match=r"card\.md: missing"):
        read_manifest(folder)


def test_file_outside_the_folder_is_refused(tmp_path: Path) -> None:
    folder = version_folder(tmp_path)
    files = json.loads((folder / MANIFEST).read_text())["files"]
    rewrite(folder, files={**files, "../secret": ""})
    with pytest.raises(ArtefactError, match="leaves the folder"):
        read_manifest(folder)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models", version_folder(tmp_path / "package", "shipped"))


def test_a_new_registry_serves_the_shipped_version(registry: Registry) -> None:
    assert registry.active() == "shipped"
    assert registry.previous() is None
    assert [m.version for m in registry.versions()] == ["shipped"]
    assert registry.folder("shipped").name == "shipped"
    with pytest.raises(ArtefactError, match="nothing to roll back to"):
        registry.rollback()


def test_promote_and_roll_back(registry: Registry, tmp_path: Path) -> None:
    for version, year in (("v2", "2028"), ("v1", "2027")):
        candidate = version_folder(tmp_path / "candidates", version, created=f"{year}-01-01T00:00:00+00:00")
        assert registry.add(candidate) == version
        assert not candidate.exists()
    assert [m.version for m in registry.versions()] == ["shipped", "v1", "v2"]
    registry.promote("v1")
    registry.promote("v2")
    registry.promote("v2")
    assert (registry.active(), registry.previous()) == ("v2", "v1")
    assert registry.rollback() == "v1"
    assert (registry.active(), registry.previous()) == ("v1", "shipped")
    assert registry.rollback() == "shipped"
    assert (registry.active(), registry.previous()) == ("shipped", None)


def test_the_pointer_outlives_the_process(registry: Registry, tmp_path: Path) -> None:
    registry.add(version_folder(tmp_path / "candidates", "v1"))
    registry.promote("v1")
    again = Registry(tmp_path / "models", tmp_path / "package" / "shipped")
    assert again.active() == "v1"
    assert (tmp_path / "models" / "active").read_text() == "v1\n"


def test_a_damaged_version_does_not_exist(registry: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    registry.add(version_folder(tmp_path / "candidates", "v1"))
    (folder / "v1" / "model.onnx").write_text("other")
    version_folder(folder, "v2").rename(folder / "renamed")
    (folder / ".building").mkdir()
    assert [m.version for m in registry.versions()] == ["shipped"]
    with pytest.raises(ArtefactError, match="sha256 differs"):
        registry.promote("v1")
    with pytest.raises(ArtefactError, match="names another version"):
        registry.folder("renamed")
    assert registry.active() == "shipped"


def test_falling_back_forgets_what_came_after(registry: Registry, tmp_path: Path) -> None:
    for version in ("v1", "v2", "v3"):
        registry.add(version_folder(tmp_path / "candidates", version))
        registry.promote(version)
    assert registry.served() == ["v3", "v2", "v1", "shipped"]
    (tmp_path / "models" / "v2" / "model.onnx").write_text("other")
    with pytest.raises(ArtefactError, match="sha256 differs"):
        registry.fall_back("v2")
    registry.fall_back("v1")
    assert (registry.active(), registry.previous()) == ("v1", "shipped")
    registry.fall_back("shipped")
    assert (registry.active(), registry.previous(), registry.served()) == ("shipped", None, ["shipped"])


@pytest.mark.parametrize("version", ["none", "../package/shipped", ".", ".."])
def test_unknown_version(registry: Registry, version: str) -> None:
    with pytest.raises(ArtefactError, match="no model version"):
        registry.folder(version)


def test_a_version_is_added_once(registry: Registry, tmp_path: Path) -> None:
    registry.add(version_folder(tmp_path / "candidates", "v1"))
    with pytest.raises(ArtefactError, match="already exists"):
        registry.add(version_folder(tmp_path / "candidates", "v1"))
    with pytest.raises(ArtefactError, match="already exists"):
        registry.add(version_folder(tmp_path / "candidates", "shipped"))
