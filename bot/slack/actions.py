"""Buttons and menus. Rights are checked at every press, as a button may be stale or an action id forged."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.desk import answers
from bot.domain.actions import Draft, Ephemeral, Reply
from bot.pipeline.templates import values_for
from bot.services import Services
from bot.slack.rights import refused, role_of
from model.reading import LABELS

Ack = Callable[..., Awaitable[Any]]


def register(app: AsyncApp, services: Services) -> None:
    store, clock = services.store, services.clock
    workspace = services.workspace

    @app.action("take_case")
    async def take(ack: Ack, body: dict[str, Any]) -> None:
        if await _is_team(services, body, "take a case"):
            await store.cases.take(_value(body)["case"], body["user"]["id"], clock())
        await _done(services, ack)

    @app.action("resolve_case")
    async def resolve(ack: Ack, body: dict[str, Any]) -> None:
        if await _is_team(services, body, "resolve a case"):
            await store.cases.resolve(_value(body)["case"], body["user"]["id"], clock())
        await _done(services, ack)

    @app.action("correct_label")
    async def correct(ack: Ack, body: dict[str, Any]) -> None:
        value = _value(body)
        if value["label"] in LABELS and await _is_team(services, body, "correct a label"):
            user = body["user"]["id"]
            if not await store.feedback.correct(
                workspace.team,
                value["message"],
                value["label"],
                user,
                "card",
                clock(),
                services.slack_time(body["actions"][0].get("action_ts")),
            ):
                await _tell(services, body, GONE)
        await _done(services, ack)

    @app.action(re.compile("answer_ask_(negative|neutral|positive|pass)"))
    async def answer_ask(ack: Ack, body: dict[str, Any]) -> None:
        value, user = _value(body), body["user"]["id"]
        if await _is_team(services, body, "answer a question"):
            if value["label"] in LABELS:
                if not await store.feedback.correct(
                    workspace.team,
                    value["message"],
                    value["label"],
                    user,
                    "question",
                    clock(),
                    services.slack_time(body["actions"][0].get("action_ts")),
                ):
                    await _tell(services, body, GONE)
            elif value["label"] == "pass":
                await store.label_requests.pass_on(workspace.team, value["ask"], user, clock())
        await _done(services, ack)

    @app.action(re.compile("(approve|reject)_example"))
    async def decide_example(ack: Ack, body: dict[str, Any]) -> None:
        approved = body["actions"][0]["action_id"] == "approve_example"
        if await _is_team(services, body, "decide on an example", admin=True):
            user, example = body["user"]["id"], _value(body)["example"]
            decided = await store.examples.decide(workspace.team, example, approved, user, clock())
            if decided and approved:
                await services.learning.serving.reload_examples()
        await _done(services, ack)

    @app.action("send_draft")
    async def send_draft(ack: Ack, body: dict[str, Any]) -> None:
        if await _is_team(services, body, "send a draft"):
            await _send_draft(services, _value(body)["message"], body["user"]["id"])
        await _done(services, ack)

    @app.action(re.compile("rate_(answer|helpful|not_helpful|person)"))
    async def rate(ack: Ack, body: dict[str, Any]) -> None:
        value = _value(body)
        await _rate(services, body, value["message"], value["word"])
        await _done(services, ack)

    @app.action(re.compile(r"choose_(\d|none)"))
    async def choose(ack: Ack, body: dict[str, Any]) -> None:
        value = _value(body)
        refusal = await _choose(services, value["message"], value["template"], body["user"]["id"])
        if refusal:
            await _tell(services, body, refusal)
        await _done(services, ack)


GONE = "That message is not here any more, so there is nothing to label."
NO_ANSWER = (
    "There is no answer of mine here to rate. Ask in the channel, and I'll answer or pass it to our team."
)


def _value(body: dict[str, Any]) -> dict[str, Any]:
    """The value of the pressed button or the chosen option. Fields that we cannot have set are 0 or None."""
    action = body["actions"][0]
    raw = action.get("value") or (action.get("selected_option") or {}).get("value") or "{}"
    try:
        value = json.loads(raw)
    except ValueError:
        value = {}
    if not isinstance(value, dict):
        value = {}
    ids = {
        key: value.get(key) if _is_id(value.get(key)) else 0 for key in ("case", "message", "example", "ask")
    }
    texts = {
        key: value.get(key) if isinstance(value.get(key), str) else None
        for key in ("label", "template", "word")
    }
    return ids | texts


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63


async def _done(services: Services, ack: Ack) -> None:
    """Ack once everything is on disk, then wake the outbox."""
    await ack()
    services.committed()


async def _is_team(services: Services, body: dict[str, Any], what: str, *, admin: bool = False) -> bool:
    """Whether this person may act for the team (with `admin`, as an admin). If not, tell them and write an audit row."""
    role = role_of(services, body)
    if role == "admin" or (role == "agent" and not admin):
        return True
    await refused(services, body, what)
    refusal = "Only an admin can do that." if role == "agent" else "Only the support team can do that."
    await _tell(services, body, refusal)
    return False


async def _tell(services: Services, body: dict[str, Any], text: str, rated: int | None = None) -> None:
    """Queue an ephemeral message to the person who pressed."""
    channel = (body.get("channel") or {}).get("id")
    if not channel:
        return
    container = body.get("container") or {}
    action = Ephemeral(
        key=f"ephemeral:{body['actions'][0]['action_ts']}:{body['user']['id']}",
        channel=channel,
        thread=(body.get("message") or {}).get("thread_ts") or container.get("thread_ts"),
        user=body["user"]["id"],
        text=text,
        rated=rated,
    )
    await services.store.outbox.put(services.workspace.team, action, services.clock())


async def _rate(services: Services, body: dict[str, Any], message_id: int, rated: str | None) -> None:
    """Store a customer's rating if it was pressed under our answer. If not, tell them and write an audit row."""
    channel = (body.get("channel") or {}).get("id")
    ts = (body.get("container") or {}).get("message_ts")
    team, user = services.workspace.team, body["user"]["id"]
    rating = await services.store.feedback.rate(
        team, message_id, rated or "", user, channel, ts, services.clock(), answers.rate
    )
    if rating:
        await _tell(services, body, rating.thanks, message_id if rating.may_ask_for_person else None)
    else:
        await refused(services, body, "rate an answer")
        await _tell(services, body, NO_ANSWER)


async def _send_draft(services: Services, message_id: int, user: str) -> None:
    """Send a draft as the reply. A second press changes nothing, as the reply's key is taken."""
    message = await services.store.conversations.message(message_id)
    if message is None:
        return
    draft = await services.store.outbox.action(Draft.key_of(message.channel, message.ts))
    sent = answers.send_draft(message, draft, user)
    if sent is None:
        return
    now, team = services.clock(), services.workspace.team
    await services.store.outbox.put_for_message(team, message_id, sent, now)
    await services.store.records.audit(team, user, "draft sent", {"message": message_id}, now)


async def _choose(services: Services, message_id: int, template: str | None, user: str) -> str | None:
    """Send what was chosen under a clarify question and remove its buttons. Returns the text for somebody who may not
    choose."""
    message = await services.store.conversations.message(message_id)
    if message is None:
        return None
    asked = await services.store.outbox.action(Reply.key_of(message.channel, message.ts))
    choice = answers.choose(message, asked, template, user, services.templates.ids)
    if choice is None:
        return None
    if choice.refusal:
        return choice.refusal
    values = values_for(user, services.settings.product)
    title = None
    if choice.template:
        # The customer may be unhappy by now, so the tone is never positive.
        text, title = (
            services.templates.render(choice.template, "neutral", values),
            services.templates[choice.template].title,
        )
    else:
        text = services.templates.line("handover", values)
    actions = answers.after_choice(message, choice, text, title)
    cause = answers.NONE_OF_THESE if choice.hand_off else None
    await services.store.feedback.choose(
        services.workspace.team, message_id, choice.template, user, actions, services.clock(), cause
    )
    return None
