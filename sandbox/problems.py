"""Collecting what is wrong with a piece of JSON, in the words and with the pointers that Slack uses."""

from __future__ import annotations

from typing import Any


class Problems:
    """Every complaint so far; the methods check one field each and add what they find."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def add(self, at: str, text: str) -> None:
        """One complaint about the place `at` (a JSON pointer)."""
        self.messages.append(f"{text} [json-pointer:{at}]")

    def text(self, at: str, holder: dict[str, Any], name: str, most: int, *, required: bool = True) -> None:
        """A field that holds a string of 1 to `most` characters."""
        value = holder.get(name)
        if value is None:
            if required:
                self.add(at, f"missing required field: {name}")
        elif not isinstance(value, str):
            self.add(f"{at}/{name}", "must be a string")
        elif len(value) > most:
            self.add(f"{at}/{name}", f"must be less than {most + 1} characters")
        elif required and not value:
            self.add(f"{at}/{name}", "must be more than 0 characters")

    def text_object(
        self, at: str, holder: dict[str, Any], name: str, most: int, *, plain: bool = False
    ) -> None:
        """A field that holds a `plain_text` (or `mrkdwn`) object of 1 to `most` characters."""
        value = holder.get(name)
        if value is None:
            self.add(at, f"missing required field: {name}")
        elif not isinstance(value, dict):
            self.add(f"{at}/{name}", "must be an object")
        elif value.get("type") not in (("plain_text",) if plain else ("plain_text", "mrkdwn")):
            self.add(f"{at}/{name}/type", f"unsupported type: {value.get('type')}")
        else:
            self.text(f"{at}/{name}", value, "text", most)

    def items(
        self, at: str, holder: dict[str, Any], name: str, least: int, most: int, *, required: bool = True
    ) -> list[Any]:
        """A field that holds a list of `least` to `most` items; returns them, or nothing to look at."""
        value = holder.get(name)
        if value is None:
            if required:
                self.add(at, f"missing required field: {name}")
            return []
        if not isinstance(value, list):
            self.add(f"{at}/{name}", "must be an array")
            return []
        if len(value) < least:
            self.add(f"{at}/{name}", f"no fewer than {least} items allowed")
        if len(value) > most:
            self.add(f"{at}/{name}", f"no more than {most} items allowed")
        return value

    def number(self, at: str, holder: dict[str, Any], name: str) -> float | None:
        """A field that holds a number."""
        value = holder.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        self.add(f"{at}/{name}", "must be a number")
        return None
