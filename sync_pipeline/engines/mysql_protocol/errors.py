"""PyMySQL's errors become the taxonomy: vendor code first, message text last.

Codes: MySQL 8.4 Error Message Reference; MariaDB Error Code Reference. Both share the
codes used here, except the statement limits (3024 MySQL, 1969 MariaDB).
"""

from __future__ import annotations

import socket
import ssl

import pymysql

from sync_pipeline.errors import (
    AuthenticationError,
    ConnectError,
    ConnectReason,
    Phase,
    PrivilegeError,
    QueryError,
    QueryTimeout,
    SyncError,
    UnsupportedServer,
)
from sync_pipeline.model.instance import Instance

REJECTED = frozenset({1044, 1045, 1251, 1275, 1698, 1820, 1862, 2059, 2061, 3118, 3159, 4151})
DENIED = frozenset({1044, 1142, 1143, 1227, 1370})
TIMED_OUT = frozenset({1205, 1317, 1969, 3024})
LOST = frozenset({1053, 1927, 2006, 2013, 2055, 4031})
TOO_MANY = frozenset({1040, 1129, 1203, 1226})
TLS_FAILED = frozenset({2026})


def connect_error(error: Exception, instance: Instance, product: str, username: str) -> SyncError:
    """Map what PyMySQL raised while a connection was opened."""
    where = f"{instance.host}:{instance.port}"
    code, text = _parts(error)
    if code in REJECTED:
        return AuthenticationError(
            f"{product} at {where} rejected the account {username!r}: {text}.",
            instance=instance.name,
            phase=Phase.CONNECT,
            hint="Correct the credential (sync-pipeline credentials rotate).",
        )
    if code in TOO_MANY:
        return ConnectError(
            f"{product} at {where} takes no more connections: {text}.",
            reason=ConnectReason.TOO_MANY,
            instance=instance.name,
            hint="Raise max_connections or the account's limit, or unblock the host.",
        )
    cause = getattr(error, "original_exception", None) or error.__cause__ or error.__context__
    if code in TLS_FAILED or isinstance(cause, ssl.SSLError) or isinstance(error, ssl.SSLError):
        return ConnectError(
            f"{product} at {where} could not be reached ({ConnectReason.TLS}): {text}.",
            reason=ConnectReason.TLS,
            instance=instance.name,
            hint="Check the instance's TLS mode and its CA file.",
        )
    return _network_error(error, cause, instance, product, text)


def _network_error(
    error: Exception,
    cause: BaseException | None,
    instance: Instance,
    product: str,
    text: str,
) -> SyncError:
    where = f"{instance.host}:{instance.port}"
    reason, hint = _network_reason(cause)
    if reason is None and not isinstance(cause, OSError) and _parts(error)[0] not in LOST:
        return UnsupportedServer(
            f"What listens at {where} does not speak the protocol of {product}: {text}.",
            instance=instance.name,
            phase=Phase.CONNECT,
            hint="Correct the instance's engine or port.",
        )
    return ConnectError(
        f"{product} at {where} could not be reached ({reason or ConnectReason.UNREACHABLE}): "
        f"{text}.",
        reason=reason or ConnectReason.UNREACHABLE,
        instance=instance.name,
        hint=hint,
    )


def _network_reason(cause: BaseException | None) -> tuple[ConnectReason | None, str]:
    if isinstance(cause, socket.gaierror):
        return ConnectReason.DNS, "Check the host name of the instance."
    if isinstance(cause, TimeoutError):
        return (
            ConnectReason.TIMEOUT,
            "Check the network, or raise the instance's connect timeout.",
        )
    if isinstance(cause, ConnectionRefusedError):
        return ConnectReason.REFUSED, "Check that the server runs and its port is right."
    return None, "Check the network and the server's log."


def query_error(error: Exception, instance: str, product: str) -> SyncError:
    """Map what PyMySQL raised while a catalog query ran."""
    code, text = _parts(error)
    if code in DENIED:
        return PrivilegeError(f"{product} refused a catalog query: {text}.", instance=instance)
    cause = error.__cause__ or error.__context__
    if code in TIMED_OUT or (code in LOST and "timed out" in text):
        return QueryTimeout(
            f"A catalog query took too long: {text}.",
            instance=instance,
            hint="Look for locks on the catalog, or raise the statement timeout.",
        )
    if code in LOST or isinstance(cause, OSError) or isinstance(error, pymysql.InterfaceError):
        return ConnectError(
            f"The connection to {product} was lost: {text}.",
            reason=ConnectReason.LOST,
            instance=instance,
            phase=Phase.COLLECT,
            hint="Check the server's log.",
        )
    return QueryError(
        f"{product} answered a catalog query with error {code}: {text}.", instance=instance
    )


def _parts(error: Exception) -> tuple[int, str]:
    """Return the vendor code (0: none) and the message on one line, without its full stop."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = str(error.args[-1]) if error.args else type(error).__name__
    return code, " ".join(text.split()).rstrip(".")
