"""Accounts as the store keeps them: read, found, and written with each sync."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select

from sync_pipeline.engines.own import is_own
from sync_pipeline.errors import StoreDamaged
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import (
    Baseline,
    KnownAccount,
    KnownAccounts,
    LoggedChange,
    Reconciliation,
)
from sync_pipeline.model.classification import DayCounts
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.inventory import AccountFilter, AccountView, ChangeFilter
from sync_pipeline.model.platform import Platform, platform_named
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.reads import Reads
from sync_pipeline.model.review import NewReview
from sync_pipeline.model.session import RecordClaim, RecordOutcome
from sync_pipeline.model.snapshot import SectionReport, SectionState, SectionStatus
from sync_pipeline.store import change_log
from sync_pipeline.store.account_rows import write_inventory, write_permissions, write_sections
from sync_pipeline.store.change_retention import require_kept
from sync_pipeline.store.classes import write_class_counts
from sync_pipeline.store.database import Database, among
from sync_pipeline.store.holders import write_holders
from sync_pipeline.store.reads import (
    CONFIRMED,
    confirmation,
    forget_world,
    seen,
    settle,
    write_reads,
)
from sync_pipeline.store.registry import note_connection
from sync_pipeline.store.reviews.rows import are_accounts, marked_accounts, written_review
from sync_pipeline.store.schema import account_permissions as permissions
from sync_pipeline.store.schema import instance_accounts as accounts
from sync_pipeline.store.schema import instance_reads, instances
from sync_pipeline.store.schema import instance_sections as sections
from sync_pipeline.store.sessions.ends import RecordEnds
from sync_pipeline.store.world_repair import write_world_again
from sync_pipeline.store.world_rows import (
    AT_ONCE,
    StoredWorld,
    next_world,
    require_as_known,
    stored_world,
    stored_worlds,
    write_world,
)

# Made once: making a statement costs more than asking.
_SECTIONS = (
    select(sections, *CONFIRMED)
    .outerjoin(instance_reads, instance_reads.c.instance_id == sections.c.instance_id)
    .where(sections.c.instance_id == bindparam("of_id"))
)


_MORE = 2
"""So many times as many accounts are read as are wanted, where some are not shown."""


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
        return list(self.all_known(instance_id).accounts)

    def all_known(self, instance_id: int) -> KnownAccounts:
        """Return the same, with what tells it from what another sync writes.

        Raises:
            StoreDamaged: what is stored is not what was written.
        """
        stored = self.world(instance_id)
        return KnownAccounts(stored.known(), stored.digest)

    def put_again(self, instance_id: int, found: Mapping[str, KnownAccount], now: datetime) -> None:
        """Write what the accounts of an instance are, in the place of what is damaged.

        Raises:
            StoreDamaged: these are not the accounts that the store lists; nothing is written.
        """
        with self._database.write() as connection:
            write_world_again(connection, instance_id, found, now)
            forget_world(connection, instance_id)

    def world(self, instance_id: int) -> StoredWorld:
        """Return the same accounts still packed, for who reads a part of them."""
        with self._database.read_once() as connection:
            return stored_world(connection, instance_id)

    def mark(self, instance_id: int) -> str:
        """Return what tells what the last sync of an instance wrote from what another one does."""
        with self._database.read_once() as connection:
            return marked_accounts(connection, instance_id)

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
        known: KnownAccounts | None = None,
        review: NewReview | None = None,
        platform: Platform | None = None,
    ) -> None:
        """Write a whole sync of one instance, with its record, in one transaction.

        `counts` replace those of their day; without, the day's counts stay as they are. By
        `reads` the next sync sees whether anything changed; without, it can't. `known` is what
        the result was compared with; without, that is not looked at. A `review` is of the
        accounts as they are then; without, who asks for findings makes it.

        Raises:
            LeaseHeld: the accounts are others than `known` by now; nothing is written.
            ResultLimit: the accounts are more than can be kept; nothing is written.
            StaleClaim: a newer attempt or the end of the run was faster; nothing is written.
            StoreDamaged: what is stored is not what was written; nothing is written.
            StoreUnavailable: nothing is written.
        """
        # Before the transaction: on SQLite every other writer waits for its end.
        with self._database.read_once() as connection:
            world = next_world(connection, instance_id, result, observed_at)
        with self._ends.writing(claim, outcome, now) as connection:
            if known is not None:
                require_as_known(connection, instance_id, known.digest)
            if review is not None and not are_accounts(connection, instance_id, review.accounts):
                review = None
            confirmed = confirmation(connection, instance_id)
            write_inventory(connection, instance_id, result, observed_at)
            write_permissions(connection, instance_id, result, claim.session_id, observed_at)
            write_world(connection, instance_id, world, result, observed_at)
            change_log.write(connection, instance_id, result, claim.session_id, observed_at)
            write_sections(connection, instance_id, result, observed_at)
            settle(connection, instance_id, confirmed, observed_at)
            write_reads(connection, instance_id, reads, observed_at)
            write_holders(connection, instance_id, reads)
            written_review(connection, instance_id, review)
            if counts is not None:
                write_class_counts(connection, instance_id, counts, observed_at)
            note_connection(connection, instance_id, server_version, now, platform)

    def find(
        self, wanted: AccountFilter, on_damage: Callable[[StoreDamaged], None] | None = None
    ) -> list[AccountView]:
        """Return accounts in order of instance and name.

        `on_damage` is told of each instance whose accounts can't be read, which are left out then.
        Who is of an engine itself, the states tell: more are read than are wanted where those are
        left out, and again more until there are enough.

        Raises:
            StoreDamaged: what is stored is not what was written (without `on_damage`).
        """
        limit = wanted.limit
        if wanted.with_own or limit is None:
            return [*filter(_shown(wanted), self._found(wanted, limit, on_damage)[1])]
        most = limit
        while True:
            most *= _MORE
            damage: list[StoreDamaged] = []
            rows, found = self._found(wanted, most, damage.append if on_damage else None)
            shown = [*filter(_shown(wanted), found)]
            if len(shown) >= limit or rows < most:
                if on_damage is not None:
                    for item in damage:
                        on_damage(item)
                return shown[:limit]

    def _found(
        self,
        wanted: AccountFilter,
        limit: int | None,
        on_damage: Callable[[StoreDamaged], None] | None,
    ) -> tuple[int, list[AccountView]]:
        """Return how many rows there are, and the accounts of which the states can be read."""
        query = _views()
        if wanted.name is not None:
            query = query.where(accounts.c.account_name.like(wanted.name, escape="\\"))
        if wanted.only_active:
            query = query.where(accounts.c.is_active.is_(True))
        if wanted.only_superusers:
            query = query.where(permissions.c.is_superuser.is_(True))
        if wanted.only_locked:
            query = query.where(permissions.c.is_locked.is_(True))
        ordered = query.order_by(instances.c.name, accounts.c.account_name).limit(limit)
        with self._database.read() as connection:
            if wanted.instances is not None:
                ordered = ordered.where(among(connection, instances.c.id, wanted.instances))
            rows = connection.execute(ordered).all()
            return len(rows), list(_viewed(connection, rows, on_damage))

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

    def since(
        self, moment: datetime, instance_ids: Sequence[int] | None = None
    ) -> tuple[list[AccountView], list[LoggedChange]]:
        """Return every account as it is now, and what changed later than a moment, newest first.

        Both in one consistent view, of these instances or of all.

        Raises:
            ConfigurationError: changes since then were pruned.
            StoreDamaged: what is stored is not what was written.
        """
        views = _views().order_by(instances.c.name, accounts.c.account_name)
        with self._database.read() as connection:
            require_kept(connection, moment)
            if instance_ids is not None:
                views = views.where(among(connection, instances.c.id, instance_ids))
            later = change_log.later_than(connection, moment, instance_ids)
            return list(_viewed(connection, connection.execute(views).all())), later

    def baselines(self, wanted: ChangeFilter) -> list[Baseline]:
        """Return what the first sync of each instance found, newest first."""
        return change_log.baselines(self._database, wanted)


def _shown(wanted: AccountFilter) -> Callable[[AccountView], bool]:
    """Return which accounts are shown: people's, or all."""
    return lambda view: wanted.with_own or not is_own(EngineName(view.engine), view.state)


def _views() -> Select[Any]:
    return select(
        accounts,
        permissions,
        instances.c.name,
        instances.c.engine,
        instances.c.platform,
        *CONFIRMED,
    ).select_from(
        accounts.join(permissions)
        .join(instances)
        .outerjoin(instance_reads, instance_reads.c.instance_id == instances.c.id)
    )


def _viewed(
    connection: Connection,
    rows: Sequence[Row[Any]],
    on_damage: Callable[[StoreDamaged], None] | None = None,
) -> Iterator[AccountView]:
    """Yield accounts with their states, which are read of one instance after the other."""
    by_instance = [(item, list(own)) for item, own in groupby(rows, key=attrgetter("instance_id"))]
    for begin in range(0, len(by_instance), AT_ONCE):
        some = by_instance[begin : begin + AT_ONCE]
        stored = stored_worlds(connection, [item for item, _ in some])
        for item, own in some:
            try:
                states = stored[item].states_of({row.account_name for row in own})
            except StoreDamaged as error:
                if on_damage is None:
                    raise
                on_damage(error)
                continue
            yield from (_view(row, states[row.account_name]) for row in own)


def _view(row: Row[Any], state: AccountState) -> AccountView:
    synced_again = seen(row, row.last_sync_at)
    return AccountView(
        instance=row.name,
        engine=row.engine,
        state=state,
        is_active=row.is_active,
        first_seen_at=row.first_seen_at,
        last_seen_at=seen(row, row.last_seen_at) or row.last_seen_at,
        deleted_at=row.deleted_at,
        last_sync_at=synced_again or row.last_sync_at,
        last_change_at=row.last_change_at,
        session_id=row.confirmed_session_id if synced_again else row.sync_session_id,
        platform=platform_named(row.platform),
    )
