"""Models, training runs, the audit trail and the settings that people change while the bot runs."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bot.domain.learning import Run
from bot.store.db import Database, Transaction, marks
from bot.store.shadow_evaluations import SUPERSEDED, begin_shadow_evaluation, end_shadow_evaluations


class Records:
    def __init__(self, database: Database) -> None:
        self._database = database

    # --- training runs: one lease for the schedule, the command and the command line

    async def begin_run(self, team: str, trigger: str, user: str | None, now: float) -> int | None:
        """Take the lease and open a run; None if another run holds it."""

        def work(db: Transaction) -> int | None:
            if db.one("select 1 from runs where team = ? and state = 'running'", [team]):
                return None
            row = {"team": team, "trigger": trigger, "user": user, "state": "running", "started_at": now}
            return db.insert("runs", row)

        return await self._database.transaction(work)

    async def note_data(self, run_id: int, data_hash: str, learned: int, excluded: Mapping[str, int]) -> None:
        """Record a run's data: the snapshot's hash, the number of messages, and the number of excluded ones by reason."""
        changes = {"data_hash": data_hash, "learned": learned, "excluded": json.dumps(dict(excluded))}
        await self._database.transaction(lambda db: db.update("runs", run_id, changes))

    async def end_run(
        self, run_id: int, state: str, summary: str, now: float, version: str | None = None
    ) -> bool:
        """Close a run as promoted, rejected, waiting, skipped or failed, which frees the lease.

        Returns False if it was closed before; then nothing changes.
        """
        sql = """
            update runs set state = ?, summary = ?, ended_at = ?, version = ? where id = ? and state = 'running'
        """
        values = [state, summary, now, version, run_id]
        return await self._database.transaction(lambda db: db.execute(sql, values) > 0)

    async def fail_interrupted_runs(self, now: float) -> list[int]:
        """At the start: close the runs that were interrupted when the bot stopped. Returns their ids."""

        sql = """
            update runs set state = 'failed', summary = 'the bot stopped during the run', ended_at = ?
            where state = 'running' returning id
        """
        rows = await self._database.transaction(lambda db: db.query(sql, [now]))
        return sorted(int(row["id"]) for row in rows)

    async def last_run(self, team: str, *, but: Collection[str] = ()) -> Run | None:
        """The last run whose state is not in `but`. `UNJUDGED` leaves out all runs without a verdict."""
        others = f"and state not in ({marks(but)})" if but else ""
        sql = f"""
            select id, "trigger", "user", state, version, summary, started_at, ended_at, data_hash from runs
            where team = ? {others} order by id desc limit 1
        """  # noqa: S608
        row = await self._database.transaction(lambda db: db.one(sql, [team, *but]))
        return Run(**row) if row else None

    async def was_rolled_back(self, team: str, data_hash: str) -> bool:
        """Whether a shadow evaluation rolled back a version that was trained on the same data."""
        sql = """
            select 1 from runs r join shadow_evaluations w on w.version = r.version
            where r.team = ? and r.data_hash = ? and w.state = 'worse'
        """
        return await self._database.transaction(lambda db: db.one(sql, [team, data_hash]) is not None)

    async def add_model(
        self, team: str, version: str, parent: str, verdict: Mapping[str, Any], state: str,
        feedback_ids: Sequence[int], now: float,
    ) -> None:  # fmt: skip
        """Record a trained version with its verdict and its lineage."""
        model = """
            insert into models (version, team, parent, state, verdict, created_at) values (?, ?, ?, ?, ?, ?)
            on conflict (version) do update set team = excluded.team, parent = excluded.parent, state = excluded.state,
            verdict = excluded.verdict, created_at = excluded.created_at, promoted_at = null
        """
        lineage = (
            "insert into model_feedback (version, feedback_id, team) values (?, ?, ?) on conflict do nothing"
        )

        def work(db: Transaction) -> None:
            db.execute(model, [version, team, parent, state, json.dumps(dict(verdict)), now])
            for feedback_id in feedback_ids:
                db.execute(lineage, [version, feedback_id, team])

        await self._database.transaction(work)

    async def serve_model(
        self,
        team: str,
        version: str,
        user: str,
        what: str,
        now: float,
        *,
        instead_of: str | None = None,
        ended: tuple[str, str] = SUPERSEDED,
    ) -> None:
        """Record that a version is active from now on, and who decided it; in one transaction.

        With `instead_of`, the version it replaces, a shadow evaluation begins. Without, an open one ends as `ended` says
        (state, verdict).
        """

        def work(db: Transaction) -> None:
            db.execute("update models set state = 'retired' where team = ? and state = 'active'", [team])
            db.execute(
                "update models set state = 'active', promoted_at = ? where version = ?", [now, version]
            )
            insert_audit(db, team, user, what, {"version": version}, now)
            if instead_of is None:
                end_shadow_evaluations(db, team, *ended, now)
            else:
                begin_shadow_evaluation(db, team, version, instead_of, _disagreement(db, version), now)

        await self._database.transaction(work)

    async def model_states(self, team: str) -> dict[str, str]:
        sql = "select version, state from models where team = ?"
        return await self._database.transaction(
            lambda db: {r["version"]: r["state"] for r in db.query(sql, [team])}
        )

    # --- audit and settings

    async def audit(self, team: str, user: str, what: str, detail: Mapping[str, Any], now: float) -> None:
        await self._database.transaction(lambda db: insert_audit(db, team, user, what, detail, now))

    async def set_consent(self, team: str, given: bool, user: str, now: float) -> None:
        """Record whether the bot may learn from this team's messages, and who decided it."""

        def work(db: Transaction) -> None:
            value = json.dumps({"given": given, "by": user, "at": now})
            db.execute(_REMEMBER, [team, "consent", value])
            insert_audit(db, team, user, f"consent {'on' if given else 'off'}", {}, now)

        await self._database.transaction(work)

    async def team(self) -> str:
        """The workspace of this database, for the command line. "" before the bot's first start.

        The bot records it when it starts. An event's team may be another one: that of a customer in Slack Connect.
        """
        return await self._database.transaction(lambda db: own_team(db))

    async def remember(self, team: str, key: str, value: Any) -> None:
        """Store a value under a key, across restarts."""
        values = [team, key, json.dumps(value)]
        await self._database.transaction(lambda db: db.execute(_REMEMBER, values))

    async def recall(self, team: str, key: str) -> Any:
        """The value stored by `remember`; None if there is none."""
        return await self._database.transaction(lambda db: _recalled(db, team, key))

    async def set_seen_until(self, team: str, channel: str, at: float) -> None:
        """Record that the inbox has everything written in the channel up to `at`."""
        await self.remember(team, f"seen_until:{channel}", at)

    async def seen_until(self, team: str, channel: str) -> float | None:
        """See `set_seen_until`; None before the first time."""
        at = await self.recall(team, f"seen_until:{channel}")
        return None if at is None else float(at)

    async def consent(self, team: str) -> bool:
        return bool((await self.recall(team, "consent") or {}).get("given"))


_REMEMBER = """
    insert into settings (team, key, value) values (?, ?, ?) on conflict (team, key) do update set value = excluded.value
"""


def _recalled(db: Transaction, team: str, key: str) -> Any:
    row = db.one("select value from settings where team = ? and key = ?", [team, key])
    return json.loads(row["value"]) if row else None


def own_team(db: Transaction) -> str:
    """See `Records.team`; in the caller's transaction."""
    return str(_recalled(db, "", "team") or "")


def _disagreement(db: Transaction, version: str) -> float:
    """The rate at which a version and its parent differed in the release checks; 0.0 if it is not known."""
    row = db.one("select verdict from models where version = ?", [version])
    return float(json.loads((row and row["verdict"]) or "{}").get("disagreement") or 0.0)


def insert_audit(
    db: Transaction, team: str, user: str, what: str, detail: Mapping[str, Any], now: float
) -> None:
    """Record who did what; in the caller's transaction."""
    db.insert(
        "audit", {"team": team, "user": user, "what": what, "detail": json.dumps(dict(detail)), "at": now}
    )
