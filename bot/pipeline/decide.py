"""The rules of conduct: message + reading + thread so far → decision. Pure; time comes in as an argument.

From top to bottom, this is the table in `docs/admin.md`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from bot.domain.message import Decision, Flag, Message, ReplyKind, TemplateMatch, Thread, Tone
from bot.settings import RuleSettings
from model.reading import Reading

_THANKS = r"(?:many\s|a\sbig\s|big\s)?(?:thanks|thank\syou|thx|tysm|ty|cheers|ta|please\sthank\syou)"
_MORE = r"(?:so\smuch|very\smuch|a\slot|a\sbunch|a\smillion|again|all|team|everyone|folks|you\sall|guys)"
_SMALL_TALK = re.compile(
    rf"""^(?:
        (?:hi|hello|hey|hiya|howdy|yo|greetings|morning|evening|afternoon)
          (?:\s(?:there|all|team|everyone|everybody|folks|guys|again))?
      | good\s(?:morning|afternoon|evening|day)(?:\s(?:all|team|everyone|folks))?
      | (?:(?:ok|okay|k|kk|sure|alright|all\sright|fine|great|perfect|cool|nice|awesome|excellent|brilliant|super
          |lovely|got\sit|will\sdo|sounds\sgood|noted|understood|makes\ssense|never\s?mind|nvm|done|yes|yep|yeah|no|nope
          |thumbs\sup)[\s,.!]*){{1,3}}(?:{_THANKS}(?:[\s,]+{_MORE}){{0,3}})?
      | (?:{_THANKS}(?:[\s,]+{_MORE}){{0,3}}[\s,.!]*){{1,2}}
    )[\s.!,:)]*$""",
    re.IGNORECASE | re.VERBOSE,
)
_PERSON = r"(?:human|(?:real\s|actual\s|live\s)?person|someone|somebody|agent|manager|supervisor|representative|rep)"
_WANTS_A_PERSON = re.compile(
    rf"\b(?:talk|speak|chat)\s(?:to|with)\s(?:an?\s|your\s|the\s|some\s)?(?:\w+\s)?(?:{_PERSON}|people)\b"
    rf"|\b(?:connect|pass|transfer|get|put)\s(?:me|us)\s[^.?!]{{0,20}}\b{_PERSON}\b"
    rf"|\b(?:want|need|like)\s(?:to\shave\s)?(?:an?|some)\s(?:\w+\s)?(?:human|person)\b(?!\s(?:to|who|that|in|on|for)\b)"
    rf"|\b(?:real|actual|live)\s(?:human|person|agent)\b"
    rf"|^\W*(?:an?\s)?(?:human|person|agent|manager)(?:,?\splease)?\W*$",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"\?|^(?:how|what|where|when|why|who|which|can|could|do|does|did|is|are|will|would|should|may"
    r"|please|pls|need|help|i need|i want|i'd like|we need|we want|any(?:one|body)?)\b",
    re.IGNORECASE,
)


_WORD = re.compile(r"\w")
_BARE_REQUEST_MAX_WORDS = 8
"""A request for a person that is no longer than this says nothing else."""
ASKED_FOR_A_PERSON = "asked for a person"
SAME_ANSWER = "the same answer did not help"
"""Reasons from which the card takes its title."""


def is_small_talk(cleaned: str) -> bool:
    """Whether the *whole* message is a greeting, thanks or an acknowledgement."""
    return bool(_SMALL_TALK.match(cleaned.strip()))


def wants_a_person(cleaned: str) -> bool:
    return bool(_WANTS_A_PERSON.search(cleaned))


def is_question(cleaned: str) -> bool:
    """Whether the message reads like a question or a request."""
    return bool(_QUESTION.search(cleaned.strip()))


def when_late(decision: Decision, message: Message, now: float, rules: RuleSettings) -> Decision:
    """The decision for a message that was found late. It is answered only while the answer is still useful."""
    if message.late is None:
        return decision
    silent = replace(decision, reply=None, template=None, options=())
    if message.late == "answered":
        still = None if decision.flag == "request" else decision.flag
        return replace(silent, flag=still, reasons=(*decision.reasons, "the team has answered meanwhile"))
    if decision.reply is None or now - message.written_at <= rules.late_answer_max_s:
        return decision
    reasons = (*decision.reasons, "found too late for the bot to answer")
    # In observe mode nobody waits for the bot.
    flag: Flag | None = decision.flag or (None if message.mode == "observe" else "request")
    return replace(silent, flag=flag, reasons=reasons)


def decide(
    message: Message,
    cleaned: str,
    reading: Reading,
    matches: Sequence[TemplateMatch],
    thread: Thread,
    rules: RuleSettings,
) -> Decision:
    """Decide on one customer message.

    `cleaned` is the text as the model read it; `matches` are the templates, most similar first. *Now* is the time at
    which the message was written: a message that waited (a restart, a backlog) is treated as it would have been then.
    """
    if reading.label is None:
        return Decision(flag="unread", reasons=(f"not scored: {reading.reason}",))
    if not _WORD.search(cleaned):
        return Decision(flag="unread", reasons=("no words to read",))
    # The probability counts, not whether *negative* is the likeliest label. A threshold below 0.5 flags more messages.
    negative = (reading.scores or {}).get("negative", 0.0) >= rules.negative_threshold
    if wants_a_person(cleaned) and len(cleaned.split()) <= _BARE_REQUEST_MAX_WORDS:
        negative = False  # we tell customers to write exactly this, so it says nothing about their mood
    flag: Flag | None = "unhappy" if negative else None
    why: tuple[str, ...] = (f"reads {reading.label}",)

    if thread.team_wrote_at is not None and message.written_at - thread.team_wrote_at < rules.human_quiet_s:
        return Decision(flag=flag, reasons=(*why, "someone from the team is in the thread"))
    best = matches[0] if matches else None
    margin = best.similarity - matches[1].similarity if best and len(matches) > 1 else 1.0
    if wants_a_person(cleaned) and not negative:
        return _hand_over(thread, (*why, ASKED_FOR_A_PERSON))
    if thread.conversation_answered and not message.is_reply:
        return _follow_up(cleaned, best, flag, thread, why)

    if negative:
        return _to_unhappy(best, margin, thread, rules, why)
    if is_small_talk(cleaned):
        return Decision(reasons=(*why, "small talk"))
    if reading.label == "positive" and not is_question(cleaned):
        return Decision(reasons=(*why, "nothing asked"))
    if thread.conversation_negative:
        why = (*why, "was unhappy earlier in this conversation")

    tone: Tone = "positive" if reading.label == "positive" and not thread.conversation_negative else "neutral"
    if best and best.similarity >= rules.match_threshold and margin >= rules.match_margin:
        if best.template in thread.templates_used:
            return _hand_over(thread, (*why, SAME_ANSWER))
        return Decision("template", best.template, tone, reasons=(*why, f"asks about {best.title}"))
    if reading.label == "negative":
        # They may be unhappy: no clarify question, the team answers.
        return _hand_over(thread, (*why, "perhaps unhappy, and no template matches clearly"))
    unused = [n for n in matches if n.template not in thread.templates_used]
    several = tuple(n for n in unused[:3] if n.similarity >= rules.clarify_threshold)
    if several and (is_question(cleaned) or not message.is_reply):
        if "clarify" in thread.replies:
            return _hand_over(thread, (*why, "still unclear after asking once"))
        return Decision("clarify", options=several, reasons=(*why, "several templates match"))
    if message.is_reply and not is_question(cleaned):
        return Decision(reasons=(*why, "a remark in a thread"))
    return _hand_over(thread, (*why, "no template matches"))


def _follow_up(
    cleaned: str, best: TemplateMatch | None, flag: Flag | None, thread: Thread, why: tuple[str, ...]
) -> Decision:
    """The conversation has its one reply already. It gets no second one, but a new question goes to the team."""
    answered = best is not None and best.template in thread.conversation_templates
    if flag is None and is_question(cleaned) and not is_small_talk(cleaned) and not answered:
        flag = "request"
    return Decision(flag=flag, reasons=(*why, "already answered in this conversation"))


def _to_unhappy(
    best: TemplateMatch | None, margin: float, thread: Thread, rules: RuleSettings, why: tuple[str, ...]
) -> Decision:
    """Answer a strong match in the negative tone; otherwise send the holding line, once per thread. Flag either way."""
    strong = best is not None and best.similarity >= rules.strong_threshold and margin >= rules.match_margin
    if best and strong and best.template not in thread.templates_used:
        return Decision(
            "template",
            best.template,
            "negative",
            flag="unhappy",
            reasons=(*why, f"asks about {best.title}"),
        )
    reply: ReplyKind | None = None if thread.replies & {"holding", "handover"} else "holding"
    return Decision(reply, tone="negative", flag="unhappy", reasons=why)


def _hand_over(thread: Thread, why: tuple[str, ...]) -> Decision:
    """Send the hand-off line once per thread; flag every time, so that the team sees each message."""
    sent = bool(thread.replies & {"handover", "holding"})
    return Decision(None if sent else "handover", flag="request", reasons=why)
