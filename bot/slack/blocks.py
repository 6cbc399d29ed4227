"""Block Kit, built by pure functions. Slack's limits: 50 blocks, section text 3,000, button value 2,000 characters."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.desk.answers import CUSTOMER_WANTS_A_PERSON, DID_NOT_HELP
from bot.domain.case import CaseView
from bot.pipeline.decide import ASKED_FOR_A_PERSON, SAME_ANSWER
from bot.pipeline.templates import escape

Block = dict[str, Any]

LABEL_NAMES = {"negative": "😟 negative", "neutral": "😐 neutral", "positive": "🙂 positive"}
_TITLES = {
    "unhappy": "🔴 Unhappy customer",
    "request": "🔵 Customer needs a reply",
    "unread": "⚪ Not read by the bot",
}
_ASKS_FOR_A_PERSON, _NO_HELP = "🔵 Customer asks for a person", "🔵 Our answer did not help"
_REQUEST_TITLES = {
    ASKED_FOR_A_PERSON: _ASKS_FOR_A_PERSON,
    CUSTOMER_WANTS_A_PERSON: _ASKS_FOR_A_PERSON,
    DID_NOT_HELP: _NO_HELP,
    SAME_ANSWER: _NO_HELP,
}


def title(case: CaseView) -> str:
    """A case's title in the triage channel and on the Home. A request's title says what happened, where that is known."""
    if case.flag == "request":
        for what in (case.cause,) if case.cause else case.reasons:
            if what in _REQUEST_TITLES:
                return _REQUEST_TITLES[what]
    return _TITLES[case.flag]


def section(text: str) -> Block:
    """mrkdwn, unchanged. `verbatim` keeps Slack from making mentions and links of it."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": shorten(text, 3000), "verbatim": True}}


def context(text: str) -> Block:
    return {
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": shorten(text, 2000), "verbatim": True}],
    }


def shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def quote(raw: str | None, limit: int = 600) -> str:
    """A customer's text as a quotation without active mentions or links. `raw` is None once the text was erased."""
    if raw is None:
        return ">_no longer kept_"
    shown = shorten(readable(raw), limit) or "(nothing to show)"
    return "\n".join(f">{escape(line)}" for line in shown.splitlines() if line.strip())


_ENTITY = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_INVISIBLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_NAMES = {"@": "@someone", "#": "#a channel"}


def readable(raw: str) -> str:
    """A message as plain text: no entities, no control or direction characters."""

    def plain(match: re.Match[str]) -> str:
        kind, target, label = match.groups()
        if kind in _NAMES:
            return kind + label.lstrip(kind) if label else _NAMES[kind]
        if kind == "!":
            return label or "@" + target.split("^")[0]
        return f"{label} ({target})" if label and label != target else target

    return _INVISIBLE.sub("", html.unescape(_ENTITY.sub(plain, raw.replace("```", "\n")))).strip()


# --- what customers see: no score, no flag, no name of an agent


def reply(text: str, message_id: int, *, native: bool) -> list[Block]:
    """An answer with rating buttons. `native`: Slack's own feedback buttons; else plain ones for older servers."""
    return [section(text), _feedback_buttons(message_id) if native else _plain_feedback(message_id)]


def _feedback_buttons(message_id: int) -> Block:
    def button(text: str, rating: str, label: str) -> dict[str, Any]:
        value = json.dumps({"message": message_id, "word": rating})
        return {"text": {"type": "plain_text", "text": text}, "accessibility_label": label, "value": value}

    return {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": "rate_answer",
                "positive_button": button("Helpful", "helpful", "This answer helped me"),
                "negative_button": button("Not helpful", "not_helpful", "This answer did not help me"),
            }
        ],
    }


def _plain_feedback(message_id: int) -> Block:
    ratings = (("👍 Helpful", "helpful"), ("👎 Not helpful", "not_helpful"))
    return {
        "type": "actions",
        "elements": [
            button(text, f"rate_{rating}", {"message": message_id, "word": rating})
            for text, rating in ratings
        ],
    }


def not_helped(text: str, message_id: int) -> list[Block]:
    """The message to a customer whom an answer did not help, with a button to say that a person should have answered."""
    value = {"message": message_id, "word": "person"}
    return [
        section(text),
        {"type": "actions", "elements": [button("A person should have answered", "rate_person", value)]},
    ]


def clarify(text: str, options: Sequence[Mapping[str, str]], message_id: int) -> list[Block]:
    """A clarify question, with up to three answers and *None of these* as buttons."""
    buttons = [
        button(option["title"], f"choose_{i}", {"message": message_id, "template": option["template"]})
        for i, option in enumerate(options[:3])
    ]
    buttons.append(button("None of these", "choose_none", {"message": message_id, "template": None}))
    return [section(text), {"type": "actions", "elements": buttons}]


def home(role: str, product: str, cases: Sequence[CaseView], status: Sequence[str]) -> list[Block]:
    """The App Home. It shows customers how to get help, and the team its open cases."""
    if role == "customer":
        return [
            header(f"Help with {product}"),
            section(
                "Ask in the support channel. You'll get an answer in your thread within seconds, or someone from our team takes over."
            ),
            section("To reach someone right away, write *talk to a person*."),
            context(
                "I'm a bot and read your messages first. If I get something wrong, tell me, and someone from our team will take a look."
            ),
        ]
    blocks = [header("Open cases" if cases else "No open cases")]
    for case in cases[:20]:
        owner = f" · taken by <@{case.owner}>" if case.owner else ""
        blocks += [
            section(
                f"*{title(case)}* · <@{case.customer}> in <#{case.channel}>{owner}\n{quote(case.text, 200)}"
            )
        ]
    return [*blocks, {"type": "divider"}, context("\n".join(status))]


# --- pieces


def modal(title: str, shown: list[Block], **more: Any) -> dict[str, Any]:
    """A modal, with a close button."""
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": shorten(title, 24)},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": shown,
        **more,
    }


def option(text: str, value: str) -> dict[str, Any]:
    return {"text": {"type": "plain_text", "text": shorten(text, 75), "emoji": True}, "value": value}


def select(block: str, label: str, kind: str, options: Sequence[Mapping[str, Any]]) -> Block:
    return {
        "type": "input",
        "block_id": block,
        "optional": True,
        "label": {"type": "plain_text", "text": label},
        "element": {"type": kind, "action_id": "choice", "options": list(options)},
    }


def header(text: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": shorten(text, 150)}}


def button(text: str, action_id: str, value: Mapping[str, Any], style: str | None = None) -> Block:
    button: Block = {
        "type": "button",
        "text": {"type": "plain_text", "text": shorten(text, 75), "emoji": True},
        "action_id": action_id,
        "value": json.dumps(dict(value)),
    }
    return button | ({"style": style} if style else {})
