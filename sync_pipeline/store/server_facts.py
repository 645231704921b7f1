"""What the servers of instances are set to, as their last syncs read it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select

from sync_pipeline.model.server_fact import ServerFact
from sync_pipeline.store.database import Database, among, insert_rows
from sync_pipeline.store.schema import instance_server_facts as table

_COLUMNS = (table.c.name, table.c.database, table.c.subject, table.c.value)
_OF_ONE = select(table.c.id, *_COLUMNS, table.c.since_at).where(
    table.c.instance_id == bindparam("of_id")
)


class ServerFactStore:
    """The table of what servers are set to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, instance_id: int) -> list[tuple[ServerFact, datetime]]:
        """Return what a server is set to by name, with since when (UTC) a sync has read it so."""
        with self._database.read_once() as connection:
            rows = connection.execute(_OF_ONE, {"of_id": instance_id}).all()
        return sorted((ServerFact(*row[1:5]), row.since_at) for row in rows)


def facts_of(
    connection: Connection, instance_ids: Sequence[int]
) -> dict[int, tuple[ServerFact, ...]]:
    """Return what the servers of instances are set to, by their ids."""
    query = select(table.c.instance_id, *_COLUMNS)
    found: dict[int, list[ServerFact]] = defaultdict(list)
    for row in connection.execute(
        query.where(among(connection, table.c.instance_id, instance_ids))
    ):
        found[row.instance_id].append(ServerFact(*row[1:]))
    return {item: tuple(sorted(own)) for item, own in found.items()}


def write_facts(
    connection: Connection, instance_id: int, now: Iterable[ServerFact], observed_at: datetime
) -> None:
    """Replace what was read of a server; what is as it was keeps its date.

    What was not read this time is not known any more, so nothing of it is kept.
    """
    wanted = set(now)
    known = set()
    gone = []
    for row in connection.execute(_OF_ONE, {"of_id": instance_id}):
        fact = ServerFact(*row[1:5])
        if fact in wanted and fact not in known:
            known.add(fact)
        else:
            gone.append(row.id)
    if gone:
        connection.execute(delete(table).where(among(connection, table.c.id, gone)))
    rows = [
        {
            "instance_id": instance_id,
            "name": item.name,
            "database": item.database,
            "subject": item.subject,
            "value": item.value,
            "since_at": observed_at,
        }
        for item in sorted(wanted - known)
    ]
    insert_rows(connection, table, rows)
