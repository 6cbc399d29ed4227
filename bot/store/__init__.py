"""The database. One process, one connection, one thread; every method is one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bot.domain.case import Transition
from bot.failpoints import Reach
from bot.store.cases import Cases
from bot.store.conversations import Conversations
from bot.store.db import Database, StoreError, StoreUnavailable
from bot.store.erasure import Erasure
from bot.store.examples import Examples
from bot.store.feedback import Feedback
from bot.store.inbox import Inbox
from bot.store.label_requests import LabelRequests
from bot.store.outbox import Outbox
from bot.store.records import Records
from bot.store.reports import Reports
from bot.store.shadow_evaluations import ShadowEvaluations

__all__ = ["Store", "StoreError", "StoreUnavailable", "open_store"]


@dataclass(frozen=True, slots=True)
class Store:
    database: Database
    inbox: Inbox
    conversations: Conversations
    cases: Cases
    outbox: Outbox
    records: Records
    feedback: Feedback
    label_requests: LabelRequests
    examples: Examples
    shadow_evaluations: ShadowEvaluations
    erasure: Erasure
    reports: Reports


def open_store(file: Path, transition: Transition, reach: Reach | None = None) -> Store:
    """Open or create the database, with exclusive access. Raises StoreError; its one line says what to do.

    `transition`: the rules of cases (bot.desk.cases), applied inside the transactions.
    """
    database = Database.open(file, reach)
    return Store(
        database,
        Inbox(database),
        Conversations(database, transition),
        Cases(database, transition),
        Outbox(database),
        Records(database),
        Feedback(database, transition),
        LabelRequests(database),
        Examples(database),
        ShadowEvaluations(database),
        Erasure(database, transition),
        Reports(database),
    )
