"""Columns that repeat a part of a row's JSON, so that queries need not read JSON. A migration uses them: see `schema._fifth`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def of_scores(scores: Mapping[str, float] | None) -> dict[str, Any]:
    """Of a message: how probable it is that its author is unhappy."""
    return {"negative": (scores or {}).get("negative")}


def of_action(kind: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Of an action: which template a reply is made of, and whether it requests the customer to rate it."""
    if kind != "reply":
        return {"template": None, "asks_rating": None}
    return {"template": facts.get("template"), "asks_rating": int(bool(facts.get("rate")))}


def of_event(event: Mapping[str, Any], ts: str) -> dict[str, Any]:
    """Of an event in the inbox: whose words it holds, and which message it is about. It may have any shape."""
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
