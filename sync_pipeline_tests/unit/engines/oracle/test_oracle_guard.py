"""Which packets that accept a connection may reach the driver, and how much may come."""

from __future__ import annotations

import asyncio

import pytest

from sync_pipeline.engines.oracle.wire.guard import LARGEST_SDU, SMALLEST_SDU, DriverGuard
from sync_pipeline.engines.wire.limits import READ_AHEAD_BYTES, ReadLimits
from sync_pipeline.engines.wire.links import Breach, Flow


class Sink(asyncio.Protocol):
    def __init__(self) -> None:
        self.data = b""

    def data_received(self, data: bytes) -> None:
        self.data += data


def accept(version: int, size: int) -> bytes:
    """Return an accepting packet that names the size of packets."""
    body = version.to_bytes(2, "big") + b"\0" * 22 + size.to_bytes(4, "big") + b"\0" * 9
    return (len(body) + 8).to_bytes(2, "big") + b"\0\0\2\0\0\0" + body


def passed(data: bytes, step: int) -> tuple[bytes, int]:
    sink, refusals = Sink(), list[int]()
    guard = DriverGuard(sink, lambda: refusals.append(1))
    for start in range(0, len(data), step):
        guard.data_received(data[start : start + step])
    return sink.data, len(refusals)


@pytest.mark.parametrize("step", [7, 100])
@pytest.mark.parametrize("size", [SMALLEST_SDU, 8192, LARGEST_SDU])
def test_a_size_of_packets_that_can_be_reaches_the_driver(size: int, step: int) -> None:
    data = accept(319, size) + (12).to_bytes(4, "big") + b"\6\0\0\0body"
    assert passed(data, step) == (data, 0)


@pytest.mark.parametrize("size", [0, 1, SMALLEST_SDU - 1, LARGEST_SDU + 1, 2**32 - 1])
def test_one_that_can_not_be_does_not(size: int) -> None:
    assert passed(accept(319, size), 100) == (b"", 1)
    assert passed(accept(319, 8192)[:40], 100)[1] == 0  # the rest is still to come


def test_a_packet_without_the_size_does_not() -> None:
    short = (20).to_bytes(2, "big") + b"\0\0\2\0\0\0" + (319).to_bytes(2, "big") + b"\0" * 10
    assert passed(short, 100) == (b"", 1)


def test_an_old_version_has_none() -> None:
    short = (20).to_bytes(2, "big") + b"\0\0\2\0\0\0" + (300).to_bytes(2, "big") + b"\0" * 10
    assert passed(short, 3) == (short, 0)


def test_what_arrives_is_counted_for_an_answer_and_between_rows() -> None:
    flow = Flow(ReadLimits(value_bytes=1024, result_bytes=3 * READ_AHEAD_BYTES))
    for _ in range(3):
        assert flow.allows(READ_AHEAD_BYTES - 1)
        flow.progress()
    assert not flow.allows(4)
    assert flow.breach is Breach.BYTES
    flow = Flow(ReadLimits(value_bytes=1024))
    flow.begin()
    assert flow.allows(READ_AHEAD_BYTES + 1024)
    assert not flow.allows(1)
    assert flow.breach is Breach.STRETCH
    error = flow.error("one")
    assert error is not None
    assert "SYNC_PIPELINE_MAX_VALUE_BYTES" in str(error)
    assert not error.retryable
