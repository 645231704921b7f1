"""PyMySQL's errors become the taxonomy: vendor code first, message text last.

Codes: MySQL 8.4 Error Message Reference; MariaDB Error Code Reference. Both share the
codes used here, except the statement limits (3024 MySQL, 1969 MariaDB) and a locked
account (3118 MySQL, 4151 MariaDB). Codes from 2000 to 2999 are the driver's own.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

import pymysql

from sync_pipeline.certificates import ADVICE, is_self_signed, malformed
from sync_pipeline.engines.wire.passwords import edit_command
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
from sync_pipeline.model.instance import EngineName, Instance, TlsMode

BLOCKED_FOR_A_TIME = 3955
"""MySQL: FAILED_LOGIN_ATTEMPTS was reached, and PASSWORD_LOCK_TIME (days) is not over."""
BLOCKED = 4150
"""MariaDB: max_password_errors was reached."""
REJECTED = frozenset(
    {1044, 1045, 1130, 1251, 1275, 1698, 1820, 1862, 2059, 2061, 3118, 4151}
    | {BLOCKED_FOR_A_TIME, BLOCKED}
)
DENIED = frozenset({1044, 1142, 1143, 1227, 1370})
BROKEN_VIEW = frozenset({1045, 1356, 1449})
"""What is said in a session of a view whose definer is gone or lacks a privilege."""
TIMED_OUT = frozenset({1205, 1317, 1969, 3024})
LOST = frozenset({1053, 1927, 2006, 2013, 2055, 4031})
UNKNOWN_VARIABLE = 1193
WITHOUT_TLS = 2026


_CREDENTIAL = "Correct the credential (sync-pipeline credentials rotate) or the account."
_OF_REJECTION = {
    BLOCKED_FOR_A_TIME: "Wrong passwords locked the account, temporarily: it ends by itself after "
    "PASSWORD_LOCK_TIME, or at once by ALTER USER ... ACCOUNT UNLOCK. Look for who tries them.",
    BLOCKED: "Wrong passwords blocked the account (max_password_errors) until FLUSH PRIVILEGES, a "
    "new password or a restart. Look for who tries them.",
}
_OWN_CERTIFICATE = (
    "MariaDB from 11.4 on makes such a certificate at each start where it was given none: set "
    "ssl_cert and ssl_key in the server, or check nothing (TLS mode require)."
)


class ServerWithoutTls(ConnectError):
    """TLS was asked for and the server offers none: mode `prefer` goes on without."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    reason: ConnectReason
    hint: str
    is_retryable: bool | None = None


_ROOM = _Refusal(
    ConnectReason.TOO_MANY, "Raise max_connections or the account's limit of connections."
)
REFUSALS = {
    1040: _ROOM,
    1203: _ROOM,
    1226: _ROOM,
    1129: _Refusal(
        ConnectReason.UNREACHABLE,
        "Unblock this host: run FLUSH HOSTS, or mysqladmin flush-hosts.",
        is_retryable=False,
    ),
    WITHOUT_TLS: _Refusal(
        ConnectReason.TLS, "Turn TLS on in the server, or lower the instance's TLS mode."
    ),
    3159: _Refusal(ConnectReason.TLS, "Raise the instance's TLS mode to require or stronger."),
}


def connect_error(error: Exception, instance: Instance, product: str, username: str) -> SyncError:
    """Map what was raised while a connection was opened."""
    where = f"{product} at {instance.host}:{instance.port}"
    code, text = _parts(error)
    if code in REJECTED:
        return AuthenticationError(
            f"{where} rejected the account {username!r}: {text}.",
            instance=instance.name,
            phase=Phase.CONNECT,
            hint=_OF_REJECTION.get(code, _CREDENTIAL),
        )
    refusal = REFUSALS.get(code) or _network_refusal(error, code)
    if refusal is None:
        return UnsupportedServer(
            f"What listens at {instance.host}:{instance.port} does not speak the protocol of "
            f"{product}: {text}.",
            instance=instance.name,
            phase=Phase.CONNECT,
            hint="Correct the instance's engine or port.",
        )
    kind = ServerWithoutTls if code == WITHOUT_TLS else ConnectError
    fault = malformed(error)
    return kind(
        f"{where} could not be reached ({refusal.reason}): {fault or text}.",
        reason=refusal.reason,
        instance=instance.name,
        hint=ADVICE if fault else _hint(refusal, error, instance),
        retryable=refusal.is_retryable,
    )


def _hint(refusal: _Refusal, error: Exception, instance: Instance) -> str:
    if vendor_code(error) == WITHOUT_TLS:
        command = edit_command(instance, TlsMode.DISABLE)
        return f"{refusal.hint} On a network that nobody else is on: {command}."
    if instance.engine is EngineName.MARIADB and is_self_signed(error):
        return f"{refusal.hint} {_OWN_CERTIFICATE}"
    return refusal.hint


def handshake_timeout(instance: Instance, product: str) -> SyncError:
    """Return the error of a port that was open and did not finish the handshake in time."""
    return ConnectError(
        f"{product} at {instance.host}:{instance.port} could not be reached "
        f"({ConnectReason.TIMEOUT}): the port is open, but no handshake was completed within "
        f"{instance.timeouts.connect_seconds:g} seconds.",
        reason=ConnectReason.TIMEOUT,
        instance=instance.name,
        hint=f"Check that {product} listens there and that the server is not overloaded.",
    )


def statement_timeout(instance: str, seconds: float) -> SyncError:
    """Return the error of an answer that did not come, or not to its end, in time."""
    return QueryTimeout(
        f"A catalog query took too long: no whole answer came within {seconds:g} seconds.",
        instance=instance,
        hint="Look for locks on the catalog, or raise the statement timeout.",
    )


def product_of(text: str) -> str:
    """Return which of the two products that speak this protocol a server says that it is."""
    return "MariaDB" if "mariadb" in text.lower() else "MySQL"


def other_product(instance: Instance, product: str, banner: str) -> SyncError:
    """Return the error of the other product, which got no password to say more."""
    return UnsupportedServer(
        f"What listens at {instance.host}:{instance.port} is not {product}: it says that it is "
        f"{banner!r}.",
        instance=instance.name,
        phase=Phase.CONNECT,
        hint="Correct the instance's engine or port.",
    )


def settings_error(error: Exception, instance: Instance, product: str, banner: str) -> SyncError:
    """Map what was raised by a statement that bounds the session."""
    if vendor_code(error) == UNKNOWN_VARIABLE:
        return UnsupportedServer(
            f"What listens at {instance.host}:{instance.port} is not {product}, or too old: it "
            f"says that it is {banner!r} and {_parts(error)[1]}.",
            instance=instance.name,
            phase=Phase.CONNECT,
            hint="Correct the instance's engine or port.",
        )
    return query_error(error, instance.name, product)


def query_error(error: Exception, instance: str, product: str) -> SyncError:
    """Map what PyMySQL raised while a catalog query ran."""
    code, text = _parts(error)
    if code in DENIED | BROKEN_VIEW:
        return PrivilegeError(f"{product} refused a catalog query: {text}.", instance=instance)
    if code in TIMED_OUT or (code in LOST and "timed out" in text):
        return QueryTimeout(
            f"A catalog query took too long: {text}.",
            instance=instance,
            hint="Look for locks on the catalog, or raise the statement timeout.",
        )
    if code in LOST or isinstance(error, pymysql.InterfaceError | OSError):
        return ConnectError(
            f"The connection to {product} was lost: {text}.",
            reason=ConnectReason.LOST,
            instance=instance,
            phase=Phase.COLLECT,
            hint="Check the server's log.",
        )
    said = f"error {code}: {text}" if code else f"what the driver can't read: {text}"
    return QueryError(f"{product} answered a catalog query with {said}.", instance=instance)


def vendor_code(error: Exception) -> int:
    """Return the code of a server's or PyMySQL's error, 0 where it has none."""
    is_coded = isinstance(error, pymysql.Error) and error.args and isinstance(error.args[0], int)
    return int(error.args[0]) if is_coded else 0


def _network_refusal(error: Exception, code: int) -> _Refusal | None:
    """Return what is wrong with the network or the server; None: it is another product."""
    cause = getattr(error, "original_exception", None) or error.__context__ or error
    for kind, refusal in _BY_CAUSE:
        if isinstance(cause, kind):
            return refusal
    if code in LOST:
        return _Refusal(ConnectReason.LOST, "Check the server's log.")
    if 1000 <= code < 2000 or code >= 3000:  # noqa: PLR2004
        return _Refusal(ConnectReason.UNREACHABLE, "Check the server's log.")
    return None


_BY_CAUSE: tuple[tuple[type[BaseException], _Refusal], ...] = (
    (
        ssl.SSLError,
        _Refusal(ConnectReason.TLS, "Check the instance's TLS mode and its CA file."),
    ),
    (socket.gaierror, _Refusal(ConnectReason.DNS, "Check the host name of the instance.")),
    (
        TimeoutError,
        _Refusal(
            ConnectReason.TIMEOUT, "Check the network, or raise the instance's connect timeout."
        ),
    ),
    (
        ConnectionRefusedError,
        _Refusal(ConnectReason.REFUSED, "Check that the server runs and its port is right."),
    ),
    (
        OSError,
        _Refusal(ConnectReason.UNREACHABLE, "Check the network and the server's log."),
    ),
)


def _parts(error: Exception) -> tuple[int, str]:
    """Return the vendor code (0: none) and the message on one line, without its full stop."""
    text = str(error.args[-1]) if error.args else type(error).__name__
    return vendor_code(error), " ".join(text.split()).rstrip(".")
