"""One connection, owned by one thread. The event loop passes it functions and awaits their results.

Two facts force this design (docs/operator.md): sqlite3 connections that threads share corrupt transactions, and
SQLite before 3.51.3 can lose a WAL reset with two connections. So a lock file keeps other processes out and one
thread does everything. The journal is a rollback journal, so other processes may read the file meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Literal, TypeVar, overload

import sqlite_utils

from bot.failpoints import Reach, of_transaction
from bot.store.schema import MIGRATIONS
from model.errors import UserError

T = TypeVar("T")


class StoreError(UserError):
    """The text is one line: what is wrong with the database, where, and what to do."""


Kind = Literal["busy", "full", "unwritable", "damaged", "closed"]

_KINDS: dict[int, Kind] = {
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR: "unwritable",
    sqlite3.SQLITE_READONLY: "unwritable",
    sqlite3.SQLITE_CANTOPEN: "unwritable",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
}


class StoreUnavailable(Exception):
    """The database cannot be used now. The transaction did not happen and may be tried again."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(f"the database is {kind}: {reason}")
        self.kind = kind


@contextlib.contextmanager
def _typed_errors() -> Iterator[None]:
    """Raise the driver's errors about the file as StoreUnavailable; errors in our SQL stay as they are."""
    try:
        yield
    except sqlite3.Error as error:
        kind = _KINDS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        if kind is None:
            raise
        raise StoreUnavailable(kind, str(error)) from error


class Transaction:
    """The operations within one transaction. SQL is the subset that SQLite and Postgres share."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """All rows."""
        with contextlib.closing(self._connection.execute(sql, values)) as cursor:
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def one(self, sql: str, values: Sequence[Any] = ()) -> dict[str, Any] | None:
        """The first row; None if there is none."""
        with contextlib.closing(self._connection.execute(sql, values)) as cursor:
            row = cursor.fetchone()
            if row is None:
                return None
            return dict(zip((column[0] for column in cursor.description), row, strict=True))

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Returns the number of changed rows."""
        with contextlib.closing(self._connection.execute(sql, values)) as cursor:
            return cursor.rowcount

    @overload
    def insert(self, table: str, row: Mapping[str, Any]) -> int: ...

    @overload
    def insert(self, table: str, row: Mapping[str, Any], *, ignore: bool) -> int | None: ...

    def insert(self, table: str, row: Mapping[str, Any], *, ignore: bool = False) -> int | None:
        """Insert into a table with ids; returns the new id. With `ignore`, an existing row stays as it is: None."""
        names = ", ".join(f'"{name}"' for name in row)
        conflict = " on conflict do nothing" if ignore else ""
        sql = f'insert into "{table}" ({names}) values ({marks(row)}){conflict} returning id'  # noqa: S608
        # Read all rows: a statement that is not read to its end blocks the commit.
        rows = self.query(sql, list(row.values()))
        return int(rows[0]["id"]) if rows else None

    def update(self, table: str, row_id: int, changes: Mapping[str, Any]) -> None:
        """Change columns of one row. Raises LookupError if there is no such row."""
        columns = ", ".join(f'"{name}" = ?' for name in changes)
        if not self.execute(f'update "{table}" set {columns} where id = ?', [*changes.values(), row_id]):  # noqa: S608
            raise LookupError(f"{table}: no row has the id {row_id}")


def marks(values: Collection[Any]) -> str:
    """The placeholders of a list for `in (…)`: `?, ?, ?`. The list must not be empty."""
    return ", ".join("?" * len(values))


class Database:
    def __init__(
        self,
        file: Path,
        lock: IO[str],
        thread: ThreadPoolExecutor,
        connection: sqlite3.Connection,
        reach: Reach | None,
    ) -> None:
        self.file = file
        self._reach = reach
        self._closing = False
        self._lock = lock
        self._thread = thread
        self._connection = connection

    @classmethod
    def open(cls, file: Path, reach: Reach | None = None) -> Database:
        """Take the lock, open the file, migrate the schema. Raises StoreError. `reach`: see bot.failpoints."""
        lock = _take_lock(file)
        thread = ThreadPoolExecutor(1, thread_name_prefix="database")
        try:
            connection = thread.submit(_open, file).result()
        except BaseException:
            thread.shutdown()
            lock.close()
            raise
        return cls(file, lock, thread, connection, reach)

    async def transaction(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on the database thread in one immediate transaction; returns its result. Raises StoreUnavailable.

        Define `work` inside its store method: the failpoints are named after that method.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    def transaction_blocking(self, work: Callable[[Transaction], T]) -> T:
        """The same for callers without an event loop (the command line)."""
        return self._thread.submit(self._transact, work).result()

    def _transact(self, work: Callable[[Transaction], T]) -> T:
        if self._closing:  # the caller tries again after the next start
            raise StoreUnavailable("closed", "it is being closed")
        connection = self._connection
        self._at(work, "begins")
        with _typed_errors():
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(Transaction(connection))
                self._at(work, "is about to be committed")
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        self._at(work, "is on disk")
        return result

    def _at(self, work: Callable[..., Any], what: str) -> None:
        if self._reach:
            self._reach(f"{of_transaction(work)} {what}")

    def backup(self, target: Path) -> None:
        """Write a consistent copy to `target`, which must not exist yet, and check it. Raises StoreError."""
        if target.exists():
            raise StoreError(f"{target}: exists already — name a file that does not")
        try:
            self._thread.submit(lambda: self._connection.execute("VACUUM INTO ?", [str(target)])).result()
            with contextlib.closing(sqlite3.connect(target)) as copy:
                result = copy.execute("PRAGMA integrity_check").fetchone()[0]
        except sqlite3.Error as error:
            target.unlink(missing_ok=True)
            raise StoreError(
                f"{target}: could not be written ({error}) — name a place with enough space"
            ) from None
        if result != "ok":
            target.unlink(missing_ok=True)
            raise StoreError(
                f"{target}: the copy is damaged ({result}) — the database needs to be restored from an older backup"
            )

    def close(self) -> None:
        """Finish the running transaction, refuse the waiting ones, close. Takes at most the lock timeout, 5 s."""
        self._closing = True
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()
        self._lock.close()


def count_rows(
    file: Path, tables: Sequence[str] = ("messages", "actions", "cases", "feedback", "models", "audit")
) -> dict[str, int]:
    """The row counts of some tables. May be read while a bot has the database open."""
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        return {table: db.execute(f"select count(*) from {table}").fetchone()[0] for table in tables}  # noqa: S608


def _take_lock(file: Path) -> IO[str]:
    path = file.with_name(file.name + ".lock")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("w")
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written ({error.strerror}) — give the bot a folder it may write"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise StoreError(
            f"{file}: in use by a running bot — stop it first, or use the slash command instead"
        ) from None
    return lock


def _open(file: Path) -> sqlite3.Connection:
    """On the database thread: connect, set the pragmas, migrate."""
    try:
        connection = sqlite3.connect(file, isolation_level=None)
        connection.execute("PRAGMA journal_mode=TRUNCATE")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # erased text is overwritten, not only released
        connection.execute("PRAGMA busy_timeout=5000")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"{file}: not a database this bot can open ({error}) — restore a backup or move it away"
        ) from None
    if version > len(MIGRATIONS):
        connection.close()
        raise StoreError(
            f"{file}: written by a newer Softanswer (schema {version}, this one knows {len(MIGRATIONS)}) — upgrade, or restore a backup"
        )
    db = sqlite_utils.Database(connection)
    try:
        for number, migrate in enumerate(MIGRATIONS[version:], start=version + 1):
            connection.execute("BEGIN IMMEDIATE")
            migrate(db)
            connection.execute(f"PRAGMA user_version={number:d}")
            connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        connection.close()
        raise StoreError(
            f"{file}: cannot be written ({error}) — give the bot a folder it may write"
        ) from None
    return connection
