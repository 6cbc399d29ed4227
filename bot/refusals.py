"""What a refusal of Slack's Web API says. Pure."""

from __future__ import annotations

from typing import Any

from slack_sdk.errors import SlackApiError


def code_of(error: SlackApiError) -> str:
    """Slack's code for the refusal; empty where the answer was not Slack's."""
    response: Any = error.response
    return str(response.get("error") or "") if hasattr(response, "get") else ""


def retry_after(error: SlackApiError) -> float | None:
    """For how many seconds Slack wants to be left alone; None if that is not what it says."""
    response: Any = error.response
    if getattr(response, "status_code", 200) != 429 and code_of(error) != "ratelimited":
        return None
    try:
        return max(0.1, float(response.headers.get("Retry-After", 1)))
    except (TypeError, ValueError):
        return 30.0  # a date, of a proxy's making
