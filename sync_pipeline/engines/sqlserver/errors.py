"""ODBC's errors become the taxonomy: the server's error number, SQLSTATE, message text last.

Numbers: SQL Server documentation, "Database Engine events and errors". FreeTDS numbers its
own errors from 20000 to 20199 (sybdb.h) and sends most answers of the server under SQLSTATE
42000, so the number decides before the SQLSTATE does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sync_pipeline.engines.passwords import edit_command
from sync_pipeline.engines.sqlserver.names import grant_server
from sync_pipeline.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ConnectReason,
    Phase,
    PrivilegeError,
    QueryError,
    QueryTimeout,
    SyncError,
    UnsupportedServer,
)
from sync_pipeline.model.instance import Instance, TlsMode

REJECTED = frozenset(
    {
        4064,  # the default database can't be opened
        18401,
        18450,
        18452,
        18456,
        18458,
        18459,
        18460,
        18461,
        18463,
        18464,
        18465,
        18466,
        18467,
        18468,
        18470,  # disabled
        18486,  # locked out
        18487,  # expired
        18488,  # must be changed
    }
)
LOCKED_OUT = frozenset({18486})
_LOCKOUT = (
    "Wrong passwords locked the login out, temporarily: it ends with the lockout duration of the "
    "Windows policy, or by ALTER LOGIN ... WITH PASSWORD = ... UNLOCK. Look for who tries them."
)
_CREDENTIAL = "Correct the credential (sync-pipeline credentials rotate) or the login."
NO_DATABASE = frozenset({911, 4060})
DENIED = frozenset({229, 230, 262, 297, 300, 371, 378, 916, 15247})
LOCKED = frozenset({1205, 1222})
UNREADABLE = frozenset({922, 924, 927, 942, 945, 946, 952, 954, 976, 978, 979, 983})
"""A database that was there and can't be opened: recovering, in use, offline, a replica."""
BUSY = frozenset({6005, 17142, 18451, 40197, 40501, 40613})
TOO_MANY = frozenset({10928, 10929, 17809, 17810, 17830})
FREETDS_NOT_TDS = frozenset({20004, 20006, 20017, 20020})
_NETWORK_NUMBERS = (
    (frozenset({111, 10061}), ConnectReason.REFUSED),
    (frozenset({110, 258, 10060, 20003}), ConnectReason.TIMEOUT),
    (frozenset({11001, 20012, 20013}), ConnectReason.DNS),
)

_NUMBER = re.compile(r"\((-?\d+)\)(?=\s*(?:\(SQL|;|$))")
_PREFIX = re.compile(r"\[[^\[\]]*\]")
_NOT_OFFERED = r"encryption not supported"
_TLS = r"SSL|TLS|certificate|encrypt|OpenSSL"
_NETWORK_TEXTS = (
    (_TLS, ConnectReason.TLS),
    (r"unknown host|getaddrinfo|name or service not known|name resolution", ConnectReason.DNS),
    (r"refused|code 0x274D|code 0x6F\b", ConnectReason.REFUSED),
    (r"timed out|timeout|code 0x102", ConnectReason.TIMEOUT),
)
_HINTS = {
    ConnectReason.TLS: "Check the instance's TLS mode and the server's certificate.",
    ConnectReason.DNS: "Check the host name of the instance.",
    ConnectReason.REFUSED: "Check that the server runs and its port is right.",
    ConnectReason.TIMEOUT: "Check the network, or raise the instance's connect timeout.",
    ConnectReason.UNREACHABLE: "Check the network and the server's log.",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What a driver said: SQLSTATE, the numbers of the server or the driver, the text."""

    state: str
    numbers: tuple[int, ...]
    text: str

    def has(self, numbers: frozenset[int]) -> bool:
        """Return whether one of these numbers was reported."""
        return not numbers.isdisjoint(self.numbers)


def fault(error: BaseException) -> Fault:
    """Read what pyodbc raised: its arguments are the SQLSTATE and all records as one text."""
    arguments = [str(item) for item in error.args] or [type(error).__name__]
    state = arguments[0] if len(arguments) > 1 else ""
    raw = arguments[-1]
    numbers = tuple(int(number) for number in _NUMBER.findall(raw))
    text = re.sub(r"\(SQL\w+\)", "", _NUMBER.sub("", _PREFIX.sub("", raw)))
    return Fault(state, numbers, " ".join(text.split()).rstrip(". ;"))


def connect_error(error: BaseException, instance: Instance, username: str) -> SyncError:
    """Map what was raised while a connection was opened."""
    found = fault(error)
    where = f"SQL Server at {instance.host}:{instance.port}"
    if found.has(REJECTED) or found.state == "28000":
        return AuthenticationError(
            f"{where} rejected the account {username!r}: {found.text}.",
            instance=instance.name,
            phase=Phase.CONNECT,
            hint=_LOCKOUT if found.has(LOCKED_OUT) else _CREDENTIAL,
        )
    if found.has(NO_DATABASE):
        return ConfigurationError(
            f"{where} could not open the instance's database: {found.text}.",
            instance=instance.name,
            phase=Phase.CONNECT,
            hint="Correct it with: sync-pipeline instances edit --database.",
        )
    if found.has(DENIED):
        return PrivilegeError(
            f"{where} did not let the account {username!r} in: {found.text}.",
            instance=instance.name,
            phase=Phase.CONNECT,
            hint=f"It needs: {grant_server('CONNECT SQL', username)}",
        )
    if found.has(TOO_MANY):
        return _unreachable(
            where, instance, found, ConnectReason.TOO_MANY, "Raise the limit of user connections."
        )
    if found.has(BUSY):
        return _unreachable(
            where, instance, found, ConnectReason.REFUSED, "Wait until the server is up."
        )
    return _network_error(found, where, instance)


def _network_error(found: Fault, where: str, instance: Instance) -> SyncError:
    """Map what the driver itself found; only the text tells the reasons of 08001 apart."""
    reason = _network_reason(found)
    if reason is None and (found.has(FREETDS_NOT_TDS) or found.state == "08S01"):
        return UnsupportedServer(
            f"What listens at {instance.host}:{instance.port} hung up or does not speak the "
            f"protocol of SQL Server: {found.text}.",
            instance=instance.name,
            phase=Phase.CONNECT,
            hint="Correct the instance's engine or port, or check the server's log.",
        )
    known = reason or ConnectReason.UNREACHABLE
    return _unreachable(where, instance, found, known, _HINTS[known])


def _network_reason(found: Fault) -> ConnectReason | None:
    for numbers, reason in _NETWORK_NUMBERS:
        if found.has(numbers):
            return reason
    for pattern, reason in _NETWORK_TEXTS:
        if re.search(pattern, found.text, re.IGNORECASE):
            return reason
    return ConnectReason.TIMEOUT if found.state in ("HYT00", "HYT01") else None


def _unreachable(
    where: str, instance: Instance, found: Fault, reason: ConnectReason, hint: str
) -> ConnectError:
    return ConnectError(
        f"{where} could not be reached ({reason}): {found.text}.",
        reason=reason,
        instance=instance.name,
        hint=hint,
    )


def login_timeout(instance: Instance) -> ConnectError:
    """Return the error of a port that was open and did not finish the login in time."""
    return ConnectError(
        f"SQL Server at {instance.host}:{instance.port} could not be reached "
        f"({ConnectReason.TIMEOUT}): the port is open, but no login was completed within "
        f"{instance.timeouts.connect_seconds:g} seconds.",
        reason=ConnectReason.TIMEOUT,
        instance=instance.name,
        hint="Check that SQL Server listens there and that it is not overloaded.",
    )


def without_tls(error: ConnectError, instance: Instance, *, is_mute: bool) -> ConnectError:
    """Return the error of a server that offers no TLS where it must; another error as it is.

    FreeTDS leaves such a server without a word (`is_mute`).
    """
    if not is_mute and not re.search(_NOT_OFFERED, error.message, re.IGNORECASE):
        return error
    said = (
        "FreeTDS gave up before the login and does not say why; most likely the server offers "
        "no TLS"
        if is_mute
        else "the server offers no TLS"
    )
    command = edit_command(instance, TlsMode.DISABLE)
    return ConnectError(
        f"SQL Server at {instance.host}:{instance.port} could not be reached "
        f"({ConnectReason.TLS}): {said}.",
        reason=ConnectReason.TLS,
        instance=instance.name,
        hint="Turn TLS on in the server. Without it whoever listens reads the password; on a "
        f"network that nobody else is on (TLS mode disable): {command}.",
    )


def open_error(error: BaseException, instance: str, database: str, username: str) -> SyncError:
    """Map what was raised when one database was to be opened."""
    found = fault(error)
    if found.has(DENIED):
        missing = grant_server("CONNECT ANY DATABASE", username)
        return PrivilegeError(
            f"The account {username!r} may not connect to database {database}: {found.text}.",
            missing=missing,
            instance=instance,
            phase=Phase.CONNECT,
            hint=f"It needs: {missing}",
        )
    if found.has(NO_DATABASE) or found.has(UNREADABLE):
        return QueryError(
            f"Database {database} could not be opened: {found.text}.",
            instance=instance,
            phase=Phase.CONNECT,
        )
    return query_error(error, instance)


def query_error(error: BaseException, instance: str) -> SyncError:
    """Map what was raised while a catalog query ran."""
    found = fault(error)
    if found.has(DENIED):
        return PrivilegeError(
            f"SQL Server refused a catalog query: {found.text}.", instance=instance
        )
    if found.has(LOCKED) or found.state == "HYT00":
        return QueryTimeout(
            f"A catalog query took too long: {found.text}.",
            instance=instance,
            hint="Look for locks on the catalog, or raise the statement timeout.",
        )
    if _is_lost(found):
        return lost(instance, found.text)
    said = (
        f"error {found.numbers[-1]}" if any(found.numbers) else found.state or "what it can't say"
    )
    return QueryError(
        f"SQL Server answered a catalog query with {said}: {found.text}.", instance=instance
    )


def _is_lost(found: Fault) -> bool:
    is_network = any(20000 <= number < 20100 for number in found.numbers)  # noqa: PLR2004
    return found.state.startswith("08") or found.state == "HY008" or is_network


def lost(instance: str, text: str) -> ConnectError:
    """Return the error of a connection that is gone."""
    return ConnectError(
        f"The connection to SQL Server was lost: {text}.",
        reason=ConnectReason.LOST,
        instance=instance,
        phase=Phase.COLLECT,
        hint="Check the server's log.",
    )
