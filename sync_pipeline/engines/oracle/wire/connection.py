"""Bounded, read-only connections to Oracle, by python-oracledb in either of its modes.

Sources: python-oracledb user guide, "Initializing python-oracledb", "Connecting to Oracle
Database" and "Securely Encrypting Network Traffic"; SQL Language Reference, SET TRANSACTION.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import oracledb

from sync_pipeline.certificates import OPTION as RELAXED
from sync_pipeline.engines.base import Target
from sync_pipeline.engines.oracle.wire.errors import (
    PRODUCT,
    Attempt,
    aborted,
    client_error,
    connect_error,
    handshake_timeout,
    not_oracle,
    query_error,
)
from sync_pipeline.engines.oracle.wire.pinned import pinning
from sync_pipeline.engines.oracle.wire.session import ResultT, Rows, Session, SessionThread
from sync_pipeline.engines.oracle.wire.tls import client_tls, driver_tls, tried
from sync_pipeline.engines.troubles import Peer
from sync_pipeline.engines.wire.limits import Meter
from sync_pipeline.engines.wire.links import Flow
from sync_pipeline.errors import SyncError

CLIENT = "oracle_client"
"""The option that names the directory of Oracle's client libraries."""

WALLET_PASSWORD = "oracle_wallet_password"  # noqa: S105 - the option's name
"""The option that is the password of PEM wallets."""

PROGRAM = "sync_pipeline"
READ_ONLY = "SET TRANSACTION READ ONLY"
ROWS_A_TRIP = 5000
CLIENT_MARGIN_SECONDS = 5.0
"""How much longer than the driver's own limit of a call the whole statement may take."""


class OracleConnection:
    """A read-only connection whose driver works on a thread of its own."""

    def __init__(self, thread: SessionThread, session: Session, target: Target) -> None:
        self._thread = thread
        self._session = session
        self._target = target

    def fetch(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        """Run one SELECT, which names its parameters as `:name`."""
        bound = dict(parameters or {})
        return self._run(lambda: self._session.fetch(sql, bound))

    def stream(
        self, sql: str, parameters: Mapping[str, object] | None, take: Callable[[Rows], None]
    ) -> None:
        """Run one SELECT; `take` is called with some rows at a time, on the session's thread."""
        bound = dict(parameters or {})
        self._run(lambda: self._session.stream(sql, bound, take))

    def _run(self, work: Callable[[], Coroutine[Any, Any, ResultT]]) -> ResultT:
        seconds = self._target.statement_seconds
        self._thread.flow.begin()
        try:
            return self._thread.call(work, self._target.within(seconds + CLIENT_MARGIN_SECONDS))
        except TimeoutError:
            self._thread.stop()
            raise Peer(PRODUCT, self._target.instance.name).unanswered(seconds) from None
        except concurrent.futures.CancelledError:
            raise aborted(self._target.instance.name) from None
        except (SyncError, MemoryError):
            self._thread.stop()
            raise
        except Exception as error:  # noqa: BLE001 - the driver parses answers without checks
            name = self._target.instance.name
            raise self._thread.flow.error(name) or query_error(error, name) from None

    def abort(self) -> None:
        """Break the connection, so that a read that waits for the server returns."""
        self._session.interrupt()
        self._thread.stop()

    def close(self) -> None:
        """Close without raising."""
        with contextlib.suppress(Exception):
            self._thread.call(self._session.close, CLIENT_MARGIN_SECONDS)
        self._thread.stop()


class _ThinSession:
    """A session of the thin mode, which speaks the protocol itself."""

    def __init__(self, raw: oracledb.AsyncConnection, target: Target, flow: Flow) -> None:
        self._raw = raw
        self._target = target
        self._flow = flow

    async def fetch(self, sql: str, parameters: dict[str, object]) -> list[dict[str, Any]]:
        """Run one SELECT."""
        rows: list[dict[str, Any]] = []
        await self.stream(sql, parameters, rows.extend, is_kept=True)
        return rows

    async def stream(
        self,
        sql: str,
        parameters: dict[str, object],
        take: Callable[[Rows], None],
        *,
        is_kept: bool = False,
    ) -> None:
        """Run one SELECT, and hand its rows over as they come: `is_kept` says whether to keep."""
        meter = self._target.meter
        with self._raw.cursor() as cursor:
            cursor.arraysize = ROWS_A_TRIP
            cursor.prefetchrows = ROWS_A_TRIP
            await cursor.execute(sql, parameters)
            names = _names(cursor.description, meter)
            while batch := await cursor.fetchmany():
                self._flow.progress()
                rows = (dict(zip(names, row, strict=True)) for row in batch)
                take(list(meter.metered(rows, is_kept=is_kept)))

    async def close(self) -> None:
        """Say goodbye to the server."""
        await self._raw.close()

    def interrupt(self) -> None:
        """Do nothing: closing the socket is enough."""


class _ThickSession:
    """A session of the thick mode: its calls block the session's thread.

    Oracle's libraries have the socket, so that only what they hand over is counted.
    """

    def __init__(self, raw: oracledb.Connection, target: Target) -> None:
        self._raw = raw
        self._target = target

    async def fetch(self, sql: str, parameters: dict[str, object]) -> list[dict[str, Any]]:
        """Run one SELECT."""
        rows: list[dict[str, Any]] = []
        await self.stream(sql, parameters, rows.extend, is_kept=True)
        return rows

    async def stream(
        self,
        sql: str,
        parameters: dict[str, object],
        take: Callable[[Rows], None],
        *,
        is_kept: bool = False,
    ) -> None:
        """Run one SELECT, and hand its rows over as they come: `is_kept` says whether to keep."""
        meter = self._target.meter
        with self._raw.cursor() as cursor:
            cursor.arraysize = ROWS_A_TRIP
            cursor.prefetchrows = ROWS_A_TRIP
            cursor.execute(sql, parameters)
            names = _names(cursor.description, meter)
            for batch in iter(cursor.fetchmany, []):
                rows = (dict(zip(names, row, strict=True)) for row in batch)
                take(list(meter.metered(rows, is_kept=is_kept)))

    async def close(self) -> None:
        """Say goodbye to the server."""
        self._raw.close()

    def interrupt(self) -> None:
        """Cancel the call that runs; a network that hangs is bounded by the call's limit."""
        with contextlib.suppress(oracledb.Error):
            self._raw.cancel()


def connect(target: Target, service: str) -> OracleConnection:
    """Open a connection within the instance's limit for connecting.

    Raises:
        SyncError: ConnectError, AuthenticationError, UnsupportedServer, PrivilegeError, or
            ConfigurationError where the client libraries or a TLS file can't be read.
    """
    instance = target.instance
    attempt = Attempt(target, service)
    flow = Flow(target.limits)
    opening = _opening(target, service, flow)
    thread = SessionThread(f"oracle {instance.name}", flow)
    try:
        session = thread.call(opening, target.connect_seconds)
    except TimeoutError:
        thread.stop()
        raise handshake_timeout(attempt) from None
    except Exception as error:  # noqa: BLE001 - the driver parses answers without checks
        thread.stop()
        limit = flow.error(instance.name)
        if limit is not None:
            raise limit from None
        if thread.saw_garbage:
            raise not_oracle(attempt) from None
        raise connect_error(error, attempt) from None
    return OracleConnection(thread, session, target)


def _opening(target: Target, service: str, flow: Flow) -> Callable[[], Any]:
    """Return the coroutine function that opens a session in the mode that was chosen."""
    instance = target.instance
    directory = target.options.get(CLIENT, "")
    options: dict[str, Any] = {
        "user": target.username,
        "password": target.password.reveal(),
        "host": instance.host,
        "port": instance.port,
        "service_name": service,
        "tcp_connect_timeout": instance.timeouts.connect_seconds,
        "retry_count": 0,
        "program": PROGRAM,
    }
    is_relaxed = RELAXED in target.options
    if directory:
        _load(directory, instance.name)

    async def open_session() -> _ThinSession | _ThickSession:
        tls = tried(instance, is_relaxed=is_relaxed)
        if directory:
            return await _thick({**options, **client_tls(tls, instance.name)}, target)
        password = target.options.get(WALLET_PASSWORD, "")
        more = driver_tls(tls, instance.name, is_relaxed=is_relaxed, password=password)
        return await _thin({**options, **more}, target, flow)

    return open_session


def _names(description: Sequence[Any] | None, meter: Meter) -> list[str]:
    names = [column[0].lower() for column in description or ()]
    meter.columns(names)
    return names


def _load(directory: str, instance: str) -> None:
    """Load Oracle's client libraries, once a process."""
    try:
        oracledb.init_oracle_client(lib_dir=directory)
    except oracledb.Error as error:
        raise client_error(error, instance, directory) from None


async def _thin(options: dict[str, Any], target: Target, flow: Flow) -> _ThinSession:
    raw = await oracledb.connect_async(**options)
    raw.call_timeout = _milliseconds(target)
    raw.module = PROGRAM
    with raw.cursor() as cursor:
        await cursor.execute(pinning())
        await cursor.execute(READ_ONLY)
    return _ThinSession(raw, target, flow)


async def _thick(options: dict[str, Any], target: Target) -> _ThickSession:
    raw = oracledb.connect(**options)
    raw.call_timeout = _milliseconds(target)
    raw.module = PROGRAM
    with raw.cursor() as cursor:
        cursor.execute(pinning())
        cursor.execute(READ_ONLY)
    return _ThickSession(raw, target)


def _milliseconds(target: Target) -> int:
    return max(1, round(target.statement_seconds * 1000))
