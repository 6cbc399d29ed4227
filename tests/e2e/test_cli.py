"""The command line as a user meets it: what it prints, and what it does not load."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.cli import main

LABELS = {"negative", "neutral", "positive"}


def softanswer(*arguments: str, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        input=stdin,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_classify_reads_a_line_at_a_time() -> None:
    stdin = "third time this week the export dies on me\nhow do I export my data?\nthat fixed it, thank you so much!\n"
    done = softanswer("classify", "--stdin", "--json", stdin=stdin)
    read = lines(done)
    assert [r["label"] for r in read] == ["negative", "neutral", "positive"]
    for reading in read:
        assert set(reading) == {"text", "scored", "label", "scores", "version"}
        assert set(reading["scores"]) == LABELS
        assert sum(reading["scores"].values()) == pytest.approx(1.0, abs=0.001)


def test_classify_says_why_it_did_not_score() -> None:
    done = softanswer("classify", "--stdin", "--json", stdin="```x = 1```\n\nhttps://a.b/c\n")
    for reading in lines(done):
        assert reading["scored"] is False
        assert reading["label"] is None and reading["reason"]


def test_classify_needs_neither_torch_nor_the_rest_of_the_bot() -> None:
    code = (
        "import sys; from bot.cli import main; main(['classify', 'third time this week the export dies on me']);"
        "print(sorted(m for m in sys.modules if '.' not in m))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    first, loaded = done.stdout.splitlines()
    assert first.startswith("negative")
    heavy = {"torch", "transformers", "slack_bolt", "sqlite_utils", "apscheduler", "fastapi", "sklearn"}
    assert heavy & set(json.loads(loaded.replace("'", '"'))) == set()


def test_classify_works_anywhere(tmp_path: Path) -> None:
    done = softanswer("classify", "The new dashboard is lovely, thank you!", cwd=tmp_path)
    assert done.stdout.startswith("positive")
    assert list(tmp_path.iterdir()) == []


def test_route() -> None:
    stdin = "where can I get my invoice as pdf?\nwhat is the meaning of the word ostrich\n"
    near, far = lines(softanswer("route", "--stdin", "--json", stdin=stdin))
    assert near["template"] == "invoices" and near["similarity"] > near["runner_up_similarity"]
    assert far["template"] is None
    assert set(near) == {"text", "template", "similarity", "runner_up", "runner_up_similarity"}
    assert softanswer("route", "where can I get my invoice as pdf?").stdout.startswith("invoices ")


def test_evaluate_holds_the_floor_on_messages_kept_out_of_training() -> None:
    result = lines(softanswer("evaluate", "--json"))[0]
    assert set(result) >= {"n", "accuracy", "macro_f1", "per_class", "ece", "version"}
    assert result["n"] > 700
    assert set(result["per_class"]) == LABELS
    assert result["macro_f1"] >= 0.92
    assert result["talk"]["n"] == 1613 and result["talk"]["macro_f1"] >= 0.85
    assert {"challenge", "extras"} <= set(result) and "real" not in result


def test_evaluate_reads_a_file_of_ones_own(tmp_path: Path) -> None:
    data = tmp_path / "mine.jsonl"
    texts = {
        "negative": "this is unacceptable, still broken",
        "neutral": "where is the invoice?",
        "positive": "works now, thank you!",
    }
    data.write_text("".join(json.dumps({"text": t, "label": label}) + "\n" for label, t in texts.items()))
    result = lines(softanswer("evaluate", "--data", str(data), "--json"))[0]
    assert (result["n"], result["accuracy"]) == (3, 1.0)


def test_models_lists_the_shipped_version(tmp_path: Path) -> None:
    assert softanswer("init", cwd=tmp_path).returncode == 0
    done = softanswer("models", cwd=tmp_path)
    assert done.stdout.startswith("→ support-7")
    assert "macro-F1" in softanswer("models", "show", "support-7", cwd=tmp_path).stdout
    assert softanswer("models", "rollback", cwd=tmp_path).returncode == 2


def test_init_check_and_backup(tmp_path: Path) -> None:
    done = softanswer("init", cwd=tmp_path)
    assert "wrote config/softanswer.yaml" in done.stdout
    assert "every wording renders" in softanswer("templates", "check", cwd=tmp_path).stdout
    assert softanswer("backup", "copy.db", cwd=tmp_path).stdout == "wrote copy.db\n"
    assert (tmp_path / "copy.db").exists()


def test_every_command_is_documented() -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    documented = (Path(__file__).parents[2] / "docs" / "operator.md").read_text(encoding="utf-8")
    usage = softanswer("--help").stdout
    for name in (
        "demo",
        "init",
        "check",
        "run",
        "classify",
        "route",
        "templates",
        "models",
        "retrain",
        "feedback",
        "backup",
        "train",
        "evaluate",
    ):
        assert f"    {name}" in usage
        assert f"softanswer {name}" in documented
