"""Accounts, their permissions, their change log, and which sections were read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    func,
    not_,
    select,
    update,
)

from sync_pipeline.model.account import AccountState, fingerprint_of
from sync_pipeline.model.change import (
    AccountChange,
    Baseline,
    ChangeType,
    KnownAccount,
    LoggedChange,
    Reconciliation,
)
from sync_pipeline.model.change_json import diff_from_json, diff_to_json
from sync_pipeline.model.classification import DayCounts
from sync_pipeline.model.inventory import AccountFilter, AccountView, ChangeFilter
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.reads import Reads
from sync_pipeline.model.session import RecordClaim, RecordOutcome
from sync_pipeline.model.snapshot import SectionReport, SectionState, SectionStatus
from sync_pipeline.store.classes import write_class_counts
from sync_pipeline.store.database import Database, among, insert_rows, upsert
from sync_pipeline.store.reads import CONFIRMED, confirmation, seen, settle, write_reads
from sync_pipeline.store.registry import note_connection
from sync_pipeline.store.schema import account_change_log as log
from sync_pipeline.store.schema import account_permissions as permissions
from sync_pipeline.store.schema import instance_accounts as accounts
from sync_pipeline.store.schema import instance_reads, instances
from sync_pipeline.store.schema import instance_sections as sections
from sync_pipeline.store.sessions.ends import RecordEnds

# What each sync asks is made once: making a statement, and fitting the columns of its result
# to the one of its kind that was compiled, costs more than asking.
_KNOWN = (
    select(permissions.c.snapshot, accounts.c.is_active)
    .join_from(accounts, permissions)
    .where(accounts.c.instance_id == bindparam("of_id"))
)
_SECTIONS = (
    select(sections, *CONFIRMED)
    .outerjoin(instance_reads, instance_reads.c.instance_id == sections.c.instance_id)
    .where(sections.c.instance_id == bindparam("of_id"))
)
_IDS = select(accounts.c.id, accounts.c.account_name).where(
    accounts.c.instance_id == bindparam("of_id")
)

# The first entry of each instance is of its first sync: the log is never pruned.
_OLDER = log.alias("older")
_FIRST_ID = (
    select(_OLDER.c.id)
    .where(_OLDER.c.instance_id == instances.c.id)
    .order_by(_OLDER.c.changed_at, _OLDER.c.id)
    .limit(1)
    .scalar_subquery()
)
_FIRSTS = select(instances.c.id.label("instance_id"), _FIRST_ID.label("first_id")).cte("firsts")
_FIRST = log.alias("first")
_LOGGED = (
    log.join(instances)
    .join(_FIRSTS, _FIRSTS.c.instance_id == log.c.instance_id)
    .join(_FIRST, _FIRST.c.id == _FIRSTS.c.first_id)
)
_IS_BASELINE = and_(
    log.c.change_type == str(ChangeType.ADD),
    log.c.session_id == _FIRST.c.session_id,
    log.c.changed_at == _FIRST.c.changed_at,
)


class AccountStore:
    """The tables of accounts."""

    def __init__(self, database: Database, ends: RecordEnds) -> None:
        self._database = database
        self._ends = ends

    def known(self, instance_id: int) -> list[KnownAccount]:
        """Return every account ever seen on an instance, with its last state."""
        with self._database.read_once() as connection:
            return [
                KnownAccount(AccountState.from_json(row.snapshot), row.is_active)
                for row in connection.execute(_KNOWN, {"of_id": instance_id})
            ]

    def sections(self, instance_id: int) -> list[SectionState]:
        """Return how the last sync read each section of an instance."""
        with self._database.read_once() as connection:
            return [
                SectionState(
                    SectionKey(SectionName(row.section), row.database),
                    SectionReport(SectionStatus(row.status), row.reason),
                    seen(row, row.checked_at) or row.checked_at,
                    seen(row, row.last_read_at) or row.last_read_at,
                )
                for row in connection.execute(_SECTIONS, {"of_id": instance_id})
            ]

    def apply(
        self,
        instance_id: int,
        result: Reconciliation,
        claim: RecordClaim,
        outcome: RecordOutcome,
        observed_at: datetime,
        server_version: str,
        now: datetime,
        counts: DayCounts | None = None,
        reads: Reads | None = None,
    ) -> None:
        """Write a whole sync of one instance, with its record, in one transaction.

        `counts` replace those of their day; without, the day's counts stay as they are. By
        `reads` the next sync sees whether anything changed; without, it can't.

        Raises:
            StaleClaim: a newer attempt or the end of the run was faster; nothing is written.
            StoreUnavailable: nothing is written.
        """
        with self._ends.writing(claim, outcome, now) as connection:
            confirmed = confirmation(connection, instance_id)
            _write_inventory(connection, instance_id, result, observed_at)
            _write_permissions(connection, instance_id, result, claim.session_id, observed_at)
            _write_log(connection, instance_id, result.changes, claim.session_id, observed_at)
            _write_sections(connection, instance_id, result, observed_at)
            settle(connection, instance_id, confirmed, observed_at)
            write_reads(connection, instance_id, reads, observed_at)
            if counts is not None:
                write_class_counts(connection, instance_id, counts, observed_at)
            note_connection(connection, instance_id, server_version, now)

    def find(self, wanted: AccountFilter) -> list[AccountView]:
        """Return accounts in order of instance and name."""
        query = _views()
        if wanted.instance is not None:
            query = query.where(instances.c.name == wanted.instance)
        if wanted.engine is not None:
            query = query.where(instances.c.engine == wanted.engine)
        if wanted.name is not None:
            query = query.where(accounts.c.account_name.like(wanted.name, escape="\\"))
        if wanted.only_active:
            query = query.where(accounts.c.is_active.is_(True))
        if wanted.only_superusers:
            query = query.where(permissions.c.is_superuser.is_(True))
        if wanted.only_locked:
            query = query.where(permissions.c.is_locked.is_(True))
        ordered = query.order_by(instances.c.name, accounts.c.account_name).limit(wanted.limit)
        with self._database.read() as connection:
            if wanted.instances is not None:
                ordered = ordered.where(among(connection, instances.c.id, wanted.instances))
            return [_view(row) for row in connection.execute(ordered)]

    def get(self, instance: str, account: str) -> AccountView | None:
        """Return one account by its exact name, active or not."""
        query = _views().where(instances.c.name == instance, accounts.c.account_name == account)
        with self._database.read() as connection:
            row = connection.execute(query).first()
            return _view(row) if row else None

    def changes(self, wanted: ChangeFilter) -> list[LoggedChange]:
        """Return entries of the change log, newest first unless asked otherwise."""
        query = select(log, instances.c.name, _IS_BASELINE.label("is_baseline"))
        query = query.select_from(_LOGGED)
        if not wanted.with_baselines:
            query = query.where(not_(_IS_BASELINE))
        if not wanted.with_silent:
            query = query.where(cast(log.c.lines, Text) != "[]")
        order = (
            (log.c.changed_at, log.c.id)
            if wanted.oldest_first
            else (log.c.changed_at.desc(), log.c.id.desc())
        )
        with self._database.read() as connection:
            query = _filtered(connection, query, wanted)
            rows = connection.execute(query.order_by(*order).limit(wanted.limit))
            return [_logged(row) for row in rows]

    def baselines(self, wanted: ChangeFilter) -> list[Baseline]:
        """Return what the first sync of each instance found, newest first."""
        by = (instances.c.name, log.c.session_id, log.c.changed_at)
        counted = select(*by, func.count().label("accounts")).select_from(_LOGGED)
        query = counted.where(_IS_BASELINE).group_by(*by)
        order = (log.c.changed_at.desc(), instances.c.name)
        with self._database.read() as connection:
            query = _filtered(connection, query, wanted)
            rows = connection.execute(query.order_by(*order).limit(wanted.limit))
            return [
                Baseline(row.name, row.session_id, row.changed_at, row.accounts) for row in rows
            ]


def _filtered(connection: Connection, query: Select[Any], wanted: ChangeFilter) -> Select[Any]:
    conditions = (
        (wanted.instance, instances.c.name == wanted.instance),
        (wanted.account, log.c.account_name == wanted.account),
        (wanted.session_id, log.c.session_id == wanted.session_id),
        (wanted.change_types or None, log.c.change_type.in_(wanted.change_types)),
    )
    for value, condition in conditions:
        if value is not None:
            query = query.where(condition)
    if wanted.since is not None:
        query = query.where(log.c.changed_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(log.c.changed_at <= wanted.until)
    if wanted.instances is not None:
        query = query.where(among(connection, instances.c.id, wanted.instances))
    return query


def _write_inventory(
    connection: Connection, instance_id: int, result: Reconciliation, observed_at: datetime
) -> None:
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


def _write_permissions(
    connection: Connection,
    instance_id: int,
    result: Reconciliation,
    session_id: str,
    observed_at: datetime,
) -> None:
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
            "snapshot": snapshot,
            "fingerprint": fingerprint_of(snapshot),
            "last_change_at": observed_at,
        }
        for state, snapshot in ((state, state.to_json()) for state in result.states)
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


def _write_log(
    connection: Connection,
    instance_id: int,
    changes: Sequence[AccountChange],
    session_id: str,
    observed_at: datetime,
) -> None:
    rows = [
        {
            "instance_id": instance_id,
            "account_name": change.account,
            "change_type": str(change.change_type),
            "diff": diff_to_json(change.diff),
            "lines": list(change.lines),
            "session_id": session_id,
            "changed_at": observed_at,
        }
        for change in changes
    ]
    insert_rows(connection, log, rows)


def _write_sections(
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


def _views() -> Select[Any]:
    return select(
        accounts, permissions, instances.c.name, instances.c.engine, *CONFIRMED
    ).select_from(
        accounts.join(permissions)
        .join(instances)
        .outerjoin(instance_reads, instance_reads.c.instance_id == instances.c.id)
    )


def _view(row: Row[Any]) -> AccountView:
    synced_again = seen(row, row.last_sync_at)
    return AccountView(
        instance=row.name,
        engine=row.engine,
        state=AccountState.from_json(row.snapshot),
        is_active=row.is_active,
        first_seen_at=row.first_seen_at,
        last_seen_at=seen(row, row.last_seen_at) or row.last_seen_at,
        deleted_at=row.deleted_at,
        last_sync_at=synced_again or row.last_sync_at,
        last_change_at=row.last_change_at,
        session_id=row.confirmed_session_id if synced_again else row.sync_session_id,
    )


def _logged(row: Row[Any]) -> LoggedChange:
    return LoggedChange(
        id=row.id,
        instance=row.name,
        session_id=row.session_id,
        changed_at=row.changed_at,
        change=AccountChange(
            account=row.account_name,
            change_type=ChangeType(row.change_type),
            diff=diff_from_json(row.diff),
            lines=tuple(row.lines),
        ),
        is_baseline=row.is_baseline,
    )
