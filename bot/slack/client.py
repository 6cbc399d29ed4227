"""Slack's Web API client: types for refusals and garbled answers, one way to retry, one way to read pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.failpoints import Reach

UNREACHABLE = (aiohttp.ClientError, OSError, TimeoutError)
"""No answer came, or it was not Slack's. It is unknown whether the call was carried out."""

_RETRY_AFTER_S = (2.0, 5.0)
"""The waits before the second and the third attempt, where Slack does not give one."""


class GarbledAnswer(aiohttp.ClientError):
    """The answer was not Slack's, say a proxy's page or half a body. The call may have been carried out."""


class SlackRefused(SlackApiError):
    """Slack refused a call."""

    def __init__(self, method: str, response: Any) -> None:
        super().__init__(f"Slack refused {method}", response)  # type: ignore[no-untyped-call]
        self.method = method
        """The Web API method, `chat.postMessage`."""
        self.code = str(response.get("error") or "") if hasattr(response, "get") else ""
        """Slack's code for the refusal; empty where the answer had none."""
        self.status = int(getattr(response, "status_code", 200))
        self.retry_after = _retry_after(response, self.status, self.code)
        """Seconds to wait if the call was rate limited; None otherwise."""


class Client(AsyncWebClient):
    """The SDK's client without its retries: they would post twice when only the answer was lost. The outbox looks in Slack
    before it sends again."""

    def __init__(self, token: str, api_url: str, timeout_s: int = 30, reach: Reach | None = None) -> None:
        """`reach`: see bot.failpoints."""
        super().__init__(token=token, base_url=api_url, timeout=timeout_s, retry_handlers=[])
        self._reach = reach

    async def api_call(self, api_method: str, **arguments: Any) -> Any:
        """Raises SlackRefused, GarbledAnswer, or what aiohttp raises."""
        if self._reach is None:
            return await self._call(api_method, **arguments)
        self._reach(f"{api_method} is asked")
        answer = await self._call(api_method, **arguments)
        self._reach(f"{api_method} was answered")
        return answer

    async def _call(self, api_method: str, **arguments: Any) -> Any:
        try:
            return await super().api_call(api_method, **arguments)
        except SlackApiError as error:
            response: Any = error.response
            if isinstance(response.data, dict) and "ok" in response.data:
                raise SlackRefused(api_method, response) from None
            if response.status_code == 429:  # whatever the body is, the header says when to try again
                response.data = {"ok": False, "error": "ratelimited"}
                raise SlackRefused(api_method, response) from None
            raise GarbledAnswer(f"status {response.status_code}, not an answer of Slack's") from None
        except (
            AttributeError,
            ValueError,
            TypeError,
            KeyError,
        ) as error:  # the SDK takes any answer for a JSON object
            raise GarbledAnswer(f"not an answer of Slack's: {type(error).__name__}: {error}") from None


async def respond(url: str, text: str) -> None:
    """Answer a command by its response URL, visible to that person only. It needs no channel membership and is valid for
    half an hour.

    Raises one of UNREACHABLE.
    """
    webhook = AsyncWebhookClient(url, retry_handlers=[])
    answer = await webhook.send(text=text, response_type="ephemeral")
    if answer.status_code != 200:
        raise GarbledAnswer(f"the response URL answered with status {answer.status_code}")


async def retried(call: Callable[[], Awaitable[Any]]) -> Any:
    """Make a call that may safely be made twice. Waits where Slack says so, and retries twice after a temporary error.

    Raises SlackRefused or one of UNREACHABLE.
    """
    for wait_s in (*_RETRY_AFTER_S, None):
        try:
            return await call()
        except SlackRefused as error:
            temporary = error.retry_after is not None or error.status >= 500
            if wait_s is None or not temporary:
                raise
            await asyncio.sleep(wait_s if error.retry_after is None else error.retry_after)
        except UNREACHABLE as error:
            if wait_s is None or isinstance(error, aiohttp.ClientConnectorError):
                raise
            await asyncio.sleep(wait_s)
    raise AssertionError("unreachable")


async def pages(
    call: Callable[..., Awaitable[Any]], *, retry: bool = True, **arguments: Any
) -> AsyncIterator[Any]:
    """The answers of a paged Web API method, page by page. Raises as `retried` does."""
    cursor = None
    while True:

        async def page(at: str | None = cursor) -> Any:
            return await call(**arguments, cursor=at)

        answer = await (retried(page) if retry else page())
        yield answer
        cursor = (answer.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return


def _retry_after(response: Any, status: int, code: str) -> float | None:
    if status != 429 and code != "ratelimited":
        return None
    try:
        return max(0.1, float(response.headers.get("Retry-After", 1)))
    except (AttributeError, TypeError, ValueError):
        return 30.0  # a proxy may send a date
