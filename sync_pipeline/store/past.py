"""Instances as they were known at a past moment: what is there, with the later changes taken back.

No more than one instance is unpacked at a time, and its changes are read one after the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection, Row, Select, exists, literal_column, select

from sync_pipeline.errors import StoreDamaged
from sync_pipeline.model.change import KnownAccount, LoggedChange
from sync_pipeline.model.inventory import EVERY_GRANT, Databases, Wanted
from sync_pipeline.model.past import LastSync, StoredPast, StoredSince, TakeBack
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from sync_pipeline.store.access import sections_of
from sync_pipeline.store.change_log import later_by_instance, later_of
from sync_pipeline.store.change_retention import require_kept
from sync_pipeline.store.database import Database, among
from sync_pipeline.store.schema import account_change_log as log
from sync_pipeline.store.schema import instance_sections as sections
from sync_pipeline.store.schema import instances
from sync_pipeline.store.schema import sync_instance_records as records
from sync_pipeline.store.sizes.schema import instance_databases
from sync_pipeline.store.world_rows import AT_ONCE, StoredWorld, stored_world, stored_worlds


class PastReads:
    """Reads of what was known at a moment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def require_kept(self, moment: datetime) -> None:
        """Refuse a moment before the horizon of the changes.

        Raises:
            ConfigurationError: changes since then were pruned.
        """
        with self._database.read_once() as connection:
            require_kept(connection, moment)

    def each(
        self,
        instance_ids: Sequence[int],
        moment: datetime,
        take_back: TakeBack,
        wanted: Callable[[int], Wanted] = lambda _: EVERY_GRANT,
        *,
        with_damaged: bool = False,
    ) -> Iterator[tuple[int, StoredPast]]:
        """Yield one instance after the other as it was known at a moment.

        One that has not changed since has those of its grants that are wanted, any other all.

        Raises:
            ConfigurationError: changes since then were pruned.
            StoreDamaged: what is stored is not what was written (not `with_damaged`).
        """
        for begin in range(0, len(instance_ids), AT_ONCE):
            some = instance_ids[begin : begin + AT_ONCE]
            with self._database.read() as connection:
                require_kept(connection, moment)
                marks = {row.id: row for row in connection.execute(_marks(moment, some))}
                same = [item for item in some if not marks[item].has_later]
                worlds = stored_worlds(connection, same)
                around = _Around.read(connection, some, moment, marks)
            for item in some:
                try:
                    accounts = (
                        self._taken_back(item, moment, take_back)
                        if marks[item].has_later
                        else _known(worlds[item], wanted(item))
                    )
                except StoreDamaged as error:
                    if not with_damaged:
                        raise
                    yield item, StoredPast(damage=f"{error.message} {error.hint}")
                    continue
                yield item, around.of(item, accounts)

    def changed(
        self, instance_ids: Sequence[int], moment: datetime
    ) -> Iterator[tuple[int, StoredSince | StoreDamaged]]:
        """Yield instances now and what changed on them later than a moment, in any order.

        Those alone on which something did. The statements are as many for 32 instances as for one,
        in one consistent view, and no more than one instance is unpacked at a time. What is
        stored of one and can't be read is told by the error.

        Raises:
            ConfigurationError: changes since then were pruned.
        """
        for begin in range(0, len(instance_ids), AT_ONCE):
            some = instance_ids[begin : begin + AT_ONCE]
            with self._database.read() as connection:
                require_kept(connection, moment)
                found = _Since.read(connection, some, moment)
                for item, entries in later_by_instance(connection, some, moment):
                    try:
                        yield item, found.of(item, list(entries))
                    except StoreDamaged as error:
                        yield item, error

    def _taken_back(
        self, instance_id: int, moment: datetime, take_back: TakeBack
    ) -> dict[str, KnownAccount]:
        """Return the accounts of an instance as they were, in one consistent view."""
        with self._database.read() as connection:
            require_kept(connection, moment)
            present = stored_world(connection, instance_id).known()
            later = later_of(connection, instance_id, moment)
            found = take_back(present, (entry.change for entry in later))
        dates = {item.state.name: item.changed_at for item in present}
        # When one was changed last before is not known of those that were changed since.
        return {
            name: replace(item, changed_at=at if (at := dates[name]) and at <= moment else None)
            for name, item in found.items()
        }


class _Around:
    """What is read of some instances beside their accounts."""

    def __init__(
        self,
        moment: datetime,
        marks: dict[int, Row[Any]],
        syncs: dict[int, LastSync],
        present: dict[int, dict[SectionKey, SectionReport]],
        ever: dict[int, dict[SectionKey, SectionReport]],
        databases: dict[int, Databases],
    ) -> None:
        self._moment = moment
        self._marks = marks
        self._syncs = syncs
        self._present = present
        self._ever = ever
        self._databases = databases

    @classmethod
    def read(
        cls,
        connection: Connection,
        some: Sequence[int],
        moment: datetime,
        marks: dict[int, Row[Any]],
    ) -> _Around:
        latest = [item for item in some if not marks[item].has_later_sync]
        return cls(
            moment,
            marks,
            _syncs(connection, marks),
            sections_of(connection, latest),
            sections_ever(connection, [item for item in some if marks[item].has_later_sync]),
            _databases(connection, some, moment),
        )

    def of(self, item: int, accounts: dict[str, KnownAccount]) -> StoredPast:
        mark = self._marks[item]
        sync = self._syncs.get(item)
        is_latest = not mark.has_later_sync
        first: datetime | None = mark.first_at
        is_before = first is not None and first <= self._moment
        return StoredPast(
            accounts=accounts,
            sections=(self._present if is_latest else self._ever).get(item, {}),
            is_latest=is_latest,
            is_synced=sync is not None or is_before,
            sync=sync,
            databases=self._databases.get(item),
        )


@dataclass(frozen=True, slots=True)
class _Since:
    """What is read of some instances beside what changed on them."""

    around: _Around
    worlds: Mapping[int, StoredWorld]
    sections: Mapping[int, Mapping[SectionKey, SectionReport]]
    ever: Mapping[int, Mapping[SectionKey, SectionReport]]
    first_syncs: Mapping[int, LastSync]

    @classmethod
    def read(cls, connection: Connection, some: Sequence[int], moment: datetime) -> Self:
        marks = {row.id: row for row in connection.execute(_marks(moment, some))}
        new = [key for key, mark in marks.items() if mark.first_at and mark.first_at > moment]
        return cls(
            _Around.read(connection, some, moment, marks),
            stored_worlds(connection, some),
            sections_of(connection, some),
            sections_ever(connection, some),
            _first_syncs(connection, new),
        )

    def of(self, item: int, changes: Sequence[LoggedChange]) -> StoredSince:
        return StoredSince(
            self.worlds[item].known(),
            self.sections.get(item, {}),
            changes,
            self.around.of(item, {}),
            self.ever.get(item, {}),
            self.first_syncs.get(item),
        )


def _known(world: StoredWorld, wanted: Wanted) -> dict[str, KnownAccount]:
    return {item.state.name: item for item in world.known(wanted)}


def _marks(moment: datetime, some: Sequence[int]) -> Select[Any]:
    """Return the statement of what tells how an instance stood at a moment: seeks alone."""
    of_log = log.c.instance_id == instances.c.id
    first = select(log.c.changed_at).where(of_log).order_by(log.c.changed_at).limit(1)
    completed = (
        records.c.instance_id == instances.c.id,
        records.c.sync_category == str(SyncCategory.ACCOUNT),
        # Written out: with a bound one no store would know that the index fits.
        records.c.status == literal_column("'completed'"),
    )
    last = (
        select(records.c.id)
        .where(*completed, records.c.completed_at <= moment)
        .order_by(records.c.completed_at.desc())
        .limit(1)
    )
    return select(
        instances.c.id,
        first.scalar_subquery().label("first_at"),
        exists().where(of_log, log.c.changed_at > moment).label("has_later"),
        exists().where(*completed, records.c.completed_at > moment).label("has_later_sync"),
        last.scalar_subquery().label("record_id"),
    ).where(instances.c.id.in_(some))


def _syncs(connection: Connection, marks: dict[int, Row[Any]]) -> dict[int, LastSync]:
    ids = [row.record_id for row in marks.values() if row.record_id is not None]
    query = select(records.c.instance_id, records.c.completed_at, records.c.sync_details)
    rows = connection.execute(query.where(among(connection, records.c.id, ids)))
    return {row.instance_id: LastSync(row.completed_at, row.sync_details) for row in rows}


def _first_syncs(connection: Connection, some: Sequence[int]) -> dict[int, LastSync]:
    """Return what the records tell of the sync with which the log of each instance begins."""
    of_log = log.c.instance_id == records.c.instance_id
    first = select(log.c.session_id).where(of_log).order_by(log.c.changed_at, log.c.id).limit(1)
    query = select(records.c.instance_id, records.c.completed_at, records.c.sync_details)
    rows = connection.execute(
        query.where(
            among(connection, records.c.instance_id, some),
            records.c.sync_category == str(SyncCategory.ACCOUNT),
            records.c.status == literal_column("'completed'"),
            records.c.session_id == first.scalar_subquery(),
        )
    )
    return {row.instance_id: LastSync(row.completed_at, row.sync_details) for row in rows}


def sections_ever(
    connection: Connection, some: Sequence[int]
) -> dict[int, dict[SectionKey, SectionReport]]:
    """Return every section of instances that a sync ever looked at, as the last one read it."""
    query = select(
        sections.c.instance_id,
        sections.c.section,
        sections.c.database,
        sections.c.status,
        sections.c.reason,
    ).where(among(connection, sections.c.instance_id, some))
    found: dict[int, dict[SectionKey, SectionReport]] = defaultdict(dict)
    for instance, name, database, status, reason in connection.execute(query):
        key = SectionKey(SectionName(name), database)
        found[instance][key] = SectionReport(SectionStatus(status), reason)
    return found


def _databases(
    connection: Connection, some: Sequence[int], moment: datetime
) -> dict[int, Databases]:
    """Return which databases the size collection had listed until a moment.

    The dates in their rows are of listings: no other one until then said anything else.
    """
    table = instance_databases
    query = select(
        table.c.instance_id,
        table.c.database_name,
        table.c.first_seen_at,
        table.c.last_seen_at,
        table.c.deleted_at,
    ).where(among(connection, table.c.instance_id, some), table.c.first_seen_at <= moment)
    rows: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(query):
        rows[row.instance_id].append(row)
    return {item: _listed(own, moment) for item, own in rows.items()}


def _listed(rows: Sequence[Row[Any]], moment: datetime) -> Databases:
    gone = {
        row.database_name for row in rows if row.deleted_at is not None and row.deleted_at <= moment
    }
    dates = (at for row in rows for at in (row.first_seen_at, row.last_seen_at, row.deleted_at))
    return Databases(
        present=frozenset(row.database_name for row in rows) - gone,
        vanished=frozenset(gone),
        observed_at=max(at for at in dates if at is not None and at <= moment),
    )
