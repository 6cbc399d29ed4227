"""The words the bot thinks in: frozen facts that travel one way down the road.

Everything here is plain data. `gate` makes a `Message` of an event, `model` a `Reading` of a message,
`decide` a `Decision` of both, and the pipeline commits `Action`s that the outbox delivers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["customer", "agent", "admin"]
Mode = Literal["auto", "suggest", "observe"]
Tone = Literal["negative", "neutral", "positive"]
Flag = Literal["unhappy", "request", "unread"]
ReplyKind = Literal["template", "holding", "clarify", "handover"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message that a person wrote in a support channel."""

    team: str
    channel: str
    ts: str
    thread: str
    """ts of the thread's first message; the message's own ts when it starts one."""
    user: str
    text: str
    """As Slack sent it: entities and `&amp;` still in it."""
    role: Role
    mode: Mode
    late: Literal["open", "answered"] | None = None
    """It was found when the bot caught up; *answered*: by then a person of the team had written in its thread."""
    shared: bool = False
    """Its channel is shared with another organisation (Slack Connect)."""
    author_team: str | None = None
    """The workspace that the author belongs to: another one than `team` in Slack Connect; None if Slack does not say."""

    @property
    def is_reply(self) -> bool:
        return self.thread != self.ts

    @property
    def written_at(self) -> float:
        """Seconds since the epoch."""
        return float(self.ts)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as the database has it, with how it was read."""

    id: int
    team: str
    channel: str
    ts: str
    thread: str
    user: str
    role: Role
    text: str | None
    """None once the words are gone."""
    label: str | None = None
    """None if it was not scored, or never read."""
    confidence: float | None = None
    version: str | None = None
    """Of the model that read it."""
    reply: ReplyKind | None = None
    """What the customer got."""
    flag: Flag | None = None
    edited_at: float | None = None
    """When we heard of the latest edit, in seconds since the epoch by our clock."""
    edit_ts: float | None = None
    """When that edit was made, by Slack's clock."""
    shared: bool = False
    """Its channel was shared with another organisation when it was written."""
    redacted: bool = False
    """`text` is no more than what may be learned from."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A message whose words its author changed."""

    message: Message
    """As it reads now."""
    edited_at: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """A message that its author took back."""

    team: str
    channel: str
    ts: str


@dataclass(frozen=True, slots=True)
class Skip:
    """The event is nothing to answer; the reason is kept in the inbox."""

    reason: str


@dataclass(frozen=True, slots=True)
class TemplateMatch:
    """One template and how well the message fits it: 0.9 for one of its examples, about 0 for what is like none."""

    template: str
    title: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Thread:
    """What happened around a message so far, as far as `decide` needs it. Times in seconds since the epoch."""

    team_wrote_at: float | None = None
    """When a person of the team last wrote in the thread."""
    templates_used: frozenset[str] = frozenset()
    replies: frozenset[ReplyKind] = frozenset()
    """The kinds of reply the bot has given in the thread."""
    conversation_answered: bool = False
    """The same customer started another thread here moments ago, and the bot has answered it."""
    conversation_templates: frozenset[str] = frozenset()
    """The templates with which it was answered."""
    conversation_negative: bool = False
    """The worst reading of that conversation was confidently negative."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the bot does with a message, and why."""

    reply: ReplyKind | None = None
    template: str | None = None
    tone: Tone = "neutral"
    options: tuple[TemplateMatch, ...] = ()
    """The buttons of a *clarify* reply."""
    flag: Flag | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Received:
    id: int
    team: str
    event: Mapping[str, Any]
    attempts: int
    received_at: float = 0.0
    """Seconds since the epoch, by our clock."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What became of the messages of a person, or of everybody."""

    messages: int
    """Whose words are gone now."""
    versions: tuple[str, ...]
    """Model versions that had learned from some of them."""
    stopped: bool = False
    """A retraining that may have held some of the words was stopped."""
