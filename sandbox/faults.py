"""Random faults, seeded: what goes wrong between an app and Slack, as often as a run asks for.

The lot of a call depends on the seed and on how many calls came before it, so a run with the same seed meets the same faults
in the same order, as far as the app makes the same calls.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Rates:
    """The share of calls (first part) and of deliveries over a socket (second part) that meet each fault."""

    limited: float = 0.0
    """429 with `Retry-After`"""
    broken: float = 0.0
    """500, 502 or 503, not carried out"""
    slow: float = 0.0
    """carried out, up to a second later"""
    hung: float = 0.0
    """not carried out, and silence"""
    lost: float = 0.0
    """carried out, and silence instead of the answer"""
    garbled: float = 0.0
    """carried out, and the answer is no JSON"""

    dropped: float = 0.0
    """never arrives; it is retried when no ack comes"""
    doubled: float = 0.0
    """arrives twice"""
    late: float = 0.0
    """arrives after up to a second, so out of order"""
    cut: float = 0.0
    """the socket closes right after it"""
    zombie: float = 0.0
    """from now on the socket carries nothing, and stays open"""
    nonsense: float = 0.0
    """before it comes something that is no envelope, or an event that does not exist"""
    strange: float = 0.0
    """before it comes an event of another workspace, of another channel, or without what it should have"""

    @classmethod
    def all_at(cls, share: float) -> Rates:
        """Every fault at the same rate, but for zombies, which come ten times more rarely, and what hangs, five times."""
        rates = {field.name: share for field in fields(cls)}
        return cls(**rates | {"zombie": share / 10, "hung": share / 5, "lost": share / 2})


@dataclass(frozen=True)
class CallFault:
    """What happens to one call of the Web API."""

    kind: str
    seconds: float = 0.0
    status: int = 500


class Faults:
    """The lot that every call and every delivery draws. `rates` may be changed while it runs."""

    def __init__(self, seed: int, rates: Rates) -> None:
        self.rates = rates
        self._calls = random.Random(f"{seed} calls")
        self._deliveries = random.Random(f"{seed} deliveries")
        self.met: dict[str, int] = {}
        """How many of each fault were met."""

    def stop(self) -> None:
        """From now on everything goes well."""
        self.rates = Rates()

    def of_call(self, method: str) -> CallFault | None:
        """The fault that a call meets. `apps.connections.open` may be slow or limited, but is not lost for good."""
        kind = self._draw(self._calls, ("limited", "broken", "slow", "hung", "lost", "garbled"))
        if kind is None:
            return None
        chance = self._calls
        seconds = {"limited": 1.0, "slow": chance.uniform(0.05, 1.0), "hung": 1.5, "lost": 1.0}.get(kind, 0.0)
        return CallFault(kind, seconds, chance.choice([500, 502, 503]))

    def of_delivery(self) -> str | None:
        """The fault that a delivery meets."""
        return self._draw(
            self._deliveries, ("dropped", "doubled", "late", "cut", "zombie", "nonsense", "strange")
        )

    def seconds_late(self) -> float:
        return self._deliveries.uniform(0.05, 1.0)

    def nonsense(self) -> str:
        """What is no envelope, or one of a kind that nobody knows."""
        return self._deliveries.choice(
            [
                "{",
                "[]",
                '"hello"',
                "{}",
                '{"type": "events_api"}',
                '{"type": "new_thing", "envelope_id": "n1", "payload": {}}',
                '{"type": "events_api", "envelope_id": "n2", "payload": {"event": {"type": "message"}}}',
                '{"type": "interactive", "envelope_id": "n3", "payload": {"type": "block_actions"}}',
                '{"type": "slash_commands", "envelope_id": "n4", "payload": {}}',
            ]
        )

    def strange(self, payload: dict[str, Any]) -> dict[str, Any]:
        """An event like a real one, and yet none for this app: of another team or channel, of an unknown subtype, bare."""
        event = dict(payload.get("event") or {})
        twist = self._deliveries.choice(["team", "channel", "subtype", "bare", "type", "types"])
        if twist == "channel":
            event["channel"] = "C0ELSEWHERE"
        elif twist == "subtype":
            event["subtype"] = "subtype_of_tomorrow"
        elif twist == "bare":
            event = {"type": event.get("type", "message")}
        elif twist == "type":
            event["type"] = "event_of_tomorrow"
        elif twist == "types":
            event |= {"text": None, "user": 17, "thread_ts": None, "channel": ["C1"]}
        # With a ts of its own, or it would be taken for the message it resembles.
        event["ts"] = event["event_ts"] = (
            f"{self._deliveries.randrange(10**9, 2 * 10**9)}.{self._deliveries.randrange(10**6):06}"
        )
        changed = {**payload, "event": event, "event_id": f"EvSTRANGE{self._deliveries.randrange(10**9)}"}
        return changed | ({"team_id": "T0OTHER"} if twist == "team" else {})

    def _draw(self, chance: random.Random, kinds: tuple[str, ...]) -> str | None:
        lot = chance.random()
        for kind in kinds:
            lot -= getattr(self.rates, kind)
            if lot < 0:
                self.met[kind] = self.met.get(kind, 0) + 1
                return kind
        return None
