"""The rows of a result as they are held: packed, counted and digested as they come.

What a driver returned is kept in Python's own form of plain values (marshal), a few rows
together: a fifth of the memory of the values. They become values again when accounts are made
of them, which is mostly never: a result whose digest is known needs no value.
"""

from __future__ import annotations

import hashlib
import marshal
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, compress
from sys import getsizeof
from typing import Any, Protocol

from sync_pipeline.engines.wire.limits import Meter

DIGEST_BYTES = 32
_PLAIN = 2
"""The format of marshal that depends on values alone: newer ones say which value is shared."""
_FLAT = frozenset({str, bytes, int, float, bool, type(None)})
_ROWS_AT_ONCE = 256
_SLOT_BYTES = 8
Row = Sequence[Any]


class Texts(dict[Any, Any]):
    """Texts by the bytes that they came as: each is decoded once, and shared by all rows.

    `label` says how they are decoded.
    """

    def __init__(self, label: str, decode: Callable[[bytes], str]) -> None:
        super().__init__({None: None})
        self.label = label
        self._decode = decode

    def __missing__(self, data: bytes) -> str:
        text = self[data] = self._decode(data)
        return text


class PackedRows:
    """The rows of one result. `meter` counts them against the limits of the sync."""

    def __init__(self, meter: Meter | None = None) -> None:
        self.columns: tuple[str, ...] = ()
        self._meter = meter
        self._texts: tuple[Texts | None, ...] = ()
        self._batches: list[bytes | list[Row]] = []
        self._count = 0
        self._is_begun = False
        self._order = hashlib.blake2b(digest_size=DIGEST_BYTES)

    def __len__(self) -> int:
        return self._count

    def add(
        self, columns: Sequence[str], rows: Sequence[Any], texts: Sequence[Texts | None] = ()
    ) -> None:
        """Take rows in. `texts` decode the columns that came as bytes.

        Raises:
            ResultLimit: a limit was passed; nothing more may be read of the connection.
            MemoryExhausted: all syncs of the process hold too much, and this one the most.
            ValueError: the columns are not those of the rows before.
        """
        if not self._is_begun:
            self._begin(columns, texts)
        if tuple(columns) != self.columns:
            raise ValueError("rows of one result that have other columns")
        if not rows:
            return
        packed: bytes | list[Row]
        try:
            packed = told = marshal.dumps(list(rows), _PLAIN)
        except ValueError:  # a value that has no plain form
            packed, told = list(rows), b"".join(map(_spelled, rows))
        if self._meter is not None:
            is_flat = bool(texts) or set(map(type, chain.from_iterable(rows))) <= _FLAT
            self._meter.take(rows, len(told), getsizeof(packed) + _SLOT_BYTES, is_flat=is_flat)
        self._order.update(b"%d:" % len(told))
        self._order.update(told)
        self._batches.append(packed)
        self._count += len(rows)

    def end(self) -> PackedRows:
        """Return the same when all rows are in.

        Raises:
            SyncError: as `add` does.
        """
        if self._meter is not None:
            self._meter.end()
        return self

    def drop(self) -> None:
        """Let go of the rows: what holds this may live as long as an error."""
        self._batches.clear()

    @property
    def in_order(self) -> bytes:
        """Return a digest of the rows in the order in which they came."""
        return self._order.digest()

    @property
    def digest(self) -> bytes:
        """Return a digest of the rows in whatever order they came, each as often as it did."""
        found = hashlib.blake2b(digest_size=DIGEST_BYTES)
        found.update(self._header())
        rows = chain.from_iterable(map(_apart, self._batches))
        found.update(marshal.dumps(sorted(rows), _PLAIN))
        return found.digest()

    def of_columns(self, names: Sequence[str]) -> Iterator[list[Sequence[Any]]]:
        """Yield the values of these columns, some rows at a time; equal texts are one object."""
        places = [self.columns.index(name) for name in names]
        same: dict[str, str] = {}
        for batch in self._batches:
            columns = list(zip(*_unpacked(batch), strict=True))
            yield [
                _decoded(columns[place], self._texts[place] if self._texts else None, same)
                for place in places
            ]

    def each_by(self, name: str) -> Iterator[tuple[Any, bytes]]:
        """Yield each row as bytes that no other row has, behind its value of this column."""
        place = self.columns.index(name)
        for batch in self._batches:
            rows = _unpacked(batch)
            values = self._texts_of(place, [row[place] for row in rows])
            yield from zip(values, map(_alone, rows), strict=True)

    def only(self, name: str, is_wanted: Callable[[Any], bool]) -> PackedRows:
        """Return the rows whose value of this column is wanted, in their order."""
        found = PackedRows()
        place = self.columns.index(name) if self._is_begun else 0
        for batch in self._batches:
            rows = _unpacked(batch)
            values = self._texts_of(place, [row[place] for row in rows])
            found.add(self.columns, list(compress(rows, map(is_wanted, values))), self._texts)
        return found

    @property
    def header(self) -> bytes:
        """Return what the rows have in common: their columns, and how texts are decoded."""
        return self._header()

    def dicts(self) -> list[dict[str, Any]]:
        """Return the rows by column name."""
        rows = (zip(*columns, strict=True) for columns in self.of_columns(self.columns))
        return [dict(zip(self.columns, row, strict=True)) for row in chain.from_iterable(rows)]

    def _begin(self, columns: Sequence[str], texts: Sequence[Texts | None]) -> None:
        self._is_begun = True
        self.columns, self._texts = tuple(columns), tuple(texts)
        if self._meter is not None:
            self._meter.columns(columns)
        self._order.update(self._header())

    def _texts_of(self, place: int, values: Sequence[Any]) -> Sequence[Any]:
        return _decoded(values, self._texts[place] if self._texts else None, {})

    def _header(self) -> bytes:
        return marshal.dumps((self.columns, [item and item.label for item in self._texts]), _PLAIN)


class Fetching(Protocol):
    """A connection that returns rows by column name."""

    def fetch(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        """Run one SELECT."""
        ...


def read_packed(
    connection: Fetching, sql: str, parameters: Mapping[str, object] | None = None
) -> PackedRows:
    """Return the rows of a statement, packed by the connection itself where it can.

    Then it has `read`, of the parameters of `fetch`, as its own: what stands around another
    connection and changes what that fetches has not.

    Raises:
        SyncError: what the connection raises.
    """
    if hasattr(type(connection), "read"):
        packing: Any = connection
        packed: PackedRows = packing.read(sql, parameters)
        return packed
    rows = connection.fetch(sql, parameters)
    found = PackedRows()
    names = list(rows[0]) if rows else []
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        found.add(names, [_in_order(row, names) for row in rows[start : start + _ROWS_AT_ONCE]])
    return found


def _in_order(row: Mapping[str, Any], names: Sequence[str]) -> Row:
    if len(row) != len(names):
        raise ValueError("rows of one result that have other columns")
    return tuple(row[name] for name in names)


def _unpacked(batch: bytes | list[Row]) -> Sequence[Row]:
    if isinstance(batch, list):
        return batch
    rows: list[Row] = marshal.loads(batch)  # noqa: S302 - what `add` made, in this process
    return rows


def _decoded(values: Sequence[Any], texts: Texts | None, same: dict[str, str]) -> Sequence[Any]:
    if texts is not None:
        return list(map(texts.__getitem__, values))
    if str in set(map(type, values)):
        return [same.setdefault(item, item) if type(item) is str else item for item in values]
    return values


def _apart(batch: bytes | list[Row]) -> Iterator[bytes]:
    """Yield each row of a batch as bytes that no other row has."""
    return map(_alone, _unpacked(batch))


def _alone(row: Row) -> bytes:
    try:
        return marshal.dumps(tuple(row), _PLAIN)
    except ValueError:
        return _spelled(row)


def _spelled(row: Row) -> bytes:
    """Return a row as text that says the type of each value, and how long it is."""
    values = [f"{type(item).__module__}.{type(item).__qualname__} {item!r}" for item in row]
    text = "".join(f"{len(value)}:{value}" for value in values)
    return text.encode("utf-8", "surrogatepass")
