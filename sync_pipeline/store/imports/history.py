"""Sessions, records, accounts and changes of another system: told as they were told there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Table, select

from sync_pipeline.model.imported import ImportKind, Tally
from sync_pipeline.store.database import among, upsert
from sync_pipeline.store.imports.schema import (
    imported_accounts,
    imported_changes,
    imported_records,
    imported_sessions,
)

_SHOWN = ("source", "instance")
"""Of the records, what is read with them and is no column, or that of the key."""
Writer = Callable[[Connection, str, Sequence[Any], datetime], Tally]


def _writer(table: Table, key: str, *more: str) -> Writer:
    """Return what writes rows into a table: those of one kind, with a key that is theirs there."""
    keys = ("source", *more, key)

    def put(connection: Connection, source: str, rows: Sequence[Any], _now: datetime) -> Tally:
        tally = Tally()
        values = [_values(row, source) for row in rows]
        last = {item[key]: item for item in values}
        for item in values:
            if last[item[key]] is not item:
                tally.leave("its key is there twice: the later row was taken", str(item[key]))
        query = select(table.c[key]).where(
            table.c.source == source,
            *(table.c[name] == values[0][name] for name in more),
            among(connection, table.c[key], sorted(last)),
        )
        known = len(connection.scalars(query).all())
        tally.known, tally.new = known, len(last) - known
        columns = [name for name in values[0] if name not in keys]
        upsert(connection, table, list(last.values()), keys, columns)
        return tally

    return put


def _values(row: Any, source: str) -> dict[str, Any]:
    found = {
        item.name: _plain(getattr(row, item.name))
        for item in fields(row)
        if item.name not in _SHOWN
    }
    return {"source": source, **found}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


HISTORY_WRITERS: Mapping[ImportKind, Writer] = MappingProxyType(
    {
        ImportKind.SESSIONS: _writer(imported_sessions, "session_id", "kind"),
        ImportKind.RUNS: _writer(imported_sessions, "session_id", "kind"),
        ImportKind.RECORDS: _writer(imported_records, "source_id", "kind"),
        ImportKind.ITEMS: _writer(imported_records, "source_id", "kind"),
        ImportKind.ACCOUNTS: _writer(imported_accounts, "source_id"),
        ImportKind.CHANGES: _writer(imported_changes, "source_id"),
    }
)
