"""Credentials and instances of another system, in our registry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from sync_pipeline.model.imported import ImportedInstance, ImportedRegistry, Tally
from sync_pipeline.model.instance import Instance
from sync_pipeline.store.database import upsert
from sync_pipeline.store.imports.schema import imported_instances
from sync_pipeline.store.registry import instance_columns
from sync_pipeline.store.schema import credentials, instances
from sync_pipeline.store.tags import keep_tags

UNSET = "unset:"
"""Begins what stands in the place of a secret that was not taken over."""
STAYS_REMOVED = "it was removed here, and stays removed: its history is taken"
SAME_SERVER = "another instance here has its host and port: if it is one server, it counts twice"
TAKEN_NAME = "another instance here has its name: rename one, and import again"


def instance_ids(connection: Connection, source: str) -> dict[int, int]:
    """Return our instance (id) of each number of a source."""
    table = imported_instances
    query = select(table.c.source_id, table.c.instance_id).where(table.c.source == source)
    return {row[0]: row[1] for row in connection.execute(query)}


def put_registry(connection: Connection, source: str, rows: Sequence[Any], now: datetime) -> Tally:
    """Add what is not here: nothing that is here is changed, but for a secret that was missing."""
    tally = Tally()
    for item in rows:
        _put_credentials(connection, item, now, tally)
        _put_instances(connection, source, item, now, tally)
    return tally


def _put_credentials(
    connection: Connection, item: ImportedRegistry, now: datetime, tally: Tally
) -> None:
    known = {row.name: row for row in connection.execute(select(credentials))}
    for credential in item.credentials:
        before = known.get(credential.name)
        if before is None:
            row = {
                "name": credential.name,
                "username": credential.username,
                "secret": credential.secret,
                "created_at": now,
                "rotated_at": now,
            }
            connection.execute(insert(credentials).values(row))
            tally.new += 1
            continue
        tally.known += 1
        is_unset = before.secret.startswith(UNSET) and before.username == credential.username
        if is_unset and not credential.secret.startswith(UNSET):
            own = credentials.c.name == credential.name
            values = {"secret": credential.secret, "rotated_at": now}
            connection.execute(update(credentials).where(own).values(values))


def _put_instances(
    connection: Connection, source: str, item: ImportedRegistry, now: datetime, tally: Tally
) -> None:
    mapped = instance_ids(connection, source)
    known = {row.name: row for row in connection.execute(select(instances))}
    servers = {_server(row) for row in known.values() if row.deleted_at is None}
    links: list[dict[str, Any]] = []
    for found in item.instances:
        if found.source_id in mapped:
            tally.known += 1
            continue
        row = known.get(found.instance.name)
        if row is not None and _server(row) != _server(found.instance):
            tally.leave(TAKEN_NAME, found.instance.name)
            continue
        if row is None:
            if _server(found.instance) in servers:
                tally.note(SAME_SERVER, found.instance.name)
            instance_id = _add(connection, found, now)
            tally.new += 1
        else:
            instance_id = row.id
            tally.known += 1
            if row.deleted_at is not None:
                tally.note(STAYS_REMOVED, found.instance.name)
        links.append(
            {
                "source": source,
                "source_id": found.source_id,
                "instance_id": instance_id,
                "fingerprint": found.fingerprint,
            }
        )
    upsert(connection, imported_instances, links, ["source", "source_id"], ["instance_id"])
    keep_tags(connection, [found.instance.name for found in item.instances])


def _server(item: Row[Any] | Instance) -> tuple[str, str, int]:
    """Return what tells a server from others; MariaDB may be called MySQL here or there."""
    engine = "mysql" if str(item.engine) == "mariadb" else str(item.engine)
    return engine, item.host.lower(), item.port


def _add(connection: Connection, found: ImportedInstance, now: datetime) -> int:
    values = {
        **instance_columns(found.instance),
        "created_at": now,
        "updated_at": now,
        "deleted_at": found.deleted_at,
    }
    if found.deleted_at is not None:
        values["is_active"] = False
    done = connection.execute(insert(instances).values(values).returning(instances.c.id))
    made: int = done.scalar_one()
    return made
