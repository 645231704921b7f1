"""Everything that questions about access need of some instances, in three statements a view."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, func, select

from sync_pipeline.errors import StoreDamaged
from sync_pipeline.model.inventory import EVERY_GRANT, Databases, StoredAccess, Wanted
from sync_pipeline.model.privilege import OF_SERVER, SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from sync_pipeline.store.database import Database, among_named
from sync_pipeline.store.schema import instance_sections as sections
from sync_pipeline.store.server_facts import facts_of
from sync_pipeline.store.sizes.schema import instance_databases
from sync_pipeline.store.world_rows import AT_ONCE, stored_worlds

FIRST = 8
"""Instances that are fetched first: a page that looks through many often ends with them."""


class AccessReads:
    """Reads of many instances at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, instance_ids: Sequence[int]) -> dict[int, StoredAccess]:
        """Return what is known of instances, by their ids, in one consistent view.

        Raises:
            StoreDamaged: what is stored is not what was written.
        """
        return dict(self._read(instance_ids, lambda _: EVERY_GRANT))

    def each(
        self,
        instance_ids: Sequence[int],
        wanted: Callable[[int], Wanted] = lambda _: EVERY_GRANT,
        *,
        with_damaged: bool = False,
        with_facts: bool = False,
    ) -> Iterator[tuple[int, StoredAccess]]:
        """Yield what is known of one instance after the other, each in a consistent view.

        No more than one is unpacked at a time. Its accounts have those grants that are wanted of
        the instance with this id. `with_damaged`: of one whose accounts are damaged, it is known
        that they could not be read, and why. `with_facts`: with what its server is set to.

        Raises:
            StoreDamaged: what is stored is not what was written (not `with_damaged`).
        """
        begin, most = 0, FIRST
        while some := instance_ids[begin : begin + most]:
            yield from self._read(some, wanted, with_damaged=with_damaged, with_facts=with_facts)
            begin, most = begin + most, AT_ONCE

    def sections(self, instance_ids: Sequence[int]) -> dict[int, dict[SectionKey, SectionReport]]:
        """Return how the last sync of each instance read its sections; never synced: nothing."""
        with self._database.read() as connection:
            return sections_of(connection, instance_ids)

    def _read(
        self,
        instance_ids: Sequence[int],
        wanted: Callable[[int], Wanted],
        *,
        with_damaged: bool = False,
        with_facts: bool = False,
    ) -> Iterator[tuple[int, StoredAccess]]:
        with self._database.read() as connection:
            stored = stored_worlds(connection, instance_ids)
            read = sections_of(connection, instance_ids)
            databases = databases_of(connection, instance_ids)
            facts = facts_of(connection, instance_ids) if with_facts else {}
        for item in instance_ids:
            world = stored.get(item)
            try:
                accounts = world.read(wanted(item)) if world else []
            except StoreDamaged as error:
                if not with_damaged:
                    raise
                yield item, _unreadable(error)
                continue
            active = [account for account in accounts if account.is_active]
            yield (
                item,
                StoredAccess(
                    accounts={account.state.name: account.state for account in active},
                    changed_at={account.state.name: account.changed_at for account in active},
                    sections=read.get(item, {}),
                    databases=databases.get(item),
                    server_facts=facts.get(item, ()) if _has_facts(read.get(item, {})) else (),
                    mark=world.mark if world else "",
                ),
            )


def _has_facts(sections: Mapping[SectionKey, SectionReport]) -> bool:
    """Return whether the last sync read what the server is set to: an older version does not."""
    return any(key.name in OF_SERVER for key in sections)


def _unreadable(error: StoreDamaged) -> StoredAccess:
    reason = f"{error.message} {error.hint}"
    key = SectionKey(SectionName.ACCOUNTS)
    failed = SectionReport(SectionStatus.FAILED, reason)
    return StoredAccess(sections={key: failed}, is_damaged=True)


def sections_of(
    connection: Connection, instance_ids: Sequence[int]
) -> dict[int, dict[SectionKey, SectionReport]]:
    """Return the sections of each instance's last sync; those of gone databases are older."""
    query = _sections(connection.dialect.name)
    found: dict[int, dict[SectionKey, SectionReport]] = defaultdict(dict)
    # Most of them are alike, and are made once.
    keys: dict[tuple[str, str], SectionKey] = {}
    reports: dict[tuple[str, str], SectionReport] = {}
    rows = connection.execute(query, {"of_ids": list(instance_ids)})
    for instance, name, database, status, reason in rows:
        key = keys.get((name, database))
        if key is None:
            key = keys[name, database] = SectionKey(SectionName(name), database)
        report = reports.get((status, reason))
        if report is None:
            report = reports[status, reason] = SectionReport(SectionStatus(status), reason)
        found[instance][key] = report
    return found


@cache
def _sections(backend: str) -> Select[Any]:
    """Return the statement that finds them, made once."""
    last = (
        select(sections.c.instance_id, func.max(sections.c.checked_at).label("checked_at"))
        .where(among_named(backend, sections.c.instance_id, "of_ids"))
        .group_by(sections.c.instance_id)
        .subquery()
    )
    columns = sections.c
    return select(
        columns.instance_id, columns.section, columns.database, columns.status, columns.reason
    ).join(
        last,
        (sections.c.instance_id == last.c.instance_id)
        & (sections.c.checked_at == last.c.checked_at),
    )


def databases_of(connection: Connection, instance_ids: Sequence[int]) -> dict[int, Databases]:
    """Return what the size collection knows of instances' databases, where it has been there."""
    query = _databases(connection.dialect.name)
    rows = defaultdict(list)
    for row in connection.execute(query, {"of_ids": list(instance_ids)}):
        rows[row.instance_id].append(row)
    return {
        item: Databases(
            present=frozenset(row.database_name for row in own if row.is_active),
            vanished=frozenset(row.database_name for row in own if not row.is_active),
            observed_at=max(row.last_seen_at for row in own),
        )
        for item, own in rows.items()
    }


@cache
def _databases(backend: str) -> Select[Any]:
    """Return the statement that finds them, made once."""
    table = instance_databases
    return select(
        table.c.instance_id, table.c.database_name, table.c.is_active, table.c.last_seen_at
    ).where(among_named(backend, table.c.instance_id, "of_ids"))
