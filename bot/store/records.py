"""Feedback, models, training runs, the audit trail and the settings that people change while the bot runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.domain import Action
from bot.store.conversations import flag_thread, queue_card_update
from bot.store.database import Database
from bot.store.outbox import insert_actions


@dataclass(frozen=True, slots=True)
class Corrected:
    """One message with the label that people gave it."""

    text: str
    label: str
    feedback_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One training run as the database remembers it."""

    id: int
    trigger: str
    user: str | None
    state: str
    version: str | None
    summary: str | None
    started_at: float
    ended_at: float | None


class Records:
    def __init__(self, database: Database) -> None:
        self._database = database

    # --- feedback: append-only; a person's later word on a message supersedes their earlier one

    async def correct(
        self, team: str, message_id: int, label: str, user: str, source: str, now: float
    ) -> bool:
        """An agent's word on how a customer felt when they wrote a message. False if there is no such message.

        It names the message, not the case: by now the case may be about a later one.
        """

        def work(db: Any) -> bool:
            row = next(
                db.query("select id as message_id, version from messages where id = ?", [message_id]), None
            )
            if row is None:
                return False
            _insert_feedback(db, team, row, "label", label, user, source, now)
            case = next(db["cases"].rows_where("message_id = ?", [message_id]), None)
            if case:
                db["cases"].update(case["id"], {"corrected": label})
                queue_card_update(db, team, case["id"], now)
            return True

        return await self._database.run(work)

    async def rate(self, team: str, message_id: int, value: str, user: str, now: float) -> bool:
        """A customer's word on an answer. Whom it did not help gets a person: the case is opened with the same stroke.

        False if there is no such message.
        """

        def work(db: Any) -> bool:
            row = next(
                db.query(
                    "select id as message_id, version, channel, thread from messages where id = ?",
                    [message_id],
                ),
                None,
            )
            if row is None:
                return False
            _insert_feedback(db, team, row, "rating", value, user, "answer", now)
            if value == "not_helpful":
                flag_thread(db, team, row["channel"], row["thread"], message_id, "request", now)
            return True

        return await self._database.run(work)

    async def choose(
        self,
        team: str,
        message_id: int,
        template: str | None,
        user: str,
        actions: Sequence[Action],
        now: float,
    ) -> bool:
        """The customer's answer to *did you mean*, with what follows from it. Only the first answer counts.

        Without a template (none of these) a person is called: the case is opened with the same stroke.
        """

        def work(db: Any) -> bool:
            sql = "select id as message_id, version, channel, thread from messages where id = ?"
            row = next(db.query(sql, [message_id]), None)
            chosen = next(db["feedback"].rows_where("message_id = ? and kind = 'choice'", [message_id]), None)
            if row is None or chosen:
                return False
            _insert_feedback(db, team, row, "choice", template or "none", user, "clarify", now)
            insert_actions(db, team, actions, now, message_id)
            if template is None:
                flag_thread(db, team, row["channel"], row["thread"], message_id, "request", now)
            return True

        return await self._database.run(work)

    async def corrections(self, team: str) -> list[Corrected]:
        """Messages with a label that everybody who gave one agrees on, oldest first. Messages in dispute are left out."""
        sql = """
            select m.text, f.value, f.id, f.message_id from feedback f join messages m on m.id = f.message_id
            where f.team = ? and f.kind = 'label' and m.text is not null and f.at > coalesce(m.edited_at, 0) and f.id = (
                select max(id) from feedback
                where message_id = f.message_id and kind = 'label' and user = f.user
            ) order by f.message_id, f.id
        """

        def work(db: Any) -> list[Corrected]:
            words: dict[int, list[Mapping[str, Any]]] = {}
            for row in db.query(sql, [team]):
                words.setdefault(row["message_id"], []).append(row)
            return [
                Corrected(rows[0]["text"], rows[0]["value"], tuple(r["id"] for r in rows))
                for rows in words.values()
                if len({r["value"] for r in rows}) == 1
            ]

        return await self._database.run(work)

    async def feedback_counts(self) -> dict[str, int]:
        sql = "select kind || ':' || value as word, count(*) as n from feedback group by word order by word"
        return await self._database.run(lambda db: {r["word"]: r["n"] for r in db.query(sql)})

    # --- training runs: one lease for the schedule, the command and the command line

    async def begin_run(self, team: str, trigger: str, user: str | None, now: float) -> int | None:
        """Take the lease and open a run; None if another run holds it."""

        def work(db: Any) -> int | None:
            if next(db["runs"].rows_where("team = ? and state = 'running'", [team]), None):
                return None
            row = {"team": team, "trigger": trigger, "user": user, "state": "running", "started_at": now}
            return int(db["runs"].insert(row).last_pk)

        return await self._database.run(work)

    async def end_run(
        self, run_id: int, state: str, summary: str, now: float, version: str | None = None
    ) -> None:
        """Close a run as promoted, refused, waiting or failed; that frees the lease."""
        changes = {"state": state, "summary": summary, "ended_at": now, "version": version}
        await self._database.run(lambda db: db["runs"].update(run_id, changes))

    async def fail_interrupted_runs(self, now: float) -> int:
        """On start: a run that is still *running* died with the bot. Returns how many there were."""

        def work(db: Any) -> int:
            rows = list(db["runs"].rows_where("state = 'running'"))
            for row in rows:
                summary = "the bot stopped during the run"
                db["runs"].update(row["id"], {"state": "failed", "summary": summary, "ended_at": now})
            return len(rows)

        return await self._database.run(work)

    async def last_run(self, team: str) -> Run | None:
        sql = "select id, trigger, user, state, version, summary, started_at, ended_at from runs where team = ? order by id desc"

        def work(db: Any) -> Run | None:
            row = next(db.query(sql, [team]), None)
            return Run(**row) if row else None

        return await self._database.run(work)

    async def add_model(
        self, team: str, version: str, parent: str, verdict: Mapping[str, Any], state: str,
        feedback_ids: Sequence[int], now: float,
    ) -> None:  # fmt: skip
        """Enter a trained version with its verdict and the corrections that made it."""

        def work(db: Any) -> None:
            row = {"version": version, "team": team, "parent": parent, "state": state, "created_at": now}
            db["models"].insert(row | {"verdict": json.dumps(dict(verdict))}, replace=True)
            lineage = [{"version": version, "feedback_id": i, "team": team} for i in feedback_ids]
            if lineage:
                db["model_feedback"].insert_all(lineage, ignore=True)

        await self._database.run(work)

    async def serve_model(self, team: str, version: str, user: str, what: str, now: float) -> None:
        """Note that a version serves from now on, and who said so."""

        def work(db: Any) -> None:
            db.conn.execute("update models set state = 'retired' where team = ? and state = 'active'", [team])
            db.conn.execute(
                "update models set state = 'active', promoted_at = ? where version = ?", [now, version]
            )
            insert_audit(db, team, user, what, {"version": version}, now)

        await self._database.run(work)

    async def model_states(self, team: str) -> dict[str, str]:
        sql = "select version, state from models where team = ?"
        return await self._database.run(lambda db: {r["version"]: r["state"] for r in db.query(sql, [team])})

    # --- audit and settings

    async def audit(self, team: str, user: str, what: str, detail: Mapping[str, Any], now: float) -> None:
        await self._database.run(lambda db: insert_audit(db, team, user, what, detail, now))

    async def set_consent(self, team: str, given: bool, user: str, now: float) -> None:
        """Whether the bot may learn from this team's messages; recorded with the person who said so."""

        def work(db: Any) -> None:
            value = json.dumps({"given": given, "by": user, "at": now})
            db["settings"].upsert({"team": team, "key": "consent", "value": value}, pk=("team", "key"))
            insert_audit(db, team, user, f"consent {'on' if given else 'off'}", {}, now)

        await self._database.run(work)

    async def set_seen_until(self, team: str, channel: str, at: float) -> None:
        """Up to this moment everything that was written in the channel is in the inbox."""
        row = {"team": team, "key": f"seen_until:{channel}", "value": json.dumps(at)}
        await self._database.run(lambda db: db["settings"].upsert(row, pk=("team", "key")))

    async def seen_until(self, team: str, channel: str) -> float | None:
        """None before the first time."""

        def work(db: Any) -> float | None:
            where = "team = ? and key = ?"
            row = next(db["settings"].rows_where(where, [team, f"seen_until:{channel}"]), None)
            return float(json.loads(row["value"])) if row else None

        return await self._database.run(work)

    async def consent(self, team: str) -> bool:
        def work(db: Any) -> bool:
            row = next(db["settings"].rows_where("team = ? and key = 'consent'", [team]), None)
            return bool(row and json.loads(row["value"])["given"])

        return await self._database.run(work)


def _insert_feedback(
    db: Any, team: str, message: Mapping[str, Any], kind: str, value: str, user: str, source: str, now: float
) -> None:
    db["feedback"].insert(
        {
            "team": team,
            "message_id": message["message_id"],
            "kind": kind,
            "value": value,
            "user": user,
            "source": source,
            "version": message["version"],
            "at": now,
        }
    )


def insert_audit(db: Any, team: str, user: str, what: str, detail: Mapping[str, Any], now: float) -> None:
    """Note who did what, inside the caller's transaction."""
    db["audit"].insert(
        {"team": team, "user": user, "what": what, "detail": json.dumps(dict(detail)), "at": now}
    )
