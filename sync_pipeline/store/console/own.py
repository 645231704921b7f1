"""Which accounts engines made for themselves, where a name does not tell: the states are read.

What is unpacked of an instance's accounts is kept in the process by what tells their states apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import select

from sync_pipeline.engines.own import is_own
from sync_pipeline.errors import StoreDamaged
from sync_pipeline.model.instance import EngineName
from sync_pipeline.store.database import Database, among
from sync_pipeline.store.kept import Kept
from sync_pipeline.store.schema import instance_reads as reads
from sync_pipeline.store.schema import instance_worlds as worlds
from sync_pipeline.store.world_rows import AT_ONCE, WORLD, StoredWorld, stored_worlds

_MOST_KEPT = 50_000
"""Names of accounts, of whatever instances: some hundred bytes each."""


class Of(NamedTuple):
    """An account, by the id of its instance, and the engine of that."""

    instance_id: int
    engine: EngineName
    account: str


class _Written(NamedTuple):
    """An instance by its id and engine, and what tells what its last sync left."""

    instance_id: int
    engine: EngineName
    digest: str | None
    written: str | None


@dataclass(frozen=True, slots=True)
class _Names:
    """The names of all accounts of an instance, and of those that its engine made."""

    everyone: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()


class OwnAccounts:
    """Tells accounts that engines made from those of people."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: Kept[_Written, _Names] = Kept(_MOST_KEPT, lambda found: len(found.everyone))

    def among(self, accounts: Iterable[Of]) -> set[Of]:
        """Return those that their engines made. Of an instance that can't be read there is none."""
        by_id: dict[int, list[Of]] = {}
        for item in accounts:
            by_id.setdefault(item.instance_id, []).append(item)
        own: set[Of] = set()
        ids = sorted(by_id)
        for begin in range(0, len(ids), AT_ONCE):
            some = ids[begin : begin + AT_ONCE]
            keys = self._written({number: by_id[number][0].engine for number in some})
            for key, names in self._kept.all_of(keys, self._read).items():
                asked = by_id[key.instance_id]
                if names.everyone.issuperset(item.account for item in asked):
                    own.update(item for item in asked if item.account in names.own)
        return own

    def _written(self, engines: dict[int, EngineName]) -> list[_Written]:
        query = (
            select(worlds.c.instance_id, worlds.c.digest, reads.c.derived[WORLD].as_string())
            .join_from(worlds, reads, reads.c.instance_id == worlds.c.instance_id, isouter=True)
        )  # fmt: skip
        with self._database.read_once() as connection:
            is_asked = among(connection, worlds.c.instance_id, list(engines))
            rows = connection.execute(query.where(is_asked))
            return [_Written(row[0], engines[row[0]], row[1], row[2]) for row in rows]

    def _read(self, keys: Sequence[_Written]) -> dict[_Written, _Names]:
        with self._database.read_once() as connection:
            found = stored_worlds(connection, [key.instance_id for key in keys])
        made: dict[_Written, _Names] = {}
        for key in keys:
            world = found.get(key.instance_id)
            if world is None:
                continue
            if world.digest == key.digest:
                made[key] = _names(key.engine, world)
            elif not world.damage:
                # It was written again in between, and this is what it is now.
                now = key._replace(digest=world.digest, written=world.digest)
                made[now] = _names(key.engine, world)
        return made


def _names(engine: EngineName, world: StoredWorld) -> _Names:
    try:
        states = world.bare()
    except StoreDamaged:
        return _Names()
    own = frozenset(state.name for state in states if is_own(engine, state))
    return _Names(frozenset(state.name for state in states), own)
