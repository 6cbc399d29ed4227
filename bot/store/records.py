"""Models, training runs, the audit trail and the settings that people change while the bot runs."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bot.domain.learning import Run
from bot.store.db import Database, Transaction, marks
from bot.store.shadow_evaluations import SUCCEEDED, begin_shadow_evaluation, end_shadow_evaluations


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
        """What a run learns from: the snapshot's hash, how many messages, and how many were excluded for which reason."""
        changes = {"data_hash": data_hash, "learned": learned, "excluded": json.dumps(dict(excluded))}
        await self._database.transaction(lambda db: db.update("runs", run_id, changes))

    async def end_run(
        self, run_id: int, state: str, summary: str, now: float, version: str | None = None
    ) -> bool:
        """Close a run as promoted, rejected, waiting, skipped or failed; that frees the lease. The first word is the last:
        returns whether it was this one."""
        sql = """
            update runs set state = ?, summary = ?, ended_at = ?, version = ? where id = ? and state = 'running'
        """
        values = [state, summary, now, version, run_id]
        return await self._database.transaction(lambda db: db.execute(sql, values) > 0)

    async def fail_interrupted_runs(self, now: float) -> list[int]:
        """On start: a run that is still *running* died with the bot. Returns their ids."""

        sql = """
            update runs set state = 'failed', summary = 'the bot stopped during the run', ended_at = ?
            where state = 'running' returning id
        """
        rows = await self._database.transaction(lambda db: db.query(sql, [now]))
        return sorted(int(row["id"]) for row in rows)

    async def last_run(self, team: str, *, but: Collection[str] = ()) -> Run | None:
        """The last run whose state is none of `but`: `("skipped",)` leaves out mere looks, `UNJUDGED` what came to no verdict."""
        others = f"and state not in ({marks(but)})" if but else ""
        sql = f"""
            select id, "trigger", "user", state, version, summary, started_at, ended_at, data_hash from runs
            where team = ? {others} order by id desc limit 1
        """  # noqa: S608
        row = await self._database.transaction(lambda db: db.one(sql, [team, *but]))
        return Run(**row) if row else None

    async def was_called_back(self, team: str, data_hash: str) -> bool:
        """Whether a version trained on this very data served and was called back by the watch."""
        sql = """
            select 1 from runs r join shadow_evaluations w on w.version = r.version
            where r.team = ? and r.data_hash = ? and w.state = 'worse'
        """
        return await self._database.transaction(lambda db: db.one(sql, [team, data_hash]) is not None)

    async def add_model(
        self, team: str, version: str, parent: str, verdict: Mapping[str, Any], state: str,
        feedback_ids: Sequence[int], now: float,
    ) -> None:  # fmt: skip
        """Enter a trained version with its verdict and the corrections that made it."""
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
        ended: tuple[str, str] = SUCCEEDED,
    ) -> None:
        """Note that a version serves from now on, and who said so. With `instead_of`, the version whose place it takes, it is
        watched from now on; else a watch that is open is over, as `ended` says (state, verdict). One stroke."""

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
        """Whether the bot may learn from this team's messages; recorded with the person who said so."""

        def work(db: Transaction) -> None:
            value = json.dumps({"given": given, "by": user, "at": now})
            db.execute(_REMEMBER, [team, "consent", value])
            insert_audit(db, team, user, f"consent {'on' if given else 'off'}", {}, now)

        await self._database.transaction(work)

    async def team(self) -> str:
        """The workspace this database belongs to, for the command line, as the bot noted it at its last start; "" before
        the first. Not the team of some event: a customer of another organisation writes under theirs."""
        return await self._database.transaction(lambda db: own_team(db))

    async def remember(self, team: str, key: str, value: Any) -> None:
        """Keep something of the bot's own across restarts."""
        values = [team, key, json.dumps(value)]
        await self._database.transaction(lambda db: db.execute(_REMEMBER, values))

    async def recall(self, team: str, key: str) -> Any:
        """What was remembered; None before the first time."""
        return await self._database.transaction(lambda db: _recalled(db, team, key))

    async def set_seen_until(self, team: str, channel: str, at: float) -> None:
        """Up to this moment everything that was written in the channel is in the inbox."""
        await self.remember(team, f"seen_until:{channel}", at)

    async def seen_until(self, team: str, channel: str) -> float | None:
        """None before the first time."""
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
    """On what share of the gate's messages a version differed from the one that served then; 0.0 if it is not known."""
    row = db.one("select verdict from models where version = ?", [version])
    return float(json.loads((row and row["verdict"]) or "{}").get("disagreement") or 0.0)


def insert_audit(
    db: Transaction, team: str, user: str, what: str, detail: Mapping[str, Any], now: float
) -> None:
    """Note who did what, inside the caller's transaction."""
    db.insert(
        "audit", {"team": team, "user": user, "what": what, "detail": json.dumps(dict(detail)), "at": now}
    )
