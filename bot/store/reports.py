"""The figures of the learning report after each run."""

from __future__ import annotations

import json

from bot.domain.learning import Report, Version, Week
from bot.store.db import Database, Transaction

_WEEK_S = 7 * 86400
_MONDAY = 4 * 86400
"""The first Monday after the epoch, UTC."""
_VERSIONS, _WEEKS = 12, 12


class Reports:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def learning(self, team: str, now: float) -> Report:
        """The latest versions on the live holdout, the last weeks, and the sources of the labels."""

        def work(db: Transaction) -> Report:
            return Report(_versions(db, team), _weeks(db, team, now), _sources(db, team))

        return await self._database.transaction(work)


def _versions(db: Transaction, team: str) -> tuple[Version, ...]:
    sql = "select version, state, verdict from models where team = ? order by created_at desc, version desc"
    found: list[Version] = []
    for row in db.query(sql, [team]):
        verdict = json.loads(row["verdict"] or "{}")
        if live := verdict.get("live"):
            figures = live["candidate"], live["active"]["macro_f1"], verdict["n_live"]
            served = row["state"] in ("active", "retired")
            found.append(Version(row["version"], served, _macro_f1(figures[0]), figures[1], figures[2]))
    return tuple(reversed(found[:_VERSIONS]))


def _macro_f1(figure: dict[str, float]) -> tuple[float, float, float]:
    return figure["macro_f1"], figure["low"], figure["high"]


def _weeks(db: Transaction, team: str, now: float) -> tuple[Week, ...]:
    """Readings shown to agents, on a card or in a label request, by week, and how many of them they corrected.

    The latest label on a message counts, compared with the reading at that time.
    """
    sql = """
        select (cast(m.created_at as bigint) - ?) / ? as week, count(*) as shown,
               sum(case when f.value not in (f.read_label, 'withdrawn') then 1 else 0 end) as overridden
        from messages m left join feedback f on f.id = (
            select max(id) from feedback where message_id = m.id and kind = 'label'
        )
        where m.team = ? and m.role = 'customer' and m.label is not null and m.created_at > ?
          and (m.flag is not null or f.id is not null)
        group by week order by week
    """
    return tuple(
        Week(_MONDAY + row["week"] * _WEEK_S, row["overridden"], row["shown"])
        for row in db.query(sql, [_MONDAY, _WEEK_S, team, now - _WEEKS * _WEEK_S])
    )


def _sources(db: Transaction, team: str) -> dict[str, int]:
    """Labels by source; each person's latest one on a message."""
    sql = """
        select source, count(*) as n from feedback f
        where team = ? and kind = 'label' and value != 'withdrawn' and id = (
            select max(id) from feedback where message_id = f.message_id and "user" = f."user" and kind = 'label'
        ) group by source order by n desc, source
    """
    return {row["source"]: row["n"] for row in db.query(sql, [team])}
