"""What the shipped version must show, by its own manifest; and that its card and the pages say what the manifest says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from model.artefact_folder import CARD, read_manifest
from model.registry import SHIPPED
from training.card import card

ROOT = Path(__file__).parents[2]
MANIFEST = read_manifest(SHIPPED)
HOLDOUT: dict[str, Any] = MANIFEST.metrics["holdout"]
REAL: dict[str, Any] = MANIFEST.metrics["real"]
TALK: dict[str, Any] = MANIFEST.metrics["talk"]


def passed(test: str, *capabilities: str) -> float:
    found = MANIFEST.metrics["behaviour"][test]
    chosen = [found[name] for name in capabilities or found]
    return float(sum(c["passed"] for c in chosen) / sum(c["n"] for c in chosen))


def test_it_is_right_in_real_channels() -> None:
    assert REAL["n"] == 515
    assert REAL["ranking"]["auroc"] >= 0.945 and REAL["ranking"]["precision"] >= 0.75
    assert REAL["ece"] <= 0.04
    assert TALK["macro_f1"] >= 0.85


def test_it_reads_sharp_messages_of_our_own() -> None:
    assert HOLDOUT["macro_f1"] >= 0.9245
    assert HOLDOUT["slices"]["difficulty"]["hard"]["macro_f1"] >= 0.91
    assert HOLDOUT["ece"] <= 0.05
    int8 = MANIFEST.metrics["int8"]
    assert int8["fp32"] - int8["int8"] <= 0.005


def test_it_behaves() -> None:
    """Of typos we want 96 %."""
    assert passed("minimum functionality") >= 0.95
    assert passed("one-liners", "calm") >= 0.95 and passed("one-liners", "unhappy") >= 0.90
    assert passed("long messages", "feeling at the end") >= 0.85
    assert (
        passed("invariance") >= 0.97 and passed("invariance", "typos") >= 0.93 and passed("direction") >= 0.97
    )
    assert passed("not scored", "short English") >= 0.995 and passed("not scored", "other languages") >= 0.95


def test_its_card_is_its_manifests() -> None:
    assert (SHIPPED / CARD).read_text(encoding="utf-8") == card(MANIFEST)


def test_the_pages_have_its_figures() -> None:
    model, readme = ((ROOT / page).read_text(encoding="utf-8") for page in ("docs/model.md", "README.md"))
    assert f"`{SHIPPED.name}`" in model and f"model/artefact/{SHIPPED.name}/card.md" in readme
    for name in ("real", "talk", "holdout"):
        figures = MANIFEST.metrics[name]
        ranking = figures["ranking"]
        low, high = ranking["auroc_interval"]
        row = re.search(
            rf"^\| [^|]*\| {figures['n']:,} \|.*{ranking['auroc']:.3f}.*\({low:.3f}–{high:.3f}\).*$",
            model,
            re.MULTILINE,
        )
        assert row, name
        assert f"{ranking['precision']:.2f}" in row[0] and f"{figures['macro_f1']:.3f}" in row[0], name
        assert f"{figures['n']:,}" in readme and f"{ranking['auroc']:.2f}" in readme, name
    for label, f in HOLDOUT["per_class"].items():
        cells = [f"{f[name]:.3f}" for name in ("precision", "recall", "f1")]
        assert f"| {label} | {' | '.join(cells)} | {f['support']:,} |" in model
    for test, capabilities in MANIFEST.metrics["behaviour"].items():
        for name, f in capabilities.items():
            if test != "minimum functionality":
                assert re.search(
                    rf"\*{{0,2}}{100 * f['passed'] / f['n']:.1f} %\*{{0,2}} of {f['n']:,}\b", model
                ), name
