"""psycopg's errors that no private server gives on demand: other languages, other states."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.postgresql.wire.errors import (
    Attempt,
    connect_error,
    may_be_counted,
    query_error,
)
from sync_pipeline.errors import (
    AuthenticationError,
    ConnectError,
    ConnectReason,
    PrivilegeError,
    QueryError,
    QueryTimeout,
    SyncError,
)
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.secret import Secret

PREFIX = 'connection failed: connection to server at "{host}", port 5432 failed: '
PASSWORD = "s3cret-of-the-monitor"


def mapped(message: str, host: str = "db1", *, is_own: bool = True) -> SyncError:
    instance = Instance(1, "billing", EngineName.POSTGRESQL, host, 5432, "monitor")
    target = Target(instance, "watcher", Secret(PASSWORD), 60)
    text = PREFIX.format(host=host) + message
    return connect_error(psycopg.OperationalError(text), Attempt(target, "postgres", is_own))


@pytest.mark.parametrize(
    "host",
    ["tls-db", "timeout.example", "certificate", "SSL", "refused", "too many clients", "::1"],
)
@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Connection refused\n\tIs the server running on that host?", ConnectReason.REFUSED),
        ("Connection timed out", ConnectReason.TIMEOUT),
        ("No route to host", ConnectReason.UNREACHABLE),
        ("SSL error: certificate verify failed", ConnectReason.TLS),
        ("FATAL:  sorry, too many clients already", ConnectReason.TOO_MANY),
        (
            "FATAL:  remaining connection slots are reserved for superusers",
            ConnectReason.TOO_MANY,
        ),
        ("FATAL:  the database system is starting up", ConnectReason.REFUSED),
    ],
)
def test_the_host_s_name_never_decides(host: str, message: str, reason: ConnectReason) -> None:
    error = mapped(message, host)
    assert isinstance(error, ConnectError)
    assert error.reason is reason
    assert error.retryable is (reason is not ConnectReason.TLS)


@pytest.mark.parametrize(
    "message",
    [
        "FATAL:  Passwort-Authentifizierung für Benutzer »watcher« fehlgeschlagen",
        "致命错误:  用户 watcher Password 认证失败",
        "ВАЖНО:  пользователь не прошёл проверку подлинности (по паролю)",
    ],
)
def test_an_answer_in_another_language_is_not_tried_again(message: str) -> None:
    """It may be a rejected password, and a retry would lock the account."""
    error = mapped(message)
    assert not error.retryable
    assert message.partition(":  ")[2] in str(error)


@pytest.mark.parametrize(
    "message",
    [
        'FATAL:  password authentication failed for user "watcher"',
        'FATAL:  LDAP authentication failed for user "watcher"',
        'FATAL:  no pg_hba.conf entry for host "1.2.3.4", user "watcher", no encryption',
        'FATAL:  role "watcher" is not permitted to log in',
        "FATAL:  connection requires a valid client certificate",
    ],
)
def test_a_rejected_account_is_an_authentication_error(message: str) -> None:
    assert isinstance(mapped(message), AuthenticationError)


@pytest.mark.parametrize(
    "message",
    [
        'FATAL:  Peer authentication failed for user "watcher"',
        'FATAL:  certificate authentication failed for user "watcher"',
        "FATAL:  connection requires a valid client certificate",
        'FATAL:  no pg_hba.conf entry for host "1.2.3.4", user "watcher", no encryption',
    ],
)
def test_a_line_that_compares_no_secret_rejects_none(message: str) -> None:
    own, other = mapped(message), mapped(message, is_own=False)
    assert isinstance(own, AuthenticationError)
    assert not own.is_secret_wrong
    # Of another database it costs that one alone.
    assert isinstance(other, PrivilegeError)
    assert "pg_hba.conf" in str(other)
    assert not may_be_counted(psycopg.OperationalError(message))


@pytest.mark.parametrize(
    ("message", "may_be"),
    [
        ('FATAL:  password authentication failed for user "watcher"', True),
        ('FATAL:  LDAP authentication failed for user "watcher"', True),
        ("FATAL:  Passwort-Authentifizierung fehlgeschlagen", True),
        ('FATAL:  database "x" does not exist', True),
        ("FATAL:  sorry, too many clients already", False),
        ("FATAL:  the database system is starting up", False),
        ("Connection refused", False),
        ("server does not support SSL, but SSL was required", False),
    ],
)
def test_what_may_have_been_counted_is_not_sent_elsewhere(message: str, may_be: bool) -> None:
    whole = f'connection to server at "db1", port 5432 failed: {message}'
    assert may_be_counted(psycopg.OperationalError(whole)) is may_be


def test_the_last_attempt_of_several_speaks() -> None:
    error = mapped(
        "SSL error: unexpected eof while reading\n"
        'connection to server at "db1", port 5432 failed: FATAL:  password authentication '
        'failed for user "watcher"\n'
    )
    assert isinstance(error, AuthenticationError)


@given(st.text())
def test_any_message_becomes_one_line_without_a_secret(message: str) -> None:
    for is_own in (True, False):
        error = mapped(message, is_own=is_own)
        assert len(str(error).splitlines()) == 1
        assert str(error).startswith("billing: ")
        assert PASSWORD not in str(error)


@pytest.mark.parametrize(
    ("state", "error_type", "retryable"),
    [
        ("42501", PrivilegeError, False),
        ("57014", QueryTimeout, True),
        ("55P03", QueryTimeout, True),
        ("57P01", ConnectError, True),
        ("57P02", ConnectError, True),
        ("08006", ConnectError, True),
        # A standby cancels what conflicts with its recovery: the connection stays.
        ("40001", QueryError, True),
        ("53200", QueryError, True),
        ("58030", QueryError, True),
        ("42703", QueryError, False),
        ("22021", QueryError, False),
        ("XX001", QueryError, False),
    ],
)
def test_sqlstate_decides(state: str, error_type: type[SyncError], retryable: bool) -> None:
    misleading = psycopg.errors.lookup(state)("permission denied: statement timeout, refused.")
    error = query_error(misleading, "billing")
    assert type(error) is error_type
    assert error.retryable is retryable
    assert str(error).startswith("billing: ")


def test_a_connection_that_broke_has_no_sqlstate() -> None:
    error = query_error(psycopg.OperationalError("server closed the connection"), "billing")
    assert isinstance(error, ConnectError)
    assert error.reason is ConnectReason.LOST
