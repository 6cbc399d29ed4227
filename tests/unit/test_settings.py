"""Settings: every key is checked; what is wrong is said in one line with file and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.settings import SettingsError, Tokens, api_url, load_settings, load_tokens

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
