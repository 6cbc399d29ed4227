"""What follows from a rating (👍 👎), from the choice under a clarify question, and from sending a draft. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from bot.domain.actions import Action, Clarify, ClarifyClose, Draft, DraftClose, Reply
from bot.domain.feedback import Rating, RatingContext
from bot.domain.message import StoredMessage

DID_NOT_HELP = "The customer says that the answer did not help"
CUSTOMER_WANTS_A_PERSON = "The customer says that a person should have answered"
_RATINGS = {
    "helpful": Rating("Thank you, noted."),
    "not_helpful": Rating(
        "Thanks for telling us. I've asked our team to take a look.", DID_NOT_HELP, may_ask_for_person=True
    ),
    "person": Rating("Thanks for saying so. I've told our team.", CUSTOMER_WANTS_A_PERSON),
}
NONE_OF_THESE = "The customer wanted none of the suggested answers"
NOT_YOURS = "Only the person who asked can choose here."


def rate(context: RatingContext) -> Rating | None:
    """What follows from a customer's rating; None if they may not give it. *person* is pressed in the ephemeral message
    that follows *not helpful*, so it needs that rating before."""
    allowed = context.rated_not_helpful if context.value == "person" else context.is_our_answer
    return _RATINGS.get(context.value) if allowed else None


@dataclass(frozen=True, slots=True)
class Choice:
    """What follows from a button under a clarify question."""

    refusal: str | None = None
    """The text for somebody who may not choose. Nothing else follows then."""
    template: str | None = None
    hand_off: bool = False


def choose(
    message: StoredMessage | None,
    asked: Action | None,
    template: str | None,
    user: str,
    known: Collection[str],
) -> Choice | None:
    """Only the person who asked may choose, and only among the offered templates. Without a template the team takes over.

    `message` is the customer's question, `asked` the clarify question that was posted, `known` the present templates.
    None means that nothing happens.
    """
    if message is None or message.reply != "clarify" or not isinstance(asked, Clarify):
        return None
    if user != message.user:
        return Choice(refusal=NOT_YOURS)
    if template is None:
        return Choice(hand_off=True)
    offered = [option["template"] for option in asked.options]
    return Choice(template=template) if template in offered and template in known else None


def after_choice(
    message: StoredMessage, choice: Choice, text: str, title: str | None
) -> tuple[Reply, ClarifyClose]:
    """The chosen reply, and the edit that removes the buttons. `title` is the template's."""
    reply = Reply(
        key=Reply.key_of_choice(message.channel, message.ts),
        channel=message.channel,
        thread=message.thread,
        text=text,
        reply="handover" if choice.hand_off else "template",
        template=choice.template,
        rate=not choice.hand_off,
    )
    asked = f"You asked about: {title}" if title else "None of these: someone from our team will reply here."
    return reply, ClarifyClose.after(message.channel, message.ts, asked)


def send_draft(
    message: StoredMessage | None, draft: Action | None, user: str
) -> tuple[Reply, DraftClose] | None:
    """The reply from a draft, as the agent saw it. None if there is no draft, or the question was erased."""
    if message is None or message.text is None or not isinstance(draft, Draft):
        return None
    reply = Reply(
        key=Reply.key_of(message.channel, message.ts),
        channel=message.channel,
        thread=message.thread,
        text=draft.text,
        reply=draft.reply,
        template=draft.template,
        rate=draft.rate,
    )
    return reply, DraftClose.after(message.channel, message.ts, draft.text, f"Sent by <@{user}>")
