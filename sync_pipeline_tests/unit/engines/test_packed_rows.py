"""Rows that are held packed: nothing of them is lost, and a digest tells them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from sys import getsizeof
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.engines.wire.budget import Budget, Usage
from sync_pipeline.engines.wire.limits import MOST_COLUMNS, Meter, ReadLimits, size_of
from sync_pipeline.engines.wire.rows import PackedRows, Texts, read_packed
from sync_pipeline.errors import MemoryExhausted, ResultLimit

NAMES = ("a", "b")
MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
APART: tuple[object, ...] = (
    None, True, False, 1, 0, 1.0, 0.0, -0.0, "1", "0", "", b"", b"1", "True", "None", "b''",
    Decimal(1), Decimal("1.0"), MOMENT, MOMENT.date(), timedelta(1), str(MOMENT), [], [1], ["1"],
    [[1]], ["1", ""], ["", "1"], "\udc80", "\\udc80", "é", "e\u0301", 2**70, -(2**70), b"\x00",
    "\x00", "a\x00b", ["a", "b"], "a,b",
)  # fmt: skip
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.lists(st.text(max_size=2), max_size=2),
    st.sampled_from(APART),
)
rows_of_two = st.lists(st.tuples(values, values), max_size=8)


def packed(
    rows: Sequence[Sequence[Any]], names: Sequence[str] = NAMES, batch: int = 3, **more: Any
) -> PackedRows:
    found = PackedRows()
    for start in range(0, len(rows), batch):
        found.add(names, rows[start : start + batch], **more)
    return found.end()


def told(row: Sequence[object]) -> str:
    """Return a row as what it is, with the types of its values."""
    return repr([(type(item).__name__, item) for item in row])


@given(rows_of_two)
def test_the_rows_come_back(rows: list[tuple[Any, Any]]) -> None:
    found = packed(rows)
    assert len(found) == len(rows)
    assert list(map(told, (item.values() for item in found.dicts()))) == list(map(told, rows))
    assert all(tuple(item) == NAMES for item in found.dicts())


@given(rows_of_two, rows_of_two, st.integers(1, 9), st.integers(1, 9))
def test_two_results_have_one_digest_where_their_rows_are_the_same(
    one: list[tuple[Any, Any]], other: list[tuple[Any, Any]], first: int, second: int
) -> None:
    """As often each, in whatever order, and however many came together."""
    is_same = Counter(map(told, one)) == Counter(map(told, other))
    assert (packed(one, batch=first).digest == packed(other, batch=second).digest) is is_same
    assert packed(one, batch=first).digest == packed(one[::-1], batch=second).digest
    if told(one) != told(other) or (first, second) == (1, 1):
        assert (packed(one).in_order == packed(other).in_order) is (told(one) == told(other))


def test_no_two_values_are_taken_for_one() -> None:
    for digest in (lambda rows: rows.digest, lambda rows: rows.in_order):
        found = {digest(packed([(value, "x")])) for value in APART}
        assert len(found) == len(APART)


def test_no_text_reaches_into_the_next_value_row_or_column() -> None:
    results = [
        packed([("ab", "c")]), packed([("a", "bc")]), packed([("", "abc")]), packed([("abc", "")]),
        packed([("a", "b"), ("c", "d")]), packed([("a", "d"), ("c", "b")]),
        packed([("ab", "c")], ("a", "c")), packed([("ab", "c")], ("ab", "")), packed([]),
    ]  # fmt: skip
    assert len({item.digest for item in results}) == len(results)
    assert len({item.in_order for item in results}) == len(results)


def test_a_row_that_is_there_twice_is_not_there_once() -> None:
    a, b = ("a", 1), ("b", 2)
    digests = [packed(rows).digest for rows in ([a, b], [a, a, b], [a, b, b], [a, a, b, b])]
    assert len(set(digests)) == 4


def test_bytes_are_decoded_once_for_all_rows_and_the_way_is_in_the_digest() -> None:
    asked: list[bytes] = []

    def decode(data: bytes) -> str:
        asked.append(data)
        return data.decode("latin-1")

    rows = [(b"caf\xe9", b"\xe9"), (b"caf\xe9", None)] * 4
    latin = packed(rows, texts=(Texts("latin-1", decode), None))
    assert not asked
    found = latin.dicts()
    assert asked == [b"caf\xe9"]
    assert found[0] == {"a": "café", "b": b"\xe9"}
    assert found[1]["b"] is None
    assert found[0]["a"] is found[3]["a"]
    greek = packed(rows, texts=(Texts("iso8859-7", decode), None))
    assert latin.digest != greek.digest != packed(rows).digest
    assert latin.in_order != greek.in_order != packed(rows).in_order


class Fetching:
    """A connection that packs nothing itself."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def fetch(self, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
        return self.rows

    def __getattr__(self, name: str) -> Any:
        return lambda *_: pytest.fail(f"{name} is not the connection's own")


def test_a_connection_that_only_fetches_is_read_all_the_same() -> None:
    rows = [{"a": number, "b": str(number)} for number in range(1000)]
    assert read_packed(Fetching(rows), "SELECT").dicts() == rows
    assert read_packed(Fetching([]), "SELECT").dicts() == []
    turned = [{"b": item["b"], "a": item["a"]} for item in rows]
    assert read_packed(Fetching([rows[0], *turned[1:]]), "SELECT").dicts() == rows
    for odd in ([{"a": 1}, {"b": 1}], [{"a": 1}, {}], [{}, {"a": 1}]):
        with pytest.raises((KeyError, ValueError)):
            read_packed(Fetching(odd), "SELECT")


def test_a_batch_of_other_columns_is_no_part_of_a_result() -> None:
    found = packed([(1, 2)])
    with pytest.raises(ValueError, match="other columns"):
        found.add(("a", "c"), [(1, 2)])


def counting(limits: ReadLimits, usage: Usage | None = None) -> PackedRows:
    return PackedRows(Meter(limits, usage or Usage(), "one"))


@pytest.mark.parametrize(
    ("limits", "setting"),
    [
        (ReadLimits(rows=10), "SYNC_PIPELINE_MAX_RESULT_ROWS"),
        (ReadLimits(result_bytes=9999), "SYNC_PIPELINE_MAX_RESULT_BYTES"),
        (ReadLimits(sync_bytes=99_999), "SYNC_PIPELINE_MAX_SYNC_BYTES"),
    ],
)
def test_each_limit_ends_a_result_that_has_no_end(limits: ReadLimits, setting: str) -> None:
    found = counting(limits)

    def add_on() -> None:
        for _ in range(10_000):
            found.add(("a",), [("x",)] * 3)

    with pytest.raises(ResultLimit, match=setting):
        add_on()
    assert len(found) < 5000


@pytest.mark.parametrize("kind", ["text", "bytes", "list", "short members", "number"])
@pytest.mark.parametrize("beside", [0, 500])
def test_a_long_value_is_refused_among_short_ones(kind: str, beside: int) -> None:
    long = {
        "text": "x" * 3000,
        "bytes": b"x" * 3000,
        "list": ["x" * 100] * 30,
        "short members": ["x"] * 900,
        "number": 2**40_000,
    }[kind]
    found = counting(ReadLimits(value_bytes=2048))
    with pytest.raises(ResultLimit, match="SYNC_PIPELINE_MAX_VALUE_BYTES"):
        found.add(("a",), [("x",)] * beside + [(long,)])


def test_a_list_counts_by_its_members_among_short_rows() -> None:
    found = counting(ReadLimits(value_bytes=60_000))
    with pytest.raises(ResultLimit, match="SYNC_PIPELINE_MAX_VALUE_BYTES"):
        found.add(("a",), [("x",)] * 500 + [(["x"] * 1200,)])


def test_as_many_rows_as_the_limit_pass() -> None:
    found = counting(ReadLimits(rows=10))
    found.add(("a",), [(1,)] * 10)
    with pytest.raises(ResultLimit, match="10 rows"):
        found.add(("a",), [(1,)])


def test_no_result_is_wider_than_any_server_can_send() -> None:
    with pytest.raises(ResultLimit, match="4096 columns"):
        counting(ReadLimits()).add(["c"] * (MOST_COLUMNS + 1), ())


@given(st.lists(st.tuples(values, values, st.text(max_size=300)), min_size=1, max_size=20))
def test_packed_rows_count_as_what_they_would_take(rows: list[tuple[Any, ...]]) -> None:
    """What counts a little less is text of wide characters, and no long one."""
    usage = Usage()
    found = counting(ReadLimits(), usage)
    found.add(("a", "b", "c"), rows)
    found.end()
    least = sum(getsizeof(row) + sum(map(size_of, row)) for row in rows)
    assert usage.add(0) > least / 4
    ascii_only = all(str(item).isascii() for row in rows for item in row)
    assert not ascii_only or usage.add(0) >= least * 0.8


CATALOG = ("relation", "large", "s1", "t1234", "", "g17", "o1", "UPDATE", False)


def test_what_counts_is_what_is_held_and_a_run_counts_what_it_will_be() -> None:
    """Rows of a catalog take an eighth of what Python makes of them, and are held like that."""
    budget = Budget(10**9)
    with budget.share() as usage:
        meter = Meter(ReadLimits(), usage, "one")
        found = PackedRows(meter)
        rows = [[*CATALOG[:3], f"t{number}", *CATALOG[4:]] for number in range(6400)]
        for begin in range(0, len(rows), 64):
            found.add(tuple("abcdefghi"), [tuple(row) for row in rows[begin : begin + 64]])
        found.end()
        held = sum(getsizeof(batch) for batch in found._batches) + getsizeof(found._batches)
        assert meter._bytes == pytest.approx(held, rel=0.01)
        unpacked = sum(size_of(tuple(row)) for row in rows)
        assert usage.held == pytest.approx(unpacked, rel=0.2)
        assert meter._bytes < unpacked / 4
        # Of an instance with 10 million such rows, half is read, and none with twice its bytes.
        assert meter._bytes / len(rows) * ReadLimits().rows < ReadLimits().result_bytes


@pytest.mark.parametrize("width", [1, 9, 400])
def test_rows_of_nothing_have_an_end_too(width: int) -> None:
    """A row of empty values is a few bytes packed, and many in Python: a run counts these."""
    names, rows = [str(number) for number in range(width)], [("",) * width] * 64
    budget = Budget(10**7)
    with budget.share() as usage:
        found = counting(ReadLimits(), usage)

        def add_on() -> None:
            for _ in range(10**7 // width):
                found.add(names, rows)

        with pytest.raises(MemoryExhausted, match="MAX_RUN_BYTES"):
            add_on()
    assert len(found) * (40 + 57 * width) < 2 * 10**7
