"""What a driver's process says: every value that rows have, and nothing else."""

from __future__ import annotations

import json
import socket
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.engines.wire.child_wire import (
    LENGTH_BYTES,
    Malformed,
    error_of,
    packed,
    receive,
    rows_of,
    told,
)
from sync_pipeline.errors import ConnectError, ConnectReason, PrivilegeError

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.binary(), st.dates(), st.timedeltas(),
    st.floats(allow_nan=False), st.decimals(allow_nan=False, min_value=-(10**40), max_value=10**40),
    st.datetimes(timezones=st.sampled_from([None, UTC])),
)  # fmt: skip
MOST_BYTES = 2**20


def heard(data: bytes) -> dict[str, Any]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        return receive(ours, MOST_BYTES)


@given(st.lists(VALUES, min_size=1, max_size=5))
def test_values_arrive_as_they_were(row: list[Any]) -> None:
    names = [f"c{number}" for number in range(len(row))]
    (found,) = rows_of(heard(packed({"columns": names, "rows": [row]})))
    assert list(found.values()) == row
    assert [type(value) for value in found.values()] == [type(value) for value in row]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["$decimal", "$bytes", "$datetime", "$date", "$interval", "rows",
                         "columns", "error", "message", "phase", "reason"]), inner, max_size=4),
)  # fmt: skip


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_malformed(body: bytes) -> None:
    try:
        message = heard(len(body).to_bytes(LENGTH_BYTES, "big") + body)
    except Malformed:
        return
    for read in (rows_of, lambda found: error_of(found, "i")):
        try:
            read(message)
        except Malformed:
            continue


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"rows":' + b"9" * 5000 + b"}",
        b'{"rows":{"$decimal":"1E999999999"}}',
        b'{"rows":{"$interval":[1e400,0,0]}}',
        b'{"rows":{"$interval":[]}}',
    ],
)
def test_what_would_take_all_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        heard(len(body).to_bytes(LENGTH_BYTES, "big") + body)


def test_a_length_past_the_limit_is_not_waited_for() -> None:
    with pytest.raises(Malformed):
        heard((MOST_BYTES + 1).to_bytes(LENGTH_BYTES, "big"))


def test_half_a_message_is_the_end() -> None:
    with pytest.raises(EOFError):
        heard(packed({"done": True})[:-1])


def test_errors_keep_what_they_say() -> None:
    lost = ConnectError("gone", reason=ConnectReason.TLS, hint="do")
    found = error_of(heard(packed(told(lost))), "erp")
    assert isinstance(found, ConnectError)
    assert (found.reason, found.hint, found.retryable) == (lost.reason, "do", False)
    assert str(found) == "erp: gone do"
    missing = PrivilegeError("no", missing="GRANT X")
    again = error_of(heard(packed(told(missing))), "erp")
    assert isinstance(again, PrivilegeError)
    assert again.missing == "GRANT X"
