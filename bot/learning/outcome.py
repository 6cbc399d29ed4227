"""Enters a trained candidate with its verdict and lineage, and says whether it may serve.

The run in the bot and the one on the command line share this; each words the result itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bot.learning.process import Step
from bot.learning.selection import Selection
from bot.store import Store


@dataclass(frozen=True, slots=True)
class Outcome:
    state: Literal["not exported", "rejected", "manual", "rolled back before", "passed"]
    """*manual*: an admin decides. *rolled back before*: a shadow evaluation rolled back a version with the same training
    data, so an admin decides here, too."""
    version: str | None
    """None if it could not be exported."""
    reasons: tuple[str, ...]


def name_of(check: Mapping[str, Any]) -> str:
    """A check's name for people. It includes the deciding number if the table has no column for it."""
    if "bound" not in check:
        return str(check["name"])
    return f"{check['name']} (difference at worst {check['bound']:+.3f}, {check['certainty']:.0%} sure)"


async def take_in(
    done: Step,
    *,
    chosen: Selection,
    data_hash: str,
    parent: str,
    store: Store,
    team: str,
    add: Callable[[Path], str],
    promotion: str,
    now: float,
) -> Outcome:
    """Add a candidate to the registry (with `add`) and to the database. It does not serve yet.

    `done` is the training process's last line, `parent` the version it was compared with. Raises ArtefactError.
    """
    verdict: Any = done["verdict"]
    reasons = tuple(verdict["reasons"])
    if done["candidate"] is None:
        return Outcome("not exported", None, reasons)
    version = add(Path(str(done["candidate"])))
    lineage = [event for row in chosen.to_learn for event in row.label_events]
    state = "candidate" if verdict["promote"] else "rejected"
    await store.records.add_model(team, version, parent, verdict, state, lineage, now)
    if not verdict["promote"]:
        return Outcome("rejected", version, reasons)
    if promotion == "manual":
        return Outcome("manual", version, reasons)
    if await store.records.was_rolled_back(team, data_hash):
        return Outcome("rolled back before", version, reasons)
    return Outcome("passed", version, reasons)
