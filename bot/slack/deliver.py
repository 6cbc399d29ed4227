"""The outbox worker: the only writer to Slack. It sends what is on disk, in order within a channel, each thing once.

An action is marked *sending* before the request and *sent* after the answer. Where the answer is missing (a crash,
a timeout), the outcome is unknown: Slack is asked for a message that carries the action's id before it is sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain import TRIAGE
from bot.people import People
from bot.slack import blocks
from bot.store import Store
from bot.store.outbox import Queued

log = logging.getLogger(__name__)

METADATA = "softanswer_action"
ATTEMPTS = 40
_LONGEST_WAIT_S = 300.0
_PASSING = {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
"""Errors of Slack's own that may be over the next time; after them it is not certain that nothing was written."""

_ACCESS = {
    "not_in_channel",
    "channel_not_found",
    "invalid_auth",
    "not_authed",
    "token_revoked",
    "account_inactive",
    "missing_scope",
}
"""Refusals that a person can put right (an invitation, a token): nothing was written, and later it may be."""

Written = tuple[str, str | None]
"""Channel and ts under which something stands in Slack."""


class Deliverer:
    def __init__(
        self, client: AsyncWebClient, store: Store, people: People, product: str, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._store = store
        self._people = people
        self._product = product
        self._clock = clock
        self._queued = asyncio.Event()
        self._sending: dict[str, asyncio.Task[None]] = {}
        self.status_lines: Callable[[], Awaitable[list[str]]] | None = None
        """What the team's Home shows below the cases; set by bootstrap."""
        self._writers: Mapping[str, Callable[[Queued], Awaitable[Written]]] = {
            "reply": self._reply,
            "clarify": self._clarify,
            "clarify_close": self._clarify_close,
            "card": self._card,
            "card_update": self._card_update,
            "card_note": self._card_note,
            "draft": self._draft,
            "draft_close": self._draft_close,
            "notice": self._notice,
            "notice_update": self._notice_update,
            "whisper": self._whisper,
            "home": self._home,
        }

    def wake(self) -> None:
        self._queued.set()

    async def run(self) -> None:
        """Send what falls due until cancelled. Channels do not wait for each other."""
        try:
            while True:
                await self._round()
        finally:
            for sending in self._sending.values():
                sending.cancel()
            await asyncio.gather(*self._sending.values(), return_exceptions=True)

    async def _round(self) -> None:
        """Start what is due in every channel where nothing is under way; wait for something to change."""
        self._queued.clear()
        try:
            heads = await self._store.outbox.heads()
        except Exception:
            log.exception("the outbox cannot be read; trying again in a second")
            await asyncio.sleep(1)
            return
        now = self._clock()
        waits = [_LONGEST_WAIT_S]
        for action in heads:
            if action.channel in self._sending:
                continue
            if action.due_at > now:
                waits.append(action.due_at - now)
                continue
            task = asyncio.create_task(self._send(action))
            self._sending[action.channel] = task
            task.add_done_callback(partial(self._sent, action.channel))
        # Not wait_for: before Python 3.12 it swallows a cancellation that comes together with the event.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.05, min(waits))):
                await self._queued.wait()

    def _sent(self, channel: str, task: asyncio.Task[None]) -> None:
        del self._sending[channel]
        self._queued.set()

    async def _send(self, action: Queued) -> None:
        """Send one action and note the outcome. Where the database does not answer, the row stays as it is."""
        try:
            if action.state == "sending" and await self._was_found(action):
                return
            await self._store.outbox.sending(action.id)
            await self._write(action)
        except sqlite3.Error:
            log.exception("the outcome of action %s could not be noted; looking again in a second", action.id)
            await asyncio.sleep(1)

    async def _was_found(self, action: Queued) -> bool:
        """Whether an action of unknown outcome stands in Slack. While Slack does not say, it is not sent again."""
        try:
            written = await self._find(action)
        except (SlackApiError, aiohttp.ClientError, OSError, TimeoutError) as error:
            await self._again(action, action.attempts + 1, f"looking: {_code(error)}", known=False)
            return True
        if written is not None:
            await self._store.outbox.sent(action.id, *written, self._clock())
        return written is not None

    async def _write(self, action: Queued) -> None:
        attempts = action.attempts + 1
        try:
            written = await self._writers[action.kind](action)
        except SlackApiError as error:
            await self._refused(action, attempts, error)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            await self._again(action, attempts, _code(error), known=False)
        except sqlite3.Error:
            raise
        except Exception as error:
            log.exception("action %s (%s) cannot be sent", action.id, action.kind)
            await self._store.outbox.fail(action.id, attempts, _code(error))
        else:
            await self._store.outbox.sent(action.id, *written, self._clock())

    async def _refused(self, action: Queued, attempts: int, error: SlackApiError) -> None:
        response: Any = error.response
        code, status = _code(error), getattr(response, "status_code", 200)
        if status == 429 or code == "ratelimited":
            wait = float(response.headers.get("Retry-After", 1))
            due_at = self._clock() + wait
            await self._store.outbox.retry(action.id, action.attempts, due_at, "rate limited", known=True)
        elif code in _ACCESS:
            await self._again(action, attempts, code, known=True)
        elif status >= 500 or code in _PASSING or not code:
            await self._again(action, attempts, code or f"status {status}, not Slack's answer", known=False)
        else:
            log.error("Slack refused action %s (%s): %s", action.id, action.kind, code)
            await self._store.outbox.fail(action.id, attempts, code)

    async def _again(self, action: Queued, attempts: int, error: str, *, known: bool) -> None:
        """Try again later, ever later; after `ATTEMPTS` (some hours) the action is set aside as failed."""
        if attempts >= ATTEMPTS:
            log.error(
                "action %s (%s) given up after %d attempts: %s", action.id, action.kind, attempts, error
            )
            await self._store.outbox.fail(action.id, attempts, error)
            return
        wait = min(_LONGEST_WAIT_S, 2.0**attempts) * random.uniform(0.5, 1.0)
        await self._store.outbox.retry(action.id, attempts, self._clock() + wait, error, known=known)

    async def _find(self, action: Queued) -> Written | None:
        """Look for the message that carries this action's id: was it posted although no answer came?"""
        if action.kind not in _POSTS:
            return None  # edits and the Home may be written twice without harm
        channel, thread = self._channel(action), action.thread
        if action.kind == "card_note":
            card = await self._store.outbox.sent_as(action.facts["of"])
            thread = card[1] if card else None
        cursor = None
        while True:
            page: dict[str, Any] = {
                "channel": channel,
                "include_all_metadata": True,
                "limit": 200,
                "cursor": cursor,
            }
            if thread:
                found = await self._client.conversations_replies(ts=thread, **page)
            else:
                found = await self._client.conversations_history(**page)
            for message in found["messages"]:
                payload = (message.get("metadata") or {}).get("event_payload") or {}
                if payload.get("action") == action.id:
                    return channel, str(message["ts"])
            cursor = (found.get("response_metadata") or {}).get("next_cursor")
            if not cursor or not thread:
                return None

    def _channel(self, action: Queued) -> str:
        return self._people.triage if action.channel == TRIAGE else action.channel

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
        except SlackApiError as error:
            if error.response.get("error") != "invalid_blocks" or shown == plain:
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
        except SlackApiError as error:
            if error.response.get("error") != "invalid_blocks" or shown == plain:
                raise
            await self._client.chat_update(channel=place[0], ts=place[1], text=text, blocks=plain)
        return place

    # --- one method a kind of action

    async def _reply(self, action: Queued) -> Written:
        text, message_id = str(action.facts["text"]), action.message_id or 0
        if action.facts["reply"] != "template":  # "a person will answer" asks for no rating
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
        case = await self._store.conversations.case(action.case_id or 0)
        if case is None:
            raise LookupError(f"case {action.case_id} is gone")
        link = await self._permalink(case.channel, case.message_ts)
        return f"{case.flag}: a message in <#{case.channel}>", blocks.card(case, link)

    async def _card_note(self, action: Queued) -> Written:
        card = await self._store.outbox.sent_as(action.facts["of"])
        message = await self._store.conversations.message(action.message_id or 0)
        text = f"The customer wrote again:\n{blocks.quote(str(message['text'] if message else ''))}"
        shown = [blocks.section(text)]
        return await self._post(action, text, shown, shown, card[1] if card else None)

    async def _draft(self, action: Queued) -> Written:
        link = await self._permalink(action.facts["channel"], action.facts["thread"])
        shown = blocks.draft(action.facts, action.message_id or 0, link)
        return await self._post(action, "A drafted answer waits", shown, shown, None)

    async def _draft_close(self, action: Queued) -> Written:
        shown = [blocks.section(str(action.facts["text"])), blocks.context(str(action.facts["state"]))]
        return await self._edit(action.facts["of"], "A drafted answer was sent", shown, shown)

    async def _notice(self, action: Queued) -> Written:
        shown, plain = (blocks.notice(action.facts, native=native) for native in (True, False))
        return await self._post(action, str(action.facts["text"]), shown, plain, None)

    async def _notice_update(self, action: Queued) -> Written:
        shown, plain = (blocks.notice(action.facts, native=native) for native in (True, False))
        return await self._edit(action.facts["of"], str(action.facts["text"]), shown, plain)

    async def _whisper(self, action: Queued) -> Written:
        """A word to one person alone."""
        await self._client.chat_postEphemeral(
            channel=self._channel(action),
            user=action.facts["user"],
            text=action.facts["text"],
            thread_ts=action.thread,
        )
        return self._channel(action), None

    async def _home(self, action: Queued) -> Written:
        user = str(action.facts["user"])
        role = self._people.role(user)
        cases = await self._store.conversations.open_cases(action.team) if role != "customer" else []
        status = await self.status_lines() if self.status_lines and role != "customer" else []
        view = {"type": "home", "blocks": blocks.home(role, self._product, cases, status)}
        await self._client.views_publish(user_id=user, view=view)
        return user, None

    async def _permalink(self, channel: str, ts: str) -> str | None:
        try:
            answer = await self._client.chat_getPermalink(channel=channel, message_ts=ts)
        except SlackApiError:
            return None  # the message was deleted meanwhile: the card still says what it said
        return str(answer["permalink"])


_POSTS = {"reply", "clarify", "card", "card_note", "draft", "notice"}


def _code(error: Exception) -> str:
    """The error's name for the log and the outbox: Slack's code, or empty where the answer was not Slack's."""
    if isinstance(error, SlackApiError):
        response: Any = error.response
        return str(response.get("error") or "") if hasattr(response, "get") else ""
    return f"{type(error).__name__}: {error}"[:300]
