"""The end of TLS is seen wherever a server's bytes are cut, and nothing else is taken for it."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.engines.sqlserver.wire.framing import Framing

CONTENTS = st.binary(max_size=300) | st.just(b"\x15" * 40)
TDS = st.builds(
    lambda kind, body: struct.pack(">BBHHBB", kind, 1, len(body) + 8, 0, 1, 0) + body,
    st.sampled_from((4, 18)),
    CONTENTS,
)
TLS = st.builds(
    lambda kind, body: struct.pack(">BHH", kind, 0x0303, len(body)) + body,
    st.sampled_from((0x14, 0x16, 0x17)),
    CONTENTS,
)
ALERT = b"\x15\x03\x03\x00\x02\x01\x00"


@given(st.lists(TDS | TLS, max_size=8), st.booleans(), st.integers(1, 40))
def test_what_comes_before_the_alert_is_passed(
    frames: list[bytes], is_ended: bool, size: int
) -> None:
    before = b"".join(frames)
    data = before + (ALERT if is_ended else b"")
    framing, passed = Framing(), b""
    for start in range(0, len(data), size):
        part = data[start : start + size]
        found = framing.before_alert(part)
        passed += found
        if len(found) < len(part):
            break
    assert passed == before


@given(st.binary(max_size=400), st.integers(1, 40))
def test_no_bytes_of_a_server_are_an_error(data: bytes, size: int) -> None:
    framing = Framing()
    for start in range(0, len(data), size):
        part = data[start : start + size]
        assert part.startswith(framing.before_alert(part))
