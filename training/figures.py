"""The pictures beside a model's card: how training went, and whether the probabilities can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

CURVE = "training.png"
RELIABILITY = "reliability.png"


def draw_curve(history: Sequence[dict[str, float]], file: Path) -> None:
    """Training loss and dev macro-F1 by epoch, as PNG. `history`: `loss` and `dev_macro_f1` for each epoch."""
    figure, axis = _plot()
    epochs = range(1, len(history) + 1)
    axis.plot(epochs, [epoch["loss"] for epoch in history], color="tab:grey", label="training loss")
    axis.set_xlabel("epoch")
    axis.set_ylabel("training loss")
    axis.xaxis.get_major_locator().set_params(integer=True)
    right = axis.twinx()
    right.plot(epochs, [epoch["dev_macro_f1"] for epoch in history], "o-", label="macro-F1 on dev")
    right.set_ylabel("macro-F1 on dev")
    figure.legend(loc="center right", bbox_to_anchor=(0.85, 0.5))
    figure.savefig(file)


def draw_reliability(bins: Sequence[dict[str, Any]], ece: float, file: Path) -> None:
    """Accuracy by confidence, as PNG: on the diagonal a probability means what it says. `bins`: see metrics.reliability."""
    figure, axis = _plot()
    axis.plot([0, 1], [0, 1], color="tab:grey", linestyle="--", label="calibrated")
    axis.plot([b["confidence"] for b in bins], [b["accuracy"] for b in bins], "o-", label="measured")
    for each in bins:
        axis.annotate(
            str(each["n"]),
            (each["confidence"], each["accuracy"]),
            xytext=(5, -12),
            textcoords="offset points",
        )
    axis.set_xlabel("confidence (numbers: messages)")
    axis.set_ylabel("share that is right")
    axis.set_title(f"expected calibration error {ece:.3f}")
    axis.legend(loc="upper left")
    figure.savefig(file)


def _plot() -> tuple[Any, Any]:
    from matplotlib.figure import (
        Figure,  # a second that only drawing pays; without pyplot, so without a display
    )

    figure = Figure(figsize=(6, 4), dpi=100, layout="constrained")
    return figure, figure.subplots()
