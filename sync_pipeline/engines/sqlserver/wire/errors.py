"""ODBC's errors become the taxonomy: the server's error number, SQLSTATE, message text last.

Numbers: SQL Server documentation, "Database Engine events and errors"; Azure SQL
documentation, "Troubleshoot connectivity issues and other errors" (transient faults). FreeTDS
sends most answers of the server under SQLSTATE 42000, so the number decides first.
"""

from __future__ import annotations

import re
from dataclasses import replace

from sync_pipeline.engines import troubles
from sync_pipeline.engines.sqlserver.names import (
    grant_server,
    opens_azure_database,
    opens_database,
)
from sync_pipeline.engines.sqlserver.wire.azure import (
    WITHOUT_USE,
    WithoutUse,
    logical_server,
    plain_username,
)
from sync_pipeline.engines.sqlserver.wire.faults import Fault, fault
from sync_pipeline.engines.troubles import UNREACHABLE, Peer, Trouble
from sync_pipeline.engines.wire.passwords import on_a_network_of_ones_own
from sync_pipeline.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectReason,
    PrivilegeError,
    SyncError,
    UnsupportedServer,
)
from sync_pipeline.model.gap import it_needs
from sync_pipeline.model.instance import Instance

PRODUCT = "SQL Server"
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
LOGIN_FAILED = 18456
LOCKED_OUT = frozenset({18486})
_LOCKOUT = (
    "Wrong passwords locked the login out, temporarily: it ends with the lockout duration of the "
    "Windows policy, or by ALTER LOGIN ... WITH PASSWORD = ... UNLOCK. Look for who tries them."
)
_CREDENTIAL = troubles.correct_credential("the login")
_ENCRYPTION = "Check the instance's TLS mode and the server's certificate."
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
AZURE_BUSY = frozenset({40197, 40501, 40613, 49918, 49919, 49920})
"""Those that every client of Azure SQL Database has to try again ("Transient fault errors")."""
TOO_MANY = frozenset({10928, 10929, 10936, 17300, 17809, 17810, 17889, 18458, 18459, 18460, 18489})
TRIGGER = 17892
FIREWALL = frozenset({40615, 40914, 47073})
"""Azure lets nobody in from this address, this network, or a public one."""
ELSEWHERE = frozenset({40531, 40532, 40607, 18482, 18483, 18485}) | FIREWALL
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


def connect_error(
    error: BaseException, instance: Instance, username: str, *, tells_last_only: bool = False
) -> SyncError:
    """Map what was raised while a connection was opened.

    What says why stands before 18456, which follows several other errors. `tells_last_only`
    is a driver that passes on the last error alone (FreeTDS).
    """
    found = fault(error)
    peer = Peer.of(PRODUCT, instance, username)
    for numbers, trouble, hint in _LOGIN_ERRORS:
        if found.has(numbers):
            is_master = trouble is troubles.NO_DATABASE and _opens_master(instance)
            return peer.error(trouble, found.text, _OF_ONE_DATABASE if is_master else hint)
    if found.has(DENIED):
        return peer.error(_DENIED, found.text, it_needs(grant_server("CONNECT SQL", username)))
    if _NO_TICKET.match(found.text):
        return peer.error(_WITHOUT_TICKET, found.text)
    if found.has(REJECTED) or found.state == "28000":
        return _rejected(found, peer, instance, may_be_database=tells_last_only)
    if found.is_of_server:
        return peer.unreachable(ConnectReason.UNREACHABLE, found.text)
    return _network_error(found, peer)


def _opens_master(instance: Instance) -> bool:
    """Return whether the login is one to the master of a logical server."""
    return bool(logical_server(instance)) and not instance.database


def _rejected(found: Fault, peer: Peer, instance: Instance, *, may_be_database: bool) -> SyncError:
    hint = _LOCKOUT if found.has(LOCKED_OUT) else _CREDENTIAL
    if _opens_master(instance):
        return peer.error(troubles.REJECTED, found.text, f"{hint} {_OF_ONE_DATABASE}")
    if not (may_be_database and instance.database and LOGIN_FAILED in found.numbers):
        is_wrong = LOGIN_FAILED in found.numbers
        trouble = troubles.WRONG_SECRET if is_wrong else troubles.REJECTED
        return peer.error(trouble, found.text, hint)
    doubt = (
        f"{found.text}. It says the same where the database {instance.database!r} can't be opened, "
        "which this driver does not pass on"
    )
    more = "Or correct the database: sync-pipeline instances edit --database."
    return peer.error(troubles.REJECTED, doubt, f"{hint} {more}")


_OF_ONE_DATABASE = (
    "The login opened master, where the account needs a user; one that lives in one database alone "
    "logs in to that: sync-pipeline instances edit --database."
)
_WITHOUT_TICKET = Trouble(
    AuthenticationError,
    "There is no Kerberos ticket to log in to {where} with: {text}.",
    "Get one for the user that syncs (kinit -k -t KEYTAB), and name its cache in KRB5CCNAME.",
)
_DENIED = Trouble(PrivilegeError, "{where} did not let the account {username!r} in: {text}.")
_TRIGGERED = Trouble(
    PrivilegeError,
    "A logon trigger of {where} did not let the account {username!r} in: {text}.",
    "Look at the triggers in sys.server_triggers, and let them pass the account.",
)
_ELSEWHERE = Trouble(
    ConfigurationError,
    "{where} does not take connections of this kind: {text}.",
    "Check the host name of the instance, and the server's firewall rules.",
)
_NOT_TAKEN = Trouble(
    UnsupportedServer,
    "{where} does not take what the driver sent: {text}.",
    "Use another ODBC driver (SYNC_PIPELINE_SQLSERVER_DRIVER).",
)
_DATABASE = (
    f"{troubles.NO_DATABASE.hint} Where it is right, let the account connect to it, or bring it "
    "online."
)
_CLOSED_NOW = (
    "Wait until the database can be opened; or log in to another one: sync-pipeline instances edit "
    "--database."
)
_AZURE_BUSY = (
    "Azure moves or slows the database, or starts a serverless one that had paused: try again "
    "in a minute, as the next sync does."
)
_LET_IN = (
    "Let the address that the message names in: a firewall rule of the logical server (Networking "
    "in the Azure portal), or a private endpoint."
)
_LOGIN_ERRORS: tuple[tuple[frozenset[int], Trouble, str], ...] = (
    (AZURE_BUSY, UNREACHABLE[ConnectReason.REFUSED], _AZURE_BUSY),
    (
        BUSY,
        UNREACHABLE[ConnectReason.REFUSED],
        "Wait until the server lets logins in; its error log says why it does not.",
    ),
    (TOO_MANY, UNREACHABLE[ConnectReason.TOO_MANY], "Raise the limit of user connections."),
    (frozenset({TRIGGER}), _TRIGGERED, ""),
    (FIREWALL, _ELSEWHERE, _LET_IN),
    (ELSEWHERE, _ELSEWHERE, ""),
    (
        UNREADABLE,
        UNREACHABLE[ConnectReason.REFUSED],
        _CLOSED_NOW,
    ),
    (NO_DATABASE, troubles.NO_DATABASE, _DATABASE),
    (NO_TLS_THERE, UNREACHABLE[ConnectReason.TLS], _ENCRYPTION),
    (OTHER_PROTOCOL, _NOT_TAKEN, ""),
)
"""The first that fits counts: what is said more exactly comes first."""


def _network_error(found: Fault, peer: Peer) -> SyncError:
    """Map what the driver itself found; only the text tells the reasons of 08001 apart."""
    reason = _network_reason(found)
    if reason is None and (found.has(FREETDS_NOT_TDS) or found.state == "08S01"):
        hint = "Correct the instance's engine or port, or check the server's log."
        return peer.error(_HUNG_UP, found.text, hint)
    known = reason or ConnectReason.UNREACHABLE
    return peer.unreachable(known, found.text, _ENCRYPTION if known is ConnectReason.TLS else None)


_HUNG_UP = replace(
    troubles.NOT_SPOKEN,
    sentence="What listens at {endpoint} hung up or does not speak the protocol of {product}: "
    "{text}.",
)


def _network_reason(found: Fault) -> ConnectReason | None:
    for numbers, reason in _NETWORK_NUMBERS:
        if found.has(numbers):
            return reason
    for pattern, reason in _NETWORK_TEXTS:
        if re.search(pattern, found.text, re.IGNORECASE):
            return reason
    return ConnectReason.TIMEOUT if found.state in ("HYT00", "HYT01") else None


def login_timeout(instance: Instance) -> SyncError:
    """Return the error of a port that was open and did not finish the login in time."""
    seconds = instance.timeouts.connect_seconds
    return Peer.of(PRODUCT, instance).unfinished("login", seconds, "the port is open, but ")


def without_tls(instance: Instance) -> SyncError:
    """Return the error of a server that offers no TLS where it must."""
    return Peer.of(PRODUCT, instance).unreachable(
        ConnectReason.TLS,
        "the server offers no TLS",
        "Turn TLS on in the server. Without it whoever listens reads the password. "
        f"{on_a_network_of_ones_own(instance)}",
    )


def failed_tls(instance: Instance) -> SyncError:
    """Return the error of a driver that began TLS, gave up, and does not say why (FreeTDS)."""
    return Peer.of(PRODUCT, instance).unreachable(
        ConnectReason.TLS,
        "the driver began TLS, gave up, and does not say why",
        f"{_ENCRYPTION.removesuffix('.')}; Microsoft's driver (SYNC_PIPELINE_SQLSERVER_DRIVER) "
        "says more.",
    )


def hung_up(instance: Instance) -> SyncError:
    """Return the error of a server that ended the connection before the login, with no word."""
    return Peer.of(PRODUCT, instance).unreachable(
        ConnectReason.LOST,
        "the server hung up before the login was done",
        "Check that SQL Server listens there, and the server's log.",
    )


def entry_error(
    error: BaseException, instance: Instance, database: str, username: str
) -> SyncError | None:
    """Map what was raised when a login was to open one database; None: it is no matter of it.

    The server has let the account in before, so that a rejection is one of the database: without
    a user in it, it is said with 4060 or with 18456, of which a driver may pass on the last alone.
    """
    found = fault(error)
    peer = Peer(PRODUCT, instance.name, username=username)
    username = plain_username(instance, username)
    if found.has(REJECTED | DENIED) or found.has(frozenset({4060, 4064})):
        return peer.kept_out(database, found.text, opens_azure_database(database, username))
    if found.has(NO_DATABASE | UNREADABLE | FIREWALL):
        return peer.error(troubles.NOT_OPENED, found.text, database=database)
    return None


def open_error(error: BaseException, instance: str, database: str, username: str) -> SyncError:
    """Map what was raised when one database was to be opened."""
    found = fault(error)
    peer = Peer(PRODUCT, instance, username=username)
    if WITHOUT_USE in found.numbers:
        return WithoutUse(found.text, instance=instance)
    if found.has(DENIED):
        return peer.kept_out(database, found.text, opens_database(database, username))
    if found.has(NO_DATABASE) or found.has(UNREADABLE):
        return peer.error(troubles.NOT_OPENED, found.text, database=database)
    return query_error(error, instance)


def own_database_error(error: BaseException, instance: Instance, username: str) -> SyncError:
    """Map what was raised when the instance's own database was to be opened after the login."""
    found = fault(error)
    if WITHOUT_USE in found.numbers:
        return WithoutUse(found.text, instance=instance.name)
    if found.has(DENIED) or found.has(NO_DATABASE):
        peer = Peer.of(PRODUCT, instance, username)
        return peer.error(troubles.NO_DATABASE, found.text, _DATABASE)
    return connect_error(error, instance, username)


def query_error(error: BaseException, instance: str, *, is_over: bool = False) -> SyncError:
    """Map what was raised while a catalog query ran.

    `is_over`: the connection has ended, which FreeTDS tells as `Unknown error (0)`.
    """
    found = fault(error)
    peer = Peer(PRODUCT, instance)
    if found.has(DENIED):
        return peer.error(troubles.DENIED, found.text)
    if found.has(LOCKED) or found.state == "HYT00":
        return peer.error(troubles.SLOW, found.text)
    if _is_lost(found) or (is_over and not found.is_of_server):
        return lost(instance, found.text)
    numbered = f"error {found.numbers[-1]}" if any(found.numbers) else ""
    said = numbered or found.state or "what it can't say"
    return peer.error(troubles.FAILED, f"{said}: {found.text}")


def _is_lost(found: Fault) -> bool:
    is_network = any(20000 <= number < 20100 for number in found.numbers)  # noqa: PLR2004
    is_ended = found.state.startswith("08") or found.state == "HY008" or found.has(ENDED)
    return is_ended or is_network


def lost(instance: str, text: str) -> SyncError:
    """Return the error of a connection that is gone."""
    return Peer(PRODUCT, instance).error(troubles.LOST, text)
