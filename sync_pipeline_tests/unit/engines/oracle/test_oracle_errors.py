"""Oracle's errors that no server gives on demand: by code, whatever the words around it."""

from __future__ import annotations

import pickle

import oracledb
import pytest

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.oracle.wire.errors import Attempt, connect_error, query_error
from sync_pipeline.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ConnectReason,
    PrivilegeError,
    QueryError,
    QueryTimeout,
    SyncError,
    UnsupportedServer,
)
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.secret import Secret

PASSWORD = "s3cret-of-the-monitor"
WRAPPED = "DPY-6005: cannot connect to database (CONNECTION_ID=aB+/c==).\n"


def refused(message: str) -> SyncError:
    instance = Instance(1, "erp", EngineName.ORACLE, "db1", 1521, "monitor", database="ERP")
    attempt = Attempt(Target(instance, "watcher", Secret(PASSWORD), 60), "ERP")
    return connect_error(oracledb.DatabaseError(message), attempt)


@pytest.mark.parametrize(
    "message",
    [
        "ORA-01017: invalid username/password; logon denied",
        "ORA-01017: nom utilisateur/mot de passe non valide",
        "ORA-28000: The account is locked.",
        "ORA-28001: The account has expired.",
        "DPY-4001: no credentials specified",
        "DPY-3015: password verifier type 0x939 is not supported by python-oracledb in thin mode",
    ],
)
def test_a_rejected_account_is_never_retried(message: str) -> None:
    error = refused(message)
    assert isinstance(error, AuthenticationError)
    assert not error.retryable
    assert "'watcher'" in str(error)
    assert error.hint


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("ORA-12514: TNS:listener does not currently know of service", ConnectReason.REFUSED),
        ("TNS-12505: TNS:listener does not know of SID", ConnectReason.REFUSED),
        (f'{WRAPPED}DPY-6003: SID "X" is not registered', ConnectReason.REFUSED),
        ("ORA-00018: maximum number of sessions exceeded", ConnectReason.TOO_MANY),
        ("ORA-00020: maximum number of processes (300) exceeded", ConnectReason.TOO_MANY),
        ("ORA-12520: TNS:listener could not find handler", ConnectReason.TOO_MANY),
        ("ORA-02391: exceeded simultaneous SESSIONS_PER_USER limit", ConnectReason.TOO_MANY),
        ("ORA-01033: ORACLE initialization or shutdown in progress", ConnectReason.REFUSED),
        ("ORA-12170: TNS:Connect timeout occurred", ConnectReason.TIMEOUT),
        ("ORA-12541: TNS:no listener", ConnectReason.REFUSED),
        ("ORA-12545: target host or object does not exist", ConnectReason.DNS),
        ("ORA-29024: Certificate validation failure", ConnectReason.TLS),
        (f"{WRAPPED}DPY-4011: the database or network closed the connection", ConnectReason.LOST),
        ("ORA-12999: something new", ConnectReason.REFUSED),
        ("ORA-07445: exception encountered: core dump", ConnectReason.UNREACHABLE),
    ],
)
def test_each_code_has_its_reason(message: str, reason: ConnectReason) -> None:
    error = refused(message)
    assert isinstance(error, ConnectError)
    assert error.reason is reason
    assert "CONNECTION_ID" not in str(error)
    assert "DPY-6005" not in str(error)
    assert "\n" not in str(error)


def test_native_network_encryption_names_the_setting() -> None:
    error = refused(
        "DPY-3001: Native Network Encryption and Data Integrity is only supported in "
        "python-oracledb thick mode"
    )
    assert isinstance(error, ConfigurationError)
    assert "SYNC_PIPELINE_ORACLE_CLIENT" in str(error)


def test_a_release_that_the_driver_can_not_read_is_not_supported() -> None:
    message = "DPY-3010: connections to this database server version are not supported"
    assert isinstance(refused(message), UnsupportedServer)


def test_an_account_that_may_not_log_in_is_told_the_grant() -> None:
    error = refused("ORA-01045: user WATCHER lacks CREATE SESSION privilege; logon denied")
    assert isinstance(error, PrivilegeError)
    assert "GRANT CREATE SESSION TO WATCHER;" in str(error)


@pytest.mark.parametrize(
    ("message", "kind", "retryable"),
    [
        ("ORA-00942: table or view does not exist", PrivilegeError, False),
        ("ORA-01031: insufficient privileges", PrivilegeError, False),
        ("ORA-41900: missing READ privilege on SYS.DBA_USERS", PrivilegeError, False),
        ("DPY-4024: call timeout of 60000 ms exceeded", QueryTimeout, True),
        ("ORA-01013: user requested cancel of current operation", QueryTimeout, True),
        ("DPY-4011: the database or network closed the connection", ConnectError, True),
        ("ORA-03113: end-of-file on communication channel", ConnectError, True),
        ("ORA-00028: your session has been killed", ConnectError, True),
        ("ORA-01555: snapshot too old", QueryError, True),
        ("ORA-00904: invalid identifier", QueryError, False),
        (
            "ORA-00604: error at recursive SQL level 1\nORA-01031: insufficient privileges",
            PrivilegeError,
            False,
        ),
    ],
)
def test_errors_of_queries(message: str, kind: type[SyncError], retryable: bool) -> None:
    error = query_error(oracledb.DatabaseError(message), "erp")
    assert type(error) is kind
    assert error.retryable is retryable
    assert "\n" not in str(error)


def test_a_socket_that_breaks_under_a_query_is_a_lost_connection() -> None:
    error = query_error(BrokenPipeError(32, "Broken pipe"), "erp")
    assert isinstance(error, ConnectError)
    assert error.reason is ConnectReason.LOST


def test_no_error_holds_the_password() -> None:
    error = refused("ORA-01017: invalid username/password; logon denied")
    assert PASSWORD not in repr(error)
    assert PASSWORD.encode() not in pickle.dumps(error)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "ORA-00604: error at level 1\nORA-20001: Not from this host\nORA-06512: at line 3",
            "Not from this host",
        ),
        ("ORA-20999: closed for the night", "closed for the night"),
        (
            "ORA-04088: error during execution of trigger 'OPS.LOGON'\nORA-00942: no such table",
            "OPS.LOGON",
        ),
    ],
)
def test_a_logon_trigger_that_refuses_has_its_own_sentence(message: str, said: str) -> None:
    error = refused(message)
    assert isinstance(error, AuthenticationError)
    assert not error.retryable
    assert "A logon trigger of Oracle at db1:1521/ERP rejected the account 'watcher'" in str(error)
    assert said in str(error)
    assert "AFTER LOGON" in str(error.hint)


@pytest.mark.parametrize("code", ["ORA-28002", "ORA-28011"])
def test_a_warning_beside_a_login_is_no_reason(code: str) -> None:
    error = refused(f"{code}: the password will expire within 7 days\nORA-12514: no service")
    assert isinstance(error, ConnectError)
    assert error.reason is ConnectReason.REFUSED
    assert not isinstance(refused(f"{code}: the password will expire"), AuthenticationError)


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("ORA-00257: Archiver error. Connect AS SYSDBA only", "archive destination is full"),
        (
            "ORA-01033: ORACLE initialization or shutdown in progress",
            "a standby that stays mounted",
        ),
        ("ORA-01219: database or pluggable database not open", "mounted and not open"),
        ("ORA-01109: database not open", "mounted and not open"),
        ("DPY-4011: the database or network closed the connection", "native network encryption"),
        ("ORA-28000: The account is locked.", "PASSWORD_LOCK_TIME"),
    ],
)
def test_what_can_be_done_is_said_of_each(message: str, advice: str) -> None:
    assert advice in str(refused(message).hint)


def test_a_closed_connection_may_want_the_client_libraries() -> None:
    hint = str(refused("DPY-4011: the database or network closed the connection").hint)
    assert "SYNC_PIPELINE_ORACLE_CLIENT" in hint
    assert "TCP or TCPS" in hint


def test_a_database_that_is_not_open_is_no_lost_connection() -> None:
    error = query_error(oracledb.DatabaseError("ORA-01219: database not open"), "erp")
    assert isinstance(error, ConnectError)
    assert error.reason is ConnectReason.REFUSED
    assert error.retryable


def test_what_can_not_be_decoded_is_no_mistake_of_the_settings() -> None:
    instance = Instance(1, "erp", EngineName.ORACLE, "db1", 1521, "monitor", database="ERP")
    attempt = Attempt(Target(instance, "watcher", Secret(PASSWORD), 60), "ERP")
    error = connect_error(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"), attempt)
    assert isinstance(error, UnsupportedServer)
