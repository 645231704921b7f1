"""Bounded, read-only PyMySQL connections."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pymysql.cursors import DictCursor, SSCursor

from sync_pipeline.certificates import OPTION as RELAXED
from sync_pipeline.engines.base import Target
from sync_pipeline.engines.mysql_protocol.wire.errors import (
    ServerWithoutTls,
    connect_error,
    handshake_timeout,
    other_product,
    product_of,
    query_error,
    settings_error,
)
from sync_pipeline.engines.mysql_protocol.wire.passwords import Withheld, guards
from sync_pipeline.engines.mysql_protocol.wire.reading import BoundedConnection
from sync_pipeline.engines.mysql_protocol.wire.tls import driver_tls
from sync_pipeline.engines.mysql_protocol.wire.variables import (
    CLIENT_MARGIN_SECONDS,
    TRANSACTION,
    bounds,
    pins,
)
from sync_pipeline.engines.troubles import Peer
from sync_pipeline.engines.wire.links import Guard, open_link, shut
from sync_pipeline.engines.wire.passwords import withheld
from sync_pipeline.engines.wire.rows import PackedRows
from sync_pipeline.errors import ConnectReason, SyncError, UnsupportedServer
from sync_pipeline.model.instance import TlsMode, TlsOptions

ROWS_AT_ONCE = 64
BATCH_BYTES = 2**16


class MySqlProtocolConnection:
    """A PyMySQL connection that bounds its answers and maps its errors.

    `breaker` is a second descriptor of the connection's socket: shutting it down ends a
    read that waits in another thread, also after TLS took the first descriptor over.
    """

    def __init__(
        self,
        raw: BoundedConnection,
        breaker: socket.socket,
        target: Target,
        product: str,
    ) -> None:
        self._raw = raw
        self._breaker = breaker
        self._target = target
        self._product = product

    @property
    def banner(self) -> str:
        """Return what the server calls its version."""
        return str(self._raw.get_server_info())  # type: ignore[no-untyped-call]

    def fetch(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        """Run one SELECT; without parameters a percent sign is only a percent sign."""
        return self.read(sql, parameters).dicts()

    def read(self, sql: str, parameters: Mapping[str, object] | None = None) -> PackedRows:
        """Run one SELECT, and keep its rows packed."""
        name, product = self._target.instance.name, self._product
        return self.run(sql, parameters, lambda error: query_error(error, name, product, sql))

    def run(
        self,
        sql: str,
        parameters: Mapping[str, object] | None,
        mapped: Callable[[Exception], SyncError],
    ) -> PackedRows:
        """Run one statement within its limits and return its rows.

        Raises:
            SyncError: QueryTimeout, ResultLimit, or what `mapped` makes of an error.
        """
        seconds = self._target.statement_seconds + CLIENT_MARGIN_SECONDS
        self._raw.begin_answer()
        with Guard(self._breaker, self._target.within(seconds)) as guard:
            try:
                return self._rows(sql, parameters)
            except (SyncError, MemoryError):
                raise
            except Exception as error:  # noqa: BLE001 - the driver parses answers without checks
                if guard.breach is not None:
                    raise Peer(self._product, self._target.instance.name).unanswered(
                        seconds
                    ) from None
                raise mapped(error) from None
            finally:
                self._raw.leave_answer()

    def _rows(self, sql: str, parameters: Mapping[str, object] | None) -> PackedRows:
        cursor = self._raw.cursor(SSCursor)
        cursor.execute(sql, parameters)
        found = PackedRows(self._target.meter)
        names = [column[0] for column in cursor.description or ()]
        while batch := self._batch(cursor):
            found.add(names, batch)
        cursor.close()
        return found.end()

    def _batch(self, cursor: SSCursor) -> list[tuple[Any, ...]]:
        """Return the next rows: a few, and fewer where they are long."""
        found: list[tuple[Any, ...]] = []
        most = self._raw.arrived_bytes + BATCH_BYTES
        while len(found) < ROWS_AT_ONCE and self._raw.arrived_bytes < most:
            row = cursor.fetchone()
            if row is None:
                break
            found.append(row)
        return found

    def abort(self) -> None:
        """Shut the socket, so that a read that waits for the server returns."""
        shut(self._breaker)

    def close(self) -> None:
        """Close without raising."""
        with contextlib.suppress(Exception):
            self._raw.close()
        self._breaker.close()


def connect(target: Target, product: str) -> MySqlProtocolConnection:
    """Open a connection, bound it, and set all that could change what it reads.

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
    try:
        _settle(connection, target, product)
    except BaseException:
        connection.close()
        raise
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
    raw = BoundedConnection(
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
    raw.bound_to(target)
    ends_at = time.monotonic() + target.connect_seconds
    with _socket(target, product) as (link, breaker):
        with Guard(breaker, ends_at - time.monotonic()) as guard:
            try:
                raw.connect(link)
            except (SyncError, MemoryError):
                raise
            except Withheld as error:
                banner = str(raw.get_server_info())  # type: ignore[no-untyped-call]
                if product_of(banner) != product:
                    raise other_product(instance, product, banner) from None
                where = f"{product} at {instance.host}:{instance.port}"
                raise withheld(where, error.form, target, is_encrypted=is_encrypted) from None
            except Exception as error:  # noqa: BLE001 - as above
                if guard.breach is not None:
                    raise handshake_timeout(instance, product) from None
                raise connect_error(error, instance, product, target.username) from None
        return MySqlProtocolConnection(raw, breaker, target, product)


@contextlib.contextmanager
def _socket(target: Target, product: str) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield a connected socket and its duplicate, both closed where the block raises."""
    instance = target.instance
    try:
        link = open_link(instance.host, instance.port, target.connect_seconds)
    except OSError as error:
        raise connect_error(error, instance, product, target.username) from None
    except UnicodeError as error:  # a host name that can't be one
        raise Peer.of(product, instance).unreachable(ConnectReason.DNS, str(error)) from None
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    breaker = link.dup()
    try:
        yield link, breaker
    except BaseException:
        link.close()
        breaker.close()
        raise


def _settle(connection: MySqlProtocolConnection, target: Target, product: str) -> None:
    """Give the session its limits and its variables.

    One after the other where the server lacks one of them: it is older, or a kindred product,
    and has nothing that the variable could change.
    """
    banner = connection.banner

    def run(statement: str) -> None:
        connection.run(
            statement, None, lambda error: settings_error(error, target.instance, product, banner)
        )

    run(bounds(product, target))
    assignments = pins(product)
    try:
        run(f"SET SESSION {', '.join(assignments)}")
    except UnsupportedServer:
        for assignment in assignments:
            with contextlib.suppress(UnsupportedServer):
                run(f"SET SESSION {assignment}")
    run(TRANSACTION)
