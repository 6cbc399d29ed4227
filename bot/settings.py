"""`softanswer.yaml` and the environment → one frozen `Settings`. The dataclasses hold all defaults."""

from __future__ import annotations

import copy
import dataclasses
import logging
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml

from bot.domain.message import Mode
from model.errors import UserError

log = logging.getLogger(__name__)


class SettingsError(UserError):
    """One line that says which file, which key, and what to do."""


DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Range:
    """The bounds of a number, both allowed."""

    low: float
    high: float

    def __contains__(self, number: float) -> bool:
        return self.low <= number <= self.high

    def __str__(self) -> str:
        return f"{_plain(self.low)} to {_plain(self.high)}"


def _plain(number: float) -> str:
    """86400 and 0.9, never 8.64e+04."""
    return str(int(number)) if number == int(number) else str(number)


@dataclass(frozen=True, slots=True)
class SupportChannelSettings:
    channel: str
    """`#name` or id."""
    mode: Mode = "auto"


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    support: tuple[SupportChannelSettings, ...]
    triage: str


@dataclass(frozen=True, slots=True)
class PeopleSettings:
    admins: tuple[str, ...]
    """User ids or @names. Only they may retrain, promote and roll back."""
    agents_group: str | None = None
    """A user group (`@handle` or id). Without one, the members of the triage channel are the agents."""


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """The numbers in the rules of conduct; see docs/admin.md. The similarities (bot.pipeline.matching) are chosen by
    bench/routing.py."""

    negative_threshold: Annotated[float, Range(0, 1)] = 0.50
    match_threshold: Annotated[float, Range(0, 1)] = 0.25
    match_margin: Annotated[float, Range(0, 1)] = 0.20
    strong_threshold: Annotated[float, Range(0, 1)] = 0.30
    clarify_threshold: Annotated[float, Range(0, 1)] = 0.12
    human_quiet_s: Annotated[float, Range(0, 7 * DAY_S)] = 1800.0
    conversation_s: Annotated[float, Range(0, DAY_S)] = 120.0
    late_answer_max_s: Annotated[float, Range(0, 7 * DAY_S)] = 3600.0
    """A message that is found later than this (the bot was away) goes to the team instead."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    folder: Path = Path("data/models")
    device: Literal["auto", "cpu", "gpu"] = "auto"
    threads: Annotated[int, Range(1, 256)] = 1


@dataclass(frozen=True, slots=True)
class FeedbackSettings:
    """Which labels count; see bot.learning.selection."""

    max_annotator_rate: Annotated[float, Range(0.01, 1)] = 0.30
    sure: Annotated[float, Range(0, 1)] = 0.90
    burst_per_hour: Annotated[int, Range(1, 10_000)] = 30
    live_holdout_rate: Annotated[float, Range(0, 0.9)] = 0.20
    shared_channels: bool = False
    retain_days: Annotated[int, Range(0, 3650)] = 365
    """Days for which the text of a labelled message is kept, redacted, for learning. Needs consent; never shorter than
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
class LabelRequestSettings:
    """How many label requests the team gets; see bot.learning.sampling."""

    random: Annotated[float, Range(0, 1)] = 0.015
    random_flagged: Annotated[float, Range(0, 1)] = 0.10
    random_per_day: Annotated[int, Range(0, 1000)] = 10
    uncertain_per_day: Annotated[int, Range(0, 1000)] = 5
    adjudications_per_day: Annotated[int, Range(0, 1000)] = 10


@dataclass(frozen=True, slots=True)
class ShadowEvaluationSettings:
    """How long the shadow evaluation after a promotion lasts; see bot.learning.shadow."""

    readings: Annotated[int, Range(1, 1_000_000)] = 600
    hours: Annotated[float, Range(0, 365 * 24)] = 48.0
    """It ends after this many readings and hours, whichever comes last. 200 readings are too few: docs/learning.md."""
    max_hours: Annotated[float, Range(0, 365 * 24)] = 14 * 24.0
    """It ends after this time at the latest."""


@dataclass(frozen=True, slots=True)
class LearningSettings:
    schedule: str = "0 3 * * *"
    """Crontab form, in `timezone`."""
    timezone: str = "UTC"
    jitter_s: Annotated[int, Range(0, DAY_S)] = 300
    """The run begins up to this much later, so that not all installations start at the same second."""
    misfire_grace_s: Annotated[int, Range(1, 7 * DAY_S)] = 6 * 3600
    retrain_after: Annotated[int, Range(1, 1_000_000)] = 200
    """This many newly labelled messages start a run outside the schedule."""
    method: Literal["full", "lora"] = "full"
    threads: Annotated[int, Range(1, 256)] = 1
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to train. auto: on the GPU if torch finds one."""
    sample: Annotated[int, Range(1, 1_000_000)] | None = 2000
    """Size of the stratified sample of the corpus that is replayed; null: all of it."""
    epochs: Annotated[int, Range(1, 100)] | None = None
    promotion: Literal["auto", "manual"] = "auto"
    keep_versions: Annotated[int, Range(0, 1000)] = 5
    """Of the versions that never served, this many of the latest are kept. Versions that served are never removed."""
    feedback: FeedbackSettings = field(default_factory=FeedbackSettings)
    label_requests: LabelRequestSettings = field(default_factory=LabelRequestSettings)
    shadow_evaluation: ShadowEvaluationSettings = field(default_factory=ShadowEvaluationSettings)


@dataclass(frozen=True, slots=True)
class PaceSettings:
    """How fast the bot posts into one channel. Slack's limit is about one post per second, with short bursts."""

    posts_per_second: Annotated[float, Range(0.01, 10_000)] = 1.0
    burst: Annotated[int, Range(1, 10_000)] = 4


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """`/healthz`, and in HTTP mode `/slack/events`."""

    host: str = "127.0.0.1"
    port: Annotated[int, Range(0, 65_535)] = 3000


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
    channels: ChannelSettings
    people: PeopleSettings
    rules: RuleSettings = field(default_factory=RuleSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    learning: LearningSettings = field(default_factory=LearningSettings)
    pace: PaceSettings = field(default_factory=PaceSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    database: Path = Path("data/softanswer.db")
    retain_text_days: Annotated[int, Range(1, 3650)] = 90
    """Days for which the text of messages is kept."""


def load_settings(config: Path) -> Settings:
    """Read `config/softanswer.yaml`. Relative paths in it are relative to the working directory.

    Raises SettingsError on a missing file, a missing or unknown key, or a value of the wrong type or out of bounds.
    """
    file = config / "softanswer.yaml"
    raw = _renamed(read_yaml(file), file)
    settings = _build(Settings, raw, file, "")
    assert isinstance(settings, Settings)
    if not settings.channels.support:
        raise SettingsError(
            f"{file}: channels.support is empty — name at least one channel where customers write"
        )
    for emoji, label in settings.learning.feedback.reactions.items():
        if label not in ("negative", "neutral", "positive"):
            raise SettingsError(
                f"{file}: learning.feedback.reactions.{emoji} is {label!r} — use negative, neutral or positive"
            )
    if not settings.people.admins:
        raise SettingsError(f"{file}: people.admins is empty — name at least one admin (user id or @name)")
    return settings


RENAMED = {
    "learning.asks": "learning.label_requests",
    "learning.label_requests.random_a_day": "learning.label_requests.random_per_day",
    "learning.label_requests.uncertain_a_day": "learning.label_requests.uncertain_per_day",
    "learning.label_requests.opinions_a_day": "learning.label_requests.adjudications_per_day",
    "learning.watch": "learning.shadow_evaluation",
    "learning.shadow_evaluation.most_hours": "learning.shadow_evaluation.max_hours",
    "learning.feedback.one_persons_share": "learning.feedback.max_annotator_rate",
    "learning.feedback.burst_an_hour": "learning.feedback.burst_per_hour",
    "learning.feedback.live_share": "learning.feedback.live_holdout_rate",
    "pace.posts_a_second": "pace.posts_per_second",
    "pace.at_once": "pace.burst",
}
"""Keys of version 0.1, in the order of renaming. They are accepted with a warning until version 0.3."""


def _renamed(raw: Mapping[str, Any], file: Path) -> Mapping[str, Any]:
    """The settings with old keys under their new names. Raises SettingsError if both are there."""
    raw = copy.deepcopy(dict(raw))
    for old, new in RENAMED.items():
        *path, name = old.split(".")
        place: Any = raw
        for part in path:
            place = place.get(part) if isinstance(place, dict) else None
        if not isinstance(place, dict) or name not in place:
            continue
        successor = new.rpartition(".")[2]
        if successor in place:
            raise SettingsError(f"{file}: both {old} and {new} are set — {old} is its old name; remove it")
        place[successor] = place.pop(name)
        log.warning(
            "%s: %s is called %s now — rename it; version 0.3 will not know the old name", file, old, new
        )
    return raw


def load_tokens(environ: Mapping[str, str] = os.environ) -> Tokens:
    """Read the Slack tokens from the environment. Raises SettingsError naming the missing or wrong variable."""
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
    """Read one YAML file that holds a mapping; raises SettingsError."""
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
    """Build a value of a dataclass or plain type from YAML, and check every key."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, raw, file, at)
    if origin is Annotated:
        value, bounds = _build(args[0], raw, file, at), args[1]
        if value not in bounds:
            raise SettingsError(f"{file}: {at} is {raw} — choose a {_KINDS[args[0]]} from {bounds}")
        return value
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
    hints = typing.get_type_hints(kind, include_extras=True)
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
