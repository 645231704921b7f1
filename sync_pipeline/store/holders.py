"""Of whose grants the rows were that the stored accounts were made of."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, bindparam, delete, select

from sync_pipeline.model.reads import (
    HOLDER_KEY_BYTES,
    HOLDER_MARK_BYTES,
    HolderReads,
    Reads,
)
from sync_pipeline.store.database import Database, upsert
from sync_pipeline.store.schema import instance_holders as holders
from sync_pipeline.store.world_rows import world_digest

_ONE = HOLDER_KEY_BYTES + HOLDER_MARK_BYTES
_OF_INSTANCE = holders.c.instance_id == bindparam("of_id")
_KNOWN = select(holders.c.basis, holders.c.world, holders.c.marks).where(_OF_INSTANCE)


class HolderStore:
    """The table of whose grants were read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, instance_id: int) -> HolderReads | None:
        """Return what the last writing sync of an instance had read; None: that is not known."""
        with self._database.read_once() as connection:
            row = connection.execute(_KNOWN, {"of_id": instance_id}).first()
        if row is None:
            return None
        return HolderReads(row.basis, row.world, dict(_unpacked(bytes(row.marks))))


def write_holders(connection: Connection, instance_id: int, new: Reads | None) -> None:
    """Replace whose grants were read, in the transaction that has written what was made of it."""
    of_id = {"of_id": instance_id}
    world = world_digest(connection, instance_id) if new is not None and new.holders else None
    if new is None or world is None:
        connection.execute(delete(holders).where(_OF_INSTANCE), of_id)
        return
    packed = b"".join(key + mark for key, mark in sorted(new.holders.items()))
    row = {
        "instance_id": instance_id,
        "basis": new.marks.basis,
        "world": world,
        "marks": packed,
    }
    upsert(connection, holders, [row], ["instance_id"], ["basis", "world", "marks"])


def _unpacked(packed: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and digests; one that was damaged is not that of any row, so it is read anew."""
    for begin in range(0, len(packed), _ONE):
        middle = begin + HOLDER_KEY_BYTES
        yield packed[begin:middle], packed[middle : begin + _ONE]
