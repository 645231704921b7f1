"""PyMySQL with limits on what it reads, checked before it is in memory.

A packet has at most 16 MiB; a longer row comes as several (MySQL Internals, "Sending More
Than 16Mb"), which PyMySQL joins however many they are. The length that a packet's header
states is therefore counted before the packet is read.
"""

from __future__ import annotations

import contextlib
from typing import Any

from pymysql.protocol import FieldDescriptorPacket, MysqlPacket

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.mysql_protocol.wire.passwords import GuardedConnection
from sync_pipeline.engines.wire.budget import Arriving
from sync_pipeline.engines.wire.limits import MOST_COLUMNS, too_many_columns
from sync_pipeline.errors import ResultLimit

_LONG = 2**16
"""Bytes from which on a packet counts for what all syncs may hold."""


class BoundedConnection(GuardedConnection):
    """A connection that breaks itself where a row, or an answer, is too large."""

    _target: Target
    _arriving: Arriving
    _arrived = 0
    _packet = 0
    _columns = 0

    def bound_to(self, target: Target) -> None:
        """Set the limits; nothing is read before."""
        self._target = target
        self._arriving = Arriving(target.usage)

    @property
    def arrived_bytes(self) -> int:
        """Return how much of the answer has come."""
        return self._arrived

    def begin_answer(self) -> None:
        """Begin to count the next answer."""
        self._arrived = self._columns = 0

    def leave_answer(self) -> None:
        """Leave the rest of an answer that failed, which the driver would read to its end."""
        result = self._result  # type: ignore[attr-defined]
        if result is not None and result.unbuffered_active:
            result.unbuffered_active = False
            self._break()

    def _read_packet(self, packet_type: type[MysqlPacket] = MysqlPacket) -> Any:
        if self._packet >= _LONG:
            self._arriving.allows(0)
        self._packet = 0
        self._columns += packet_type is FieldDescriptorPacket
        if self._columns > MOST_COLUMNS:
            raise self._refused(too_many_columns(self._target.instance.name))
        return super()._read_packet(packet_type)  # type: ignore[no-untyped-call]

    def _read_bytes(self, num_bytes: int) -> bytes:
        limits, name = self._target.limits, self._target.instance.name
        self._packet += num_bytes
        self._arrived += num_bytes
        if self._packet > limits.value_bytes:
            raise self._refused(limits.too_long_value(name))
        if self._arrived > limits.result_bytes:
            raise self._refused(limits.too_large_result(name))
        if self._packet >= _LONG and not self._arriving.allows(self._packet):
            self._break()
            self._target.usage.require_kept(name)
        data: bytes = super()._read_bytes(num_bytes)  # type: ignore[misc]
        return data

    def _refused(self, error: ResultLimit) -> ResultLimit:
        self._break()
        return error

    def _break(self) -> None:
        with contextlib.suppress(OSError):
            self._force_close()  # type: ignore[attr-defined]
