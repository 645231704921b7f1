"""The lease on being the daemon of a store, where it is a row of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from sync_pipeline.model.daemon_lease import DaemonLease, Holder
from sync_pipeline.store.connections import lease_engine
from sync_pipeline.store.daemon.lease_file import FileLease
from sync_pipeline.store.daemon.schema import daemon_lease as lease
from sync_pipeline.store.daemon.schema import process_replacements as replacements
from sync_pipeline.store.database import Database

STATEMENT_SECONDS = 5
_ID = 1


class RowLease:
    """The row, over a connection of its own that soon notices when the server is gone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Connects when it is first used.
        self._engine = lease_engine(database.url)

    def read(self) -> DaemonLease:
        """Return the lease as it is.

        Raises:
            StoreUnavailable: the store does not answer in time.
        """
        with self._transaction() as connection:
            return read_lease(connection)

    def take(self, seen: DaemonLease, holder: Holder) -> bool:
        """Give it to a holder if nothing was done with it since `seen`; return whether.

        Raises:
            StoreUnavailable: the store does not answer in time.
        """
        token = seen.holder.token if seen.holder else ""
        values: dict[str, Any] = {
            "count": lease.c.count + 1,
            "token": holder.token,
            "host": holder.host,
            "pid": holder.pid,
            "lease_seconds": holder.lease_seconds,
            "since": func.now(),
            "renewed_at": func.now(),
            "takeovers": lease.c.takeovers + (1 if seen.holder else 0),
        }
        empty = {"id": _ID, "count": 0, "token": "", "host": "", "pid": 0, "lease_seconds": 0.0}
        with self._transaction() as connection:
            row = insert(lease).values({**empty, "takeovers": 0})
            connection.execute(row.on_conflict_do_nothing())
            taken = connection.execute(
                update(lease)
                .where(lease.c.id == _ID, lease.c.count == seen.count, lease.c.token == token)
                .values(values)
            )
            return bool(taken.rowcount)

    def renew(self, holder: Holder) -> bool:
        """Note a sign of its holder; return whether it still is the holder.

        Raises:
            StoreUnavailable: the store does not answer in time.
        """
        return self._change(holder, {"renewed_at": func.now()})

    def release(self, holder: Holder) -> None:
        """Give it back, where this one has it.

        Raises:
            StoreUnavailable: the store does not answer in time.
        """
        self._change(holder, {"token": "", "renewed_at": func.now()})

    def note_beside(self) -> None:
        """Note that a daemon without the lease was seen just now.

        Raises:
            StoreUnavailable: the store does not answer in time.
        """
        with self._transaction() as connection:
            connection.execute(update(lease).values(beside_at=func.now()))

    def count_replaced(self, process: str) -> None:
        """Count a process that was replaced.

        Raises:
            StoreUnavailable: the store does not answer in time.
        """
        row = insert(replacements).values(process=process, replaced=1)
        more = {"replaced": replacements.c.replaced + 1}
        with self._transaction() as connection:
            connection.execute(row.on_conflict_do_update(index_elements=["process"], set_=more))

    def close(self) -> None:
        """Give the connection back."""
        self._engine.dispose()

    def _change(self, holder: Holder, values: dict[str, Any]) -> bool:
        statement = update(lease).where(lease.c.id == _ID, lease.c.token == holder.token)
        with self._transaction() as connection:
            changed = connection.execute(statement.values(count=lease.c.count + 1, **values))
            return bool(changed.rowcount)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._database.guarded(), self._engine.begin() as connection:
            limit = STATEMENT_SECONDS * 1000
            connection.execute(text(f"SET LOCAL statement_timeout = {limit}"))
            yield connection


def lease_register(database: Database) -> RowLease | FileLease:
    """Return where the lease of a store is kept.

    SQLite has one writer, and a busy fleet, or a full disk, may keep others waiting for longer
    than a lease lasts: there it is a file beside the database.
    """
    return FileLease(database) if database.is_sqlite else RowLease(database)


def read_lease(connection: Connection) -> DaemonLease:
    """Return the lease, within a caller's transaction."""
    found = connection.execute(select(lease).where(lease.c.id == _ID)).first()
    replaced = {row.process: row.replaced for row in connection.execute(select(replacements))}
    if found is None:
        return DaemonLease(0, replaced=replaced)
    return DaemonLease(
        found._mapping["count"],  # noqa: SLF001 - a row is a tuple too, with a method count
        _holder(found),
        found.since,
        found.renewed_at,
        found.takeovers,
        found.beside_at,
        replaced,
    )


def _holder(row: Row[Any]) -> Holder | None:
    if not row.token:
        return None
    return Holder(row.token, row.host, row.pid, row.lease_seconds)
