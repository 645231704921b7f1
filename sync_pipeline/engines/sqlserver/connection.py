"""Bounded pyodbc connections."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any, TypeVar

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.passwords import may_be_readable
from sync_pipeline.engines.sqlserver.calls import Call, CallAborted, CallTimeout
from sync_pipeline.engines.sqlserver.drivers import (
    DRIVER_OPTION,
    Driver,
    choose_driver,
    connection_string,
    load_pyodbc,
)
from sync_pipeline.engines.sqlserver.errors import (
    connect_error,
    login_timeout,
    lost,
    open_error,
    query_error,
    without_tls,
)
from sync_pipeline.engines.sqlserver.names import bracketed
from sync_pipeline.errors import ConnectError, ConnectReason, QueryTimeout, SyncError
from sync_pipeline.model.instance import Instance, TlsMode, TlsOptions

CLIENT_MARGIN_SECONDS = 2.0
"""How much longer than the driver's own limit the caller waits."""

T = TypeVar("T")
_PARAMETER = re.compile(r"%\((\w+)\)s")


class SqlServerConnection:
    """A pyodbc connection whose calls are bounded and can be given up."""

    def __init__(self, module: ModuleType, raw: Any, instance: str, seconds: float) -> None:
        self._module = module
        self._raw = raw
        self._instance = instance
        self._seconds = seconds
        self._call: Call[Any] | None = None
        self._is_given_up = False
        self._is_left_behind = False
        self._lock = threading.Lock()

    def fetch(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        """Run one SELECT; parameters are bound by the driver, never written into the text."""
        text, values = bound(sql, parameters)
        return self.run(
            lambda: _rows(self._raw, text, values), lambda error: query_error(error, self._instance)
        )

    def run(self, work: Callable[[], T], mapped: Callable[[BaseException], SyncError]) -> T:
        """Make one call of the driver, within the limit of a statement.

        Raises:
            SyncError: what `mapped` makes of the driver's error, or QueryTimeout, or
                ConnectError where the connection was aborted or given up before.
        """
        call = Call(work)
        with self._lock:
            if self._is_given_up:
                raise lost(self._instance, "it was given up")
            self._call = call
        try:
            return call.result(self._seconds + CLIENT_MARGIN_SECONDS, self._close_raw)
        except CallTimeout:
            self._leave_behind()
            raise QueryTimeout(
                f"A catalog query got no answer within {self._seconds:g} seconds.",
                instance=self._instance,
                hint="Look for locks on the catalog, or raise the statement timeout.",
            ) from None
        except CallAborted:
            self._leave_behind()
            raise lost(self._instance, "it was broken off") from None
        except _raised_by(self._module) as error:
            raise mapped(error) from None

    def abort(self) -> None:
        """Let the waiting thread go; the driver's call ends beside, by the driver's limit."""
        with self._lock:
            self._is_given_up = True
            call = self._call
        if call is not None:
            call.abort()

    def close(self) -> None:
        """Close without raising; a call that was left behind closes when it comes back."""
        with self._lock:
            if self._is_left_behind:
                return
            self._is_given_up = self._is_left_behind = True
        with contextlib.suppress(CallTimeout, CallAborted):
            Call(self._close_raw).result(CLIENT_MARGIN_SECONDS, _nothing)

    def _leave_behind(self) -> None:
        with self._lock:
            self._is_given_up = self._is_left_behind = True

    def _close_raw(self) -> None:
        with contextlib.suppress(*_raised_by(self._module)):
            self._raw.close()


def bound(sql: str, parameters: Mapping[str, object] | None) -> tuple[str, tuple[object, ...]]:
    """Return the text with ODBC's markers, and the values in their order."""
    if parameters is None:
        return sql, ()
    names = _PARAMETER.findall(sql)
    return _PARAMETER.sub("?", sql), tuple(parameters[name] for name in names)


def connect(target: Target, database: str | None) -> SqlServerConnection:
    """Open a connection, and one database of the server where one is named.

    The login always opens the instance's own database, because a login with read intent to
    a database of an availability group may be routed to another server.

    Raises:
        SyncError: ConnectError, AuthenticationError, PrivilegeError (the database), or
            ConfigurationError where a driver is missing or can't do what is asked.
    """
    instance = target.instance
    module = load_pyodbc(instance.name)
    driver = choose_driver(target.options.get(DRIVER_OPTION, ""), module.drivers(), instance.name)
    _knock(instance)
    raw = _log_in(module, driver, target)
    connection = SqlServerConnection(module, raw, instance.name, target.statement_seconds)
    try:
        _prepare(connection, raw, target, database)
    except SyncError:
        connection.close()
        raise
    return connection


def _knock(instance: Instance) -> None:
    """Connect once without the driver: a refused port is then said at once and exactly.

    Microsoft's driver waits its whole login timeout for a port that refuses.
    """
    try:
        socket.create_connection(
            (instance.host, instance.port), instance.timeouts.connect_seconds
        ).close()
    except (OSError, UnicodeError) as error:
        raise _unreachable(error, instance) from None


def _unreachable(error: Exception, instance: Instance) -> ConnectError:
    reason, hint = ConnectReason.UNREACHABLE, "Check the network and the server's firewall."
    if isinstance(error, socket.gaierror | UnicodeError):
        reason, hint = ConnectReason.DNS, "Check the host name of the instance."
    elif isinstance(error, TimeoutError):
        reason = ConnectReason.TIMEOUT
        hint = "Check the network, or raise the instance's connect timeout."
    elif isinstance(error, ConnectionRefusedError):
        reason, hint = ConnectReason.REFUSED, "Check that the server runs and its port is right."
    text = str(getattr(error, "strerror", None) or error)
    return ConnectError(
        f"SQL Server at {instance.host}:{instance.port} could not be reached ({reason}): {text}.",
        reason=reason,
        instance=instance.name,
        hint=hint,
    )


def _log_in(module: ModuleType, driver: Driver, target: Target) -> Any:
    """Log in, with TLS unless the mode is `disable`: without it the login can be read."""
    tls = target.instance.tls
    try:
        return _attempt(module, driver, target, tls)
    except ConnectError as error:
        if not _is_without_tls(driver, tls.mode, error.reason):
            raise
        if tls.mode is not TlsMode.PREFER or not may_be_readable(target):
            raise without_tls(error, target.instance, is_mute=driver.is_freetds) from None
    return _attempt(module, driver, target, replace(tls, mode=TlsMode.DISABLE))


def _is_without_tls(driver: Driver, mode: TlsMode, reason: ConnectReason) -> bool:
    """Return whether the server may have no TLS; FreeTDS leaves such a one without a word."""
    if mode is TlsMode.DISABLE:
        return False
    return reason is (ConnectReason.UNREACHABLE if driver.is_freetds else ConnectReason.TLS)


def _attempt(module: ModuleType, driver: Driver, target: Target, tls: TlsOptions) -> Any:
    instance = target.instance
    text = connection_string(driver, target, tls)
    seconds = max(1, round(instance.timeouts.connect_seconds))
    call: Call[Any] = Call(lambda: module.connect(text, timeout=seconds, autocommit=True))

    def close_late() -> None:
        raw = call.returned()
        if raw is not None:
            with contextlib.suppress(*_raised_by(module)):
                raw.close()

    try:
        return call.result(instance.timeouts.connect_seconds + CLIENT_MARGIN_SECONDS, close_late)
    except (CallTimeout, CallAborted):
        raise login_timeout(instance) from None
    except _raised_by(module) as error:
        raise connect_error(error, instance, target.username) from None


def _prepare(
    connection: SqlServerConnection, raw: Any, target: Target, database: str | None
) -> None:
    """Bound the session, so that it neither waits for locks nor wins a deadlock."""
    name = target.instance.name
    raw.timeout = max(1, round(target.statement_seconds))
    milliseconds = max(1, int(target.statement_seconds * 1000))
    settings = f"SET LOCK_TIMEOUT {milliseconds}; SET DEADLOCK_PRIORITY LOW; SET NOCOUNT ON"
    connection.run(lambda: _execute(raw, settings), lambda error: query_error(error, name))
    if database is not None:
        connection.run(
            lambda: _execute(raw, f"USE {bracketed(database)}"),
            lambda error: open_error(error, name, database, target.username),
        )


def _execute(raw: Any, statement: str) -> None:
    raw.execute(statement).close()


def _rows(raw: Any, text: str, values: tuple[object, ...]) -> list[dict[str, Any]]:
    cursor = raw.execute(text, *values)
    try:
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    finally:
        cursor.close()


def _raised_by(module: ModuleType) -> tuple[type[BaseException], ...]:
    """Return what pyodbc raises: its own errors, and those of text that can't be decoded."""
    return (module.Error, UnicodeError, ValueError, TypeError, MemoryError, SystemError)


def _nothing() -> None:
    """Do nothing more with a call that came back late."""
