"""What is written to Slack: one class for each kind of action, which makes its key and holds its payload.

An action's `key` is unique for ever: the same action cannot be queued twice. Its fields, but for `key`, `channel` and
`thread`, are its payload, kept as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

from bot.domain.message import ReplyKind

TRIAGE = ""
"""The channel of an action that goes to the triage channel, whichever that is when it is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to write to Slack."""

    kind: ClassVar[str]
    posts: ClassVar[bool] = False
    """It posts a message. The others edit one, or may be written twice without harm."""
    to_customer: ClassVar[bool] = False
    """A customer waits for it: of no use once it is too late."""
    quotes: ClassVar[bool] = False
    """It is made of a customer's message, and is not sent once the words of that are gone."""

    key: str
    channel: str = TRIAGE
    thread: str | None = None

    @property
    def payload(self) -> dict[str, Any]:
        """What is kept beside key and place; JSON's types alone."""
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
    """Whether it requests *did this help?*."""

    @staticmethod
    def key_of(channel: str, ts: str) -> str:
        """Of the reply to the message that stands there: a message has one."""
        return f"reply:{channel}:{ts}"

    @staticmethod
    def key_of_choice(channel: str, ts: str) -> str:
        """Of the reply that follows a clarify question."""
        return f"chosen:{channel}:{ts}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clarify(Action):
    """A clarify question: *did you mean*. It is the message's reply, and has that key."""

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
    """The buttons of a clarify question go."""

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
    """A word that one person alone sees."""

    kind = "ephemeral"

    user: str
    text: str
    rated: int | None = None
    """Id of the message whose answer did not help: a button says that a person should have answered."""
    response_url: str = ""
    """Of a command: where to answer if the bot is no member of the channel."""

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
    """A case's card. It shows the case as it is when it is sent."""

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
        """`number` tells a case's updates apart."""
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
    """LabelRequests an agent how a customer felt."""

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
    """Messages that a new version reads wrong and the old one read right."""

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
    """A person's App Home, as it is when it is sent."""

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
    """An action as it was queued. What its class does not know, of another version's making, is left out. Raises KeyError
    for a kind that is not known, TypeError if the payload lacks something."""
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
