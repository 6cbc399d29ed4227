"""Tables and charts in Block Kit: what Slack accepts of `table`, `data_table` and `data_visualization`.

Limits: https://docs.slack.dev/reference/block-kit/blocks/data-table-block and data-visualization-block.
"""

from __future__ import annotations

from typing import Any

from sandbox.problems import Problems

_COLUMNS = 20
_LABEL = 20


def check_table(found: Problems, at: str, block: dict[str, Any]) -> None:
    """The plain table: up to 100 rows, cells `raw_text`, `raw_number` or `rich_text`."""
    _check_rows(found, at, block, 1, 100, header=False)


def check_data_table(found: Problems, at: str, block: dict[str, Any]) -> None:
    """A header and up to 100 rows, with a caption."""
    found.text(at, block, "caption", 3000)
    _check_rows(found, at, block, 2, 101, header=True)
    size = block.get("page_size")
    if size is not None and not (isinstance(size, int) and 1 <= size <= 100):
        found.add(f"{at}/page_size", "must be between 1 and 100")


def _check_rows(
    found: Problems, at: str, block: dict[str, Any], least: int, most: int, *, header: bool
) -> None:
    rows = found.items(at, block, "rows", least, most)
    width: int | None = None
    for number, row in enumerate(rows):
        place = f"{at}/rows/{number}"
        if not isinstance(row, list):
            found.add(place, "must be an array")
            continue
        if not 1 <= len(row) <= _COLUMNS:
            found.add(place, f"must have 1 to {_COLUMNS} items")
        width = len(row) if width is None else width
        if len(row) != width:
            found.add(place, "all rows must have the same number of cells")
        for column, cell in enumerate(row):
            _check_cell(found, f"{place}/{column}", cell, rich=not (header and number == 0))


def _check_cell(found: Problems, at: str, cell: Any, *, rich: bool) -> None:
    kind = cell.get("type") if isinstance(cell, dict) else None
    if kind == "raw_text":
        found.text(at, cell, "text", 3000)
    elif kind == "raw_number":
        found.number(at, cell, "value")
    elif kind == "rich_text" and rich:
        found.items(at, cell, "elements", 0, 1000)
    else:
        found.add(f"{at}/type", f"unsupported type: {kind}")


def check_data_visualization(found: Problems, at: str, block: dict[str, Any]) -> None:
    """A pie with segments, or a line, bar or area chart with series over categories."""
    found.text(at, block, "title", 50)
    chart = block.get("chart")
    if not isinstance(chart, dict):
        found.add(at, "missing required field: chart")
        return
    place = f"{at}/chart"
    if chart.get("type") == "pie":
        for number, segment in enumerate(found.items(place, chart, "segments", 1, 6)):
            spot = f"{place}/segments/{number}"
            value = _check_point(found, spot, segment)
            if value is not None and value <= 0:
                found.add(f"{spot}/value", "must be greater than 0")
    elif chart.get("type") in ("line", "bar", "area"):
        _check_axes(found, place, chart)
    else:
        found.add(f"{place}/type", f"unsupported type: {chart.get('type')}")


def _check_axes(found: Problems, at: str, chart: dict[str, Any]) -> None:
    axes = chart.get("axis_config")
    categories: list[Any] = []
    if not isinstance(axes, dict):
        found.add(at, "missing required field: axis_config")
    else:
        place = f"{at}/axis_config"
        categories = found.items(place, axes, "categories", 1, 20)
        for number, category in enumerate(categories):
            found.text(f"{place}/categories", {str(number): category}, str(number), _LABEL)
        for name in ("x_label", "y_label"):
            found.text(place, axes, name, 50, required=False)
    names: set[str] = set()
    for number, series in enumerate(found.items(at, chart, "series", 1, 6)):
        spot = f"{at}/series/{number}"
        if not isinstance(series, dict):
            found.add(spot, "must be an object")
            continue
        found.text(spot, series, "name", 20)
        if series.get("name") in names:
            found.add(f"{spot}/name", "series names must be unique")
        names.add(str(series.get("name")))
        points = found.items(spot, series, "data", 1, 20)
        for index, point in enumerate(points):
            _check_point(found, f"{spot}/data/{index}", point)
        labels = [point.get("label") for point in points if isinstance(point, dict)]
        if categories and sorted(map(str, labels)) != sorted(map(str, categories)):
            found.add(f"{spot}/data", "must have exactly one point for each category")


def _check_point(found: Problems, at: str, point: Any) -> float | None:
    if not isinstance(point, dict):
        found.add(at, "must be an object")
        return None
    found.text(at, point, "label", _LABEL)
    return found.number(at, point, "value")
