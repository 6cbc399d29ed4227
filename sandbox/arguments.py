"""The arguments of a Web API call, however they came: query, form or JSON."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sandbox.workspace import SlackError

Item = TypeVar("Item")


class Arguments:
    """Typed looks at the arguments; raises Slack's `invalid_arguments` for what cannot be read."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = given

    def has(self, name: str) -> bool:
        """Whether it was given at all."""
        return self.given.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        """A string; numbers are taken as their text."""
        value = self.given.get(name)
        if value is None:
            return default
        if isinstance(value, (dict, list)):
            raise _invalid(f"must be a string [json-pointer:/{name}]")
        return str(value)

    def required(self, name: str) -> str:
        """A string that must be there and not be empty."""
        if not (value := self.text(name)):
            raise _invalid(f"missing required field: {name}")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """A yes or no: JSON booleans, and 1/0/true/false as forms have them."""
        value = self.given.get(name, default)
        return value if isinstance(value, bool) else str(value).lower() in ("1", "true")

    def number(self, name: str, default: int) -> int:
        """A whole number."""
        value = self.given.get(name)
        if value in (None, ""):
            return default
        try:
            return int(value)
        except (TypeError, ValueError):
            raise _invalid(f"must be an integer [json-pointer:/{name}]") from None

    def json(self, name: str, refusal: str) -> Any:
        """An object or list, which forms carry as JSON text; `refusal` is the error for what is neither."""
        value = self.given.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise SlackError(refusal) from None

    def page(self, items: Sequence[Item], default: int, most: int = 1000) -> tuple[list[Item], str]:
        """The page that `cursor` and `limit` ask for, and the cursor of the next one ("" on the last)."""
        start = 0
        if cursor := self.text("cursor"):
            try:
                start = int(base64.b64decode(cursor, validate=True).decode().removeprefix("next:"))
            except (binascii.Error, ValueError):
                raise SlackError("invalid_cursor") from None
        limit = self.number("limit", default) or default
        if not 1 <= limit <= most:
            raise SlackError("invalid_limit")
        end = start + limit
        following = base64.b64encode(f"next:{end}".encode()).decode() if end < len(items) else ""
        return list(items[start:end]), following


def _invalid(message: str) -> SlackError:
    return SlackError("invalid_arguments", response_metadata={"messages": [f"[ERROR] {message}"]})
