"""Templates: the file is checked whole at the start; rendering escapes whatever comes from people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import yaml

from bot.pipeline.matching import Index, Router
from bot.pipeline.templates import Markup, Templates, escape, load_templates, values_for
from bot.settings import SettingsError

LINES = {"holding": "Sorry {{ customer }}.", "handover": "A person comes.", "clarify": "Did you mean?"}
EXPORT = {
    "id": "export",
    "title": "Exporting",
    "examples": ["How do I export?"],
    "tones": {"neutral": "Use Export."},
}


def load(tmp_path: Path, templates: Any = None, lines: Any = LINES, **extra: Any) -> Templates:
    raw = {"templates": [EXPORT] if templates is None else templates, "lines": lines, **extra}
    (tmp_path / "templates.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    return load_templates(tmp_path)


def test_the_shipped_templates_are_valid_and_enough() -> None:
    templates = load_templates(Path("config"))
    assert len(templates) >= 12
    for template in templates:
        assert len(template.examples) >= 3
        assert {"neutral"} <= set(template.tones)


def test_tones_fall_back_to_neutral(tmp_path: Path) -> None:
    tones = {"neutral": "plain", "negative": "soft", "positive": "cheerful"}
    templates = load(
        tmp_path, [EXPORT | {"tones": tones}, EXPORT | {"id": "b", "tones": {"neutral": "plain"}}]
    )
    assert [templates.render("export", tone, {}) for tone in ("negative", "neutral", "positive")] == [
        "soft",
        "plain",
        "cheerful",
    ]
    assert templates.render("b", "negative", {}) == "plain"
    assert "export" in templates and "c" not in templates
    assert templates["export"].title == "Exporting"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"examples": []}, "template 'export' has no examples — add at least one"),
        ({"examples": "how"}, "examples must be a list of texts"),
        ({"examples": [""]}, "examples must be a list of texts"),
        ({"description": 5}, "description must be a text"),
        ({"tones": {}}, "has no neutral tone — add tones.neutral"),
        ({"tones": {"neutral": "a", "angry": "b"}}, "tones.angry"),
        ({"tones": {"neutral": "{{ customer"}}, "broken Jinja expression on its line 1"),
        ({"tones": {"neutral": "{{ nobody }}"}}, "broken Jinja expression ('nobody' is undefined)"),
        ({"tones": {"neutral": "{{ 1 / 0 }}"}}, "broken Jinja expression"),
        ({"tones": {"neutral": "{{ product.__class__.__mro__ }}"}}, "broken Jinja expression"),
        ({"tones": {"neutral": "  "}}, "renders to 0 characters"),
        ({"tones": {"neutral": "x" * 3001}}, "renders to 3001 characters"),
        ({"colour": "red"}, "unknown key 'colour'"),
    ],
)
def test_a_bad_template_is_named_with_what_to_do(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, [EXPORT | change])
    assert message in str(caught.value)
    assert "templates.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"templates": []}, "missing key 'templates'"),
        ({"templates": [{"title": "x"}]}, "template number 1 has no id"),
        ({"templates": [EXPORT, EXPORT]}, "template 'export' is there twice"),
        ({"lines": {}}, "'lines' must have the texts holding, handover, clarify"),
        ({"lines": LINES | {"bye": "x"}}, "unknown key 'lines.bye'"),
        ({"lines": LINES | {"holding": "{% if %}"}}, "lines.holding: broken Jinja expression"),
        ({"more": 1}, "unknown key 'more'"),
    ],
)
def test_a_bad_file(tmp_path: Path, raw: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, **raw)
    assert message in str(caught.value)


def test_values_are_escaped_and_never_executed(tmp_path: Path) -> None:
    templates = load(tmp_path, [EXPORT | {"tones": {"neutral": "{{ customer }} & {{ product }}"}}])
    values = values_for("U1", "<!channel> {{ 7 * 7 }} & Sons")
    assert templates.render("export", "neutral", values) == "<@U1> & &lt;!channel&gt; {{ 7 * 7 }} &amp; Sons"
    assert isinstance(values["customer"], Markup)
    assert templates.line("holding", values) == "Sorry <@U1>."


def test_escape() -> None:
    assert escape("<!channel> & <@U1>") == "&lt;!channel&gt; &amp; &lt;@U1&gt;"


def one_hot(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Each text's own direction by its first letter: an encoder whose answers can be foretold."""
    matrix = np.zeros((len(texts), 26), dtype=np.float32)
    for row, text in enumerate(texts):
        matrix[row, ord(text[0].lower()) - ord("a")] = 1.0
    return matrix


def test_the_most_similar_template_comes_first(tmp_path: Path) -> None:
    refund = {"id": "refund", "examples": ["money", "refund"], "tones": {"neutral": "x"}}
    about = {"id": "about", "description": "zero-shot", "tones": {"neutral": "x"}}
    index = Index(load(tmp_path, [EXPORT, refund, about]), one_hot, "v1")
    near = index.nearest(one_hot(["Refund please"])[0])
    assert near[0].template == "refund"
    assert near[0].similarity == pytest.approx(0.9, abs=0.02)
    assert all(abs(other.similarity) < 0.05 for other in near[1:])
    assert near[0].title == "refund"
    assert index.nearest(one_hot(["z"])[0])[0].template == "about"


def test_the_router_keeps_two_versions(tmp_path: Path) -> None:
    router = Router(load(tmp_path))
    for version in ("v1", "v2", "v3", "v3"):
        router.prepare(one_hot, version)
    query = one_hot(["h"])[0]
    assert router.nearest(query, "v1") == []
    assert router.nearest(query, "v2")[0].similarity == router.nearest(query, "v3")[0].similarity > 0.9
