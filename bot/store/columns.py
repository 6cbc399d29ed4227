"""Columns that repeat a part of a row's JSON, so that queries need not read JSON. The migration `schema._fifth` uses them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def of_scores(scores: Mapping[str, float] | None) -> dict[str, Any]:
    """For a message: the probability that its author is unhappy."""
    return {"negative": (scores or {}).get("negative")}


def of_action(kind: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """For an action: a reply's template, and whether it asks the customer for a rating."""
    if kind != "reply":
        return {"template": None, "asks_rating": None}
    return {"template": payload.get("template"), "asks_rating": int(bool(payload.get("rate")))}


def of_event(event: Mapping[str, Any], ts: str) -> dict[str, Any]:
    """For an event in the inbox: the author of its text, and the message it is about. The event may have any shape."""
    inner, before = _part(event, "message"), _part(event, "previous_message")
    return {
        "author": _text(event.get("user") or inner.get("user") or before.get("user")),
        "message_ts": _text(inner.get("ts")) or ts,
    }


def _part(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = event.get(name)
    return part if isinstance(part, Mapping) else {}


def _text(value: object) -> str | None:
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else None
