"""Writes each kind of action to Slack. Called only by the outbox worker."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_sdk.errors import SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.actions import (
    TRIAGE,
    Action,
    Card,
    CardNote,
    CardNoteUpdate,
    CardUpdate,
    Clarify,
    ClarifyClose,
    Draft,
    DraftClose,
    Ephemeral,
    ExampleClose,
    ExamplePost,
    Home,
    LabelRequestClose,
    LabelRequestPost,
    Notice,
    NoticeUpdate,
    Picture,
    Queued,
    Reply,
)  # fmt: skip
from bot.learning.picture import NotDrawn, draw
from bot.slack import blocks, team_blocks
from bot.slack.client import UNREACHABLE, SlackRefused, pages, respond
from bot.store import Store
from bot.workspace import Workspace

log = logging.getLogger(__name__)

LABEL_REQUEST = "How did this customer feel?"

METADATA = "softanswer_action"

CLOCKS_DIFFER_S = 120.0
"""A post cannot be older than its action. Slack's clock dates the post, and ours may differ by this much."""

_NO_MEMBER = {"not_in_channel", "channel_not_found", "user_not_in_channel"}
"""Refusals of an ephemeral message where the bot, or the person, is no member of the channel."""

Written = tuple[str, str | None]
"""Channel and ts of what was written."""


class Writers:
    def __init__(self, client: AsyncWebClient, store: Store, workspace: Workspace, product: str) -> None:
        self._client = client
        self._store = store
        self._workspace = workspace
        self._product = product
        self.status_lines: Callable[[], Awaitable[list[str]]] | None = None
        """The lines below the cases on the team's Home; set by bootstrap."""
        self.template_title: Callable[[str], str] = str
        """The title of a template by its id; set by bootstrap."""
        self.draw: Callable[[Mapping[str, Any]], Awaitable[bytes]] = draw
        """Draws the learning report."""

    async def write(self, queued: Queued) -> Written:
        """Write one action. Raises what the Web API client raises, and LookupError if its subject is gone."""
        match queued.action:
            case Reply() as action:
                return await self._reply(queued, action)
            case Clarify() as action:
                shown = blocks.clarify(action.text, action.options, queued.message_id or 0)
                return await self._post(queued, action.text, shown, shown, action.thread)
            case ClarifyClose() as action:
                shown = [blocks.section(action.text)]
                return await self._edit(action.of, action.text, shown, shown)
            case Card():
                text, shown = await self._card_now(queued)
                return await self._post(queued, text, shown, shown, None)
            case CardUpdate() as action:
                text, shown = await self._card_now(queued)
                return await self._edit(action.of, text, shown, shown)
            case CardNote() as action:
                text, shown = await self._note_now(queued)
                return await self._post(queued, text, shown, shown, await self._thread_of(action.of))
            case CardNoteUpdate() as action:
                text, shown = await self._note_now(queued)
                return await self._edit(action.of, text, shown, shown)
            case Draft() as action:
                link = await self._permalink(action.customer_channel, action.customer_thread)
                shown = team_blocks.draft(action, queued.message_id or 0, link)
                return await self._post(queued, "A draft for you to send", shown, shown, None)
            case DraftClose() as action:
                shown = [blocks.section(action.text), blocks.context(action.state)]
                return await self._edit(action.of, "A draft was sent", shown, shown)
            case LabelRequestPost() as action:
                return await self._label_request(queued, action)
            case LabelRequestClose() as action:
                message = await self._store.conversations.message(queued.message_id or 0)
                shown = team_blocks.label_request_closed(message.text if message else None, action.by)
                return await self._edit(action.of, LABEL_REQUEST, shown, shown)
            case ExamplePost() as action:
                shown = await self._example_now(action.example)
                return await self._post(queued, "An example is proposed", shown, shown, None)
            case ExampleClose() as action:
                shown = await self._example_now(action.example)
                return await self._edit(action.of, "An example was proposed", shown, shown)
            case Notice() as action:
                shown, plain = await self._notice_now(action)
                return await self._post(queued, action.text, shown, plain, None)
            case NoticeUpdate() as action:
                shown, plain = await self._notice_now(action)
                return await self._edit(action.of, action.text, shown, plain)
            case Picture() as action:
                return await self._picture(queued, action)
            case Ephemeral() as action:
                return await self._ephemeral(action)
            case Home() as action:
                return await self._home(queued, action)
        raise LookupError(f"no writer for actions of the kind {queued.action.kind}")

    async def find(self, queued: Queued) -> Written | None:
        """Look in Slack for the message with this action's id, which may have been posted although no answer came."""
        action = queued.action
        if not action.posts:
            return None  # edits and the Home may safely be written twice
        channel, thread = self._channel(action), action.thread
        if isinstance(action, CardNote | Picture):
            thread = await self._thread_of(action.of)
        since = queued.created_at + self._workspace.clock_offset_s - CLOCKS_DIFFER_S
        span: dict[str, Any] = {"oldest": f"{since:.6f}", "include_all_metadata": True, "limit": 200}
        if thread:
            found = pages(self._client.conversations_replies, retry=False, channel=channel, ts=thread, **span)
        else:
            found = pages(self._client.conversations_history, retry=False, channel=channel, **span)
        async for answer in found:
            for message in answer["messages"]:
                payload = (message.get("metadata") or {}).get("event_payload") or {}
                names = [file.get("name") for file in message.get("files") or []]
                if payload.get("action") == queued.id or _picture_name(queued) in names:
                    return channel, str(message["ts"])
        return None

    def _channel(self, action: Action) -> str:
        return self._workspace.triage if action.channel == TRIAGE else action.channel

    async def _post(
        self,
        queued: Queued,
        text: str,
        shown: list[blocks.Block],
        plain: list[blocks.Block],
        thread: str | None,
    ) -> Written:
        """Post `shown`. If this Slack does not know one of its blocks, post `plain` instead."""
        call: dict[str, Any] = {
            "channel": self._channel(queued.action),
            "text": text,
            "thread_ts": thread,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": METADATA, "event_payload": {"action": queued.id}},
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
        """Replace what the action with the key `of` posted. Does nothing if that was never posted."""
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

    # --- kinds that need more than a line

    async def _reply(self, queued: Queued, action: Reply) -> Written:
        if not action.rate:
            shown = plain = [blocks.section(action.text)]
        else:
            shown, plain = (
                blocks.reply(action.text, queued.message_id or 0, native=native) for native in (True, False)
            )
        return await self._post(queued, action.text, shown, plain, action.thread)

    async def _card_now(self, queued: Queued) -> tuple[str, list[blocks.Block]]:
        """The card of the case in its present state."""
        case = await self._store.cases.case(queued.case_id or 0)
        if case is None:
            raise LookupError(f"case {queued.case_id} is gone")
        link = await self._permalink(case.channel, case.message_ts)
        return team_blocks.headline(case), team_blocks.card(case, link)

    async def _note_now(self, queued: Queued) -> tuple[str, list[blocks.Block]]:
        message = await self._store.conversations.message(queued.message_id or 0)
        text = f"The customer wrote again:\n{blocks.quote(message.text if message else None)}"
        return text, [blocks.section(text)]

    async def _label_request(self, queued: Queued, action: LabelRequestPost) -> Written:
        request = await self._store.label_requests.ask(action.ask)
        if request is None:
            raise LookupError(f"label request {action.ask} is gone")
        link = await self._permalink(request.channel, request.ts)
        shown = team_blocks.label_request(request.text, request.person, link, request.message, request.id)
        return await self._post(queued, LABEL_REQUEST, shown, shown, None)

    async def _example_now(self, number: int) -> list[blocks.Block]:
        example = await self._store.examples.example(number)
        if example is None:
            raise LookupError(f"example {number} is gone")
        return team_blocks.example(example, self.template_title(example.template))

    async def _notice_now(
        self, action: Notice | NoticeUpdate
    ) -> tuple[list[blocks.Block], list[blocks.Block]]:
        links: dict[int, str | None] = {}
        for worse in action.worse or []:
            if worse["message"] is not None:
                message = await self._store.conversations.message(worse["message"])
                links[worse["message"]] = (
                    await self._permalink(message.channel, message.ts) if message else None
                )
        shown, plain = (team_blocks.notice(action, native=native, links=links) for native in (True, False))
        return shown, plain

    async def _picture(self, queued: Queued, action: Picture) -> Written:
        """Post the learning report in its run's thread, as a picture; as text only if it cannot be drawn or uploaded."""
        thread, text = await self._thread_of(action.of), action.text
        channel = self._channel(action)
        try:
            await self._client.files_upload_v2(
                content=await self.draw(action.report),
                filename=_picture_name(queued),
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
        return await self._post(queued, text, shown, shown, thread)

    async def _thread_of(self, key: str) -> str | None:
        """The ts of what the action with this key posted, to reply to it."""
        place = await self._store.outbox.sent_as(key)
        return place[1] if place else None

    async def _ephemeral(self, action: Ephemeral) -> Written:
        """Post an ephemeral message. For a customer whom an answer did not help it has a button: see `blocks.not_helped`."""
        channel = self._channel(action)
        try:
            await self._client.chat_postEphemeral(
                channel=channel,
                user=action.user,
                text=action.text,
                blocks=blocks.not_helped(action.text, action.rated) if action.rated else None,
                thread_ts=action.thread,
            )
        except SlackRefused as error:
            if not action.response_url or error.code not in _NO_MEMBER:
                raise
            try:
                await respond(action.response_url, action.text)
            except UNREACHABLE:
                raise error from None
        return channel, None

    async def _home(self, queued: Queued, action: Home) -> Written:
        role = self._workspace.role(action.user)
        cases = await self._store.cases.open_cases(queued.team) if role != "customer" else []
        status = await self.status_lines() if self.status_lines and role != "customer" else []
        view = {"type": "home", "blocks": blocks.home(role, self._product, cases, status)}
        await self._client.views_publish(user_id=action.user, view=view)
        return action.user, None

    async def _permalink(self, channel: str, ts: str) -> str | None:
        try:
            answer = await self._client.chat_getPermalink(channel=channel, message_ts=ts)
        except SlackRefused as error:
            if error.retry_after is not None:
                raise
            return None  # the message was deleted meanwhile
        return str(answer["permalink"])


def _picture_name(queued: Queued) -> str:
    """A shared picture is found again by this name, as files carry no metadata."""
    return f"softanswer-learning-{queued.id}.png"
