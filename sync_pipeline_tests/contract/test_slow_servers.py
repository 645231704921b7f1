"""A server that sends a byte now and then, from whatever step on, is given up in time.

The steps are those of each protocol, and the records of a TLS handshake.

Real drivers, each against a listener of the tests. All steps of all engines are tried at
once, because each of them takes its whole limit.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.sqlserver.wire.drivers import DRIVER_OPTION
from sync_pipeline.engines.wire import calls
from sync_pipeline.engines.wire.calls import Call, CallTimeout, LeftBehind
from sync_pipeline.errors import ConnectionLimit, SyncError
from sync_pipeline.model.instance import EngineName, Timeouts, TlsMode
from workbench.servers import sqlserver_drivers, tns
from workbench.servers.mysql_faults import Authority, authority
from workbench.servers.rogue import drip, mysql, postgresql, slow_tls, tds
from workbench.servers.rogue.drip import Drip
from workbench.servers.rogue.mysql import rogue_mysql
from workbench.servers.rogue.postgresql import rogue_postgresql
from workbench.servers.rogue.victim import PASSWORD, target, tried
from workbench.servers.sqlserver_drivers import driver_named
from workbench.servers.tds import tds_server

TOTAL_SECONDS = 2.0
MARGIN_SECONDS = 9.0
"""For eighty drivers at once on a machine that is busy; without limits they take for ever."""

Server = AbstractContextManager[int]
MYSQL_PARTS = [
    *mysql.head("version", "comment"),
    mysql.text(b"10.11.6-MariaDB") + mysql.text(b"x"),
    mysql.EOF,
]
POSTGRESQL_PARTS = [
    postgresql.description("product", "version", "version_number", "tls"),
    postgresql.row(b"PostgreSQL 16", b"16", b"160001", None),
    postgresql.DONE,
]
MYSQL_STEPS = (
    "greeting",
    "auth switch",
    "auth result",
    "SET NAMES",
    "SET autocommit",
    "SET limits",
    "SET read only",
    "column count",
    "first column",
    "second column",
    "end of columns",
    "row",
    "end of rows",
)
POSTGRESQL_STEPS = (
    "SSLRequest",
    "SASL",
    "SASL continue",
    "SASL final",
    "AuthenticationOk",
    *("ParameterStatus",) * 4,
    "BackendKeyData",
    "ReadyForQuery",
    "BEGIN",
    "ready in BEGIN",
    "RowDescription",
    "DataRow",
    "CommandComplete",
    "ready after rows",
)
DRIVERS = tuple((kind, driver_named(kind)) for kind in sqlserver_drivers.DRIVERS)
TDS_STEPS = ("PRELOGIN", "LOGIN7", "settings", "rows")


@dataclass(frozen=True)
class Case:
    """One engine at one step."""

    label: str
    engine: EngineName
    server: Callable[[Authority], Server]
    driver: str = ""
    mode: TlsMode = TlsMode.DISABLE
    drip: Drip | None = None


def on_select(parts: list[bytes]) -> Callable[[str], list[bytes] | None]:
    return lambda sql: parts if "SELECT" in sql.upper() else None


def mysql_at(step: int) -> Server:
    return rogue_mysql(on_select(MYSQL_PARTS), Drip(step, drip.of_mysql), switch=mysql.SWITCH)


def postgresql_at(step: int) -> Server:
    return rogue_postgresql(
        on_select(POSTGRESQL_PARTS), Drip(step, drip.of_postgresql), password=PASSWORD
    )


@contextmanager
def tds_at(dripping: Drip, certificate: tuple[Path, Path] | None = None) -> Iterator[int]:
    sound = tds.identity("16.0.1000.6", 3, "Developer Edition")
    with tds_server(
        on_batch=lambda _, sql: sound if "SELECT" in sql else None,
        certificate=certificate,
        send=dripping,
    ) as server:
        yield server.port


def accepting_slowly(link: socket.socket) -> None:
    """Accept the connect packet a byte at a time: [TNS] type 2."""
    link.recv(8192)
    Drip(0, len)(link, tns.packet(2, b"\x01\x3f" + b"\0" * 60))


def cases() -> Iterator[Case]:
    for step, name in enumerate(MYSQL_STEPS):
        yield Case(f"mysql {name}", EngineName.MARIADB, lambda _, step=step: mysql_at(step))
    for step, name in enumerate(POSTGRESQL_STEPS):
        yield Case(
            f"postgresql {step} {name}",
            EngineName.POSTGRESQL,
            lambda _, step=step: postgresql_at(step),
            mode=TlsMode.PREFER,
        )
    for kind, driver in DRIVERS:
        for step, name in enumerate(TDS_STEPS):
            yield Case(
                f"{kind} {name}",
                EngineName.SQLSERVER,
                lambda _, step=step: tds_at(Drip(step, drip.of_tds)),
                driver,
            )
    for answer in (tns.silent, tns.dripping, accepting_slowly, tns.asking_again):
        yield Case(
            f"oracle {answer.__name__}",
            EngineName.ORACLE,
            lambda _, answer=answer: tns.listener(answer),
        )


def tls_cases() -> Iterator[Case]:
    """Yield each record of a handshake, of each driver: all speak 1.3, TDS 7 carries 1.2."""
    before = {
        EngineName.MARIADB: slow_tls.as_mysql,
        EngineName.MYSQL: slow_tls.as_mysql,
        EngineName.POSTGRESQL: slow_tls.as_postgresql,
        EngineName.ORACLE: slow_tls.at_once,
    }
    for engine, first in before.items():
        for step, name in enumerate(slow_tls.RECORDS_1_3):
            dripping = Drip(step, slow_tls.of_tls)
            yield Case(
                f"{engine} TLS {name}",
                engine,
                lambda found, first=first, dripping=dripping: tns.listener(
                    slow_tls.answering(first, context_of(found), dripping)
                ),
                mode=TlsMode.REQUIRE,
                drip=dripping,
            )
    steps = ("head", *slow_tls.RECORDS_1_2, "second head", *slow_tls.ENDS_1_2)
    for kind, driver in DRIVERS:
        for step, name in enumerate(steps, start=1):
            dripping = Drip(step, slow_tls.of_tls_in_tds)
            yield Case(
                f"{kind} TLS {name}",
                EngineName.SQLSERVER,
                lambda found, dripping=dripping: tds_at(dripping, (found.certificate, found.key)),
                driver,
                TlsMode.REQUIRE,
                dripping,
            )


def context_of(found: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(found.certificate, found.key)
    return context


CASES = {case.label: case for case in (*cases(), *tls_cases())}
Ends = dict[str, tuple[str, float]]


def total_seconds(engine: EngineName) -> float:
    """Return the total time; Oracle's drivers begin a process each, all at once."""
    return 8.0 if engine is EngineName.ORACLE else TOTAL_SECONDS


def patient(case: Case, port: int) -> Target:
    """Return a target whose total time is what ends first."""
    seconds = total_seconds(case.engine)
    found = target(case.engine, port, total=seconds, mode=case.mode)
    timeouts = Timeouts(30, 30, seconds)
    instance = replace(found.instance, timeouts=timeouts)
    options = {DRIVER_OPTION: case.driver} if case.driver else {}
    return replace(found, instance=instance, statement_seconds=30, options=options)


def ended(wanted: Target) -> tuple[str, float]:
    """Return what an error says, and after how long."""
    started = time.monotonic()
    try:
        tried(wanted)
    except SyncError as error:
        return f"{error.kind}: {error}", time.monotonic() - started
    return "", time.monotonic() - started


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ends]:
    found = authority(tmp_path_factory.mktemp("tls") / "stranger", "127.0.0.1")
    with ExitStack() as stack, ThreadPoolExecutor(len(CASES)) as pool:
        ports = {label: stack.enter_context(case.server(found)) for label, case in CASES.items()}
        running = {
            label: pool.submit(ended, patient(CASES[label], port)) for label, port in ports.items()
        }
        yield {label: future.result() for label, future in running.items()}


@pytest.mark.parametrize("label", CASES)
def test_a_byte_now_and_then_does_not_escape_the_total_time(ends: Ends, label: str) -> None:
    said, seconds = ends[label]
    assert said.startswith("query_timeout: rogue: The sync did not end within its limit"), said
    assert seconds < total_seconds(CASES[label].engine) + MARGIN_SECONDS, said
    dripping = CASES[label].drip
    assert dripping is None or dripping.has_begun, "the handshake has no such record"


@pytest.mark.parametrize("engine", EngineName)
def test_a_name_that_is_not_resolved_does_not_either(
    engine: EngineName, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The resolver is a mock: that of the machine can't be made to hang."""
    over = threading.Event()

    def hang(*args: object, **kwargs: object) -> list[object]:
        over.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "too late")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    found = patient(Case("", engine, lambda _: tns.listener(tns.silent)), 1)
    found = replace(found, instance=replace(found.instance, host="slow.test"))
    try:
        said, seconds = ended(found)
    finally:
        over.set()
    assert said.startswith("query_timeout: rogue: The sync did not end within its limit"), said
    assert seconds < total_seconds(engine) + MARGIN_SECONDS


def test_no_more_is_begun_where_too_much_was_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "LEFT_BEHIND", LeftBehind(2))
    over = threading.Event()
    back = [threading.Event(), threading.Event()]
    for event in back:
        with pytest.raises(CallTimeout):
            Call(lambda: over.wait(30)).result(0.01, event.set)
    with pytest.raises(ConnectionLimit, match="2 calls of this process still wait"):
        Call(lambda: None).result(1, over.set)
    over.set()
    assert all(event.wait(10) for event in back)
    ends_at = time.monotonic() + 10
    while time.monotonic() < ends_at:
        try:
            assert Call(lambda: "room").result(10, over.set) == "room"
            return
        except ConnectionLimit:
            time.sleep(0.01)
    pytest.fail("a call that came back still counts")


def test_a_call_that_comes_back_is_counted_off_where_it_was_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over, back = threading.Event(), threading.Event()
    others_over = threading.Event()
    monkeypatch.setattr(calls, "LEFT_BEHIND", LeftBehind(1))
    with pytest.raises(CallTimeout):
        Call(lambda: others_over.wait(30), name="other").result(0.01, back.set)
    monkeypatch.setattr(calls, "LEFT_BEHIND", LeftBehind(1))
    with pytest.raises(CallTimeout):
        Call(lambda: over.wait(30)).result(0.01, over.set)
    others_over.set()
    assert back.wait(10)
    for thread in threading.enumerate():
        if thread.name == "other":
            thread.join(10)
    try:
        with pytest.raises(ConnectionLimit, match="1 calls of this process still wait"):
            Call(lambda: None).result(1, over.set)
    finally:
        over.set()
