"""Where instances are listed, and what a look at a list changes: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.origin import Cloud, Origin, Step, StepKind
from sync_pipeline.store.database import Database, upsert
from sync_pipeline.store.registry import instance_columns, require_credentials
from sync_pipeline.store.schema import credentials, instances
from sync_pipeline.store.schema import instance_origins as origins
from sync_pipeline.store.tags import keep_tags
from sync_pipeline.store.topics import note_registry

_NEW_ROWS = (StepKind.ADD, StepKind.LINK)


class OriginStore:
    """The table of where instances are listed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[int, Origin]:
        """Return where instances are listed, by their ids; also of those that were removed."""
        with self._database.read() as connection:
            return {row.instance_id: _origin(row) for row in connection.execute(select(origins))}

    def of(self, instance_id: int) -> Origin | None:
        """Return where one instance is listed; None: nowhere that was looked at."""
        query = select(origins).where(origins.c.instance_id == instance_id)
        with self._database.read_once() as connection:
            row = connection.execute(query).first()
        return None if row is None else _origin(row)

    def apply(self, steps: Sequence[Step], now: datetime) -> None:
        """Write what a plan says, in one transaction.

        Raises:
            ConfigurationError: a credential does not exist, or the registry is another one than
                the plan was made of.
        """
        with self._database.write() as connection:
            self._database.lock(connection, credentials, instances, origins)
            added = [step.instance for step in steps if step.kind is StepKind.ADD]
            require_credentials(connection, added)
            _require_free(connection, steps)
            taken = {row.name: row for row in connection.execute(select(instances))}
            rows = [
                {
                    "instance_id": _written(connection, step, taken.get(step.instance.name), now),
                    **_columns(step.origin),
                }
                for step in steps
            ]
            if rows:
                keys = [name for name in rows[0] if name != "instance_id"]
                upsert(connection, origins, rows, ["instance_id"], keys)
                keep_tags(connection, [step.instance.name for step in steps])
                note_registry(connection, [row["instance_id"] for row in rows])


def _require_free(connection: Connection, steps: Sequence[Step]) -> None:
    """Refuse a name of a list that another instance got since the plan was made.

    Raises:
        ConfigurationError: one has it.
    """
    query = select(origins.c.resource_id, origins.c.instance_id)
    holders = {row.resource_id: row.instance_id for row in connection.execute(query)}
    for step in steps:
        # One that is added has no id yet, which no holder has.
        if holders.get(step.origin.resource_id, step.instance.id) != step.instance.id:
            raise _changed(step.instance.name)


def _written(connection: Connection, step: Step, row: Row[Any] | None, now: datetime) -> int:
    """Write the instance of a step, and return its id."""
    item = step.instance
    values = _listed(item) if row is not None else instance_columns(item)
    if step.kind in _NEW_ROWS and item.platform is not None:
        # Until the server itself was asked.
        values["platform"] = str(item.platform)
    if step.kind is StepKind.ADD and row is None:
        query = insert(instances).values(**values, created_at=now, updated_at=now)
        return int(connection.execute(query.returning(instances.c.id)).scalar_one())
    if step.kind is StepKind.ADD or row is None or row.deleted_at is not None or row.id != item.id:
        raise _changed(item.name)
    if any(getattr(row, name) != value for name, value in values.items()):
        query_of_one = update(instances).where(instances.c.id == item.id)
        connection.execute(query_of_one.values(**values, updated_at=now))
    return item.id


def _changed(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"{name!r} was changed by somebody else meanwhile; nothing was written.",
        hint="Look at the plan again.",
    )


def _listed(item: Instance) -> dict[str, Any]:
    """Return what a list may change of an instance: all else may be newer than the plan."""
    return {"host": item.host, "port": item.port, "tags": sorted(item.tags)}


def _columns(origin: Origin) -> dict[str, Any]:
    return {
        "cloud": str(origin.cloud),
        "scope": origin.scope,
        "resource_id": origin.resource_id,
        "own_id": origin.own_id,
        "host": origin.host,
        "port": origin.port,
        "tags": list(origin.tags),
        "vanished_at": origin.vanished_at,
    }


def _origin(row: Row[Any]) -> Origin:
    return Origin(
        cloud=Cloud(row.cloud),
        scope=row.scope,
        resource_id=row.resource_id,
        own_id=row.own_id,
        host=row.host,
        port=row.port,
        tags=tuple(row.tags),
        vanished_at=row.vanished_at,
    )
