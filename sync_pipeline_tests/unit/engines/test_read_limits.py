"""What a meter lets pass, and that the defaults let a large server that is sound pass."""

from __future__ import annotations

from collections.abc import Iterator
from sys import getsizeof
from typing import Any

import pytest

from sync_pipeline.engines.wire.budget import Usage
from sync_pipeline.engines.wire.limits import MOST_COLUMNS, Meter, ReadLimits, size_of
from sync_pipeline.engines.wire.rows import PackedRows
from sync_pipeline.errors import ResultLimit
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.syncing.target import read_limits


def read(limits: ReadLimits, rows: Iterator[dict[str, Any]], usage: Usage | None = None) -> int:
    meter = Meter(limits, usage or Usage(), "one")
    return sum(1 for _ in meter.metered(rows))


def endless(value: object = "x") -> Iterator[dict[str, Any]]:
    while True:
        yield {"a": value}


def message(limits: ReadLimits, rows: Iterator[dict[str, Any]]) -> str:
    with pytest.raises(ResultLimit) as caught:
        read(limits, rows)
    assert not caught.value.retryable
    assert str(caught.value).startswith("one: ")
    return str(caught.value)


def test_each_limit_is_named() -> None:
    assert "SYNC_PIPELINE_MAX_RESULT_ROWS" in message(ReadLimits(rows=10), endless())
    assert "SYNC_PIPELINE_MAX_RESULT_BYTES" in message(ReadLimits(result_bytes=9999), endless())
    assert "SYNC_PIPELINE_MAX_SYNC_BYTES" in message(ReadLimits(sync_bytes=9999), endless())
    for long in ("x" * 3000, b"x" * 3000, ["x" * 100] * 30, [["x" * 3000]], 2**40_000):
        said = message(ReadLimits(value_bytes=2048), endless(long))
        assert "SYNC_PIPELINE_MAX_VALUE_BYTES" in said


def test_as_many_rows_as_the_limit_pass() -> None:
    assert read(ReadLimits(rows=10), iter([{"a": 1}] * 10)) == 10


def test_all_results_of_a_sync_count_together() -> None:
    usage, limits = Usage(), ReadLimits(sync_bytes=10_000)
    for _ in range(5):
        read(limits, iter([{"a": "x" * 1000}]), usage)
    with pytest.raises(ResultLimit, match="bytes of one sync"):
        read(limits, iter([{"a": "x" * 1000}] * 5), usage)


def test_no_result_is_wider_than_any_server_can_send() -> None:
    meter = Meter(ReadLimits(), Usage(), "one")
    meter.columns(["c"] * MOST_COLUMNS)
    with pytest.raises(ResultLimit, match="4096 columns"):
        meter.columns(["c"] * (MOST_COLUMNS + 1))


def test_a_million_rows_of_a_catalog_are_within_the_defaults() -> None:
    row = {f"column{number}": f"a name of {number} that is not short" for number in range(8)}
    count = getsizeof(row) + sum(map(size_of, row.values()))
    assert count * 1_000_000 < read_limits(Settings()).result_bytes
    assert read_limits(Settings()) == ReadLimits()


def test_rows_that_are_handed_on_count_as_who_packs_them_counts_them() -> None:
    rows = [{"a": "x" * 20, "b": None, "c": number} for number in range(1000)]
    packed = PackedRows()
    packed.add(tuple(rows[0]), [tuple(row.values()) for row in rows])
    (held,) = packed._batches
    meters = {is_kept: Meter(ReadLimits(), Usage(), "one") for is_kept in (True, False)}
    for is_kept, meter in meters.items():
        assert list(meter.metered(iter(rows), is_kept=is_kept)) == rows
    assert len(held) * 0.8 < meters[False]._bytes < len(held) * 1.2
    assert meters[True]._bytes > 4 * meters[False]._bytes
