"""What becomes of a trained candidate: entered with its verdict and lineage, and allowed to serve or not. The same for the run in
the bot and the one on the command line; each says it in its own words."""

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
    """*manual*: an admin has the last word; *rolled back before*: one that had learned the same was called back by the watch, so they
    have it here, too."""
    version: str | None
    """None if it could not be exported."""
    reasons: tuple[str, ...]


def name_of(check: Mapping[str, Any]) -> str:
    """A check of the verdict as people read it, with the number that decides where it is not in the table's columns."""
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
    """Take a candidate into the registry with `add` and into the database; it does not serve yet. `done` is the training
    process's last line, `parent` the version it was measured against. Raises ArtefactError."""
    verdict: Any = done["verdict"]
    reasons = tuple(verdict["reasons"])
    if done["candidate"] is None:
        return Outcome("not exported", None, reasons)
    version = add(Path(str(done["candidate"])))
    lineage = [word for used in chosen.to_learn for word in used.words]
    state = "candidate" if verdict["promote"] else "rejected"
    await store.records.add_model(team, version, parent, verdict, state, lineage, now)
    if not verdict["promote"]:
        return Outcome("rejected", version, reasons)
    if promotion == "manual":
        return Outcome("manual", version, reasons)
    if await store.records.was_called_back(team, data_hash):
        return Outcome("rolled back before", version, reasons)
    return Outcome("passed", version, reasons)
