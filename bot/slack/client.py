"""Slack's Web API client, as the bot needs it: an answer that is none is an outcome that nobody knows."""

from __future__ import annotations

from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient


class GarbledAnswer(aiohttp.ClientError):
    """Something answered, and it was not Slack: a proxy's page, half a body. The call may have been carried out."""


class Client(AsyncWebClient):
    """Without retries of its own, which would post twice when only the answer was lost: the outbox looks before it sends again."""

    def __init__(self, token: str, api_url: str, timeout_s: int = 30) -> None:
        super().__init__(token=token, base_url=api_url, timeout=timeout_s, retry_handlers=[])

    async def api_call(self, api_method: str, **arguments: Any) -> Any:
        try:
            return await super().api_call(api_method, **arguments)
        except SlackApiError as error:
            response: Any = error.response
            if isinstance(response.data, dict) and "ok" in response.data:
                raise
            if response.status_code == 429:  # whatever stands in it, the header says when to come again
                response.data = {"ok": False, "error": "ratelimited"}
                raise
            raise GarbledAnswer(f"status {response.status_code}, not an answer of Slack's") from None
        except (
            AttributeError,
            ValueError,
            TypeError,
            KeyError,
        ) as error:  # the SDK takes any answer for a JSON object
            raise GarbledAnswer(f"not an answer of Slack's: {type(error).__name__}: {error}") from None
