"""Block Kit, built by pure functions: facts in, blocks out. Limits: 50 blocks, section text 3,000, button value 2,000."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain import Case
from bot.templates import escape
from model.explain import Weighed
from model.reading import Reading

Block = dict[str, Any]

LABELS = ("negative", "neutral", "positive")
_MOODS = {"negative": "😟 negative", "neutral": "😐 neutral", "positive": "🙂 positive"}
_TITLES = {
    "unhappy": "🔴 Unhappy customer",
    "request": "🔵 A person is wanted",
    "unread": "⚪ Not read by the bot",
}


def section(text: str) -> Block:
    """mrkdwn as it stands; `verbatim` keeps Slack from finding mentions and links in it."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": shorten(text, 3000), "verbatim": True}}


def context(text: str) -> Block:
    return {
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": shorten(text, 2000), "verbatim": True}],
    }


def shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def quote(raw: str | None, limit: int = 600) -> str:
    """What a customer wrote (None: the words are gone), as a quotation in which nothing is a mention, a link or a command."""
    if raw is None:
        return ">_no longer kept_"
    words = shorten(readable(raw), limit) or "(nothing to show)"
    return "\n".join(f">{escape(line)}" for line in words.splitlines() if line.strip())


_ENTITY = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_INVISIBLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_NAMES = {"@": "@someone", "#": "#a channel"}


def readable(raw: str) -> str:
    """A message as a person would read it aloud: no entities, no control or direction characters."""

    def word(match: re.Match[str]) -> str:
        kind, target, label = match.groups()
        if kind in _NAMES:
            return kind + label.lstrip(kind) if label else _NAMES[kind]
        if kind == "!":
            return label or "@" + target.split("^")[0]
        return f"{label} ({target})" if label and label != target else target

    return _INVISIBLE.sub("", html.unescape(_ENTITY.sub(word, raw.replace("```", "\n")))).strip()


# --- what customers see: no score, no flag, no name of an agent


def reply(text: str, message_id: int, *, native: bool) -> list[Block]:
    """An answer with *did this help?*. `native`: Slack's own feedback buttons; else plain ones for older servers."""
    return [section(text), _feedback_buttons(message_id) if native else _plain_feedback(message_id)]


def _feedback_buttons(message_id: int) -> Block:
    def button(text: str, word: str, label: str) -> dict[str, Any]:
        value = json.dumps({"message": message_id, "word": word})
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
    words = (("👍 Helpful", "helpful"), ("👎 Not helpful", "not_helpful"))
    return {
        "type": "actions",
        "elements": [
            _button(text, f"rate_{word}", {"message": message_id, "word": word}) for text, word in words
        ],
    }


def not_helped(text: str, message_id: int) -> list[Block]:
    """The word to a customer whom an answer did not help; they may say that no program should have answered."""
    value = {"message": message_id, "word": "person"}
    return [
        section(text),
        {"type": "actions", "elements": [_button("A person should have answered", "rate_person", value)]},
    ]


def clarify(text: str, options: Sequence[Mapping[str, str]], message_id: int) -> list[Block]:
    """*Did you mean*, with up to three buttons and a way to a person."""
    buttons = [
        _button(option["title"], f"choose_{i}", {"message": message_id, "template": option["template"]})
        for i, option in enumerate(options[:3])
    ]
    buttons.append(_button("None of these", "choose_none", {"message": message_id, "template": None}))
    return [section(text), {"type": "actions", "elements": buttons}]


# --- what agents see


def card(case: Case, permalink: str | None) -> list[Block]:
    """A case in the triage channel: who, where, what, how sure, and what can be done."""
    where = f" · <{permalink}|open the message>" if permalink else ""
    title = f"*{_TITLES[case.flag]}* · <@{case.customer}> in <#{case.channel}>{where}"
    return [section(title), section(quote(case.text)), context(_reading(case)), *_card_foot(case)]


def headline(case: Case) -> str:
    """The card in a notification."""
    return f"{_TITLES[case.flag]} in <#{case.channel}>"


def _reading(case: Case) -> str:
    read = f"{_MOODS[case.label]} · {case.confidence:.0%} sure" if case.label else "not scored"
    if case.corrected:
        same = case.corrected == case.label
        read = (
            f"{read}, confirmed by a person"
            if same
            else f"~{read}~ → {_MOODS[case.corrected]}, corrected by a person"
        )
    reasons = "; ".join(r for r in case.reasons if not r.startswith("reads ")).removeprefix("not scored: ")
    return " · ".join(part for part in (read, escape(reasons), f"model {case.version}") if part)


def _card_foot(case: Case) -> list[Block]:
    value = {"case": case.id}
    menu = {
        "type": "static_select",
        "action_id": "correct_label",
        "placeholder": {"type": "plain_text", "text": "Wrong label"},
        "options": [
            {
                "text": {"type": "plain_text", "text": f"It is {_MOODS[label]}", "emoji": True},
                "value": json.dumps({"message": case.message_id, "label": label}),
            }
            for label in LABELS
        ],
    }
    take = _button("Take it", "take_case", value, style="primary")
    resolve = _button("Resolve", "resolve_case", value)
    if case.state == "resolved":
        owner = f" by <@{case.owner}>" if case.owner else ""
        return [context(f"✅ Resolved{owner}"), {"type": "actions", "elements": [menu]}]
    if case.state == "taken":
        return [context(f"🙋 Taken by <@{case.owner}>"), {"type": "actions", "elements": [resolve, menu]}]
    return [{"type": "actions", "elements": [take, resolve, menu]}]


def ask(text: str | None, person: str | None, permalink: str | None, message_id: int) -> list[Block]:
    """A question to one agent: how did this customer feel? The bot's own reading is not shown, lest it lead them."""
    where = f" · <{permalink}|open the message>" if permalink else ""
    who = f"<@{person}>: how" if person else "How"
    buttons = [
        _button(_MOODS[label].capitalize(), f"answer_ask_{label}", {"message": message_id, "label": label})
        for label in LABELS
    ]
    buttons.append(_button("Can't tell", "answer_ask_pass", {"message": message_id, "label": "pass"}))
    return [
        section(f"*💬 {who} did this customer feel?*{where}"),
        section(quote(text)),
        {"type": "actions", "elements": buttons},
    ]


def ask_closed(text: str | None, by: str | None) -> list[Block]:
    """The question once it is answered, or the words are gone."""
    thanks = f"Answered by <@{by}>. Thank you." if by else "Not asked any more."
    return [section(quote(text, 200)), context(f"💬 {thanks}")]


def example(proposed: Mapping[str, Any], title: str) -> list[Block]:
    """A message that an agent says belongs to a template; an admin decides."""
    lines = f"*📌 <@{proposed['user']}> says this belongs to* {escape(title)}\n{quote(proposed['text'], 500)}"
    if proposed["state"] == "proposed":
        value = {"example": proposed["id"]}
        buttons = [
            _button("Add as example", "approve_example", value, style="primary"),
            _button("No", "reject_example", value),
        ]
        return [section(lines), {"type": "actions", "elements": buttons}]
    if proposed["text"] is None:
        return [section("📌 A proposed example is gone with its message.")]
    done = "Added as an example" if proposed["state"] == "approved" else "Not added"
    return [section(lines), context(f"{done} by <@{proposed['decided_by']}>")]


def modal(title: str, shown: list[Block], **more: Any) -> dict[str, Any]:
    """A modal that only its reader sees."""
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": shorten(title, 24)},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": shown,
        **more,
    }


def reading_modal(
    row: Mapping[str, Any] | None,
    reading: Reading | None,
    driven_by: Sequence[Weighed],
    templates: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    """How a message is read, and why; for a customer's message that is kept (`row`), what an agent can say of it."""
    shown: list[Block] = []
    if reading is None:
        shown.append(section("The reading did not come in time. Close this and try again."))
    elif reading.label is None:
        shown.append(section(f"*Not scored*: {escape(reading.reason or '')}"))
    else:
        scores = " · ".join(f"{label} {share:.0%}" for label, share in (reading.scores or {}).items())
        shown += [
            section(f"*{_MOODS[reading.label]}*"),
            context(f"{scores} · model {escape(reading.version)}"),
        ]
    if driven_by:
        words = " · ".join(f"*{escape(w.word)}* {'●' * min(5, 1 + int(w.weight / 0.5))}" for w in driven_by)
        shown += [
            section(f"Words that drove it:\n{words}"),
            context("The more dots, the less sure the model would be without the word."),
        ]
    elif reading is not None and reading.label:
        shown.append(context("No single word drove it: it is the whole."))
    if row is None:
        shown.append(context("Only messages that customers wrote in support channels can be corrected."))
        return modal("How this was read", shown)
    moods = [_option(_MOODS[label], label) for label in LABELS]
    shown.append(_select("label", "How did the customer feel?", "radio_buttons", moods))
    if templates:
        options = [_option(title, template) for template, title in templates[:100]]
        shown.append(_select("template", "Which answer would have been right?", "static_select", options))
    return modal(
        "How this was read",
        shown,
        callback_id="sentiment",
        private_metadata=json.dumps({"message": row["id"]}),
        submit={"type": "plain_text", "text": "Save"},
    )


def _option(text: str, value: str) -> dict[str, Any]:
    return {"text": {"type": "plain_text", "text": shorten(text, 75), "emoji": True}, "value": value}


def _select(block: str, label: str, kind: str, options: Sequence[Mapping[str, Any]]) -> Block:
    return {
        "type": "input",
        "block_id": block,
        "optional": True,
        "label": {"type": "plain_text", "text": label},
        "element": {"type": kind, "action_id": "choice", "options": list(options)},
    }


def draft(facts: Mapping[str, Any], message_id: int, permalink: str | None) -> list[Block]:
    """A drafted answer that an agent may send (mode *suggest*)."""
    where = f" · <{permalink}|open the message>" if permalink else ""
    send = _button("Send this answer", "send_draft", {"message": message_id}, style="primary")
    return [
        section(f"*✍️ Draft for* <#{facts['channel']}>{where}"),
        section(str(facts["text"])),
        {"type": "actions", "elements": [send]},
    ]


def notice(
    facts: Mapping[str, Any], *, native: bool, links: Mapping[int, str | None] | None = None
) -> list[Block]:
    """A report to the team: text, a table if there is one (Slack's data table, or lines for older servers), and the
    messages that got worse; `links` leads to those of customers."""
    table = facts.get("table")
    blocks = [section(str(facts["text"]))]
    if table and native:
        blocks.append(data_table(str(facts["caption"]), table))
    elif table:
        blocks.append(section("\n".join(" · ".join(escape(str(cell)) for cell in row) for row in table)))
    if facts.get("worse"):
        lines = [_worse(message, (links or {}).get(message["message"])) for message in facts["worse"]]
        blocks.append(section("*Read right before, and wrong by the new version*\n" + "\n".join(lines)))
    return blocks


def _worse(message: Mapping[str, Any], link: str | None) -> str:
    """A message that got worse: the corpus' own in its words, a customer's by its link, for the words are not ours to keep."""
    if message["text"] is not None:
        what = f"“{escape(shorten(readable(message['text']), 120))}”"
    else:
        what = f"<{link}|a message of your customers>" if link else "a message of your customers"
    return f"• {what} is {message['label']}, was read as {message['read'] or 'not scored'}"


def data_table(caption: str, rows: Sequence[Sequence[str | float]]) -> Block:
    """Slack's native table; the first row is the header. At most 100 rows and 20 columns."""

    def cell(value: str | float) -> dict[str, Any]:
        if isinstance(value, str):
            return {"type": "raw_text", "text": value or "–"}
        return {"type": "raw_number", "value": value, "text": f"{value:.3f}"}

    return {
        "type": "data_table",
        "caption": caption,
        "rows": [[cell(v) for v in row[:20]] for row in rows[:101]],
    }


def home(role: str, product: str, cases: Sequence[Case], status: Sequence[str]) -> list[Block]:
    """The App Home, by role: customers learn how to get help, the team sees its open cases."""
    if role == "customer":
        return [
            _header(f"Help with {product}"),
            section(
                "Write in the support channel. You get an answer in your thread within seconds, or a person takes over."
            ),
            section("To reach a person at once, write *talk to a person*."),
            context(
                "Your messages there are read by a program first. It may be wrong: say so, and a person will look."
            ),
        ]
    blocks = [_header("Open cases" if cases else "No open cases")]
    for case in cases[:20]:
        owner = f" · taken by <@{case.owner}>" if case.owner else ""
        blocks += [
            section(
                f"*{_TITLES[case.flag]}* · <@{case.customer}> in <#{case.channel}>{owner}\n{quote(case.text, 200)}"
            )
        ]
    return [*blocks, {"type": "divider"}, context("\n".join(status))]


def _header(text: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": shorten(text, 150)}}


def _button(text: str, action_id: str, value: Mapping[str, Any], style: str | None = None) -> Block:
    button: Block = {
        "type": "button",
        "text": {"type": "plain_text", "text": shorten(text, 75), "emoji": True},
        "action_id": action_id,
        "value": json.dumps(dict(value)),
    }
    return button | ({"style": style} if style else {})
