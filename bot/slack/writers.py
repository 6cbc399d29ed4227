"""What each kind of action writes to Slack: one method a kind. Called by the outbox worker alone."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_sdk.errors import SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.actions import TRIAGE, Queued
from bot.learning.picture import NotDrawn, draw
from bot.slack import blocks, team_blocks
from bot.slack.client import UNREACHABLE, SlackRefused, pages, respond
from bot.store import Store
from bot.workspace import Workspace

log = logging.getLogger(__name__)

METADATA = "softanswer_action"

POSTS = {"reply", "clarify", "card", "card_note", "draft", "notice", "ask", "example", "picture"}
"""The kinds that post a message; the others edit one, or may be written twice without harm."""

CLOCKS_DIFFER_S = 120.0
"""A post cannot be older than its action; but it is Slack's clock that says how old it is, and ours may be wrong by as much."""

_NO_MEMBER = {"not_in_channel", "channel_not_found", "user_not_in_channel"}
"""Refusals of an ephemeral message where the bot, or whoever wrote a command, is no member of the channel."""

Written = tuple[str, str | None]
"""Channel and ts under which something stands in Slack."""


class Writers:
    def __init__(self, client: AsyncWebClient, store: Store, workspace: Workspace, product: str) -> None:
        self._client = client
        self._store = store
        self._workspace = workspace
        self._product = product
        self.status_lines: Callable[[], Awaitable[list[str]]] | None = None
        """What the team's Home shows below the cases; set by bootstrap."""
        self.template_title: Callable[[str], str] = str
        """The title of a template by its id; set by bootstrap."""
        self.draw: Callable[[Mapping[str, Any]], Awaitable[bytes]] = draw
        """Draws the learning report."""
        self._by_kind: dict[str, Callable[[Queued], Awaitable[Written]]] = {
            "reply": self._reply,
            "clarify": self._clarify,
            "clarify_close": self._clarify_close,
            "card": self._card,
            "card_update": self._card_update,
            "card_note": self._card_note,
            "card_note_update": self._card_note_update,
            "draft": self._draft,
            "draft_close": self._draft_close,
            "notice": self._notice,
            "notice_update": self._notice_update,
            "picture": self._picture,
            "ask": self._ask,
            "ask_close": self._ask_close,
            "example": self._example,
            "example_close": self._example_close,
            "whisper": self._whisper,
            "home": self._home,
        }

    async def write(self, action: Queued) -> Written:
        """Write one action; raises whatever the Web API client raises."""
        return await self._by_kind[action.kind](action)

    async def find(self, action: Queued) -> Written | None:
        """Look for the message that carries this action's id: was it posted although no answer came?"""
        if action.kind not in POSTS:
            return None  # edits and the Home may be written twice without harm
        channel, thread = self._channel(action), action.thread
        if action.kind in ("card_note", "picture"):
            thread = await self._thread_of(action.facts["of"])
        since = action.created_at + self._workspace.clock_offset_s - CLOCKS_DIFFER_S
        span: dict[str, Any] = {"oldest": f"{since:.6f}", "include_all_metadata": True, "limit": 200}
        if thread:
            found = pages(self._client.conversations_replies, retry=False, channel=channel, ts=thread, **span)
        else:
            found = pages(self._client.conversations_history, retry=False, channel=channel, **span)
        async for answer in found:
            for message in answer["messages"]:
                payload = (message.get("metadata") or {}).get("event_payload") or {}
                names = [file.get("name") for file in message.get("files") or []]
                if payload.get("action") == action.id or _picture_name(action) in names:
                    return channel, str(message["ts"])
        return None

    def _channel(self, action: Queued) -> str:
        return self._workspace.triage if action.channel == TRIAGE else action.channel

    async def _post(
        self,
        action: Queued,
        text: str,
        shown: list[blocks.Block],
        plain: list[blocks.Block],
        thread: str | None,
    ) -> Written:
        """Post `shown`; if this Slack does not know a block in it, post `plain` instead."""
        call: dict[str, Any] = {
            "channel": self._channel(action),
            "text": text,
            "thread_ts": thread,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": METADATA, "event_payload": {"action": action.id}},
        }
        try:
            answer = await self._client.chat_postMessage(blocks=shown, **call)
        except SlackRefused as error:
            if error.code != "invalid_blocks" or shown == plain:
                raise
            answer = await self._client.chat_postMessage(blocks=plain, **call)
        return str(answer["channel"]), str(answer["ts"])

    async def _edit(
        self, of: str, text: str, shown: list[blocks.Block], plain: list[blocks.Block]
    ) -> Written:
        """Replace what the action with the key `of` posted. Nothing to do if it never stood in Slack."""
        place = await self._store.outbox.sent_as(of)
        if place is None:
            return "", None
        try:
            await self._client.chat_update(channel=place[0], ts=place[1], text=text, blocks=shown)
        except SlackRefused as error:
            if error.code != "invalid_blocks" or shown == plain:
                raise
            await self._client.chat_update(channel=place[0], ts=place[1], text=text, blocks=plain)
        return place

    # --- one method a kind of action

    async def _reply(self, action: Queued) -> Written:
        text, message_id = str(action.facts["text"]), action.message_id or 0
        if not action.facts["rate"]:
            shown = plain = [blocks.section(text)]
        else:
            shown, plain = (blocks.reply(text, message_id, native=native) for native in (True, False))
        return await self._post(action, text, shown, plain, action.thread)

    async def _clarify(self, action: Queued) -> Written:
        text = str(action.facts["text"])
        shown = blocks.clarify(text, action.facts["options"], action.message_id or 0)
        return await self._post(action, text, shown, shown, action.thread)

    async def _clarify_close(self, action: Queued) -> Written:
        text = str(action.facts["text"])
        shown = [blocks.section(text)]
        return await self._edit(action.facts["of"], text, shown, shown)

    async def _card(self, action: Queued) -> Written:
        text, shown = await self._card_now(action)
        return await self._post(action, text, shown, shown, None)

    async def _card_update(self, action: Queued) -> Written:
        text, shown = await self._card_now(action)
        return await self._edit(action.facts["of"], text, shown, shown)

    async def _card_now(self, action: Queued) -> tuple[str, list[blocks.Block]]:
        """The case's card as the case is at this moment."""
        case = await self._store.cases.case(action.case_id or 0)
        if case is None:
            raise LookupError(f"case {action.case_id} is gone")
        link = await self._permalink(case.channel, case.message_ts)
        return team_blocks.headline(case), team_blocks.card(case, link)

    async def _card_note(self, action: Queued) -> Written:
        text, shown = await self._note_now(action)
        return await self._post(action, text, shown, shown, await self._thread_of(action.facts["of"]))

    async def _card_note_update(self, action: Queued) -> Written:
        text, shown = await self._note_now(action)
        return await self._edit(action.facts["of"], text, shown, shown)

    async def _note_now(self, action: Queued) -> tuple[str, list[blocks.Block]]:
        message = await self._store.conversations.message(action.message_id or 0)
        text = f"The customer wrote again:\n{blocks.quote(message.text if message else None)}"
        return text, [blocks.section(text)]

    async def _draft(self, action: Queued) -> Written:
        link = await self._permalink(action.facts["channel"], action.facts["thread"])
        shown = team_blocks.draft(action.facts, action.message_id or 0, link)
        return await self._post(action, "A drafted answer waits", shown, shown, None)

    async def _draft_close(self, action: Queued) -> Written:
        shown = [blocks.section(str(action.facts["text"])), blocks.context(str(action.facts["state"]))]
        return await self._edit(action.facts["of"], "A drafted answer was sent", shown, shown)

    async def _ask(self, action: Queued) -> Written:
        text, shown = await self._ask_now(action)
        return await self._post(action, text, shown, shown, None)

    async def _ask_now(self, action: Queued) -> tuple[str, list[blocks.Block]]:
        asked = await self._store.asks.ask(int(action.facts["ask"]))
        if asked is None:
            raise LookupError(f"question {action.facts['ask']} is gone")
        link = await self._permalink(asked.channel, asked.ts)
        shown = team_blocks.ask(asked.text, asked.person, link, asked.message, asked.id)
        return "How did this customer feel?", shown

    async def _ask_close(self, action: Queued) -> Written:
        message = await self._store.conversations.message(action.message_id or 0)
        shown = team_blocks.ask_closed(message.text if message else None, action.facts["by"])
        return await self._edit(action.facts["of"], "How did this customer feel?", shown, shown)

    async def _example(self, action: Queued) -> Written:
        shown = await self._example_now(action)
        return await self._post(action, "An example is proposed", shown, shown, None)

    async def _example_close(self, action: Queued) -> Written:
        shown = await self._example_now(action)
        return await self._edit(action.facts["of"], "An example was proposed", shown, shown)

    async def _example_now(self, action: Queued) -> list[blocks.Block]:
        example = await self._store.teaching.example(int(action.facts["example"]))
        if example is None:
            raise LookupError(f"example {action.facts['example']} is gone")
        return team_blocks.example(example, self.template_title(example.template))

    async def _notice(self, action: Queued) -> Written:
        shown, plain = await self._notice_now(action)
        return await self._post(action, str(action.facts["text"]), shown, plain, None)

    async def _notice_update(self, action: Queued) -> Written:
        shown, plain = await self._notice_now(action)
        return await self._edit(action.facts["of"], str(action.facts["text"]), shown, plain)

    async def _notice_now(self, action: Queued) -> tuple[list[blocks.Block], list[blocks.Block]]:
        links: dict[int, str | None] = {}
        for worse in action.facts.get("worse") or []:
            if worse["message"] is not None:
                message = await self._store.conversations.message(worse["message"])
                links[worse["message"]] = (
                    await self._permalink(message.channel, message.ts) if message else None
                )
        shown, plain = (
            team_blocks.notice(action.facts, native=native, links=links) for native in (True, False)
        )
        return shown, plain

    async def _picture(self, action: Queued) -> Written:
        """The learning report under its run, as a picture; in words alone where it cannot be drawn or uploaded."""
        thread, text = await self._thread_of(action.facts["of"]), str(action.facts["text"])
        channel = self._channel(action)
        try:
            await self._client.files_upload_v2(
                content=await self.draw(action.facts["report"]),
                filename=_picture_name(action),
                title="What learning did",
                alt_txt=text,
                channel=channel,
                thread_ts=thread,
                initial_comment=text,
            )
        except NotDrawn as error:
            log.warning("the learning report is sent without its picture: %s", error)
        except SlackRequestError as error:
            log.warning("the learning report's picture could not be uploaded: %s", error)
        except SlackRefused as error:
            if error.code != "missing_scope":
                raise
            log.warning(
                "the learning report is sent without its picture: the app lacks the scope files:write"
            )
        else:
            return channel, None
        shown = [blocks.section(text)]
        return await self._post(action, text, shown, shown, thread)

    async def _thread_of(self, key: str) -> str | None:
        """The ts under which the action with this key stands, to write below it."""
        place = await self._store.outbox.sent_as(key)
        return place[1] if place else None

    async def _whisper(self, action: Queued) -> Written:
        """A word to one person alone; to a customer whom an answer did not help, with a button to say what would have."""
        rated, url = action.facts.get("rated"), action.facts.get("response_url")
        try:
            await self._client.chat_postEphemeral(
                channel=self._channel(action),
                user=action.facts["user"],
                text=action.facts["text"],
                blocks=blocks.not_helped(str(action.facts["text"]), rated) if rated else None,
                thread_ts=action.thread,
            )
        except SlackRefused as error:
            if not url or error.code not in _NO_MEMBER:
                raise
            try:
                await respond(url, str(action.facts["text"]))
            except UNREACHABLE:
                raise error from None
        return self._channel(action), None

    async def _home(self, action: Queued) -> Written:
        user = str(action.facts["user"])
        role = self._workspace.role(user)
        cases = await self._store.cases.open_cases(action.team) if role != "customer" else []
        status = await self.status_lines() if self.status_lines and role != "customer" else []
        view = {"type": "home", "blocks": blocks.home(role, self._product, cases, status)}
        await self._client.views_publish(user_id=user, view=view)
        return user, None

    async def _permalink(self, channel: str, ts: str) -> str | None:
        try:
            answer = await self._client.chat_getPermalink(channel=channel, message_ts=ts)
        except SlackRefused as error:
            if error.retry_after is not None:
                raise
            return None  # the message was deleted meanwhile: the card still says what it said
        return str(answer["permalink"])


def _picture_name(action: Queued) -> str:
    """By it a picture that was shared is found again: files carry no metadata."""
    return f"softanswer-learning-{action.id}.png"
