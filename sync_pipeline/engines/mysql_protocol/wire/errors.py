"""PyMySQL's errors become the taxonomy: vendor code first, message text last.

Codes: MySQL 8.4 Error Message Reference; MariaDB Error Code Reference. Both share the
codes used here, except the statement limits (3024 MySQL, 1969 MariaDB) and a locked
account (3118 MySQL, 4151 MariaDB). Codes from 2000 to 2999 are the driver's own.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pymysql

from sync_pipeline.certificates import ADVICE, is_self_signed, malformed
from sync_pipeline.engines import troubles
from sync_pipeline.engines.troubles import (
    SERVERS_LOG,
    UNREACHABLE,
    Peer,
    Refusal,
    one_line,
    reason_of,
)
from sync_pipeline.engines.wire.passwords import on_a_network_of_ones_own
from sync_pipeline.errors import ConnectError, ConnectReason, SyncError
from sync_pipeline.model.instance import EngineName, Instance

_OUR_VIEW = re.compile(r"\bFROM (sync_pipeline\.\w+)")
BLOCKED_FOR_A_TIME = 3955
"""MySQL: FAILED_LOGIN_ATTEMPTS was reached, and PASSWORD_LOCK_TIME (days) is not over."""
BLOCKED = 4150
"""MariaDB: max_password_errors was reached."""
REJECTED = frozenset(
    {1044, 1045, 1130, 1251, 1275, 1698, 1820, 1862, 2059, 2061, 3118, 4151}
    | {BLOCKED_FOR_A_TIME, BLOCKED}
)
WRONG_SECRET = frozenset({1045, 1698})
"""Rejected because of what was sent, which MySQL 8.0.19 and MariaDB 10.4 may count."""
DENIED = frozenset({1044, 1142, 1143, 1227, 1370})
BROKEN_VIEW = frozenset({1045, 1356, 1449})
"""What is said in a session of a view whose definer is gone or lacks a privilege."""
TIMED_OUT = frozenset({1205, 1317, 1969, 3024})
LOST = frozenset({1053, 1927, 2006, 2013, 2055, 4031})
UNKNOWN_COLUMN = 1054
UNKNOWN_VARIABLE = 1193
WITHOUT_TLS = 2026


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


_WITHOUT_TLS = replace(UNREACHABLE[ConnectReason.TLS], error=ServerWithoutTls)


_TOO_MANY = Refusal(
    ConnectReason.TOO_MANY,
    "Raise max_connections or the account's limit of connections.",
)
_BLOCKED_HOST = 1129
REFUSALS = {
    1040: _TOO_MANY,
    1203: _TOO_MANY,
    1226: _TOO_MANY,
    _BLOCKED_HOST: Refusal(
        ConnectReason.UNREACHABLE,
        "Unblock this host: run FLUSH HOSTS, or mysqladmin flush-hosts.",
    ),
    WITHOUT_TLS: Refusal(
        ConnectReason.TLS,
        "Turn TLS on in the server, or lower the instance's TLS mode.",
    ),
    3159: Refusal(ConnectReason.TLS, "Raise the instance's TLS mode to require or stronger."),
}


def connect_error(error: Exception, instance: Instance, product: str, username: str) -> SyncError:
    """Map what was raised while a connection was opened."""
    peer = Peer.of(product, instance, username)
    code, text = _parts(error)
    if code in WRONG_SECRET:
        return peer.error(troubles.WRONG_SECRET, text)
    if code in REJECTED:
        return peer.error(troubles.REJECTED, text, _OF_REJECTION.get(code))
    refusal = REFUSALS.get(code) or _network_refusal(error, code)
    if refusal is None:
        return peer.error(troubles.NOT_SPOKEN, text)
    reason, hint = refusal.reason, refusal.hint
    if fault := malformed(error):
        return peer.unreachable(reason, fault, ADVICE)
    if code == WITHOUT_TLS:
        hint = f"{hint} {on_a_network_of_ones_own(instance)}"
        return peer.error(_WITHOUT_TLS, text, hint)
    if instance.engine is EngineName.MARIADB and is_self_signed(error):
        hint = f"{hint} {_OWN_CERTIFICATE}"
    return peer.unreachable(reason, text, hint, retryable=False if code == _BLOCKED_HOST else None)


def handshake_timeout(instance: Instance, product: str) -> SyncError:
    """Return the error of a port that was open and did not finish the handshake in time."""
    seconds = instance.timeouts.connect_seconds
    return Peer.of(product, instance).unfinished("handshake", seconds, "the port is open, but ")


def product_of(text: str) -> str:
    """Return which of the two products that speak this protocol a server says that it is."""
    return "MariaDB" if "mariadb" in text.lower() else "MySQL"


def other_product(instance: Instance, product: str, banner: str) -> SyncError:
    """Return the error of the other product, which got no password to say more."""
    said = f": it says that it is {banner!r}"
    return Peer.of(product, instance).error(troubles.OTHER_PRODUCT, said)


def settings_error(error: Exception, instance: Instance, product: str, banner: str) -> SyncError:
    """Map what was raised by a statement that bounds the session."""
    if vendor_code(error) == UNKNOWN_VARIABLE:
        said = f", or too old: it says that it is {banner!r} and {_parts(error)[1]}"
        return Peer.of(product, instance).error(troubles.OTHER_PRODUCT, said)
    return query_error(error, instance.name, product)


def query_error(error: Exception, instance: str, product: str, sql: str = "") -> SyncError:
    """Map what PyMySQL raised while a catalog query ran, whose text is `sql`."""
    peer = Peer(product, instance)
    code, text = _parts(error)
    if code in DENIED | BROKEN_VIEW:
        return peer.error(troubles.DENIED, text)
    if code in TIMED_OUT or (code in LOST and "timed out" in text):
        return peer.error(troubles.SLOW, text)
    if code in LOST or isinstance(error, pymysql.InterfaceError | OSError):
        return peer.error(troubles.LOST, text)
    said = f"error {code}: {text}" if code else f"what the driver can't read: {text}"
    return peer.error(troubles.FAILED, said, _older_view(code, product, sql))


def _older_view(code: int, product: str, sql: str) -> str | None:
    """Return what to do where a query reads more than a view that our script made has."""
    view = _OUR_VIEW.search(sql)
    if code != UNKNOWN_COLUMN or view is None:
        return None
    return (
        f"An older script made the view {view[1]}. Run the lines of sync-pipeline grants "
        f"{product.lower()} again, but for CREATE USER; nothing else changes."
    )


def vendor_code(error: Exception) -> int:
    """Return the code of a server's or PyMySQL's error, 0 where it has none."""
    is_coded = isinstance(error, pymysql.Error) and error.args and isinstance(error.args[0], int)
    return int(error.args[0]) if is_coded else 0


def _network_refusal(error: Exception, code: int) -> Refusal | None:
    """Return what is wrong with the network or the server; None: it is another product."""
    cause = getattr(error, "original_exception", None) or error.__context__ or error
    if reason := reason_of(cause):
        return Refusal.plain(reason)
    if code in LOST:
        return Refusal.plain(ConnectReason.LOST)
    if 1000 <= code < 2000 or code >= 3000:  # noqa: PLR2004
        return Refusal(ConnectReason.UNREACHABLE, SERVERS_LOG)
    return None


def _parts(error: Exception) -> tuple[int, str]:
    """Return the vendor code (0: none) and the message on one line, without its full stop."""
    text = str(error.args[-1]) if error.args else type(error).__name__
    return vendor_code(error), one_line(text)
