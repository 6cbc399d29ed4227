"""`softanswer.yaml` and the environment → one frozen `Settings`. A default lives in the dataclass, nowhere else."""

from __future__ import annotations

import dataclasses
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from bot.domain.message import Mode
from model.errors import UserError


class SettingsError(UserError):
    """One line: which file, which key, what to do."""


@dataclass(frozen=True, slots=True)
class SupportChannel:
    channel: str
    """`#name` or id."""
    mode: Mode = "auto"


@dataclass(frozen=True, slots=True)
class Channels:
    support: tuple[SupportChannel, ...]
    triage: str


@dataclass(frozen=True, slots=True)
class People:
    admins: tuple[str, ...]
    """User ids or @names; they alone may retrain, promote and roll back."""
    agents_group: str | None = None
    """A user group (`@handle` or id). Without one, the members of the triage channel are the agents."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers in the rules of conduct. Similarities: see bot.pipeline.matching; chosen by bench/routing.py, see docs/admin.md."""

    negative_threshold: float = 0.50
    match_threshold: float = 0.25
    match_margin: float = 0.20
    strong_threshold: float = 0.30
    clarify_threshold: float = 0.12
    human_quiet_s: float = 1800.0
    conversation_s: float = 120.0
    late_answer_max_s: float = 3600.0
    """A message found after this time (the bot was away) is answered by a person."""


@dataclass(frozen=True, slots=True)
class Model:
    folder: Path = Path("data/models")
    device: Literal["auto", "cpu", "gpu"] = "auto"
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Feedback:
    """Which of people's labels count; see bot.learning.selection."""

    one_persons_share: float = 0.30
    sure: float = 0.90
    burst_an_hour: int = 30
    live_share: float = 0.20
    shared_channels: bool = False
    retain_days: int = 365
    """So long the words of a labelled message are kept, redacted, to be learned from; with consent alone, and never shorter than
    `retain_text_days`."""
    reactions: Mapping[str, str] = field(
        default_factory=lambda: {
            "rage": "negative",
            "disappointed": "negative",
            "neutral_face": "neutral",
            "smile": "positive",
        }
    )
    """An agent's emoji on a customer's message, and the label it stands for."""


@dataclass(frozen=True, slots=True)
class Asks:
    """How much the team is asked about messages that nothing else would show them; see bot.learning.asking."""

    random: float = 0.015
    random_flagged: float = 0.10
    random_a_day: int = 10
    uncertain_a_day: int = 5
    opinions_a_day: int = 10


@dataclass(frozen=True, slots=True)
class Watch:
    """How long a new version is watched; see bot.learning.watch."""

    readings: int = 600
    hours: float = 48.0
    """The watch ends when readings and hours are over. Two hundred readings are too few to tell: docs/learning.md."""
    most_hours: float = 14 * 24.0
    """Then it ends in any case."""


@dataclass(frozen=True, slots=True)
class Learning:
    schedule: str = "0 3 * * *"
    """Crontab form, in `timezone`."""
    timezone: str = "UTC"
    jitter_s: int = 300
    """The run begins up to so much later: not every installation at the same second."""
    misfire_grace_s: int = 6 * 3600
    retrain_after: int = 200
    """So many newly labelled messages start a run by themselves."""
    method: Literal["full", "lora"] = "full"
    threads: int = 1
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to train; auto: on the GPU where torch finds one."""
    sample: int | None = 2000
    """Replay a stratified sample of the corpus of this size; null: all of it."""
    epochs: int | None = None
    promotion: Literal["auto", "manual"] = "auto"
    keep_versions: int = 5
    """Refused and waiting versions beyond the latest so many are removed; what ever served stays."""
    feedback: Feedback = field(default_factory=Feedback)
    asks: Asks = field(default_factory=Asks)
    watch: Watch = field(default_factory=Watch)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast is posted into one channel; Slack's own limit is about one a second, a few at once now and then."""

    posts_a_second: float = 1.0
    at_once: int = 4


@dataclass(frozen=True, slots=True)
class Http:
    """Health endpoint, and in HTTP mode the Events API: `/healthz`, `/slack/events`."""

    host: str = "127.0.0.1"
    port: int = 3000


@dataclass(frozen=True, slots=True)
class Tokens:
    bot: str
    app: str | None
    signing_secret: str | None

    def __repr__(self) -> str:
        return "Tokens(…)"


@dataclass(frozen=True, slots=True)
class Settings:
    product: str
    channels: Channels
    people: People
    rules: Rules = field(default_factory=Rules)
    model: Model = field(default_factory=Model)
    learning: Learning = field(default_factory=Learning)
    pace: Pace = field(default_factory=Pace)
    http: Http = field(default_factory=Http)
    database: Path = Path("data/softanswer.db")
    retain_text_days: int = 90
    """So long the words of messages are kept."""


def load_settings(config: Path) -> Settings:
    """Read `config/softanswer.yaml`. Relative paths in it are relative to the working directory.

    Raises SettingsError on a missing file, a missing or unknown key, or a value of the wrong kind.
    """
    file = config / "softanswer.yaml"
    raw = read_yaml(file)
    settings = _build(Settings, raw, file, "")
    assert isinstance(settings, Settings)
    if not settings.channels.support:
        raise SettingsError(
            f"{file}: channels.support is empty — name at least one channel where customers write"
        )
    if settings.pace.posts_a_second <= 0 or settings.pace.at_once < 1:
        raise SettingsError(
            f"{file}: pace must let something through — set posts_a_second above 0 and at_once to 1 or more"
        )
    if settings.retain_text_days < 1:
        raise SettingsError(f"{file}: retain_text_days is {settings.retain_text_days} — set at least 1")
    for emoji, label in settings.learning.feedback.reactions.items():
        if label not in ("negative", "neutral", "positive"):
            raise SettingsError(
                f"{file}: learning.feedback.reactions.{emoji} is {label!r} — use negative, neutral or positive"
            )
    if not settings.people.admins:
        raise SettingsError(f"{file}: people.admins is empty — name at least one admin (user id or @name)")
    return settings


def load_tokens(environ: Mapping[str, str] = os.environ) -> Tokens:
    """Read the Slack tokens from the environment; raises SettingsError naming the variable that lacks or is wrong."""
    bot = environ.get("SLACK_BOT_TOKEN", "")
    app = environ.get("SLACK_APP_TOKEN") or None
    secret = environ.get("SLACK_SIGNING_SECRET") or None
    if not bot.startswith("xoxb-"):
        state = "does not start with xoxb-" if bot else "is not set"
        raise SettingsError(
            f"environment: SLACK_BOT_TOKEN {state} — copy the Bot User OAuth Token of your Slack app"
        )
    if app is None and secret is None:
        raise SettingsError(
            "environment: neither SLACK_APP_TOKEN (Socket Mode) nor SLACK_SIGNING_SECRET (HTTP) is set — set one"
        )
    if app is not None and not app.startswith("xapp-"):
        raise SettingsError(
            "environment: SLACK_APP_TOKEN does not start with xapp- — create an app-level token with connections:write"
        )
    return Tokens(bot, app, secret)


def api_url(environ: Mapping[str, str] = os.environ) -> str:
    url = environ.get("SLACK_API_URL") or "https://slack.com/api/"
    return url if url.endswith("/") else url + "/"


def read_yaml(file: Path) -> Mapping[str, Any]:
    """Read one YAML file whose top is a mapping; raises SettingsError."""
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"{file}: not found — run `softanswer init`, or name the folder with --config"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{file}: cannot be read ({error}) — check its permissions and encoding"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "malformed"
        raise SettingsError(f"{file}:{line} not valid YAML ({problem}) — correct it") from None
    if not isinstance(raw, dict):
        raise SettingsError(f"{file}: must hold keys and values — run `softanswer init` for an example")
    return raw


def _build(kind: Any, raw: Any, file: Path, at: str) -> Any:
    """Build a value of a dataclass or plain type from YAML, checking every key on the way."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, raw, file, at)
    if origin is Mapping:
        if not isinstance(raw, dict):
            raise SettingsError(f"{file}: {at} must hold keys and values")
        return {str(key): _build(args[1], value, file, f"{at}.{key}") for key, value in raw.items()}
    if origin is tuple:
        if not isinstance(raw, list):
            raise SettingsError(f"{file}: {at} must be a list")
        return tuple(_build(args[0], item, file, f"{at}[{i}]") for i, item in enumerate(raw))
    if origin in (types.UnionType, typing.Union):
        return None if raw is None else _build(args[0], raw, file, at)
    if origin is Literal:
        if raw not in args:
            raise SettingsError(f"{file}: {at} is {raw!r} — choose one of {', '.join(map(str, args))}")
        return raw
    if kind is Path:
        kind_ok, value = isinstance(raw, str), Path(str(raw)).expanduser()
    elif kind is float:
        kind_ok, value = isinstance(raw, int | float) and not isinstance(raw, bool), raw
    else:
        kind_ok, value = isinstance(raw, kind) and not (kind is int and isinstance(raw, bool)), raw
    if not kind_ok:
        raise SettingsError(f"{file}: {at} is {raw!r} — it must be a {_KINDS.get(kind, kind.__name__)}")
    return value


_KINDS = {str: "text", int: "whole number", float: "number", Path: "path"}


def _build_dataclass(kind: Any, raw: Any, file: Path, at: str) -> Any:
    if not isinstance(raw, dict):
        raise SettingsError(f"{file}: {at or 'the file'} must hold keys and values")
    hints = typing.get_type_hints(kind)
    prefix = f"{at}." if at else ""
    for key in raw:
        if key not in hints:
            raise SettingsError(
                f"{file}: unknown key '{prefix}{key}' — known here: {', '.join(sorted(hints))}"
            )
    values = {}
    for spec in dataclasses.fields(kind):
        if spec.name in raw:
            values[spec.name] = _build(hints[spec.name], raw[spec.name], file, prefix + spec.name)
        elif spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
            raise SettingsError(
                f"{file}: missing key '{prefix}{spec.name}' — add it; see config/softanswer.yaml"
            )
    return kind(**values)
