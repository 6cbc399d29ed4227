"""The pictures of a model card: the training curve and the reliability diagram; and the learning report's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
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
    """The reliability diagram, as PNG: calibrated probabilities lie on the diagonal. `bins`: see metrics.reliability."""
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
    axis.set_ylabel("accuracy")
    axis.set_title(f"expected calibration error {ece:.3f}")
    axis.legend(loc="upper left")
    figure.savefig(file)


def draw_learning(report: dict[str, Any], file: Any) -> None:
    """The learning report, as PNG: macro-F1 on the live holdout by version, overridden readings by week, labels by
    source. `report`: see bot.learning.report.Report.payload. `file`: a path, or a binary stream."""
    figure, (on_live, by_week, by_source) = _plot((9, 3.4), 1, 3, width_ratios=(5, 4, 3))
    _versions(on_live, report["versions"])
    _weeks(by_week, report["weeks"])
    on_live.set_title("macro-F1 on your messages", fontsize=10, pad=6)
    by_week.set_title("rate of shown readings that you corrected", fontsize=10)
    by_source.set_title("labels by source", fontsize=10)
    sources = report["sources"]
    if sources:
        bars = by_source.barh(list(sources), list(sources.values()), color="tab:blue")
        by_source.bar_label(bars, padding=3)
        by_source.invert_yaxis()
        by_source.margins(x=0.2)
        by_source.set_xticks([])
        by_source.spines[["top", "right", "bottom"]].set_visible(False)
    else:
        _nothing(by_source)
    figure.savefig(file, format="png")


def _versions(axis: Any, versions: Sequence[dict[str, Any]]) -> None:
    if not versions:
        return _nothing(axis)
    for x, version in enumerate(versions):
        f1, low, high = version["macro_f1"]
        colour = "tab:blue" if version["served"] else "tab:grey"
        axis.errorbar(x, f1, [[max(0.0, f1 - low)], [max(0.0, high - f1)]], fmt="o", color=colour, capsize=3)
    axis.plot(
        range(len(versions)), [v["before"] for v in versions], "_", color="tab:orange", markersize=14,
        markeredgewidth=2, label="active before, same messages",
    )  # fmt: skip
    axis.plot([], [], "o", color="tab:blue", label="served")
    axis.plot([], [], "o", color="tab:grey", label="did not serve")
    labels = [f"{v['name'][:13]}\nn {v['n']}" for v in versions]
    axis.set_xticks(range(len(versions)), labels, fontsize=7, rotation=30 if len(versions) > 4 else 0)
    axis.set_xlim(-0.5, len(versions) - 0.5)
    axis.legend(
        fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.08), ncols=3, frameon=False, columnspacing=1.0
    )


def _weeks(axis: Any, weeks: Sequence[dict[str, Any]]) -> None:
    if not weeks:
        return _nothing(axis)
    rates = [week["overridden"] / week["shown"] for week in weeks]
    below = [max(0.0, s - week["low"]) for s, week in zip(rates, weeks, strict=True)]
    above = [max(0.0, week["high"] - s) for s, week in zip(rates, weeks, strict=True)]
    axis.errorbar(range(len(weeks)), rates, [below, above], fmt="o-", capsize=3)
    days = [f"{datetime.fromtimestamp(week['begins'], UTC):%d %b}\n{week['shown']}" for week in weeks]
    axis.set_xticks(range(len(weeks)), days, fontsize=7)
    axis.set_xlim(-0.5, len(weeks) - 0.5)
    axis.set_ylim(bottom=0)
    axis.yaxis.set_major_formatter(lambda rate, _: f"{rate:.0%}")
    axis.set_xlabel("week from, and readings shown", fontsize=8)


def _nothing(axis: Any) -> None:
    axis.text(0.5, 0.5, "nothing yet", ha="center", va="center", color="tab:grey", transform=axis.transAxes)
    axis.set_axis_off()


def _plot(size: tuple[float, float] = (6, 4), *grid: int, **spacing: Any) -> tuple[Any, Any]:
    """A figure of the size in inches, and its axes: one, or a grid of rows and columns."""
    from matplotlib.figure import (
        Figure,  # imported late: it takes a second. Not pyplot: no display is needed
    )

    figure = Figure(figsize=size, dpi=100, layout="constrained")
    return figure, figure.subplots(*grid, **spacing)
