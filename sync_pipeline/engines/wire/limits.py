"""How much is read of a server, whatever it sends: rows, bytes of a value, bytes in all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from sys import getsizeof
from typing import Any

from sync_pipeline.engines.wire.budget import Usage
from sync_pipeline.errors import Phase, ResultLimit

MEBIBYTE = 2**20
MOST_COLUMNS = 4096
"""No engine has more in a result: MySQL, SQL Server and Oracle have 4096, PostgreSQL 1664."""

SHORT_ROW_BYTES = 1024
"""How many bytes the rows of a catalog have at most, packed; longer ones are counted exactly."""
_TUPLE_BYTES = getsizeof(())
_PACKED_BYTES = 5
"""What a packed value has beside its text."""
_VALUE_BYTES = getsizeof("") + 8 - _PACKED_BYTES
"""What Python keeps beside the text of a value, and a tuple of it, more than a packed one has."""
_WIDEST_CHARACTER = 4
"""Python keeps a text with so many bytes for each character of it, if one needs them."""
_FLUSH_BYTES = 2**16
READ_AHEAD_BYTES = 16 * MEBIBYTE
"""What may arrive beside one value before it is refused: its neighbours, and what the kernel
has received and the driver has not yet read."""


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """The most that is read: `sync_bytes` bounds all results of one sync of an instance.

    `value_bytes` bounds a value and, where the protocol shows no less, the row it is in.
    Bytes of a result are those that it holds, packed; those of a sync what its rows take when
    accounts are made of them.
    """

    rows: int = 5_000_000
    value_bytes: int = 16 * MEBIBYTE
    result_bytes: int = 1024 * MEBIBYTE
    sync_bytes: int = 2048 * MEBIBYTE

    @property
    def stretch_bytes(self) -> int:
        """Return the bytes that may arrive before the driver hands over the next rows."""
        return self.value_bytes + READ_AHEAD_BYTES

    def too_many_rows(self, instance: str) -> ResultLimit:
        """Return the error of a result with too many rows."""
        return _limit(instance, f"{self.rows} rows", "SYNC_PIPELINE_MAX_RESULT_ROWS")

    def too_long_value(self, instance: str) -> ResultLimit:
        """Return the error of a value, or a row of values, that is too long."""
        what = f"{self.value_bytes} bytes of one value"
        return _limit(instance, what, "SYNC_PIPELINE_MAX_VALUE_BYTES")

    def too_large_result(self, instance: str) -> ResultLimit:
        """Return the error of a result that is too large."""
        what = f"{self.result_bytes} bytes of one result"
        return _limit(instance, what, "SYNC_PIPELINE_MAX_RESULT_BYTES")

    def too_large_sync(self, instance: str) -> ResultLimit:
        """Return the error of results that are too large together."""
        what = f"{self.sync_bytes} bytes of one sync"
        return _limit(instance, what, "SYNC_PIPELINE_MAX_SYNC_BYTES")

    def too_large_login(self, instance: str, most: int) -> ResultLimit:
        """Return the error of a server that sends without end before it lets anyone in."""
        return ResultLimit(
            f"The server sent more than {most} bytes before the login was done.",
            instance=instance,
            phase=Phase.CONNECT,
            hint="No server that is sound sends so much: check what listens there.",
        )


def too_many_columns(instance: str) -> ResultLimit:
    """Return the error of a result with more columns than any server has."""
    return ResultLimit(
        f"The server's answer has more than {MOST_COLUMNS} columns.",
        instance=instance,
        phase=Phase.COLLECT,
        hint="No server that is sound sends so many: check what listens there.",
    )


def _limit(instance: str, what: str, setting: str) -> ResultLimit:
    return ResultLimit(
        f"The server sent more than the limit of {what} ({setting}); the rest was not read.",
        instance=instance,
        phase=Phase.COLLECT,
        hint=f"Check what the server answers with; raise {setting} where it is right.",
    )


class Meter:
    """Counts one result while it is read."""

    def __init__(self, limits: ReadLimits, usage: Usage, instance: str) -> None:
        self._limits = limits
        self._usage = usage
        self._instance = instance
        self._rows = 0
        self._bytes = self._pending = 0

    def columns(self, names: Sequence[str]) -> None:
        """Check how wide the result is.

        Raises:
            ResultLimit: it has more columns than any server has.
        """
        if len(names) > MOST_COLUMNS:
            raise too_many_columns(self._instance)

    def metered(
        self, rows: Iterable[dict[str, Any]], *, is_kept: bool = True
    ) -> Iterator[dict[str, Any]]:
        """Yield rows as long as they are within the limits.

        Where they are not kept as they are (`is_kept`), they count as who packs them counts them.

        Raises:
            ResultLimit: a limit was passed; nothing more may be read of the connection.
            MemoryExhausted: all syncs of the process hold too much, and this one the most.
        """
        longest = self._limits.value_bytes
        for row in rows:
            values = row.values()
            kinds = list(map(type, values))
            is_nested = list in kinds or tuple in kinds
            sizes = list(map(size_of if is_nested else getsizeof, values))
            if sizes and max(sizes) > longest:
                raise self._limits.too_long_value(self._instance)
            self._take(getsizeof(row) + sum(sizes) if is_kept else _as_packed(sizes))
            yield row
        self._flush()

    def take(
        self, rows: Sequence[Sequence[Any]], packed_bytes: int, held_bytes: int, *, is_flat: bool
    ) -> None:
        """Count rows that were packed together by what is held of them, before more are read.

        The sync counts them as they will be when accounts are made of them: short rows by what
        Python keeps beside each value, and each value where one may be long, or may have members
        (not `is_flat`).

        Raises:
            ResultLimit: a limit was passed; nothing more may be read of the connection.
            MemoryExhausted: all syncs of the process hold too much, and this one the most.
        """
        if not rows:
            return
        values = len(rows) * len(rows[0])
        is_short = is_flat and packed_bytes < SHORT_ROW_BYTES * len(rows)
        if is_short and packed_bytes * _WIDEST_CHARACTER < self._limits.value_bytes:
            unpacked = len(rows) * _TUPLE_BYTES + values * _VALUE_BYTES + packed_bytes
            self._take(held_bytes, len(rows), max(0, unpacked - held_bytes))
            return
        for row in rows:
            sizes = list(map(size_of, row))
            if sizes and max(sizes) > self._limits.value_bytes:
                raise self._limits.too_long_value(self._instance)
            self._take(getsizeof(row) + sum(sizes))

    def end(self) -> None:
        """Count what is left of a result that was taken in parts.

        Raises:
            ResultLimit: all results of the sync are too large.
            MemoryExhausted: all syncs of the process hold too much, and this one the most.
        """
        self._flush()

    def _take(self, count: int, rows: int = 1, apart: int = 0) -> None:
        self._rows += rows
        self._bytes += count
        self._pending += count + apart
        if self._rows > self._limits.rows:
            raise self._limits.too_many_rows(self._instance)
        if self._bytes > self._limits.result_bytes:
            raise self._limits.too_large_result(self._instance)
        if self._pending > _FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        """Count for the whole sync, seldom: other connections count there too."""
        pending, self._pending = self._pending, 0
        if self._usage.add(pending) > self._limits.sync_bytes:
            raise self._limits.too_large_sync(self._instance)
        self._usage.require_kept(self._instance)


def size_of(value: object) -> int:
    """Return the bytes that a value takes, with those of a list's members."""
    if isinstance(value, list | tuple):
        return getsizeof(value) + sum(map(size_of, value))
    return getsizeof(value)


def _as_packed(sizes: Iterable[int]) -> int:
    """Return about the bytes that values of these sizes have when they are packed."""
    return sum(max(_PACKED_BYTES, size - _VALUE_BYTES + 8) for size in sizes)
