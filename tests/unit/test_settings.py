"""Settings: every key is checked; what is wrong is said in one line with file and key."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml

from bot.settings import RENAMED, Range, Settings, SettingsError, Tokens, api_url, load_settings, load_tokens

GOOD: dict[str, Any] = {
    "product": "Acme",
    "channels": {"support": [{"channel": "#help"}], "triage": "#triage"},
    "people": {"admins": ["@ada"]},
}


def load(tmp_path: Path, raw: Any) -> Any:
    text = raw if isinstance(raw, str) else yaml.safe_dump(raw)
    (tmp_path / "softanswer.yaml").write_text(text, encoding="utf-8")
    return load_settings(tmp_path)


def test_the_shipped_settings_load() -> None:
    settings = load_settings(Path("config"))
    assert settings.channels.support[0].mode == "auto"
    assert settings.learning.promotion == "auto"


def test_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD)
    assert settings.database == Path("data/softanswer.db")
    assert settings.rules.negative_threshold == 0.50
    assert settings.people.agents_group is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"product": None}, "product is None — it must be a text"),
        ({"produkt": "x"}, "unknown key 'produkt'"),
        ({"channels": {"support": []}}, "missing key 'channels.triage'"),
        ({"channels": {"support": [], "triage": "#t"}}, "channels.support is empty"),
        (
            {"channels": {"support": ["#help"], "triage": "#t"}},
            "channels.support[0] must hold keys and values",
        ),
        ({"channels": {"support": "#help", "triage": "#t"}}, "channels.support must be a list"),
        (
            {"channels": {"support": [{"channel": "#h", "mode": "loud"}], "triage": "#t"}},
            "channels.support[0].mode is 'loud' — choose one of auto, suggest, observe",
        ),
        ({"people": {"admins": []}}, "people.admins is empty"),
        (
            {"rules": {"negative_threshold": "high"}},
            "rules.negative_threshold is 'high' — it must be a number",
        ),
        ({"rules": {"negative_threshold": True}}, "must be a number"),
        ({"model": {"threads": True}}, "model.threads is True — it must be a whole number"),
        ({"model": {"folder": 5}}, "model.folder is 5 — it must be a path"),
        ({"learning": {"sample": "all"}}, "learning.sample is 'all' — it must be a whole number"),
    ],
)
def test_one_line_says_which_key(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, GOOD | change)
    assert message in str(caught.value)
    assert "softanswer.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def numbers(kind: Any = Settings, at: tuple[str, ...] = ()) -> Iterator[tuple[str, Any, Any, Any]]:
    """Key, type, bounds and default of every number in the settings; bounds are None where somebody forgot them."""
    hints = typing.get_type_hints(kind, include_extras=True)
    for spec in dataclasses.fields(kind):
        hint, key = hints[spec.name], (*at, spec.name)
        if dataclasses.is_dataclass(hint):
            yield from numbers(hint, key)
            continue
        for part in (hint, *typing.get_args(hint)):
            if part in (int, float):
                bounds = next((x for x in typing.get_args(hint) if isinstance(x, Range)), None)
                yield ".".join(key), part, bounds, spec.default
            elif typing.get_origin(part) is Annotated and part is not hint:  # a number or null
                yield ".".join(key), *typing.get_args(part), spec.default


NUMBERS = list(numbers())


def with_number(key: str, value: float) -> dict[str, Any]:
    """Settings that are good but, perhaps, for this."""
    raw: Any = value
    for name in reversed(key.split(".")):
        raw = {name: raw}
    return GOOD | raw


def test_all_numbers_are_found() -> None:
    keys = [key for key, *_ in NUMBERS]
    assert len(keys) == len(set(keys)) == 33
    assert {
        "rules.match_margin",
        "learning.sample",
        "learning.shadow_evaluation.hours",
        "retain_text_days",
    } <= set(keys)


@pytest.mark.parametrize(("key", "kind", "bounds", "default"), NUMBERS, ids=[key for key, *_ in NUMBERS])
def test_every_number_has_bounds(tmp_path: Path, key: str, kind: Any, bounds: Any, default: Any) -> None:
    assert isinstance(bounds, Range) and (default is None or default in bounds)
    for value in (kind(bounds.low), kind(bounds.high)):
        load(tmp_path, with_number(key, value))
    step = 1 if kind is int else 0.001
    for value in (
        kind(bounds.low) - step,
        kind(bounds.high) + step,
        *([math.nan, math.inf] * (kind is float)),
    ):
        with pytest.raises(SettingsError) as caught:
            load(tmp_path, with_number(key, value))
        what = "whole number" if kind is int else "number"
        assert str(caught.value).endswith(
            f"softanswer.yaml: {key} is {value} — choose a {what} from {bounds}"
        )


def test_bounds_are_told_in_plain_figures() -> None:
    assert [str(Range(0, 0.9)), str(Range(1, 1_000_000)), str(Range(0.01, 86400.0))] == [
        "0 to 0.9",
        "1 to 1000000",
        "0.01 to 86400",
    ]


def test_the_operator_page_lists_every_number_with_default_and_bounds() -> None:
    page = Path("docs/operator.md").read_text("utf-8")
    rows = [
        f"| `{key}` | {'–' if default is None else f'{default:g}'} | {bounds} |"
        for key, _, bounds, default in NUMBERS
    ]
    assert [row for row in rows if row not in page] == []


def test_the_example_settings_show_the_defaults(tmp_path: Path) -> None:
    example = load_settings(Path("config"))
    defaults = load(tmp_path, GOOD)
    asked = {"product", "channels", "people"}
    for spec in dataclasses.fields(Settings):
        if spec.name not in asked:
            assert getattr(example, spec.name) == getattr(defaults, spec.name), spec.name


@pytest.mark.parametrize(
    ("text", "message"), [("a: [", "not valid YAML"), ("- a", "must hold keys and values")]
)
def test_not_a_settings_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load(tmp_path, text)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not found — run `softanswer init`"):
        load_settings(tmp_path)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "softanswer.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({}, "SLACK_BOT_TOKEN is not set"),
        ({"SLACK_BOT_TOKEN": "xoxp-1"}, "SLACK_BOT_TOKEN does not start with xoxb-"),
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, "neither SLACK_APP_TOKEN"),
        (
            {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xoxb-2"},
            "SLACK_APP_TOKEN does not start with xapp-",
        ),
    ],
)
def test_tokens(environ: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_tokens(environ)


def test_tokens_do_not_show_in_a_repr() -> None:
    tokens = load_tokens({"SLACK_BOT_TOKEN": "xoxb-canary", "SLACK_SIGNING_SECRET": "s"})
    assert tokens == Tokens("xoxb-canary", None, "s")
    assert "canary" not in repr(tokens)


def test_api_url() -> None:
    assert api_url({}) == "https://slack.com/api/"
    assert api_url({"SLACK_API_URL": "http://127.0.0.1:1/api"}) == "http://127.0.0.1:1/api/"


def test_every_old_key_is_understood_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    asks = {"random": 0.5, "random_a_day": 1, "uncertain_a_day": 2, "opinions_a_day": 3}
    feedback = {"one_persons_share": 0.4, "burst_an_hour": 7, "live_share": 0.1}
    learning = {"asks": asks, "watch": {"most_hours": 50}, "feedback": feedback}
    old = GOOD | {"learning": learning, "pace": {"posts_a_second": 2, "at_once": 3}}
    settings = load(tmp_path, old)
    requests, limits = settings.learning.label_requests, settings.learning.feedback
    assert (requests.random, requests.random_per_day, requests.uncertain_per_day) == (0.5, 1, 2)
    assert (requests.adjudications_per_day, settings.learning.shadow_evaluation.max_hours) == (3, 50)
    assert (limits.max_annotator_rate, limits.burst_per_hour, limits.live_holdout_rate) == (0.4, 7, 0.1)
    assert (settings.pace.posts_per_second, settings.pace.burst) == (2, 3)
    assert len(caplog.records) == len(RENAMED)
    with pytest.raises(SettingsError, match=r"both pace\.at_once and pace\.burst are set"):
        load(tmp_path, GOOD | {"pace": {"at_once": 3, "burst": 3}})
