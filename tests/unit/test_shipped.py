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


def test_it_is_as_good_as_it_must_be() -> None:
    assert HOLDOUT["macro_f1"] >= 0.93
    assert HOLDOUT["slices"]["difficulty"]["hard"]["macro_f1"] >= 0.90
    assert HOLDOUT["negative_recall"]["precision"] >= 0.90 and HOLDOUT["negative_recall"]["recall"] >= 0.92
    assert HOLDOUT["ece"] <= 0.05
    int8 = MANIFEST.metrics["int8"]
    assert int8["fp32"] - int8["int8"] <= 0.005
    passed = {
        test: sum(c["passed"] for c in capabilities.values()) / sum(c["n"] for c in capabilities.values())
        for test, capabilities in MANIFEST.metrics["behaviour"].items()
    }
    assert passed["minimum functionality"] >= 0.95
    assert passed["invariance"] >= 0.97 and passed["direction"] >= 0.97
    assert MANIFEST.metrics["behaviour"]["not scored"]["short English"]["passed"] >= 594  # of 600


def test_its_card_is_its_manifests() -> None:
    assert (SHIPPED / CARD).read_text(encoding="utf-8") == card(MANIFEST)


def test_the_pages_have_its_figures() -> None:
    model, readme = ((ROOT / page).read_text(encoding="utf-8") for page in ("docs/model.md", "README.md"))
    assert f"`{SHIPPED.name}`" in model and f"model/artefact/{SHIPPED.name}/card.md" in readme
    low, high = HOLDOUT["macro_f1_interval"]
    for page in (model, readme):
        assert f"({low:.3f}–{high:.3f})" in page
    hard = HOLDOUT["slices"]["difficulty"]["hard"]
    rows = {
        "all": HOLDOUT,
        "hard kinds": hard,
        r"\*the challenge\* \(below\)": MANIFEST.metrics["challenge"],
    }
    for name, figures in rows.items():
        row = re.search(rf"^\| {name} \| ([\d,]+) \| \**([\d.]+)\** ", model, re.MULTILINE)
        assert row, name
        assert (row[1].replace(",", ""), row[2]) == (str(figures["n"]), f"{figures['macro_f1']:.3f}")
    for label, f in HOLDOUT["per_class"].items():
        cells = [f"{f[name]:.3f}" for name in ("precision", "recall", "f1")]
        assert f"| {label} | {' | '.join(cells)} | {f['support']:,} |" in model
    for test, capabilities in MANIFEST.metrics["behaviour"].items():
        for name, f in capabilities.items():
            if test in ("invariance", "direction", "not scored"):
                assert f"{f['passed'] / f['n']:.1%}".replace("%", " %") + f"** of {f['n']}" in model or (
                    f"{f['passed'] / f['n']:.1%}".replace("%", " %") + f" of {f['n']}" in model
                ), name
