"""`softanswer demo --script`: the whole story, on a training sample small enough for a test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.database import audit, feedback, runs


@pytest.mark.timeout(720)
def test_the_whole_story(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "demo", "--script", "--keep", str(tmp_path)],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=700,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ every step happened" in done.stdout
    without_retraining = re.search(r"everything but the retraining took (\d+) s", done.stdout)
    assert without_retraining and int(without_retraining[1]) <= 60
    database = tmp_path / "softanswer.db"
    assert [r.state for r in runs(database)] in (["promoted"], ["rejected"])
    assert audit(database, what="consent on")
    # Her remark is learned from; the hash of other words might have put it into the live holdout.
    assert [r.learned for r in runs(database)] == [1]
    assert [f.value for f in feedback(database, kind="label")] == ["negative"]
