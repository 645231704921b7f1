"""Accounts as the store keeps them: read, found, and written with each sync."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select

from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import Baseline, KnownAccount, LoggedChange, Reconciliation
from sync_pipeline.model.classification import DayCounts
from sync_pipeline.model.inventory import AccountFilter, AccountView, ChangeFilter, Wanted
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.session import RecordClaim, RecordOutcome
from sync_pipeline.model.snapshot import SectionReport, SectionState, SectionStatus
from sync_pipeline.store import change_log
from sync_pipeline.store.account_rows import write_inventory, write_permissions, write_sections
from sync_pipeline.store.classes import write_class_counts
from sync_pipeline.store.database import Database, among
from sync_pipeline.store.registry import note_connection
from sync_pipeline.store.schema import account_permissions as permissions
from sync_pipeline.store.schema import instance_accounts as accounts
from sync_pipeline.store.schema import instance_sections as sections
from sync_pipeline.store.schema import instances
from sync_pipeline.store.sessions.ends import RecordEnds
from sync_pipeline.store.world_rows import (
    AT_ONCE,
    StoredWorld,
    next_world,
    stored_world,
    stored_worlds,
    write_world,
)

# Made once: making a statement costs more than asking.
_SECTIONS = select(sections).where(sections.c.instance_id == bindparam("of_id"))


class AccountStore:
    """The tables of accounts."""

    def __init__(self, database: Database, ends: RecordEnds) -> None:
        self._database = database
        self._ends = ends

    def known(self, instance_id: int) -> list[KnownAccount]:
        """Return every account ever seen on an instance, with its last state.

        Raises:
            StoreDamaged: what is stored is not what was written.
        """
        with self._database.read_once() as connection:
            stored = stored_world(connection, instance_id)
        return [KnownAccount(item.state, item.is_active) for item in stored.read()]

    def sections(self, instance_id: int) -> list[SectionState]:
        """Return how the last sync read each section of an instance."""
        with self._database.read_once() as connection:
            return [
                SectionState(
                    SectionKey(SectionName(row.section), row.database),
                    SectionReport(SectionStatus(row.status), row.reason),
                    row.checked_at,
                    row.last_read_at,
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
    ) -> None:
        """Write a whole sync of one instance, with its record, in one transaction.

        `counts` replace those of their day; without, the day's counts stay as they are.

        Raises:
            ResultLimit: the accounts are more than can be kept; nothing is written.
            StaleClaim: a newer attempt or the end of the run was faster; nothing is written.
            StoreDamaged: what is stored is not what was written; nothing is written.
            StoreUnavailable: nothing is written.
        """
        # Before the transaction: on SQLite every other writer waits for its end.
        with self._database.read_once() as connection:
            world = next_world(connection, instance_id, result, observed_at)
        with self._ends.writing(claim, outcome, now) as connection:
            write_inventory(connection, instance_id, result, observed_at)
            write_permissions(connection, instance_id, result, claim.session_id, observed_at)
            write_world(connection, instance_id, world, result, observed_at)
            change_log.write(connection, instance_id, result, claim.session_id, observed_at)
            write_sections(connection, instance_id, result, observed_at)
            if counts is not None:
                write_class_counts(connection, instance_id, counts, observed_at)
            note_connection(connection, instance_id, server_version, now)

    def find(self, wanted: AccountFilter) -> list[AccountView]:
        """Return accounts in order of instance and name.

        Raises:
            StoreDamaged: what is stored is not what was written.
        """
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
            return list(_viewed(connection, connection.execute(ordered).all()))

    def get(self, instance: str, account: str) -> AccountView | None:
        """Return one account by its exact name, active or not.

        Raises:
            StoreDamaged: what is stored is not what was written.
        """
        query = _views().where(instances.c.name == instance, accounts.c.account_name == account)
        with self._database.read() as connection:
            return next(_viewed(connection, connection.execute(query).all()), None)

    def changes(self, wanted: ChangeFilter) -> list[LoggedChange]:
        """Return entries of the change log, newest first unless asked otherwise."""
        return change_log.entries(self._database, wanted)

    def baselines(self, wanted: ChangeFilter) -> list[Baseline]:
        """Return what the first sync of each instance found, newest first."""
        return change_log.baselines(self._database, wanted)


def _views() -> Select[Any]:
    return select(accounts, permissions, instances.c.name, instances.c.engine).select_from(
        accounts.join(permissions).join(instances)
    )


def _viewed(connection: Connection, rows: Sequence[Row[Any]]) -> Iterator[AccountView]:
    """Yield accounts with their states, which are read of one instance after the other."""
    by_instance = [(item, list(own)) for item, own in groupby(rows, key=attrgetter("instance_id"))]
    for begin in range(0, len(by_instance), AT_ONCE):
        some = by_instance[begin : begin + AT_ONCE]
        stored = stored_worlds(connection, [item for item, _ in some])
        for item, own in some:
            states = _states(stored[item], {row.account_name for row in own})
            yield from (_view(row, states[row.account_name]) for row in own)


def _states(stored: StoredWorld, names: AbstractSet[str]) -> dict[str, AccountState]:
    wanted = Wanted(of_securable=lambda _: False, of_holder=names.__contains__)
    return {item.state.name: item.state for item in stored.read(wanted)}


def _view(row: Row[Any], state: AccountState) -> AccountView:
    return AccountView(
        instance=row.name,
        engine=row.engine,
        state=state,
        is_active=row.is_active,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        deleted_at=row.deleted_at,
        last_sync_at=row.last_sync_at,
        last_change_at=row.last_change_at,
        session_id=row.sync_session_id,
    )
