"""ODBC's errors become the taxonomy: the server's error number, SQLSTATE, message text last.

Numbers: SQL Server documentation, "Database Engine events and errors"; Azure SQL
documentation, "Troubleshoot connectivity issues and other errors" (transient faults). FreeTDS
sends most answers of the server under SQLSTATE 42000, so the number decides first.
"""

from __future__ import annotations

import re

from sync_pipeline.engines.sqlserver.names import grant_server, opens_database
from sync_pipeline.engines.sqlserver.wire.faults import Fault, fault
from sync_pipeline.engines.wire.passwords import edit_command
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
from sync_pipeline.model.gap import it_needs
from sync_pipeline.model.instance import Instance, TlsMode

REJECTED = frozenset(
    {
        *(18452, 18456),
        *(18462, 18463, 18464, 18465, 18466, 18467, 18468, 18471),  # a change of the password
        18470,  # disabled
        18486,  # locked out
        18487,  # expired
        18488,  # must be changed
        17806,  # the handshake of integrated authentication failed
    }
)
LOCKED_OUT = frozenset({18486})
_LOCKOUT = (
    "Wrong passwords locked the login out, temporarily: it ends with the lockout duration of the "
    "Windows policy, or by ALTER LOGIN ... WITH PASSWORD = ... UNLOCK. Look for who tries them."
)
_CREDENTIAL = "Correct the credential (sync-pipeline credentials rotate) or the login."
NO_DATABASE = frozenset({911, 4060, 4064})
"""4060 and 4064 come before 18456, which says no more than that the login failed."""
DENIED = frozenset({229, 230, 262, 297, 300, 371, 378, 916, 15247})
LOCKED = frozenset({1205, 1222})
UNREADABLE = frozenset(
    {
        *(921, 922, 923, 924, 926, 927, 942, 945, 946, 952, 954),
        *(976, 978, 979, 982, 983, 988, 4221),
    }
)
"""A database that is there and can't be opened: recovering, in use, restricted, suspect,
offline, a replica, without a quorum."""
BUSY = frozenset(
    {
        *(615, 701, 6005, 17142, 17187, 17188, 17189, 17191, 17197, 17198, 17803, 17813),
        *(17829, 17830, 18401, 18451, 18461),
        *(40020, 40143, 40166, 40197, 40501, 40540, 40613, 40642, 49918, 49919, 49920),
    }
)
"""The server starts, ends, is upgraded, is in single-user mode, has no memory; on Azure it is
being moved or is busy. None of them says a word about the credential."""
TOO_MANY = frozenset({10928, 10929, 10936, 17300, 17809, 17810, 17889, 18458, 18459, 18460, 18489})
TRIGGER = 17892
ELSEWHERE = frozenset({40531, 40532, 40607, 40615, 40914, 47073, 18482, 18483, 18485})
"""Azure's gateway knows no such server, or lets nobody in from here; a linked server's refusal."""
NO_TLS_THERE = frozenset({17194, 17827, 17835, 47072})
"""The server demands TLS, or has none that works, or none of this version."""
OTHER_PROTOCOL = frozenset({17802, 17805, 17807, 17828, 17832, 17836, 18493, 18494, 18495})
ENDED = frozenset({596, 3989, 10053, 10054, 10060, 40549, 40550, 40551, 40552, 40553}) | BUSY
"""The server ended the session: KILL, its own limits on Azure, its own end."""
FREETDS_NOT_TDS = frozenset({20004, 20006, 20017, 20020})
_NETWORK_NUMBERS = (
    (frozenset({111, 10061}), ConnectReason.REFUSED),
    (frozenset({110, 258, 10060, 20003}), ConnectReason.TIMEOUT),
    (frozenset({11001, 20012, 20013}), ConnectReason.DNS),
)

_NO_TICKET = re.compile(r"SSPI Provider: .*(?:credentials|expired)", re.IGNORECASE)
"""Microsoft's driver without the server's word: it has no ticket, or one that has ended."""
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


def connect_error(
    error: BaseException, instance: Instance, username: str, *, tells_last_only: bool = False
) -> SyncError:
    """Map what was raised while a connection was opened.

    What says why stands before 18456, which follows several other errors. `tells_last_only`
    is a driver that passes on the last error alone (FreeTDS).
    """
    found = fault(error)
    where = f"SQL Server at {instance.host}:{instance.port}"
    for numbers, made in _LOGIN_ERRORS:
        if found.has(numbers):
            return made(found, where, instance, username)
    if _NO_TICKET.match(found.text):
        return _without_ticket(found, where, instance)
    if found.has(REJECTED) or found.state == "28000":
        return _rejected(found, where, instance, username, may_be_database=tells_last_only)
    if found.is_of_server:
        return _unreachable(
            where, instance, found, ConnectReason.UNREACHABLE, _HINTS[ConnectReason.UNREACHABLE]
        )
    return _network_error(found, where, instance)


def _rejected(
    found: Fault, where: str, instance: Instance, username: str, *, may_be_database: bool
) -> AuthenticationError:
    doubt, hint = "", _LOCKOUT if found.has(LOCKED_OUT) else _CREDENTIAL
    if may_be_database and instance.database and 18456 in found.numbers:  # noqa: PLR2004
        doubt = (
            f" It says the same where the database {instance.database!r} can't be opened, which "
            "this driver does not pass on"
        )
        hint += " Or correct the database: sync-pipeline instances edit --database."
    return AuthenticationError(
        f"{where} rejected the account {username!r}: {found.text}.{doubt}{'.' if doubt else ''}",
        instance=instance.name,
        phase=Phase.CONNECT,
        hint=hint,
    )


def _without_ticket(found: Fault, where: str, instance: Instance) -> AuthenticationError:
    return AuthenticationError(
        f"There is no Kerberos ticket to log in to {where} with: {found.text}.",
        instance=instance.name,
        phase=Phase.CONNECT,
        hint="Get one for the user that syncs (kinit -k -t KEYTAB), and name its cache in "
        "KRB5CCNAME.",
    )


def _no_database(found: Fault, where: str, instance: Instance, username: str) -> SyncError:
    return ConfigurationError(
        f"{where} could not open the instance's database for {username!r}: {found.text}.",
        instance=instance.name,
        phase=Phase.CONNECT,
        hint="Correct it with: sync-pipeline instances edit --database. Where it is right, let "
        "the account connect to it, or bring it online.",
    )


def _closed_now(found: Fault, where: str, instance: Instance, _: str) -> SyncError:
    hint = "Wait until the database can be opened; or log in to another one: sync-pipeline "
    hint += "instances edit --database."
    return _unreachable(where, instance, found, ConnectReason.REFUSED, hint)


def _denied(found: Fault, where: str, instance: Instance, username: str) -> SyncError:
    return PrivilegeError(
        f"{where} did not let the account {username!r} in: {found.text}.",
        instance=instance.name,
        phase=Phase.CONNECT,
        hint=it_needs(grant_server("CONNECT SQL", username)),
    )


def _triggered(found: Fault, where: str, instance: Instance, username: str) -> SyncError:
    return PrivilegeError(
        f"A logon trigger of {where} did not let the account {username!r} in: {found.text}.",
        instance=instance.name,
        phase=Phase.CONNECT,
        hint="Look at the triggers in sys.server_triggers, and let them pass the account.",
    )


def _too_many(found: Fault, where: str, instance: Instance, _: str) -> SyncError:
    hint = "Raise the limit of user connections."
    return _unreachable(where, instance, found, ConnectReason.TOO_MANY, hint)


def _busy(found: Fault, where: str, instance: Instance, _: str) -> SyncError:
    hint = "Wait until the server lets logins in; its error log says why it does not."
    return _unreachable(where, instance, found, ConnectReason.REFUSED, hint)


def _elsewhere(found: Fault, where: str, instance: Instance, _: str) -> SyncError:
    return ConfigurationError(
        f"{where} does not take connections of this kind: {found.text}.",
        instance=instance.name,
        phase=Phase.CONNECT,
        hint="Check the host name of the instance, and the server's firewall rules.",
    )


def _without_its_tls(found: Fault, where: str, instance: Instance, _: str) -> SyncError:
    return _unreachable(where, instance, found, ConnectReason.TLS, _HINTS[ConnectReason.TLS])


def _other_protocol(found: Fault, where: str, instance: Instance, _: str) -> SyncError:
    return UnsupportedServer(
        f"{where} does not take what the driver sent: {found.text}.",
        instance=instance.name,
        phase=Phase.CONNECT,
        hint="Use another ODBC driver (SYNC_PIPELINE_SQLSERVER_DRIVER).",
    )


_LOGIN_ERRORS = (
    (BUSY, _busy),
    (TOO_MANY, _too_many),
    (frozenset({TRIGGER}), _triggered),
    (ELSEWHERE, _elsewhere),
    (UNREADABLE, _closed_now),
    (NO_DATABASE, _no_database),
    (NO_TLS_THERE, _without_its_tls),
    (OTHER_PROTOCOL, _other_protocol),
    (DENIED, _denied),
)
"""The first that fits counts: what is said more exactly comes first."""


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


def without_tls(instance: Instance) -> ConnectError:
    """Return the error of a server that offers no TLS where it must."""
    command = edit_command(instance, TlsMode.DISABLE)
    return ConnectError(
        f"SQL Server at {instance.host}:{instance.port} could not be reached "
        f"({ConnectReason.TLS}): the server offers no TLS.",
        reason=ConnectReason.TLS,
        instance=instance.name,
        hint="Turn TLS on in the server. Without it whoever listens reads the password; on a "
        f"network that nobody else is on (TLS mode disable): {command}.",
    )


def failed_tls(instance: Instance) -> ConnectError:
    """Return the error of a driver that began TLS, gave up, and does not say why (FreeTDS)."""
    return ConnectError(
        f"SQL Server at {instance.host}:{instance.port} could not be reached "
        f"({ConnectReason.TLS}): the driver began TLS, gave up, and does not say why.",
        reason=ConnectReason.TLS,
        instance=instance.name,
        hint="Check the instance's TLS mode and the server's certificate; Microsoft's driver "
        "(SYNC_PIPELINE_SQLSERVER_DRIVER) says more.",
    )


def hung_up(instance: Instance) -> ConnectError:
    """Return the error of a server that ended the connection before the login, with no word."""
    return ConnectError(
        f"SQL Server at {instance.host}:{instance.port} could not be reached "
        f"({ConnectReason.LOST}): the server hung up before the login was done.",
        reason=ConnectReason.LOST,
        instance=instance.name,
        hint="Check that SQL Server listens there, and the server's log.",
    )


def open_error(error: BaseException, instance: str, database: str, username: str) -> SyncError:
    """Map what was raised when one database was to be opened."""
    found = fault(error)
    if found.has(DENIED):
        missing = opens_database(database, username)
        return PrivilegeError(
            f"The account {username!r} may not connect to database {database}: {found.text}.",
            missing=missing,
            instance=instance,
            phase=Phase.CONNECT,
            hint=it_needs(missing),
        )
    if found.has(NO_DATABASE) or found.has(UNREADABLE):
        return QueryError(
            f"Database {database} could not be opened: {found.text}.",
            instance=instance,
            phase=Phase.CONNECT,
        )
    return query_error(error, instance)


def own_database_error(error: BaseException, instance: Instance, username: str) -> SyncError:
    """Map what was raised when the instance's own database was to be opened after the login."""
    found = fault(error)
    if found.has(DENIED) or found.has(NO_DATABASE):
        return _no_database(
            found, f"SQL Server at {instance.host}:{instance.port}", instance, username
        )
    return connect_error(error, instance, username)


def query_error(error: BaseException, instance: str, *, is_over: bool = False) -> SyncError:
    """Map what was raised while a catalog query ran.

    `is_over`: the connection has ended, which FreeTDS tells as `Unknown error (0)`.
    """
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
    if _is_lost(found) or (is_over and not found.is_of_server):
        return lost(instance, found.text)
    said = (
        f"error {found.numbers[-1]}" if any(found.numbers) else found.state or "what it can't say"
    )
    return QueryError(
        f"SQL Server answered a catalog query with {said}: {found.text}.", instance=instance
    )


def _is_lost(found: Fault) -> bool:
    is_network = any(20000 <= number < 20100 for number in found.numbers)  # noqa: PLR2004
    is_ended = found.state.startswith("08") or found.state == "HY008" or found.has(ENDED)
    return is_ended or is_network


def lost(instance: str, text: str) -> ConnectError:
    """Return the error of a connection that is gone."""
    return ConnectError(
        f"The connection to SQL Server was lost: {text}.",
        reason=ConnectReason.LOST,
        instance=instance,
        phase=Phase.COLLECT,
        hint="Check the server's log.",
    )
