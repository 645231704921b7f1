"""Reading and writing who uses the accounts of instances."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, fields
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select

from sync_pipeline.model.use import (
    Coverage,
    InstanceUse,
    KnownUse,
    NewUse,
    UseMarks,
    UseMeans,
    WatchedUse,
)
from sync_pipeline.store.database import Database, among, among_named, upsert
from sync_pipeline.store.schema import instance_accounts as accounts
from sync_pipeline.store.schema import instances
from sync_pipeline.store.use.packing import (
    UseDamaged,
    pack_accounts,
    pack_counters,
    unpack_accounts,
    unpack_counters,
)
from sync_pipeline.store.use.schema import instance_use as table

_KNOWN = select(table).where(table.c.instance_id == bindparam("of_id"))
_SHOWN = select(
    instances.c.name, *(column for column in table.c if column.name != "counters")
).join_from(table, instances)
_FIRST_KNOWN = select(accounts.c.account_name, accounts.c.first_seen_at).where(
    accounts.c.instance_id == bindparam("of_id")
)
_MARKS = frozenset(item.name for item in fields(UseMarks))


class UseStore:
    """The table of the use of accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, instance_id: int) -> KnownUse:
        """Return what the next sample of an instance is compared with.

        What is damaged is as if nothing were known.
        """
        with self._database.read_once() as connection:
            row = connection.execute(_KNOWN, {"of_id": instance_id}).first()
        if row is None:
            return KnownUse()
        try:
            seen, counters = unpack_accounts(row.accounts), unpack_counters(row.counters)
        except UseDamaged:
            return KnownUse()
        marks = UseMarks(**{name: item for name, item in row.marks.items() if name in _MARKS})
        return KnownUse(_coverage(row), seen, counters, marks, row.has_moved)

    def watched(self, instance_id: int) -> WatchedUse:
        """Return the same of one, with when each account was first known.

        Nothing where not every login shows: of nobody it is known then that he logged in with none.
        """
        with self._database.read() as connection:
            query = _SHOWN.where(table.c.instance_id == instance_id)
            found = next(iter(_uses(connection.execute(query)).values()), None)
            if found is None or found.coverage is None or found.coverage.whole_since is None:
                return WatchedUse()
            rows = connection.execute(_FIRST_KNOWN, {"of_id": instance_id})
            first = {row.account_name: row.first_seen_at for row in rows}
        return WatchedUse(found.coverage, found.accounts, first)

    def of(self, instance_ids: Sequence[int] | None = None) -> dict[str, InstanceUse]:
        """Return what is known of instances by their names, of these ids or of all.

        Of one that was never sampled, or whose row is damaged, nothing.
        """
        with self._database.read_once() as connection:
            query = _SHOWN
            if instance_ids is not None:
                query = query.where(among(connection, table.c.instance_id, instance_ids))
            return _uses(connection.execute(query))

    def named(self, names: Sequence[str]) -> dict[str, InstanceUse]:
        """Return the same of instances by their names."""
        if not names:
            return {}
        with self._database.read_once() as connection:
            query = _named(connection.dialect.name)
            return _uses(connection.execute(query, {"of_names": list(names)}))


@cache
def _named(backend: str) -> Select[Any]:
    """Return the statement that finds what is known of instances by their names, made once."""
    return _SHOWN.where(among_named(backend, instances.c.name, "of_names"))


def _uses(rows: Iterable[Row[Any]]) -> dict[str, InstanceUse]:
    found: dict[str, InstanceUse] = {}
    for row in rows:
        with suppress(UseDamaged):
            found[row.name] = InstanceUse(_coverage(row), unpack_accounts(row.accounts))
    return found


def write_use(connection: Connection, instance_id: int, new: NewUse | None) -> None:
    """Write what a sync leaves, in its transaction; accounts and counters only where they moved."""
    if new is None:
        return
    coverage = new.coverage
    row: dict[str, Any] = {
        "instance_id": instance_id,
        **asdict(coverage),
        "means": None if coverage.means is None else str(coverage.means),
        "longest_gap": int(coverage.longest_gap.total_seconds()) + 1 if coverage.longest_gap else 0,
        "marks": asdict(new.marks),
        "has_moved": new.has_moved,
    }
    if new.accounts is not None:
        row["accounts"] = pack_accounts(new.accounts)
    if new.counters is not None:
        row["counters"] = pack_counters(new.counters)
    names = [name for name in row if name != "instance_id"]
    upsert(connection, table, [row], ["instance_id"], names)


def _coverage(row: Row[Any]) -> Coverage:
    return Coverage(
        since_at=row.since_at,
        means=UseMeans(row.means) if row.means else None,
        samples=row.samples,
        last_at=row.last_at,
        whole_since=row.whole_since,
        longest_gap=timedelta(seconds=row.longest_gap),
        gaps=row.gaps,
        gap_at=row.gap_at,
        restarts=row.restarts,
        failures=row.failures,
        failed_at=row.failed_at,
        note=row.note,
    )
