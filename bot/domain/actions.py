"""Everything that is written to Slack: one class per kind of action, which makes its key and holds its payload.

An action's `key` is unique, so the same action cannot be queued twice. All fields except `key`, `channel` and `thread`
are its payload, stored as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

from bot.domain.message import ReplyKind

TRIAGE = ""
"""Stands for the triage channel, which is looked up when the action is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to write to Slack."""

    kind: ClassVar[str]
    posts: ClassVar[bool] = False
    """It posts a message. The others edit one, or do no harm if they are sent twice."""
    to_customer: ClassVar[bool] = False
    """A customer waits for it; it is dropped once it is too late."""
    quotes: ClassVar[bool] = False
    """It quotes or answers a customer's message; it is not sent once that text is erased."""

    key: str
    channel: str = TRIAGE
    thread: str | None = None

    @property
    def payload(self) -> dict[str, Any]:
        """The fields other than key, channel and thread; JSON types only."""
        return {
            f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("key", "channel", "thread")
        }


# --- in support channels


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Action):
    """An answer in the customer's thread."""

    kind = "reply"
    posts = to_customer = quotes = True

    text: str
    reply: ReplyKind
    template: str | None = None
    rate: bool = False
    """Whether it asks *did this help?*."""

    @staticmethod
    def key_of(channel: str, ts: str) -> str:
        """The key of the reply to the message at this place: a message has one."""
        return f"reply:{channel}:{ts}"

    @staticmethod
    def key_of_choice(channel: str, ts: str) -> str:
        """The key of the reply that follows a clarify question."""
        return f"chosen:{channel}:{ts}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clarify(Action):
    """A clarify question: *did you mean*. It is the message's reply and has its key."""

    kind = "clarify"
    posts = to_customer = quotes = True

    text: str
    options: Sequence[Mapping[str, str]]
    """`{"template", "title"}` each."""
    reply: ReplyKind = "clarify"
    template: str | None = None
    rate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClarifyClose(Action):
    """Removes the buttons of a clarify question."""

    kind = "clarify_close"

    of: str
    """Key of the question."""
    text: str

    @classmethod
    def after(cls, channel: str, ts: str, text: str) -> ClarifyClose:
        of = Reply.key_of(channel, ts)
        return cls(key=f"chosen_close:{channel}:{ts}", channel=channel, of=of, text=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ephemeral(Action):
    """A message that only one person sees."""

    kind = "ephemeral"

    user: str
    text: str
    rated: int | None = None
    """Id of the message whose answer did not help; adds a button *a person should have answered*."""
    response_url: str = ""
    """For a command: the URL to answer at if the bot is not in the channel."""

    @classmethod
    def to_command(cls, command: Mapping[str, Any], text: str) -> Ephemeral:
        """The answer to a slash command, as Slack sent it."""
        return cls(
            key=f"command:{command['trigger_id']}",
            channel=str(command["channel_id"]),
            user=str(command["user_id"]),
            text=text,
            response_url=str(command.get("response_url") or ""),
        )


# --- the triage channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Card(Action):
    """A case's card. It shows the case at the time of sending."""

    kind = "card"
    posts = True

    @staticmethod
    def key_of(case: int) -> str:
        return f"card:{case}"

    @classmethod
    def of_case(cls, case: int) -> Card:
        return cls(key=cls.key_of(case))


@dataclass(frozen=True, slots=True, kw_only=True)
class CardUpdate(Action):
    kind = "card_update"

    of: str

    @classmethod
    def of_case(cls, case: int, number: int) -> CardUpdate:
        """`number` distinguishes the updates of a case."""
        return cls(key=f"{Card.key_of(case)}:{number}", of=Card.key_of(case))


@dataclass(frozen=True, slots=True, kw_only=True)
class CardNote(Action):
    """A line under the card: the customer wrote again."""

    kind = "card_note"
    posts = True

    of: str

    @classmethod
    def under(cls, case: int, message: int, edit: str) -> CardNote:
        return cls(key=f"note:{message}{edit}", of=Card.key_of(case))


@dataclass(frozen=True, slots=True, kw_only=True)
class CardNoteUpdate(Action):
    kind = "card_note_update"

    of: str

    @classmethod
    def of_note(cls, note: str, now: float) -> CardNoteUpdate:
        return cls(key=f"{note}:{now}", of=note)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft(Action):
    """A drafted answer that an agent may send (mode *suggest*)."""

    kind = "draft"
    posts = quotes = True

    text: str
    reply: ReplyKind
    template: str | None
    rate: bool
    customer_channel: str
    customer_thread: str

    @staticmethod
    def key_of(channel: str, ts: str) -> str:
        return f"draft:{channel}:{ts}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftClose(Action):
    kind = "draft_close"

    of: str
    text: str
    state: str

    @classmethod
    def after(cls, channel: str, ts: str, text: str, state: str) -> DraftClose:
        of = Draft.key_of(channel, ts)
        return cls(key=f"draft_close:{channel}:{ts}", of=of, text=text, state=state)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRequestPost(Action):
    """A label request: asks an agent how a customer felt."""

    kind = "label_request"
    posts = True

    ask: int
    person: str | None

    @staticmethod
    def key_of(request: int) -> str:
        return f"ask:{request}"

    @classmethod
    def of_request(cls, request: int, person: str | None) -> LabelRequestPost:
        return cls(key=cls.key_of(request), ask=request, person=person)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRequestClose(Action):
    kind = "label_request_close"

    of: str
    by: str | None

    @classmethod
    def of_request(
        cls, request: int, by: str | None, why: Literal["close", "gone", "edited"] = "close"
    ) -> LabelRequestClose:
        return cls(key=f"ask_{why}:{request}", of=LabelRequestPost.key_of(request), by=by)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamplePost(Action):
    """A proposed example, for an admin to decide on."""

    kind = "example"
    posts = True

    example: int

    @staticmethod
    def key_of(example: int) -> str:
        return f"example:{example}"

    @classmethod
    def of_example(cls, example: int) -> ExamplePost:
        return cls(key=cls.key_of(example), example=example)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleClose(Action):
    kind = "example_close"

    of: str
    example: int

    @classmethod
    def of_example(cls, example: int, why: Literal["close", "gone"] = "close") -> ExampleClose:
        return cls(key=f"example_{why}:{example}", of=ExamplePost.key_of(example), example=example)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Action):
    """A report to the team."""

    kind = "notice"
    posts = True

    text: str
    table: Sequence[Sequence[Any]] | None = None
    caption: str = ""
    worse: Sequence[Mapping[str, Any]] | None = None
    """Regressions: messages that the new version reads wrong and the old one read right."""

    @staticmethod
    def key_of_run(run: int) -> str:
        return f"run:{run}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeUpdate(Action):
    kind = "notice_update"

    of: str
    text: str
    table: Sequence[Sequence[Any]] | None = None
    caption: str = ""
    worse: Sequence[Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture(Action):
    """The learning report under its run, as a picture."""

    kind = "picture"
    posts = True

    of: str
    text: str
    report: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_run(cls, run: int, text: str, report: Mapping[str, Any]) -> Picture:
        return cls(key=f"picture:{run}", of=Notice.key_of_run(run), text=text, report=report)


# --- elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Home(Action):
    """A person's App Home. It shows the state at the time of sending."""

    kind = "home"

    user: str

    @classmethod
    def opened(cls, user: str, event: str) -> Home:
        return cls(key=f"home:{user}:{event}", channel=user, user=user)


KINDS: dict[str, type[Action]] = {
    kind.kind: kind
    for kind in (
        Reply, Clarify, ClarifyClose, Ephemeral, Card, CardUpdate, CardNote, CardNoteUpdate, Draft, DraftClose,
        LabelRequestPost, LabelRequestClose, ExamplePost, ExampleClose, Notice, NoticeUpdate, Picture, Home,
    )
}  # fmt: skip

TO_CUSTOMER = tuple(kind for kind, of in KINDS.items() if of.to_customer)
QUOTES = tuple(kind for kind, of in KINDS.items() if of.quotes)


def read_action(kind: str, key: str, channel: str, thread: str | None, payload: Mapping[str, Any]) -> Action:
    """Restore a queued action. Payload fields unknown to its class (from another version) are ignored.

    Raises KeyError if the kind is unknown, TypeError if the payload lacks a field.
    """
    of = KINDS[kind]
    known = {f.name for f in fields(of)}
    return of(key=key, channel=channel, thread=thread, **{n: v for n, v in payload.items() if n in known})


@dataclass(frozen=True, slots=True)
class Queued:
    """An action in the outbox. Times in seconds since the epoch."""

    id: int
    team: str
    action: Action
    case_id: int | None
    message_id: int | None
    state: str
    attempts: int
    due_at: float
    error: str | None
    created_at: float
