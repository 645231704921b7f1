"""Bounded, read-only PyMySQL connections."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Any

import pymysql
from pymysql.cursors import DictCursor

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.mysql_protocol.errors import connect_error, query_error
from sync_pipeline.model.instance import TlsMode, TlsOptions

CLIENT_MARGIN_SECONDS = 5.0
"""How much longer than the server's own limit the client waits for an answer."""


class MySqlProtocolConnection:
    """A PyMySQL connection that maps its errors."""

    def __init__(self, raw: pymysql.Connection[DictCursor], instance: str, product: str) -> None:
        self._raw = raw
        self._instance = instance
        self._product = product

    def fetch(self, sql: str) -> list[dict[str, Any]]:
        """Run one SELECT; without parameters a percent sign is only a percent sign."""
        try:
            with self._raw.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall())
        except (pymysql.Error, OSError, ValueError) as error:
            raise query_error(error, self._instance, self._product) from None

    def abort(self) -> None:
        """Shut the socket, so that a read that waits for the server returns."""
        raw_socket = getattr(self._raw, "_sock", None)
        if raw_socket is not None:
            with contextlib.suppress(OSError):
                raw_socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close without raising."""
        with contextlib.suppress(pymysql.Error, OSError):
            self._raw.close()


def connect(target: Target, product: str, session_settings: str) -> MySqlProtocolConnection:
    """Open a connection; `session_settings` is the statement that bounds and protects it.

    Raises:
        SyncError: ConnectError, AuthenticationError, UnsupportedServer.
    """
    instance = target.instance
    try:
        raw = pymysql.connect(
            host=instance.host,
            port=instance.port,
            user=target.username,
            password=target.password.reveal().encode(),
            database=None,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=instance.timeouts.connect_seconds,
            read_timeout=target.statement_seconds + CLIENT_MARGIN_SECONDS,
            write_timeout=target.statement_seconds + CLIENT_MARGIN_SECONDS,
            program_name="sync_pipeline",
            cursorclass=DictCursor,
            **_tls(instance.tls),
        )
    except (pymysql.Error, OSError, ValueError, IndexError) as error:
        raise connect_error(error, instance, product, target.username) from None
    connection = MySqlProtocolConnection(raw, instance.name, product)
    try:
        with raw.cursor() as cursor:
            cursor.execute(session_settings)
    except (pymysql.Error, OSError) as error:
        connection.close()
        raise query_error(error, instance.name, product) from None
    return connection


def _tls(tls: TlsOptions) -> dict[str, Any]:
    if tls.mode is TlsMode.DISABLE:
        return {"ssl_disabled": True}
    if tls.mode is TlsMode.PREFER and not (tls.ca_file or tls.cert_file):
        return {}
    # PyMySQL's own options check no name when no CA file is given; a context always does.
    context = ssl.create_default_context(cafile=tls.ca_file)
    context.check_hostname = tls.mode is TlsMode.VERIFY_FULL
    if tls.mode not in (TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL):
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return {"ssl": context}
