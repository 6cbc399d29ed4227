"""The tables, as numbered migrations: number n brings a database from schema n-1 to n. Never edit one that shipped."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from bot.store.columns import of_action, of_event, of_scores


def _first(db: Any) -> None:
    # One mention can arrive as `message` and `app_mention`, in Slack Connect even with different team ids:
    # channel + ts + kind names the event; the team is kept, not compared.
    db["inbox"].create(
        {"id": int, "team": str, "channel": str, "ts": str, "kind": str, "event": str, "received_at": float,
         "state": str, "reason": str, "attempts": int},
        pk="id", not_null={"team", "channel", "ts", "kind", "received_at", "state", "attempts"},
        defaults={"state": "pending", "attempts": 0},
    )  # fmt: skip
    db["inbox"].create_index(["channel", "ts", "kind"], unique=True)
    db["inbox"].create_index(["state", "id"])
    db["messages"].create(
        {"id": int, "team": str, "channel": str, "ts": str, "thread": str, "user": str, "role": str, "text": str,
         "label": str, "confidence": float, "scores": str, "not_scored": str, "version": str,
         "reply": str, "template": str, "tone": str, "flag": str, "reasons": str, "created_at": float},
        pk="id", not_null={"team", "channel", "ts", "thread", "user", "role", "created_at"},
    )  # fmt: skip
    db["messages"].create_index(["channel", "ts"], unique=True)
    db["messages"].create_index(["channel", "thread"])
    db["cases"].create(
        {"id": int, "team": str, "channel": str, "thread": str, "message_id": int, "flag": str, "state": str,
         "mood": str, "owner": str, "corrected": str, "opened_at": float, "taken_at": float, "resolved_at": float},
        pk="id", not_null={"team", "channel", "thread", "flag", "state", "opened_at"},
        foreign_keys=[("message_id", "messages", "id")],
    )  # fmt: skip
    db["cases"].create_index(["channel", "thread"], unique=True)
    db["actions"].create(
        {"id": int, "team": str, "key": str, "kind": str, "channel": str, "thread": str, "facts": str, "message_id": int,
         "case_id": int, "state": str, "attempts": int, "due_at": float, "slack_channel": str, "slack_ts": str,
         "error": str, "created_at": float, "sent_at": float},
        pk="id", not_null={"team", "key", "kind", "channel", "facts", "state", "attempts", "due_at", "created_at"},
        defaults={"state": "pending", "attempts": 0},
        foreign_keys=[("message_id", "messages", "id"), ("case_id", "cases", "id")],
    )  # fmt: skip
    db["actions"].create_index(["key"], unique=True)
    db["actions"].create_index(["state", "id"])
    db["feedback"].create(
        {"id": int, "team": str, "message_id": int, "kind": str, "value": str, "user": str, "source": str,
         "version": str, "at": float},
        pk="id", not_null={"team", "message_id", "kind", "value", "user", "source", "at"},
        foreign_keys=[("message_id", "messages", "id")],
    )  # fmt: skip
    db["feedback"].create_index(["message_id", "kind", "user", "id"])
    db["models"].create(
        {"version": str, "team": str, "parent": str, "state": str, "metrics": str, "verdict": str, "data_hash": str,
         "created_at": float, "promoted_at": float},
        pk="version", not_null={"team", "state", "created_at"},
    )  # fmt: skip
    db["model_feedback"].create(
        {"version": str, "feedback_id": int, "team": str},
        pk=("version", "feedback_id"), not_null={"team"},
        foreign_keys=[("version", "models", "version"), ("feedback_id", "feedback", "id")],
    )  # fmt: skip
    db["runs"].create(
        {"id": int, "team": str, "trigger": str, "user": str, "state": str, "version": str, "summary": str,
         "started_at": float, "ended_at": float},
        pk="id", not_null={"team", "trigger", "state", "started_at"},
    )  # fmt: skip
    db["audit"].create(
        {"id": int, "team": str, "user": str, "what": str, "detail": str, "at": float},
        pk="id", not_null={"team", "user", "what", "at"},
    )  # fmt: skip
    db["settings"].create({"team": str, "key": str, "value": str}, pk=("team", "key"), not_null={"value"})


def _second(db: Any) -> None:
    # A correction given before the customer changed the words was meant for other words.
    db["messages"].add_column("edited_at", float)
    db["messages"].add_column("edit_ts", float)  # by Slack's clock: edits may come in any order


def _third(db: Any) -> None:
    # A person's word is about a reading, and readings change: the word keeps what was read when it was said.
    db["feedback"].add_column("read_label", str)
    db["feedback"].add_column("read_confidence", float)
    db.conn.execute(
        "update feedback set (read_label, read_confidence) ="
        " (select label, confidence from messages m where m.id = feedback.message_id)"
    )
    db["messages"].add_column("shared", int)  # its channel was shared with another organisation
    db["asks"].create(
        {"id": int, "team": str, "message_id": int, "why": str, "flagged": int, "person": str, "asked_at": float,
         "answered_at": float, "answer": str},
        pk="id", not_null={"team", "message_id", "why", "flagged", "asked_at"},
        foreign_keys=[("message_id", "messages", "id")],
    )  # fmt: skip
    db["asks"].create_index(["message_id", "why"], unique=True)
    db["examples"].create(
        {"id": int, "team": str, "template": str, "text": str, "message_id": int, "user": str, "at": float,
         "state": str, "decided_by": str, "decided_at": float},
        pk="id", not_null={"team", "template", "user", "at", "state"},
        foreign_keys=[("message_id", "messages", "id")],
    )  # fmt: skip
    db["examples"].create_index(["message_id", "template"], unique=True)
    db["golden"].create(
        {"id": int, "team": str, "text": str, "label": str, "message_id": int, "user": str, "at": float},
        pk="id", not_null={"team", "text", "label", "user", "at"},
    )  # fmt: skip
    db["golden"].create_index(["team", "text"], unique=True)
    for column in ("message_id", "case_id"):
        db["actions"].create_index([column])
    db["cases"].create_index(["message_id"])
    db["messages"].create_index(["channel", "user"])
    for column, kind in (("data_hash", str), ("learned", int), ("held", str)):
        db["runs"].add_column(column, kind)
    db["watches"].create(
        {"id": int, "team": str, "version": str, "previous": str, "state": str, "started_at": float, "ends_at": float,
         "expected": float, "readings": int, "last_message": int, "verdict": str, "ended_at": float},
        pk="id", not_null={"team", "version", "previous", "state", "started_at", "readings"},
        defaults={"readings": 0, "last_message": 0},
    )  # fmt: skip
    db["shadows"].create(
        {"watch_id": int, "message_id": int, "new": str, "old": str, "at": float},
        pk=("watch_id", "message_id"),
        foreign_keys=[("watch_id", "watches", "id"), ("message_id", "messages", "id")],
    )  # fmt: skip


def _fourth(db: Any) -> None:
    # If the one who was asked cannot tell, another is asked about the same message for the same reason.
    db.conn.execute("drop index idx_asks_message_id_why")
    db["asks"].create_index(["message_id", "why"])
    # By Slack's clock: buttons and emoji may come in any order.
    db["feedback"].add_column("said_at", float)
    # People's words on how a customer felt; without those that were said before the customer changed the message. Who
    # reacts sees Slack's words, who presses a button sees ours, which change when we hear of it.
    db.create_view(
        "words",
        "select f.* from feedback f join messages m on m.id = f.message_id where f.kind = 'label' and case"
        " when f.said_at is null or m.edit_ts is null then f.at > coalesce(m.edited_at, 0)"
        " else f.said_at > m.edit_ts and (f.source = 'reaction' or f.at > m.edited_at) end",
    )
    db.create_view(
        "standing_words",  # of them each person's last one on a message, if it was not taken back
        "select * from words w where w.value != 'withdrawn' and w.id = ("
        " select max(id) from feedback where message_id = w.message_id and user = w.user and kind = 'label')",
    )
    # The words of a labelled message that is too old, kept to learn from without what belongs to persons.
    db["messages"].add_column("redacted", int)


def _fifth(db: Any) -> None:
    # What queries ask of JSON has columns of its own: not every database reads JSON in the same way.
    db["messages"].add_column("negative", float)
    for column, kind in (("template", str), ("asks_rating", int)):
        db["actions"].add_column(column, kind)
    for column in ("author", "message_ts"):
        db["inbox"].add_column(column, str)
    for row in list(db.query("select id, scores from messages where scores is not null")):
        _fill(db, "messages", row["id"], of_scores(json.loads(row["scores"])))
    for row in list(db.query("select id, kind, facts from actions")):
        _fill(db, "actions", row["id"], of_action(row["kind"], json.loads(row["facts"])))
    for row in list(db.query("select id, ts, event from inbox")):
        _fill(db, "inbox", row["id"], of_event(json.loads(row["event"] or "{}"), row["ts"]))
    db["inbox"].create_index(["channel", "message_ts"])
    db["inbox"].create_index(["author"])
    _own_team(db)
    _case_events(db)
    _payloads(db)
    _standard_names(db)


def _case_events(db: Any) -> None:
    db["cases"].add_column("cause", str)
    db["cases"].add_column("first_reply_at", float)
    db["cases"].transform(drop={"mood"})  # written, and never read
    # A case that was reopened kept the times of its first life.
    db.conn.execute("update cases set taken_at = null, resolved_at = null where state = 'open'")
    db.conn.execute("update cases set resolved_at = null where state = 'taken'")
    db["case_events"].create(
        {"id": int, "case_id": int, "kind": str, "at": float, "actor": str, "message_id": int},
        pk="id", not_null={"case_id", "kind", "at", "actor"},
        foreign_keys=[("case_id", "cases", "id"), ("message_id", "messages", "id")],
    )  # fmt: skip
    db["case_events"].create_index(["case_id", "id"])
    # What is known of the cases there are: when they were opened, taken and resolved.
    for kind, at, actor in (
        ("opened", "opened_at", '(select "user" from messages m where m.id = cases.message_id)'),
        ("taken", "taken_at", "owner"),
        ("resolved", "resolved_at", "owner"),
    ):
        db.conn.execute(
            "insert into case_events (case_id, kind, at, actor, message_id)"  # noqa: S608
            f" select id, ?, {at}, coalesce({actor}, ''), message_id from cases where {at} is not null order by id",
            [kind],
        )


def _payloads(db: Any) -> None:
    db.conn.execute("alter table actions rename column facts to payload")
    for old, new in (
        ("ask", "label_request"),
        ("ask_close", "label_request_close"),
        ("whisper", "ephemeral"),
    ):
        db.conn.execute("update actions set kind = ? where kind = ?", [new, old])
    for row in list(db.query("select id, payload from actions where kind = 'draft'")):
        payload = json.loads(row["payload"])
        payload |= {
            "customer_channel": payload.pop("channel", ""),
            "customer_thread": payload.pop("thread", ""),
        }
        db.conn.execute("update actions set payload = ? where id = ?", [json.dumps(payload), row["id"]])


def _standard_names(db: Any) -> None:
    for view in ("standing_words", "words"):
        db.conn.execute(f"drop view {view}")
    for old, new in (
        ("asks", "label_requests"),
        ("watches", "shadow_evaluations"),
        ("shadows", "shadow_differences"),
    ):
        db.conn.execute(f"alter table {old} rename to {new}")
    db.conn.execute("alter table shadow_differences rename column watch_id to evaluation_id")
    db.conn.execute("alter table runs rename column held to excluded")
    # Never read.
    db["shadow_evaluations"].transform(drop={"ends_at"})
    db["models"].transform(drop={"metrics", "data_hash"})
    for table in ("models", "runs"):
        db.conn.execute(f"update {table} set state = 'rejected' where state = 'refused'")  # noqa: S608
    # What people said of how a customer felt; without what they said before the customer changed the message. Who reacts
    # sees Slack's text; who presses a button sees ours, which changes when we hear of it.
    db.create_view(
        "label_events",
        "select f.* from feedback f join messages m on m.id = f.message_id where f.kind = 'label' and case"
        " when f.said_at is null or m.edit_ts is null then f.at > coalesce(m.edited_at, 0)"
        " else f.said_at > m.edit_ts and (f.source = 'reaction' or f.at > m.edited_at) end",
    )
    db.create_view(
        "current_labels",  # each annotator's last one on a message, if it was not withdrawn
        "select * from label_events e where e.value != 'withdrawn' and e.id = ("
        ' select max(id) from feedback where message_id = e.message_id and "user" = e."user" and kind = \'label\')',
    )


def _own_team(db: Any) -> None:
    # A customer of another organisation (Slack Connect) was kept under the team of theirs, where no query of ours looked.
    db["messages"].add_column("author_team", str)
    known = next(db.query("select value from settings where team = '' and key = 'team'"), None)
    if known is None:  # a bot that has never started has no customers
        return
    own = json.loads(known["value"])
    db.conn.execute("update messages set author_team = team where team != ?", [own])
    for table in ("messages", "cases", "actions", "feedback", "inbox"):
        db.conn.execute(f"update {table} set team = ? where team != ?", [own, own])  # noqa: S608


def _fill(db: Any, table: str, row_id: int, columns: dict[str, Any]) -> None:
    if any(value is not None for value in columns.values()):
        changes = ", ".join(f"{column} = ?" for column in columns)
        db.conn.execute(f"update {table} set {changes} where id = ?", [*columns.values(), row_id])  # noqa: S608


MIGRATIONS: tuple[Callable[[Any], None], ...] = (_first, _second, _third, _fourth, _fifth)
