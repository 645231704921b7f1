"""Whose grants may be others than when rows were read last, before any grant is made of them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from sync_pipeline.collect.reading import AccountReading
from sync_pipeline.engines.base import AccountRows, Query
from sync_pipeline.engines.wire.rows import PackedRows
from sync_pipeline.model.reads import HOLDER_KEY_BYTES, HOLDER_MARK_BYTES, HolderMarks

_key = partial(hashlib.blake2b, digest_size=HOLDER_KEY_BYTES)
_mark = partial(hashlib.blake2b, digest_size=HOLDER_MARK_BYTES)


class HolderKeys(dict[object, bytes]):
    """The key of each holder of grants, by its name. Two may have one: they count as one."""

    def __missing__(self, name: object) -> bytes:
        data = str(name).encode("utf-8", "surrogatepass")
        key = self[name] = _key(data).digest()
        return key


def holder_marks(reading: AccountReading) -> HolderMarks:
    """Return a digest of all rows that give somebody grants, by the key of who it is.

    The order of the rows does not matter. Empty where the engine does not say whose they are.
    """
    keys = HolderKeys()
    found: defaultdict[bytes, hashlib.blake2b] = defaultdict(_mark)
    for query, database, rows in _given(reading):
        of_all = f"{query.name}@{database}".encode("utf-8", "surrogatepass")
        start = b"".join(b"%d:" % len(part) + part for part in (of_all, rows.header))
        own = defaultdict(list)
        for name, row in rows.each_by(query.holder):
            own[keys[name]].append(_mark(row).digest())
        for key, marks in own.items():
            found[key].update(start + b"%d:" % len(marks) + b"".join(sorted(marks)))
    return {key: mark.digest() for key, mark in found.items()}


def of_holders(reading: AccountReading, is_wanted: Callable[[str], bool]) -> AccountReading:
    """Return a reading with all rows but those that give grants to others than are wanted.

    What is told of other accounts by somebody's grants is there, too.
    """
    rows = AccountRows()
    given = {id(found) for _, _, found in _given(reading)}
    queries = {query.name: query for query in reading.engine.account_queries}
    for name, database, found in reading.rows.items():
        query = queries[name]
        kept = _only(found, query, is_wanted) if id(found) in given else found
        rows.put(query, database, kept)
    return replace(reading, rows=rows)


def _only(found: PackedRows, query: Query[object], is_wanted: Callable[[str], bool]) -> PackedRows:
    telling = query.telling
    if not telling:
        return found.only(query.holder, is_wanted)
    return found.only(query.holder, lambda name: str(name).startswith(telling) or is_wanted(name))


def _given(reading: AccountReading) -> list[tuple[Query[object], str, PackedRows]]:
    queries = {query.name: query for query in reading.engine.account_queries if query.holder}
    return [
        (queries[name], database, rows)
        for name, database, rows in reading.rows.items()
        if rows and name in queries
    ]
