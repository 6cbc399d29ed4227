"""The pipeline's data types: frozen dataclasses that are passed in one direction.

`gate` makes a `Message` from an event, `model` a `Reading` from a message, and `decide` a `Decision` from both.
The pipeline commits `Action`s, which the outbox delivers.
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
    """Set if the backfill found it; *answered*: a person of the team had written in its thread by then."""
    shared: bool = False
    """Its channel is shared with another organisation (Slack Connect)."""
    author_team: str | None = None
    """The author's workspace, which differs from `team` in Slack Connect; None if Slack does not say."""

    @property
    def is_reply(self) -> bool:
        return self.thread != self.ts

    @property
    def written_at(self) -> float:
        """Seconds since the epoch."""
        return float(self.ts)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as it is stored, with its reading."""

    id: int
    team: str
    channel: str
    ts: str
    thread: str
    user: str
    role: Role
    text: str | None
    """None once the text is erased."""
    label: str | None = None
    """None if it was not scored, or never read."""
    confidence: float | None = None
    version: str | None = None
    """The model version that read it."""
    reply: ReplyKind | None = None
    """The kind of reply that the customer got."""
    flag: Flag | None = None
    edited_at: float | None = None
    """When we received the latest edit, by our clock; seconds since the epoch."""
    edit_ts: float | None = None
    """When that edit was made, by Slack's clock."""
    shared: bool = False
    """Its channel was shared with another organisation when it was written."""
    redacted: bool = False
    """`text` is the redacted one, kept only for learning."""


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit of a message by its author."""

    message: Message
    """With the new text."""
    edited_at: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """The deletion of a message by its author."""

    team: str
    channel: str
    ts: str


@dataclass(frozen=True, slots=True)
class Skip:
    """The event needs no answer; the inbox keeps the reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class TemplateMatch:
    """A template with the message's similarity to it: 0.9 for one of its examples, about 0 for an unrelated message."""

    template: str
    title: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Thread:
    """What `decide` needs to know about the time before a message. Times in seconds since the epoch."""

    team_wrote_at: float | None = None
    """When a person of the team last wrote in the thread."""
    templates_used: frozenset[str] = frozenset()
    replies: frozenset[ReplyKind] = frozenset()
    """The kinds of reply the bot has given in the thread."""
    conversation_answered: bool = False
    """The same customer started another thread in the channel just before, and the bot has answered it."""
    conversation_templates: frozenset[str] = frozenset()
    """The templates of those answers."""
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
    """The result of erasing the messages of a person, or of everybody."""

    messages: int
    """How many texts were erased."""
    versions: tuple[str, ...]
    """Model versions that learned from some of them."""
    stopped: bool = False
    """A retraining that may have used some of the texts was stopped."""
