"""The session's thread and the guard before the driver: limits, aborts and bad framing."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.oracle.wire.connection import OracleConnection, _ThinSession
from sync_pipeline.engines.oracle.wire.guard import PacketGuard
from sync_pipeline.engines.oracle.wire.session import SessionThread
from sync_pipeline.errors import ConnectError, ConnectReason, QueryTimeout
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.secret import Secret


class FakeSession:
    """Answers after a while, on the session's thread."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def fetch(self, sql: str, parameters: dict[str, object]) -> list[dict[str, Any]]:
        await asyncio.sleep(self.seconds)
        return [{"thread": threading.current_thread().name, **parameters}]

    async def close(self) -> None: ...

    def interrupt(self) -> None: ...


def connection(seconds: float, limit: float = 5) -> OracleConnection:
    instance = Instance(1, "erp", EngineName.ORACLE, "db1", 1521, "monitor")
    target = Target(instance, "watcher", Secret("p"), limit)
    return OracleConnection(SessionThread("oracle test"), FakeSession(seconds), target)


def test_statements_run_on_the_thread_of_the_session() -> None:
    opened = connection(0)
    assert opened.fetch("SELECT", {"a": 1}) == [{"thread": "oracle test", "a": 1}]
    opened.close()
    opened.close()
    assert "oracle test" not in {item.name for item in threading.enumerate()}


class FakeCursor:
    """Two batches of rows, as an asynchronous cursor hands them over; there is no Oracle here."""

    description = (("NAME",), ("COUNT",))

    def __init__(self) -> None:
        self.batches = [[("a", 1), ("b", 2)], [("c", 3)], []]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    async def execute(self, sql: str, parameters: dict[str, object]) -> None: ...

    async def fetchmany(self) -> list[tuple[str, int]]:
        return self.batches.pop(0)


def test_rows_are_handed_over_as_they_come() -> None:
    target = Target(Instance(1, "erp", EngineName.ORACLE, "db1", 1521, "m"), "w", Secret("p"), 5)
    thread = SessionThread("oracle test")
    raw = type("Raw", (), {"cursor": lambda _: FakeCursor()})()
    opened = OracleConnection(thread, _ThinSession(raw, target, thread.flow), target)
    parts: list[list[dict[str, Any]]] = []
    opened.stream("SELECT", None, lambda rows: parts.append(list(rows)))
    first = [{"name": "a", "count": 1}, {"name": "b", "count": 2}]
    assert parts == [first, [{"name": "c", "count": 3}]]
    assert opened.fetch("SELECT") == [*first, {"name": "c", "count": 3}]
    thread.stop()


def test_abort_from_another_thread_ends_a_read() -> None:
    opened = connection(60, limit=60)
    threading.Timer(0.1, opened.abort).start()
    started = time.monotonic()
    with pytest.raises(ConnectError) as caught:
        opened.fetch("SELECT")
    assert caught.value.reason is ConnectReason.LOST
    assert time.monotonic() - started < 20
    with pytest.raises(ConnectError):
        opened.fetch("SELECT")
    opened.close()


def test_abort_while_a_statement_is_handed_over_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look whether the connection is open, and the statement's place in the loop."""
    opened = connection(60, limit=1)
    hand_over, aborts = asyncio.run_coroutine_threadsafe, list[threading.Thread]()

    def interrupted(*handed: Any) -> concurrent.futures.Future[Any]:
        aborts.append(threading.Thread(target=opened.abort))
        aborts[0].start()
        aborts[0].join(0.2)
        return hand_over(*handed)

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", interrupted)
    with pytest.raises(ConnectError) as caught:
        opened.fetch("SELECT")
    assert caught.value.reason is ConnectReason.LOST
    aborts[0].join()


class SlowToEnd(FakeSession):
    """Takes its time when it is cancelled."""

    async def fetch(self, sql: str, parameters: dict[str, object]) -> list[dict[str, Any]]:
        try:
            return await super().fetch(sql, parameters)
        finally:
            await asyncio.sleep(self.seconds / 200)


def test_who_aborts_again_leaves_the_thread_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync_pipeline.engines.oracle.wire.session.STOP_SECONDS", 0.05)
    target = Target(Instance(1, "erp", EngineName.ORACLE, "db1", 1521, "m"), "w", Secret("p"), 60)
    thread = SessionThread("oracle test")
    opened = OracleConnection(thread, SlowToEnd(60), target)
    threading.Timer(0.1, opened.abort).start()
    with pytest.raises(ConnectError):
        opened.fetch("SELECT")
    opened.abort()
    opened.close()
    thread._thread.join(20)
    assert thread._loop.is_closed()


def test_a_statement_that_is_not_answered_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync_pipeline.engines.oracle.wire.connection.CLIENT_MARGIN_SECONDS", 0.1)
    opened = connection(30, limit=0.1)
    with pytest.raises(QueryTimeout):
        opened.fetch("SELECT")
    opened.close()


def test_a_stopped_thread_takes_no_work() -> None:
    thread = SessionThread("oracle test")
    thread.stop()
    with pytest.raises(concurrent.futures.CancelledError):
        thread.call(lambda: asyncio.sleep(0), 1)


class Sink(asyncio.Protocol):
    """Keeps what is passed on."""

    def __init__(self) -> None:
        self.data = b""

    def data_received(self, data: bytes) -> None:
        self.data += data


def packet(kind: int, body: bytes, width: int = 2) -> bytes:
    length = (len(body) + 8).to_bytes(width, "big")
    return length + b"\0" * (4 - width) + bytes([kind, 0, 0, 0]) + body


def accept(version: int) -> bytes:
    return packet(2, version.to_bytes(2, "big") + b"\0" * 30)


@given(
    st.sampled_from([300, 314, 315, 319]),
    st.lists(st.binary(max_size=300), max_size=5),
    st.integers(1, 40),
)
def test_packets_pass_however_they_are_cut(version: int, bodies: list[bytes], step: int) -> None:
    width = 4 if version >= 315 else 2
    data = packet(11, b"") + accept(version) + b"".join(packet(6, b, width) for b in bodies)
    sink, refusals = Sink(), list[int]()
    guard = PacketGuard(sink, lambda: refusals.append(1))
    for start in range(0, len(data), step):
        guard.data_received(data[start : start + step])
    assert sink.data == data
    assert refusals == []


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 8,
        b"HTTP/1.1 400",
        b"5.5.5-10.11",
        packet(99, b"x"),
        packet(2, b""),
        packet(11, b"") + b"\0" * 8,
        accept(319) + b"\0" * 8,
        accept(300) + b"\0\x07" + b"\0" * 8,
    ],
)
def test_what_is_not_framed_as_packets_never_reaches_the_driver(data: bytes) -> None:
    sink, refusals = Sink(), list[int]()
    guard = PacketGuard(sink, lambda: refusals.append(1))
    guard.data_received(data)
    guard.data_received(data)
    assert sink.data == b""
    assert refusals == [1]
