"""Everything that questions about access need of some instances, in three statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

from sync_pipeline.model.account import AccountState
from sync_pipeline.model.inventory import Databases, StoredAccess
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from sync_pipeline.store.database import Database, among
from sync_pipeline.store.schema import account_permissions as permissions
from sync_pipeline.store.schema import instance_accounts as accounts
from sync_pipeline.store.schema import instance_sections as sections
from sync_pipeline.store.sizes.schema import instance_databases


class AccessReads:
    """Reads of many instances at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, instance_ids: Sequence[int]) -> dict[int, StoredAccess]:
        """Return what is known of instances, by their ids, in one consistent view."""
        with self._database.read() as connection:
            states = _accounts(connection, instance_ids)
            read = _sections(connection, instance_ids)
            databases = _databases(connection, instance_ids)
        return {
            item: StoredAccess(
                accounts={state.name: state for state, _ in states[item]},
                changed_at={state.name: changed for state, changed in states[item]},
                sections=read[item],
                databases=databases.get(item),
            )
            for item in instance_ids
        }


def _accounts(
    connection: Connection, instance_ids: Sequence[int]
) -> dict[int, list[tuple[AccountState, datetime]]]:
    query = (
        select(accounts.c.instance_id, permissions.c.snapshot, permissions.c.last_change_at)
        .join_from(accounts, permissions)
        .where(
            among(connection, accounts.c.instance_id, instance_ids),
            accounts.c.is_active.is_(True),
        )
    )
    found: dict[int, list[tuple[AccountState, datetime]]] = defaultdict(list)
    for row in connection.execute(query):
        state = AccountState.from_json(row.snapshot)
        found[row.instance_id].append((state, row.last_change_at))
    return found


def _sections(
    connection: Connection, instance_ids: Sequence[int]
) -> dict[int, dict[SectionKey, SectionReport]]:
    """Return the sections of each instance's last sync; those of gone databases are older."""
    last = (
        select(sections.c.instance_id, func.max(sections.c.checked_at).label("checked_at"))
        .where(among(connection, sections.c.instance_id, instance_ids))
        .group_by(sections.c.instance_id)
        .subquery()
    )
    query = select(sections).join(
        last,
        (sections.c.instance_id == last.c.instance_id)
        & (sections.c.checked_at == last.c.checked_at),
    )
    found: dict[int, dict[SectionKey, SectionReport]] = defaultdict(dict)
    for row in connection.execute(query):
        key = SectionKey(SectionName(row.section), row.database)
        found[row.instance_id][key] = SectionReport(SectionStatus(row.status), row.reason)
    return found


def _databases(connection: Connection, instance_ids: Sequence[int]) -> dict[int, Databases]:
    table = instance_databases
    query = select(
        table.c.instance_id, table.c.database_name, table.c.is_active, table.c.last_seen_at
    ).where(among(connection, table.c.instance_id, instance_ids))
    rows = defaultdict(list)
    for row in connection.execute(query):
        rows[row.instance_id].append(row)
    return {
        item: Databases(
            present=frozenset(row.database_name for row in own if row.is_active),
            vanished=frozenset(row.database_name for row in own if not row.is_active),
            observed_at=max(row.last_seen_at for row in own),
        )
        for item, own in rows.items()
    }
