"""The Events API over HTTP: the same deliveries as Socket Mode, posted to the app's request URL and signed.

Signing: https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp

from sandbox.deliveries import COMMANDS, EVENTS, Deliveries, Delivery


class EventsApi:
    """Delivery to one request URL."""

    def __init__(
        self, url: str, secret: str, token: str, deliveries: Deliveries, now: Callable[[], float]
    ) -> None:
        self.url = url
        self.secret = secret
        self.token = token
        self.deliveries = deliveries
        self.now = now
        self._verified = False
        self._posts: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Post what is due, each on its own so that a slow answer delays nothing else."""
        try:
            while True:
                delivery = await self.deliveries.due.get()
                if not delivery.settled:
                    post = asyncio.create_task(self._deliver(delivery))
                    self._posts.add(post)
                    post.add_done_callback(self._posts.discard)
        finally:
            for post in self._posts:
                post.cancel()

    async def verify(self) -> bool:
        """The challenge that Slack sends to a request URL before it is used."""
        challenge = uuid4().hex
        body = json.dumps({"type": "url_verification", "token": self.token, "challenge": challenge})
        try:
            status, _, text = await self._post(body, "application/json", {})
        except (aiohttp.ClientError, TimeoutError):
            return False
        answered = challenge in text
        self._verified = status == 200 and answered
        return self._verified

    async def _deliver(self, delivery: Delivery) -> None:
        self.deliveries.sending(delivery)
        if not self._verified and not await self.verify():
            self._failed(delivery, "connection_failed")
            return
        headers = {}
        if delivery.retry_num:
            headers = {
                "X-Slack-Retry-Num": str(delivery.retry_num),
                "X-Slack-Retry-Reason": delivery.retry_reason,
            }
        if delivery.kind == EVENTS:
            body, content_type = json.dumps(delivery.payload), "application/json"
        else:
            fields = delivery.payload
            if delivery.kind != COMMANDS:
                fields = {"payload": json.dumps(delivery.payload)}
            body, content_type = urlencode(fields), "application/x-www-form-urlencoded"
        try:
            status, answer_headers, text = await self._post(body, content_type, headers)
        except TimeoutError:
            self._failed(delivery, "http_timeout")
        except aiohttp.ClientError:
            self._failed(delivery, "connection_failed")
        else:
            if status == 200:
                self.deliveries.acked(delivery, _answer(text))
            else:
                wanted = answer_headers.get("X-Slack-No-Retry") != "1"
                self._failed(delivery, "http_error", retry=wanted)

    def _failed(self, delivery: Delivery, reason: str, *, retry: bool = True) -> None:
        if delivery.kind == EVENTS:
            self.deliveries.failed(delivery, reason, retry=retry)
        else:
            # Over HTTP nothing can be held: the person sees the failure at once.
            delivery.given_up = True
            if delivery.answer is not None and not delivery.answer.done():
                delivery.answer.set_exception(TimeoutError(reason))

    async def _post(
        self, body: str, content_type: str, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], str]:
        stamp = str(int(self.now()))
        digest = hmac.new(self.secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        signed = {
            **headers,
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest}",
        }
        timeout = aiohttp.ClientTimeout(total=self.deliveries.ack_timeout)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(self.url, data=body.encode(), headers=signed) as response,
        ):
            return response.status, dict(response.headers), await response.text()


def _answer(text: str) -> dict[str, Any] | None:
    """The body of an ack: JSON, or plain text that is shown as such."""
    if not text:
        return None
    try:
        answer = json.loads(text)
    except ValueError:
        return {"text": text}
    return answer if isinstance(answer, dict) else {"text": text}
