"""The rows of `instance_worlds`: all accounts ever seen on an instance, with their last states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, bindparam, exists, select

from sync_pipeline.errors import LeaseHeld, Phase, ResultLimit, StoreDamaged
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import KnownAccount, Reconciliation
from sync_pipeline.model.inventory import EVERY_GRANT, Wanted, no_securable
from sync_pipeline.store.database import among_named, upsert
from sync_pipeline.store.schema import instance_accounts as accounts
from sync_pipeline.store.schema import instance_reads as reads
from sync_pipeline.store.schema import instance_worlds as worlds
from sync_pipeline.store.schema import instances
from sync_pipeline.store.worlds.changing import OpenWorld
from sync_pipeline.store.worlds.packed import PackedWorld, WorldAccount, WorldError
from sync_pipeline.store.worlds.reading import read_counted, read_without_grants, read_world

ItemT = TypeVar("ItemT")
AT_ONCE = 32
"""Instances whose rows, still packed, are fetched together."""
_HAS_ACCOUNTS = exists().where(accounts.c.instance_id == instances.c.id)


WORLD = "world"
"""Where `instance_reads` keeps the digest of the accounts that its sync left."""
_PACKED = (worlds.c.format, worlds.c.accounts, worlds.c.grants, worlds.c.digest)
_ROWS = (
    select(
        instances.c.id,
        instances.c.name,
        *_PACKED,
        _HAS_ACCOUNTS.label("has_accounts"),
        reads.c.derived[WORLD].as_string().label("written"),
        reads.c.written_at,
    )
    .join_from(instances, worlds, isouter=True)
    .outerjoin(reads, reads.c.instance_id == instances.c.id)
)
_OF_ONE = _ROWS.where(instances.c.id == bindparam("of_id"))
_DIGEST = select(worlds.c.digest).where(worlds.c.instance_id == bindparam("of_id"))


def accounts_mark(digest: str | None, written_at: datetime | None) -> str:
    """Return what tells what a sync left from what any other one does.

    The digest is of accounts alone, and what could not be read counts for a review as well. Each
    sync that writes notes when it did: also one of a version that knows no reviews.
    """
    return f"{digest or ''} {written_at.isoformat() if written_at else ''}"


@dataclass(frozen=True, slots=True)
class StoredWorld:
    """The accounts of one instance, still packed; None: none was ever seen.

    `damage` says what is wrong with them, where that is seen without unpacking them. `written_at`
    is when a sync wrote last.
    """

    instance: str
    packed: PackedWorld | None
    damage: str = ""
    written_at: datetime | None = None

    @property
    def digest(self) -> str | None:
        """Return what tells one state of the accounts from another."""
        return self.packed.digest if self.packed else None

    @property
    def mark(self) -> str:
        """Return what tells what a sync left from what any other one does."""
        return accounts_mark(self.digest, self.written_at)

    def read(self, wanted: Wanted = EVERY_GRANT) -> list[WorldAccount]:
        """Return the accounts, with those of their grants that are wanted.

        Raises:
            StoreDamaged: they are not what was written.
        """
        return self._read(lambda packed: read_world(packed, wanted))

    def known(self, wanted: Wanted = EVERY_GRANT) -> tuple[KnownAccount, ...]:
        """Return the same as a sync compares them.

        Raises:
            StoreDamaged: they are not what was written.
        """
        found = self.read(wanted)
        return tuple(KnownAccount(item.state, item.is_active, item.changed_at) for item in found)

    def opened(self) -> OpenWorld:
        """Return the accounts, to change some of them.

        Raises:
            StoreDamaged: they are not what was written.
        """
        if self.damage:
            raise damaged(self.instance, self.damage)
        try:
            return OpenWorld.of(self.packed)
        except WorldError as error:
            raise damaged(self.instance, str(error)) from None

    def states_of(self, names: AbstractSet[str]) -> dict[str, AccountState]:
        """Return the whole states of some accounts, by their names.

        Raises:
            StoreDamaged: they are not what was written, or one is not there.
        """
        wanted = Wanted(no_securable, names.__contains__)
        return self._only(names, {item.state.name: item.state for item in self.read(wanted)})

    def counted_of(self, names: AbstractSet[str]) -> dict[str, tuple[AccountState, int]]:
        """Return the states of some accounts without their grants, and how many each has.

        Raises:
            StoreDamaged: they are not what was written, or one is not there.
        """
        found = {item.state.name: (item.state, count) for item, count in self._read(read_counted)}
        return self._only(names, found)

    def bare(self) -> list[AccountState]:
        """Return the states of all accounts without their grants, which are not read.

        Raises:
            StoreDamaged: they are not what was written.
        """
        return [item.state for item in self._read(read_without_grants)]

    def _read(self, read: Callable[[PackedWorld], list[ItemT]]) -> list[ItemT]:
        if self.damage:
            raise damaged(self.instance, self.damage)
        if self.packed is None:
            return []
        try:
            return read(self.packed)
        except WorldError as error:
            raise damaged(self.instance, str(error)) from None

    def _only(self, names: AbstractSet[str], found: dict[str, ItemT]) -> dict[str, ItemT]:
        if missing := names - found.keys():
            raise damaged(self.instance, f"{len(missing)} of its accounts are not there")
        return found


@dataclass(frozen=True, slots=True)
class NextWorld:
    """What is to be written, and the digest of what it was made from."""

    made_from: str | None
    packed: PackedWorld


def stored_world(connection: Connection, instance_id: int) -> StoredWorld:
    """Return the accounts of an instance."""
    return _stored(connection.execute(_OF_ONE, {"of_id": instance_id}).one())


def stored_worlds(connection: Connection, instance_ids: Sequence[int]) -> dict[int, StoredWorld]:
    """Return the accounts of instances, by their ids."""
    rows = connection.execute(_of_some(connection.dialect.name), {"of_ids": list(instance_ids)})
    return {row.id: _stored(row) for row in rows}


@cache
def _of_some(backend: str) -> Select[Any]:
    """Return the statement that finds them, made once."""
    return _ROWS.where(among_named(backend, instances.c.id, "of_ids"))


def world_digest(connection: Connection, instance_id: int) -> str | None:
    """Return what tells one state of an instance's accounts from another; None: none is kept."""
    found: str | None = connection.scalar(_DIGEST, {"of_id": instance_id})
    return found


def require_as_known(connection: Connection, instance_id: int, digest: str | None) -> None:
    """Refuse to write what was compared with other accounts than are stored now.

    Who writes the same instance at this moment waits here until the other one has written.

    Raises:
        LeaseHeld: another sync, which took the lease over, has written meanwhile.
    """
    if connection.scalar(_DIGEST.with_for_update(), {"of_id": instance_id}) != digest:
        raise LeaseHeld(
            "Another run wrote its accounts while this one compared them with those before.",
            phase=Phase.STORE,
            hint="Nothing was written; the next sync looks again.",
            retryable=True,
        )


def next_world(
    connection: Connection, instance_id: int, result: Reconciliation, observed_at: datetime
) -> NextWorld | None:
    """Return all accounts of an instance as they are after a sync; None: as they were.

    Raises:
        ResultLimit: they are more than can be kept.
        StoreDamaged: what is stored is not what was written.
    """
    if not (result.states or result.deactivated or result.reactivated):
        return None
    before = stored_world(connection, instance_id)
    active = {**dict.fromkeys(result.reactivated, True), **dict.fromkeys(result.deactivated, False)}
    new = {
        state.name: WorldAccount(state, is_active=True, changed_at=observed_at)
        for state in result.states
    }
    opened = before.opened()
    try:
        return NextWorld(before.digest, opened.changed(new, active))
    except WorldError as error:
        raise ResultLimit(
            f"Its accounts are more than the store keeps of one instance: {error}.",
            phase=Phase.STORE,
            hint="Nothing was written; leave out accounts by SYNC_PIPELINE_EXCLUDED_ACCOUNTS.",
        ) from None


def write_world(
    connection: Connection,
    instance_id: int,
    made: NextWorld | None,
    result: Reconciliation,
    observed_at: datetime,
) -> None:
    """Write what `next_world` made, where nothing else was written since; else make it again.

    Raises:
        StoreDamaged: what is stored is not what was written.
    """
    if made is None:
        return
    # Who writes the same instance at this moment waits here until the other one has written.
    found = connection.scalar(_DIGEST.with_for_update(), {"of_id": instance_id})
    if found != made.made_from:
        made = next_world(connection, instance_id, result, observed_at) or made
    put_world(connection, instance_id, made.packed, observed_at)


def put_world(
    connection: Connection, instance_id: int, packed: PackedWorld, written_at: datetime
) -> None:
    """Write the accounts of an instance in the place of those that were there."""
    row = {
        "instance_id": instance_id,
        "format": packed.format,
        "accounts": packed.accounts,
        "grants": packed.grants,
        "digest": packed.digest,
        "written_at": written_at,
    }
    upsert(connection, worlds, [row], ["instance_id"], row.keys())


def _stored(row: Row[tuple[object, ...]]) -> StoredWorld:
    packed = None
    if row.digest is not None:
        packed = PackedWorld(row.format, bytes(row.accounts), bytes(row.grants), row.digest)
    return StoredWorld(row.name, packed, _seen_damage(row), row.written_at)


def _seen_damage(row: Row[tuple[object, ...]]) -> str:
    """Return what is wrong with a row; one of another instance or moment may be whole itself."""
    if row.digest is None and (row.has_accounts or row.written is not None):
        return "they are not there"
    if row.written not in (None, row.digest):
        return "they are not those that the last sync left"
    return ""


def damaged(instance: str, reason: str) -> StoreDamaged:
    """Return the error of accounts that are not what was written."""
    return StoreDamaged(
        f"What the store keeps of its accounts is not what was written: {reason}.",
        instance=instance,
        phase=Phase.STORE,
        hint="A sync makes them again of the change log, where it goes back far enough; else "
        "restore the store from its backup.",
    )
