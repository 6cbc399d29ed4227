"""The image, as far as it can be tested without an engine: lint, sources, and its own commands in a clean folder."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def copied() -> list[str]:
    """The sources of every COPY from the build context."""
    found = []
    for line in re.findall(r"^COPY (.+)$", DOCKERFILE, flags=re.MULTILINE):
        if "--from=" not in line:
            found += [word for word in line.split()[:-1] if not word.startswith("--")]
    return found


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_copied_source_exists_and_is_not_ignored() -> None:
    assert len(copied()) >= 8
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    for source in copied():
        assert (ROOT / source).exists(), source
        assert source not in ignored


def test_the_serving_image_has_no_torch_and_no_root() -> None:
    assert re.search(r"^USER \d+", DOCKERFILE, flags=re.MULTILINE)
    assert "HEALTHCHECK" in DOCKERFILE and "VOLUME" in DOCKERFILE
    assert "ARG ACCEL=cpu" in DOCKERFILE and "ARG EXTRAS=${ACCEL}" in DOCKERFILE


@pytest.mark.timeout(280)
def test_its_install_and_start_commands_work_in_a_clean_folder(tmp_path: Path) -> None:
    """What the build stage copies is enough to install from, and what it installs starts."""
    for source in copied():
        place = tmp_path / "src" / source
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(
                ROOT / source, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / source, place)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    install = re.search(r"pip install (.+?) \"\.\[", DOCKERFILE)
    assert install
    command = [python, "-m", "pip", "install", "-q", *install[1].split(), ".[cpu]"]
    subprocess.run(command, cwd=tmp_path / "src", check=True, timeout=240)

    app = tmp_path / "app"
    app.mkdir()
    start = [tmp_path / "venv" / "bin" / "softanswer"]
    done = subprocess.run([*start, "run"], cwd=app, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "config/softanswer.yaml: not found" in done.stderr) == (2, True)
    done = subprocess.run(
        [*start, "classify", "still broken, third time!"], cwd=app, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("negative")
    listed = subprocess.run([python, "-m", "pip", "list"], capture_output=True, text=True, check=True).stdout
    assert "torch" not in listed and "onnxruntime" in listed
