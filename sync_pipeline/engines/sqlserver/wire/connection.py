"""Bounded pyodbc connections."""

from __future__ import annotations

import contextlib
import re
import shlex
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, TypeVar

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.sqlserver.names import SHARED, bracketed, quoted
from sync_pipeline.engines.sqlserver.wire.azure import SUFFIXES, WithoutUse, logical_server
from sync_pipeline.engines.sqlserver.wire.confinement import may_connect_only_to
from sync_pipeline.engines.sqlserver.wire.drivers import (
    DRIVER_OPTION,
    MASTER,
    Driver,
    choose_driver,
    connection_string,
    is_confined,
    is_strict,
    load_pyodbc,
)
from sync_pipeline.engines.sqlserver.wire.errors import (
    PRODUCT,
    connect_error,
    entry_error,
    failed_tls,
    hung_up,
    login_timeout,
    lost,
    open_error,
    own_database_error,
    query_error,
    without_tls,
)
from sync_pipeline.engines.sqlserver.wire.faults import fault
from sync_pipeline.engines.sqlserver.wire.relay import HOST as RELAY_HOST
from sync_pipeline.engines.sqlserver.wire.relay import Relay
from sync_pipeline.engines.sqlserver.wire.session import session_settings
from sync_pipeline.engines.troubles import Peer, reason_of
from sync_pipeline.engines.wire.calls import Call, CallAborted, CallTimeout
from sync_pipeline.engines.wire.limits import Meter
from sync_pipeline.engines.wire.links import Flow, open_link
from sync_pipeline.engines.wire.passwords import may_be_readable
from sync_pipeline.engines.wire.rows import PackedRows
from sync_pipeline.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectionLimit,
    ConnectReason,
    Phase,
    QueryError,
    ResultLimit,
    SyncError,
    UnsupportedServer,
)
from sync_pipeline.model.instance import Instance, TlsMode, TlsOptions, host_of

ROWS_AT_ONCE = 500
LOGIN_MARGIN_SECONDS = 0.5
ROUTED_SECONDS = 0.7
"""How long a driver goes on without its server, trying to reach another one, until it says so.

One that gives up hangs up when it is done.
"""
CLIENT_MARGIN_SECONDS = 2.0
"""How much longer than the driver's own limit the caller waits."""

T = TypeVar("T")
_MODE = (
    "SELECT CASE WHEN d.is_in_standby = 1 THEN N'STANDBY' ELSE d.user_access_desc END AS mode "
    "FROM sys.databases AS d WHERE d.name = {}"
)
_NAMED = re.compile(
    r"(?:(?:tcp|np|lpc|admin):)?(?P<host>[^\\,]*?)"
    r"(?:\\(?P<instance>[^\\,]*))?(?:,\s*(?P<port>\d*))?"
)
_PARAMETER = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True, slots=True)
class Login:
    """A connection of the driver, and what it goes through."""

    raw: Any
    relay: Relay


class SqlServerConnection:
    """A pyodbc connection whose calls are bounded and can be given up."""

    def __init__(self, module: ModuleType, login: Login, target: Target) -> None:
        self._module = module
        self._raw = login.raw
        self._relay = login.relay
        self._target = target
        self._instance = target.instance.name
        self._seconds = target.statement_seconds
        self._call: Call[Any] | None = None
        self._is_given_up = False
        self._is_left_behind = False
        self._lock = threading.Lock()

    def fetch(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        """Run one SELECT; parameters are bound by the driver, never written into the text."""
        return self.read(sql, parameters).dicts()

    def read(self, sql: str, parameters: Mapping[str, object] | None = None) -> PackedRows:
        """Run one SELECT, and keep its rows packed."""
        text, values = bound(sql, parameters)
        return self.run(
            lambda: _rows(self._raw, text, values, self._target.meter, self._relay.flow),
            lambda error: query_error(error, self._instance, is_over=self._relay.is_over),
        )

    def run(self, work: Callable[[], T], mapped: Callable[[BaseException], SyncError]) -> T:
        """Make one call of the driver, within the limit of a statement.

        Raises:
            SyncError: what `mapped` makes of the driver's error, or QueryTimeout, ResultLimit,
                or ConnectError where the connection was aborted or given up before.
        """
        call = Call(work)
        self._relay.flow.begin()
        with self._lock:
            if self._is_given_up:
                raise lost(self._instance, "it was given up")
            self._call = call
        try:
            seconds = self._target.within(self._seconds + CLIENT_MARGIN_SECONDS)
            return call.result(seconds, self._close_raw)
        except CallTimeout:
            self._leave_behind()
            raise Peer(PRODUCT, self._instance).unanswered(self._seconds) from None
        except CallAborted:
            self._leave_behind()
            raise lost(self._instance, "it was broken off") from None
        except ResultLimit:
            self._relay.shut()
            raise
        except _raised_by(self._module) as error:
            raise self._relay.flow.error(self._instance) or mapped(error) from None

    def abort(self) -> None:
        """Let the waiting thread go; the driver's call ends beside, with its connection."""
        self._relay.shut()
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
        with contextlib.suppress(CallTimeout, CallAborted, ConnectionLimit):
            Call(self._close_raw).result(CLIENT_MARGIN_SECONDS, _nothing)

    def _leave_behind(self) -> None:
        self._relay.shut()
        with self._lock:
            self._is_given_up = self._is_left_behind = True

    def _close_raw(self) -> None:
        with contextlib.suppress(*_raised_by(self._module)):
            self._raw.close()
        self._relay.close()


def bound(sql: str, parameters: Mapping[str, object] | None) -> tuple[str, tuple[object, ...]]:
    """Return the text with ODBC's markers, and the values in their order."""
    if parameters is None:
        return sql, ()
    names = _PARAMETER.findall(sql)
    return _PARAMETER.sub("?", sql), tuple(parameters[name] for name in names)


def connect(target: Target, database: str | None) -> SqlServerConnection:
    """Open a connection, and one database of the server where one is named.

    The login opens `master`: one to a database in SINGLE_USER takes its only connection, and
    one with read intent to a database of an availability group may be routed to another server.
    Azure SQL Database has no USE, so there the login opens the database itself.

    Raises:
        SyncError: ConnectError, AuthenticationError, PrivilegeError (the database), or
            ConfigurationError where a driver is missing or can't do what is asked.
    """
    instance = target.instance
    _require_plain_host(instance)
    module = load_pyodbc(instance.name)
    driver = choose_driver(target.options.get(DRIVER_OPTION, ""), module.drivers(), instance.name)
    by_login = database if logical_server(instance) else None
    try:
        return _connected(module, driver, target, database, by_login or "")
    except WithoutUse:
        # A logical server by another name: an address, a tunnel.
        opened = database or instance.database or MASTER
        return _connected(module, driver, target, database, opened)


def _connected(
    module: ModuleType, driver: Driver, target: Target, database: str | None, by_login: str
) -> SqlServerConnection:
    """Log in and open a database: `by_login`, where the login itself does that."""
    login = _log_in(module, driver, target, by_login)
    connection = SqlServerConnection(module, login, target)
    try:
        _require_relay(login, target.instance)
        _prepare(connection, login.raw, target)
        if not by_login:
            _enter(connection, login.raw, target, database)
    except SyncError:
        connection.close()
        raise
    return connection


def login_database(instance: Instance) -> str:
    """Return the database that a login opens where none is asked for."""
    is_azure = host_of(instance).endswith(SUFFIXES)
    return (instance.database if is_azure else "") or MASTER


def _require_plain_host(instance: Instance) -> None:
    """Refuse a host that is written as Microsoft's tools take it: with an instance or a port.

    The SQL Server Browser is not asked for the port of a named instance: it answers by UDP, and
    anybody on the way could send us, and the password, elsewhere.

    Raises:
        ConfigurationError: the host is of that form.
    """
    found = _NAMED.fullmatch(instance.host)
    if found is None or found["host"] == instance.host:
        return
    name, port = found["instance"], found["port"] or "PORT"
    how = f" The port of {name} is in SQL Server Configuration Manager (TCP/IP, IP addresses), and "
    how += "on the server: SELECT local_tcp_port FROM sys.dm_exec_connections WHERE session_id = "
    raise ConfigurationError(
        f"The host {instance.host!r} is no host name: instance and port are not part of it.",
        instance=instance.name,
        phase=Phase.CONNECT,
        hint=f"Name the host and the port: sync-pipeline instances edit "
        f"{shlex.quote(instance.name)} --host {shlex.quote(found['host'])} --port {port}."
        + (f"{how}@@SPID. Give the instance a fixed port there." if name else ""),
    )


def _require_relay(login: Login, instance: Instance) -> None:
    """Refuse a server that has sent the driver to another one: nothing bounds that.

    Where Linux does not keep the driver from it, the login has been made there.

    Raises:
        UnsupportedServer: the login went elsewhere.
    """
    if not login.relay.is_used:
        raise _routed(instance)


def _routed(instance: Instance) -> UnsupportedServer:
    return UnsupportedServer(
        f"SQL Server at {instance.host}:{instance.port} sent the login to another server.",
        instance=instance.name,
        phase=Phase.CONNECT,
        hint="Register the server itself, not a listener that routes to a replica."
        if not logical_server(instance)
        else "Set the connection policy of the logical server to Proxy: az sql server conn-policy "
        "update --connection-type Proxy.",
    )


def _knock(target: Target) -> socket.socket:
    """Connect without the driver: a refused port is then said at once and exactly.

    Microsoft's driver waits its whole login timeout for a port that refuses.
    """
    instance = target.instance
    try:
        return open_link(instance.host, instance.port, target.connect_seconds)
    except (OSError, UnicodeError) as error:
        raise _unreachable(error, instance) from None


def _unreachable(error: Exception, instance: Instance) -> SyncError:
    reason = reason_of(error) or ConnectReason.UNREACHABLE
    firewall = "Check the network and the server's firewall."
    hint = firewall if reason is ConnectReason.UNREACHABLE else None
    text = str(getattr(error, "strerror", None) or error)
    return Peer.of(PRODUCT, instance).unreachable(reason, text, hint)


class _WithoutTls(Exception):
    """The server said that it offers no TLS, where TLS was asked for."""


def _log_in(module: ModuleType, driver: Driver, target: Target, database: str) -> Login:
    """Log in, with TLS unless the mode is `disable`: without it the login can be read.

    It opens `database`, empty: the one that a login of its own opens.

    One limit holds for all attempts together.
    """
    tls = target.instance.tls
    bounded = replace(target, ends_at=time.monotonic() + target.connect_seconds)
    try:
        return _attempt(module, driver, bounded, tls, database)
    except _WithoutTls:
        if tls.mode is not TlsMode.PREFER or not may_be_readable(target):
            raise without_tls(target.instance) from None
    return _attempt(module, driver, bounded, replace(tls, mode=TlsMode.DISABLE), database)


def _attempt(
    module: ModuleType, driver: Driver, target: Target, tls: TlsOptions, database: str
) -> Login:
    instance = target.instance
    opened = database or login_database(instance)
    # What can't be asked for is said at once.
    connection_string(driver, target, tls, database=opened)
    relay = Relay(_knock(target), target.limits, target.usage)
    text = connection_string(driver, target, tls, (RELAY_HOST, relay.port), opened)
    limit = target.connect_seconds
    seconds = max(1, round(limit))

    def log_in() -> Any:
        # A ticket or a token for this service is of no use to another server, and is got elsewhere.
        if is_confined(target):
            may_connect_only_to(relay.port)
        return module.connect(text, timeout=seconds, autocommit=True)

    call: Call[Any] = Call(log_in)

    def close_late() -> None:
        raw = call.returned()
        if raw is not None:
            with contextlib.suppress(*_raised_by(module)):
                raw.close()
        relay.close()

    try:
        raw = call.result(limit + LOGIN_MARGIN_SECONDS, close_late)
        relay.logged_in()
        return Login(raw, relay)
    except (CallTimeout, CallAborted):
        is_routed = relay.seconds_since_left > ROUTED_SECONDS
        relay.shut()
        raise (_routed if is_routed else login_timeout)(instance) from None
    except SyncError:
        relay.close()
        raise
    except _raised_by(module) as error:
        is_routed = relay.seconds_since_left > ROUTED_SECONDS
        relay.close()
        failure = _login_failure(error, driver, target, tls, relay, database)
        if is_routed and not isinstance(failure, AuthenticationError):
            failure = _routed(instance)
        raise relay.flow.error(instance.name) or failure from None


def _login_failure(
    error: BaseException,
    driver: Driver,
    target: Target,
    tls: TlsOptions,
    relay: Relay,
    database: str,
) -> Exception:
    """Return what a login failed of; FreeTDS has no word for most that goes wrong before it."""
    instance = target.instance
    is_encrypted = tls.mode is not TlsMode.DISABLE
    if fault(error).is_of_server:
        pass
    elif is_encrypted and relay.offers_tls is False and not is_strict(target):
        return _WithoutTls()
    elif driver.is_freetds and relay.offers_tls is not None:
        if relay.server_ended_first:
            return hung_up(instance)
        if is_encrypted:
            return failed_tls(instance)
    if database and (closed := entry_error(error, instance, database, target.username)):
        return closed
    return connect_error(error, instance, target.username, tells_last_only=driver.is_freetds)


def _prepare(connection: SqlServerConnection, raw: Any, target: Target) -> None:
    """Bound the session and pin what changes results, before anything is read."""
    name = target.instance.name
    raw.timeout = max(1, round(target.statement_seconds))
    settings = session_settings(target.statement_seconds)
    connection.run(lambda: _execute(raw, settings), lambda error: query_error(error, name))


def _enter(connection: SqlServerConnection, raw: Any, target: Target, database: str | None) -> None:
    """Open a database after the login; None: the instance's own, where it has one."""
    if database is not None:
        _open(connection, raw, target, database)
        return
    own = target.instance.database
    if own and own != login_database(target.instance):
        _open_own(connection, raw, target, own)


def _open(connection: SqlServerConnection, raw: Any, target: Target, database: str) -> None:
    """Open a database, unless it was taken for one user since the databases were listed.

    Raises:
        QueryError: to open it would take the one connection from whoever works on it.
    """
    name = target.instance.name
    mode = _mode(connection, raw, database, name)
    if mode != SHARED:
        raise QueryError(
            f"Database {database} was not opened: it is in the mode {mode}, and left to whoever "
            "set that.",
            instance=name,
            phase=Phase.CONNECT,
        )
    connection.run(
        lambda: _execute(raw, f"USE {bracketed(database)}"),
        lambda error: open_error(error, name, database, target.username),
    )


def _open_own(connection: SqlServerConnection, raw: Any, target: Target, database: str) -> None:
    """Open the instance's own database; one that somebody works on is left, and `master` serves.

    What is read without naming a database is the server's, and the same in each of them.
    """
    instance = target.instance
    if _mode(connection, raw, database, instance.name) == SHARED:
        connection.run(
            lambda: _execute(raw, f"USE {bracketed(database)}"),
            lambda error: own_database_error(error, instance, target.username),
        )


def _mode(connection: SqlServerConnection, raw: Any, database: str, instance: str) -> str:
    """Return who may open a database; one that is not listed says so when it is opened."""
    found = connection.run(
        lambda: _first_value(raw, _MODE.format(quoted(database))),
        lambda error: query_error(error, instance),
    )
    return SHARED if found is None else str(found)


def _first_value(raw: Any, statement: str) -> Any:
    cursor = raw.execute(statement)
    try:
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None
    finally:
        cursor.close()


def _execute(raw: Any, statement: str) -> None:
    raw.execute(statement).close()


def _rows(raw: Any, text: str, values: tuple[object, ...], meter: Meter, flow: Flow) -> PackedRows:
    cursor = raw.execute(text, *values)
    try:
        names = [column[0] for column in cursor.description]
        found = PackedRows(meter)
        found.add(names, ())
        while batch := cursor.fetchmany(ROWS_AT_ONCE):
            flow.progress()
            found.add(names, list(map(tuple, batch)))
        return found.end()
    finally:
        cursor.close()


def _raised_by(module: ModuleType) -> tuple[type[BaseException], ...]:
    """Return what pyodbc raises: its own errors, and those of text that can't be decoded."""
    return (module.Error, UnicodeError, ValueError, TypeError, MemoryError, SystemError)


def _nothing() -> None:
    """Do nothing more with a call that came back late."""
