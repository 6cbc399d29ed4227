"""Block Kit for the team: cards, label requests, example proposals, drafts, reports, the reading of a message. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.actions import Draft, Notice, NoticeUpdate
from bot.domain.case import CaseView
from bot.domain.learning import Example
from bot.domain.message import StoredMessage
from bot.pipeline.templates import escape
from bot.slack.blocks import (
    LABEL_NAMES,
    Block,
    button,
    context,
    modal,
    option,
    quote,
    readable,
    section,
    select,
    shorten,
    title,
)
from model.explain import Weighed
from model.reading import LABELS, Reading


def card(case: CaseView, permalink: str | None) -> list[Block]:
    """A case's card in the triage channel: customer, channel, message, reading, and the buttons."""
    where = f" · <{permalink}|open the message>" if permalink else ""
    head = f"*{title(case)}* · <@{case.customer}> in <#{case.channel}>{where}"
    return [section(head), section(quote(case.text)), context(_what_happened(case)), *_card_foot(case)]


def headline(case: CaseView) -> str:
    """The card's text in a notification."""
    return f"{title(case)} in <#{case.channel}>"


def _what_happened(case: CaseView) -> str:
    """Why there is a card: what happened for a request, otherwise the reading and its reasons."""
    reasons = "; ".join(r for r in case.reasons if not r.startswith("reads ")).removeprefix("not scored: ")
    if case.flag == "request":
        parts = [escape(case.cause or reasons)]
        if case.corrected:
            parts.append(f"{LABEL_NAMES[case.corrected]}, labelled by a person")
        return " · ".join(part for part in parts if part)
    read = f"{LABEL_NAMES[case.label]} · {case.confidence:.0%} sure" if case.label else "not scored"
    if case.corrected:
        same = case.corrected == case.label
        read = (
            f"{read}, confirmed by a person"
            if same
            else f"~{read}~ → {LABEL_NAMES[case.corrected]}, corrected by a person"
        )
    return " · ".join(part for part in (read, escape(reasons), f"model {case.version}") if part)


def _card_foot(case: CaseView) -> list[Block]:
    value = {"case": case.id}
    menu = {
        "type": "static_select",
        "action_id": "correct_label",
        "placeholder": {"type": "plain_text", "text": "Wrong label"},
        "options": [
            {
                "text": {"type": "plain_text", "text": f"It is {LABEL_NAMES[label]}", "emoji": True},
                "value": json.dumps({"message": case.message_id, "label": label}),
            }
            for label in LABELS
        ],
    }
    take = button("Take it", "take_case", value, style="primary")
    resolve = button("Resolve", "resolve_case", value)
    if case.state == "resolved":
        owner = f" by <@{case.owner}>" if case.owner else ""
        return [context(f"✅ Resolved{owner}"), {"type": "actions", "elements": [menu]}]
    if case.state == "taken":
        return [context(f"🙋 Taken by <@{case.owner}>"), {"type": "actions", "elements": [resolve, menu]}]
    return [{"type": "actions", "elements": [take, resolve, menu]}]


def label_request(
    text: str | None, person: str | None, permalink: str | None, message_id: int, request_id: int
) -> list[Block]:
    """A label request to one agent. The bot's own reading is not shown, so that it does not bias them."""
    where = f" · <{permalink}|open the message>" if permalink else ""
    who = f"<@{person}>: how" if person else "How"
    buttons = [
        button(
            LABEL_NAMES[label].capitalize(), f"answer_ask_{label}", {"message": message_id, "label": label}
        )
        for label in LABELS
    ]
    buttons.append(button("Can't tell", "answer_ask_pass", {"ask": request_id, "label": "pass"}))
    return [
        section(f"*💬 {who} did this customer feel?*{where}"),
        section(quote(text)),
        {"type": "actions", "elements": buttons},
    ]


def label_request_closed(text: str | None, by: str | None) -> list[Block]:
    """A label request that was answered, or is no longer needed."""
    thanks = f"Answered by <@{by}>. Thank you!" if by else "No longer needed."
    return [section(quote(text, 200)), context(f"💬 {thanks}")]


def example(proposed: Example, template_title: str) -> list[Block]:
    """A message that an agent proposed as an example of a template. An admin decides."""
    lines = f"*📌 <@{proposed.user}> proposes this message for* {escape(template_title)}\n{quote(proposed.text, 500)}"
    if proposed.state == "proposed":
        value = {"example": proposed.id}
        buttons = [
            button("Add as example", "approve_example", value, style="primary"),
            button("No", "reject_example", value),
        ]
        return [section(lines), {"type": "actions", "elements": buttons}]
    if proposed.text is None:
        return [section("📌 This proposal was removed together with its message.")]
    done = "Added as an example" if proposed.state == "approved" else "Not added"
    return [section(lines), context(f"{done} by <@{proposed.decided_by}>")]


def reading_modal(
    stored: StoredMessage | None,
    reading: Reading | None,
    driven_by: Sequence[Weighed],
    templates: Sequence[tuple[str, str]],
    *,
    failed: bool = False,
) -> dict[str, Any]:
    """How a message is read, and why. For a customer's message that is kept (`stored`), also the form to correct it.

    Without a reading, `failed` tells an error from a reading that took too long.
    """
    shown: list[Block] = []
    if failed:
        shown.append(section("I couldn't read this message because of an error. My log has the details."))
    elif reading is None:
        shown.append(section("Reading this took too long. Please close this and try again."))
    elif reading.label is None:
        shown.append(section(f"*Not scored*: {escape(reading.reason or '')}"))
    else:
        scores = " · ".join(f"{label} {score:.0%}" for label, score in (reading.scores or {}).items())
        shown += [
            section(f"*{LABEL_NAMES[reading.label]}*"),
            context(f"{scores} · model {escape(reading.version)}"),
        ]
    if driven_by:
        words = " · ".join(f"*{escape(w.word)}* {'●' * min(5, 1 + int(w.weight / 0.5))}" for w in driven_by)
        shown += [
            section(f"Words that mattered most:\n{words}"),
            context("The more dots, the less sure the model would be without the word."),
        ]
    elif reading is not None and reading.label:
        shown.append(context("No single word made the difference."))
    if stored and stored.label and reading and not stored.redacted and stored.label != reading.label:
        sure = f" ({stored.confidence:.0%})" if stored.confidence is not None else ""
        then = f"When it was written it was read as *{LABEL_NAMES[stored.label]}*{sure} by {escape(stored.version or 'another model')}"
        shown.append(context(f"{then}. I acted on that reading, and your label is compared with it."))
    if stored is None:
        shown.append(context("You can only correct messages that customers wrote in support channels."))
        return modal("How this was read", shown)
    choices = [option(LABEL_NAMES[label], label) for label in LABELS]
    shown.append(select("label", "How did the customer feel?", "radio_buttons", choices))
    if templates:
        options = [option(title, template) for template, title in templates[:100]]
        shown.append(select("template", "Which answer would have been right?", "static_select", options))
    return modal(
        "How this was read",
        shown,
        callback_id="sentiment",
        private_metadata=json.dumps({"message": stored.id}),
        submit={"type": "plain_text", "text": "Save"},
    )


def draft(draft: Draft, message_id: int, permalink: str | None) -> list[Block]:
    """A draft that an agent may send (mode *suggest*)."""
    where = f" · <{permalink}|open the message>" if permalink else ""
    send = button("Send this answer", "send_draft", {"message": message_id}, style="primary")
    return [
        section(f"*✍️ Draft for* <#{draft.customer_channel}>{where}"),
        section(draft.text),
        {"type": "actions", "elements": [send]},
    ]


def notice(
    report: Notice | NoticeUpdate, *, native: bool, links: Mapping[int, str | None] | None = None
) -> list[Block]:
    """A report to the team: text, a table if there is one (Slack's data table, or lines for older servers), and the
    regressions. `links` maps message ids to permalinks."""
    blocks = [section(report.text)]
    if report.table and native:
        blocks.append(data_table(report.caption, report.table))
    elif report.table:
        blocks.append(
            section("\n".join(" · ".join(escape(str(cell)) for cell in row) for row in report.table))
        )
    if report.worse:
        lines = [_worse(message, (links or {}).get(message["message"])) for message in report.worse]
        blocks.append(
            section("*Regressions: read right before, and wrong by the new version*\n" + "\n".join(lines))
        )
    return blocks


def _worse(message: Mapping[str, Any], link: str | None) -> str:
    """A regression. A message of the corpus is quoted; a customer's message is linked, as its text must not be kept here."""
    if message["text"] is not None:
        what = f"“{escape(shorten(readable(message['text']), 120))}”"
    else:
        what = f"<{link}|a customer's message>" if link else "a customer's message"
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
