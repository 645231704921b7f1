"""What a sync writes of each account and of each section, but for the states themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from sync_pipeline.model.change import Reconciliation
from sync_pipeline.model.snapshot import SectionStatus
from sync_pipeline.store.database import among, insert_rows, upsert
from sync_pipeline.store.schema import account_permissions as permissions
from sync_pipeline.store.schema import instance_accounts as accounts
from sync_pipeline.store.schema import instance_sections as sections

# Making a statement, and fitting the columns of its result to the one of its kind that was
# compiled, costs more than asking: so it is made once.
_IDS = select(accounts.c.id, accounts.c.account_name).where(
    accounts.c.instance_id == bindparam("of_id")
)


def write_inventory(
    connection: Connection, instance_id: int, result: Reconciliation, observed_at: datetime
) -> None:
    """Write which accounts exist."""
    created = set(result.created)
    states = {state.name: state for state in result.states}
    rows = [
        {
            "instance_id": instance_id,
            "account_name": name,
            "kind": str(states[name].kind),
            "is_active": True,
            "first_seen_at": observed_at,
            "last_seen_at": observed_at,
        }
        for name in result.created
    ]
    insert_rows(connection, accounts, rows)
    seen = [name for name in result.seen if name not in created]
    _update_named(
        connection,
        instance_id,
        seen,
        {"is_active": True, "last_seen_at": observed_at, "deleted_at": None},
    )
    _update_named(
        connection,
        instance_id,
        result.deactivated,
        {"is_active": False, "deleted_at": observed_at},
    )


def _update_named(
    connection: Connection, instance_id: int, names: Sequence[str], values: dict[str, Any]
) -> None:
    if names:
        connection.execute(
            update(accounts)
            .where(
                accounts.c.instance_id == instance_id,
                among(connection, accounts.c.account_name, names),
            )
            .values(values)
        )


def write_permissions(
    connection: Connection,
    instance_id: int,
    result: Reconciliation,
    session_id: str,
    observed_at: datetime,
) -> None:
    """Write which sync saw and changed each account, after the inventory is written."""
    found = connection.execute(_IDS, {"of_id": instance_id})
    ids = {name: account_id for account_id, name in found}
    created = set(result.created)
    kinds = [
        {"of_id": ids[state.name], "new_kind": str(state.kind)}
        for state in result.states
        if state.name not in created
    ]
    marks = {
        "session_id": f"{session_id}_{instance_id}",
        "sync_session_id": session_id,
        "last_sync_at": observed_at,
    }
    rows = [
        {
            **marks,
            "account_id": ids[state.name],
            "is_superuser": state.is_superuser,
            "is_locked": state.is_locked,
            "can_login": state.can_login,
            "last_change_at": observed_at,
        }
        for state in result.states
    ]
    upsert(connection, permissions, rows, ["account_id"], rows[0].keys() if rows else ())
    if kinds:
        by_id = update(accounts).where(accounts.c.id == bindparam("of_id"))
        connection.execute(by_id.values(kind=bindparam("new_kind")), kinds)
    written = {state.name for state in result.states}
    seen = [ids[name] for name in result.seen if name not in written]
    if seen:
        connection.execute(
            update(permissions)
            .where(among(connection, permissions.c.account_id, seen))
            .values(marks)
        )


def write_sections(
    connection: Connection, instance_id: int, result: Reconciliation, observed_at: datetime
) -> None:
    """Sections that were read get a new date; the others keep the date of their last read."""
    rows = [
        {
            "instance_id": instance_id,
            "section": str(key.name),
            "database": key.database,
            "status": str(report.status),
            "reason": report.reason,
            "checked_at": observed_at,
            "last_read_at": observed_at if report.status is SectionStatus.READ else None,
        }
        for key, report in result.sections.items()
    ]
    keys = ["instance_id", "section", "database"]
    columns = ["status", "reason", "checked_at"]
    read = [row for row in rows if row["last_read_at"] is not None]
    unread = [row for row in rows if row["last_read_at"] is None]
    upsert(connection, sections, read, keys, [*columns, "last_read_at"])
    upsert(connection, sections, unread, keys, columns)


def age_gone_sections(connection: Connection, instance_id: int, observed_at: datetime) -> None:
    """Let sections that the sync at `observed_at` did not look at be older than those it did.

    By that it is known which the last one looked at. They are not where a clock was set back.
    """
    is_newer = sections.c.instance_id == instance_id, sections.c.checked_at > observed_at
    before = observed_at - timedelta(microseconds=1)
    connection.execute(update(sections).where(*is_newer).values(checked_at=before))
