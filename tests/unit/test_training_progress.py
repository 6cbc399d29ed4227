import json
import time

import pytest

from training.progress import Progress


def test_what_is_left_is_told_by_what_this_run_has_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    progress = Progress(0)
    progress.report("train", 0.5)  # resumed: the first half was another run's
    now[0] = 60.0
    progress.report("train", 0.75)
    first, second = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "eta_s" not in first
    assert second["eta_s"] == 60
