"""Bounded, read-only PyMySQL connections."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pymysql
from pymysql.cursors import DictCursor

from sync_pipeline.certificates import OPTION as RELAXED
from sync_pipeline.engines.base import Target
from sync_pipeline.engines.mysql_protocol.errors import (
    ServerWithoutTls,
    connect_error,
    handshake_timeout,
    query_error,
    settings_error,
)
from sync_pipeline.engines.mysql_protocol.passwords import GuardedConnection, Withheld, guards
from sync_pipeline.engines.mysql_protocol.tls import driver_tls
from sync_pipeline.engines.passwords import withheld
from sync_pipeline.model.instance import Instance, TlsMode, TlsOptions

CLIENT_MARGIN_SECONDS = 5.0
"""How much longer than the server's own limit the client waits for an answer."""

_RAISED_BY_DRIVER = (
    pymysql.Error,
    OSError,
    ValueError,
    LookupError,
    NameError,
    TypeError,
    AttributeError,
    AssertionError,
    RuntimeError,
    struct.error,
)
"""PyMySQL parses what a server sends without checks: garbage raises any of these."""


class MySqlProtocolConnection:
    """A PyMySQL connection that maps its errors.

    `breaker` is a second descriptor of the connection's socket: shutting it down ends a
    read that waits in another thread, also after TLS took the first descriptor over.
    """

    def __init__(
        self,
        raw: pymysql.Connection[DictCursor],
        breaker: socket.socket,
        instance: str,
        product: str,
    ) -> None:
        self._raw = raw
        self._breaker = breaker
        self._instance = instance
        self._product = product

    def fetch(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        """Run one SELECT; without parameters a percent sign is only a percent sign."""
        try:
            with self._raw.cursor() as cursor:
                cursor.execute(sql, parameters)
                return list(cursor.fetchall())
        except _RAISED_BY_DRIVER as error:
            raise query_error(error, self._instance, self._product) from None

    def abort(self) -> None:
        """Shut the socket, so that a read that waits for the server returns."""
        _shut(self._breaker)

    def close(self) -> None:
        """Close without raising."""
        with contextlib.suppress(pymysql.Error, OSError):
            self._raw.close()
        self._breaker.close()


class _Watchdog:
    """Shuts a socket when its time is up, unless it is called off before."""

    def __init__(self, seconds: float, link: socket.socket) -> None:
        self._link = link
        self.has_fired = False
        self._timer = threading.Timer(seconds, self._fire)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        """Call the watchdog off."""
        self._timer.cancel()

    def _fire(self) -> None:
        self.has_fired = True
        _shut(self._link)


def connect(target: Target, product: str, *session_settings: str) -> MySqlProtocolConnection:
    """Open a connection; `session_settings` are the statements that bound and protect it.

    Raises:
        SyncError: ConnectError, AuthenticationError, UnsupportedServer, or
            ConfigurationError where a TLS file can't be read.
    """
    tls = target.instance.tls
    try:
        connection = _open(target, product, tls)
    except ServerWithoutTls:
        if tls.mode is not TlsMode.PREFER:
            raise
        connection = _open(target, product, TlsOptions(TlsMode.DISABLE))
    for statement in session_settings:
        _apply(connection, target.instance, product, statement)
    return connection


def _open(target: Target, product: str, tls: TlsOptions) -> MySqlProtocolConnection:
    """Connect a socket of our own, so that the whole handshake can be bounded.

    PyMySQL bounds each read of the handshake by the read timeout alone.
    """
    instance = target.instance
    read_seconds = target.statement_seconds + CLIENT_MARGIN_SECONDS
    is_encrypted = tls.mode is not TlsMode.DISABLE
    options: dict[str, Any] = {
        "auth_plugin_map": guards(target, is_encrypted=is_encrypted),
        **driver_tls(tls, instance.name, is_relaxed=RELAXED in target.options),
    }
    raw = GuardedConnection(
        host=instance.host,
        port=instance.port,
        user=target.username,
        password=target.password.reveal().encode(),
        charset="utf8mb4",
        autocommit=True,
        read_timeout=read_seconds,
        write_timeout=read_seconds,
        program_name="sync_pipeline",
        cursorclass=DictCursor,
        defer_connect=True,
        **options,
    )
    with _socket(target, product) as (link, breaker):
        watchdog = _Watchdog(instance.timeouts.connect_seconds, breaker)
        try:
            raw.connect(link)
        except _RAISED_BY_DRIVER as error:
            if watchdog.has_fired:
                raise handshake_timeout(instance, product) from None
            if isinstance(error, Withheld):
                where = f"{product} at {instance.host}:{instance.port}"
                raise withheld(where, error.form, target, is_encrypted=is_encrypted) from None
            raise connect_error(error, instance, product, target.username) from None
        finally:
            watchdog.cancel()
    return MySqlProtocolConnection(raw, breaker, instance.name, product)


@contextlib.contextmanager
def _socket(target: Target, product: str) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield a connected socket and its duplicate, both closed where the block raises."""
    instance = target.instance
    try:
        link = socket.create_connection(
            (instance.host, instance.port), instance.timeouts.connect_seconds
        )
    except OSError as error:
        raise connect_error(error, instance, product, target.username) from None
    except UnicodeError as error:  # a host name that can't be one
        unknown = socket.gaierror(socket.EAI_NONAME, str(error))
        raise connect_error(unknown, instance, product, target.username) from None
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    breaker = link.dup()
    try:
        yield link, breaker
    except BaseException:
        link.close()
        breaker.close()
        raise


def _apply(
    connection: MySqlProtocolConnection, instance: Instance, product: str, statement: str
) -> None:
    raw = connection._raw  # noqa: SLF001
    try:
        with raw.cursor() as cursor:
            cursor.execute(statement)
    except _RAISED_BY_DRIVER as error:
        connection.close()
        raise settings_error(error, instance, product, raw.get_server_info()) from None  # type: ignore[no-untyped-call]


def _shut(link: socket.socket) -> None:
    with contextlib.suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)
