"""What was read of an instance last, and syncs that found it unchanged.

A sync that finds nothing changed writes one row here and none of the accounts: their dates of
the last sync are those of the last confirmation, where the last writing sync saw them. They are
written when the next one does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from sync_pipeline.model.classification import DayCounts
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.reads import Derived, ReadMarks, Reads
from sync_pipeline.model.session import RecordClaim, RecordOutcome
from sync_pipeline.model.use import NewUse
from sync_pipeline.store.classes import write_class_counts
from sync_pipeline.store.database import Database, upsert
from sync_pipeline.store.registry import note_connection
from sync_pipeline.store.reviews.rows import written_review
from sync_pipeline.store.schema import account_permissions as permissions
from sync_pipeline.store.schema import instance_accounts as accounts
from sync_pipeline.store.schema import instance_reads as reads
from sync_pipeline.store.schema import instance_sections as sections
from sync_pipeline.store.schema import instance_worlds as worlds
from sync_pipeline.store.sessions.ends import RecordEnds
from sync_pipeline.store.use.use import write_use
from sync_pipeline.store.world_rows import WORLD, world_digest
from sync_pipeline.store.worlds.packed import PackedWorld, WorldError

CONFIRMED = (reads.c.written_at, reads.c.confirmed_at, reads.c.confirmed_session_id)
"""What `seen` needs of a row that shows what a sync saw."""

_OF_INSTANCE = reads.c.instance_id == bindparam("of_id")
_KNOWN = (
    select(
        reads.c.basis,
        reads.c.in_order,
        reads.c.digest,
        reads.c.derived,
        worlds.c.format,
        worlds.c.accounts,
        worlds.c.grants,
        worlds.c.digest.label("of_world"),
    )
    .join_from(reads, worlds, worlds.c.instance_id == reads.c.instance_id, isouter=True)
    .where(_OF_INSTANCE)
)
_LEFT = select(reads.c.derived).where(_OF_INSTANCE)
_CONFIRMED = select(*CONFIRMED).where(_OF_INSTANCE)
_CONFIRM = (
    update(reads)
    .where(
        _OF_INSTANCE,
        reads.c.basis == bindparam("of_basis"),
        reads.c.digest == bindparam("of_digest"),
    )
    .values(
        in_order=bindparam("new_order"),
        confirmed_at=bindparam("new_moment"),
        confirmed_session_id=bindparam("new_session"),
    )
)


# A row of another version may have others; of that, nothing is taken for unchanged.
_DERIVED = frozenset(item.name for item in fields(Derived))


class _Changed(Exception):
    """Another sync wrote the accounts of an instance since its reads were looked at."""


class ReadStore:
    """The table of what was read."""

    def __init__(self, database: Database, ends: RecordEnds) -> None:
        self._database = database
        self._ends = ends

    def of(self, instance_id: int) -> Reads | None:
        """Return what the last writing sync of an instance had read; None: that is not known.

        It is not known either where the accounts are not those that this sync left.
        """
        with self._database.read_once() as connection:
            row = connection.execute(_KNOWN, {"of_id": instance_id}).first()
        if row is None or not _is_world_left(row):
            return None
        marks = ReadMarks(row.basis, row.in_order, row.digest)
        return Reads(marks, _derived(row.derived))

    def confirm(
        self,
        instance_id: int,
        known: Reads,
        in_order: str,
        claim: RecordClaim,
        outcome: RecordOutcome,
        observed_at: datetime,
        server_version: str,
        now: datetime,
        counts: DayCounts | None = None,
        platform: Platform | None = None,
        use: NewUse | None = None,
    ) -> bool:
        """Write that a sync found an instance unchanged, with its record, in one transaction.

        `in_order` is the digest of the rows as they came now. `counts` replace those of their
        day, and `use` is what was seen of the use of accounts. False: other accounts were written
        since `known` was read; nothing is written.

        Raises:
            StaleClaim: a newer attempt or the end of the run was faster; nothing is written.
            StoreUnavailable: nothing is written.
        """
        values = {
            "of_id": instance_id,
            "of_basis": known.marks.basis,
            "of_digest": known.marks.digest,
            "new_order": in_order,
            "new_moment": observed_at,
            "new_session": claim.session_id,
        }
        try:
            with self._ends.writing(claim, outcome, now) as connection:
                if connection.execute(_CONFIRM, values).rowcount != 1:
                    raise _Changed
                if counts is not None:
                    write_class_counts(connection, instance_id, counts, observed_at)
                write_use(connection, instance_id, use)
                if use is not None and use.is_told:
                    written_review(connection, instance_id, None)
                note_connection(connection, instance_id, server_version, now, platform, observed_at)
        except _Changed:
            return False
        return True


def _is_world_left(row: Row[Any]) -> bool:
    """Return whether the accounts are those that the last writing sync left, and are whole."""
    if WORLD not in row.derived or row.derived[WORLD] != row.of_world:
        return False
    if row.of_world is None:
        return True
    try:
        PackedWorld(row.format, bytes(row.accounts), bytes(row.grants), row.of_world).check()
    except WorldError:
        return False
    return True


def seen(row: Row[Any], at: datetime | None) -> datetime | None:
    """Return when what was seen `at` that moment was last confirmed; None: it was not since."""
    confirmed: datetime | None = row.confirmed_at if at == row.written_at else None
    return confirmed


def confirmation(connection: Connection, instance_id: int) -> Row[Any] | None:
    """Return the last confirmation of an instance's accounts, for `seen` and `settle`."""
    row = connection.execute(_CONFIRMED, {"of_id": instance_id}).first()
    return row if row is not None and row.confirmed_at is not None else None


def settle(
    connection: Connection, instance_id: int, confirmed: Row[Any] | None, observed_at: datetime
) -> None:
    """Write the dates of the last confirmation where the sync at `observed_at` wrote none.

    Within the transaction of that sync, after its own writes.
    """
    if confirmed is None or confirmed.written_at == observed_at:
        return
    before, at = confirmed.written_at, confirmed.confirmed_at
    session_id = confirmed.confirmed_session_id
    own = select(accounts.c.id).where(accounts.c.instance_id == instance_id)
    marks = {
        "last_sync_at": at,
        "session_id": f"{session_id}_{instance_id}",
        "sync_session_id": session_id,
    }
    for statement in (
        update(permissions)
        .where(permissions.c.account_id.in_(own), permissions.c.last_sync_at == before)
        .values(marks),
        update(accounts)
        .where(accounts.c.instance_id == instance_id, accounts.c.last_seen_at == before)
        .values(last_seen_at=at),
        update(sections)
        .where(sections.c.instance_id == instance_id, sections.c.checked_at == before)
        .values(checked_at=at),
        update(sections)
        .where(sections.c.instance_id == instance_id, sections.c.last_read_at == before)
        .values(last_read_at=at),
    ):
        connection.execute(statement)


def write_reads(
    connection: Connection, instance_id: int, new: Reads | None, observed_at: datetime
) -> None:
    """Replace what was read last, in the transaction that has written what was made of it."""
    if new is None:
        connection.execute(delete(reads).where(_OF_INSTANCE), {"of_id": instance_id})
        return
    row = {
        "instance_id": instance_id,
        **asdict(new.marks),
        "derived": {**asdict(new.derived), WORLD: world_digest(connection, instance_id)},
        "written_at": observed_at,
        "confirmed_at": None,
        "confirmed_session_id": None,
    }
    upsert(
        connection, reads, [row], ["instance_id"], [name for name in row if name != "instance_id"]
    )


def forget_world(connection: Connection, instance_id: int) -> None:
    """Let the reads of an instance say nothing of the accounts that are stored any more."""
    derived = connection.scalar(_LEFT, {"of_id": instance_id})
    if derived is not None:
        left = {name: item for name, item in derived.items() if name != WORLD}
        connection.execute(
            update(reads).where(_OF_INSTANCE).values(derived=left), {"of_id": instance_id}
        )


def _derived(value: Mapping[str, Any]) -> Derived:
    known = {name: item for name, item in value.items() if name in _DERIVED}
    texts = {name: tuple(value.get(name, ())) for name in ("warnings", "left_out")}
    return Derived(**{**known, **texts})
