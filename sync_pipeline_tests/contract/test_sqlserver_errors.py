"""What goes wrong with SQL Server alone; what all engines promise is in `test_errors.py`."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Target
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.engines.sqlserver.wire.connection import login_database
from sync_pipeline.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ConnectReason,
    PrivilegeError,
    QueryError,
    QueryTimeout,
    SyncError,
)
from workbench.servers.sqlserver_drivers import (
    DRIVERS,
    PASSWORD,
    SHORT,
    driver_named,
    target_at,
)
from workbench.servers.tds import Login, Rows, ServerError, TdsServer, tds_server

MARGIN_SECONDS = 4


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    return driver_named(request.param)


def refusal(target: Target, database: str | None = None) -> SyncError:
    """Return the error of a connection, which is on time, named, and without a password."""
    started = time.monotonic()
    with pytest.raises(SyncError) as caught:
        SqlServer().connect(target, database)
    assert time.monotonic() - started < SHORT.connect_seconds + MARGIN_SECONDS
    return checked(caught.value)


def checked(error: SyncError) -> SyncError:
    again = pickle.loads(pickle.dumps(error))
    for text in (str(error), repr(error), repr(error.__dict__), str(again)):
        assert PASSWORD not in text
        assert "PWD" not in text
    assert error.__cause__ is None
    assert str(error).startswith("the-instance: ")
    return error


def rejecting(number: int, message: str = "no") -> Callable[[Login], None]:
    def reject(login: Login) -> None:
        raise ServerError(number, message)

    return reject


@pytest.mark.parametrize(
    ("host", "command"),
    [
        (r"srv\INST", "--host srv --port PORT."),
        (r"srv.corp\INST,1444", "--host srv.corp --port 1444."),
        ("srv,1444", "--host srv --port 1444."),
        ("tcp:srv,1444", "--host srv --port 1444."),
    ],
)
def test_a_host_with_an_instance_or_a_port_says_how_to_give_them(host: str, command: str) -> None:
    error = refusal(target_at(1433, driver_named("FreeTDS"), host))
    assert isinstance(error, ConfigurationError)
    assert f"instances edit the-instance {command}" in str(error)
    assert ("Configuration Manager" in str(error)) is ("INST" in host)


@pytest.mark.parametrize("number", [18456, 18470, 18486, 18487, 18488, 18452])
def test_a_rejected_login_is_an_authentication_error(driver: str, number: int) -> None:
    with tds_server(rejecting(number, "Login failed for user 'mon'.")) as server:
        error = refusal(target_at(server.port, driver))
    assert isinstance(error, AuthenticationError)
    assert "rejected the account 'mon'" in str(error)
    assert not error.retryable
    assert error.hint


def test_a_database_that_is_not_there_is_a_matter_of_configuration(driver: str) -> None:
    message = 'Cannot open database "nope" requested by the login. The login failed.'
    with tds_server(rejecting(4060, message)) as server:
        error = refusal(target_at(server.port, driver, database="nope"))
    assert isinstance(error, ConfigurationError)
    assert "instances edit --database" in str(error)


def test_a_login_without_connect_sql_lacks_a_privilege(driver: str) -> None:
    with tds_server(rejecting(916, "The server principal is not able to access it.")) as server:
        error = refusal(target_at(server.port, driver))
    assert isinstance(error, PrivilegeError)


@pytest.mark.parametrize(
    "password", [PASSWORD, "}", "{a}", "a}b", "=;", "' or \"", " x ", "p;UID=sa;", "日本語", "a]}"]
)
def test_a_password_is_sent_as_it_is(driver: str, password: str) -> None:
    with tds_server() as server:
        target = target_at(server.port, driver, password=password, username="m}o;n")
        SqlServer().connect(target).close()
    (login,) = server.logins
    assert login.password == password
    assert login.username == "m}o;n"
    assert login.application == "sync_pipeline"
    assert login.is_read_only


def test_a_password_that_a_driver_cant_be_given_is_a_clear_error() -> None:
    password = "a};b"
    with tds_server() as server:
        error = refusal(target_at(server.port, driver_named("FreeTDS"), password=password))
    assert isinstance(error, ConfigurationError)
    assert "password has characters" in str(error)
    assert password not in str(error)
    assert server.logins == []


def test_the_session_is_bounded_on_the_server_and_a_database_is_opened_after_the_login(
    driver: str,
) -> None:
    with tds_server() as server:
        SqlServer().connect(target_at(server.port, driver), "my ] db").close()
    assert [login.database for login in server.logins] == ["master"]
    sent = " ".join(server.batches)
    assert "SET LOCK_TIMEOUT 2000" in sent
    assert "USE [my ]] db]" in sent


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (916, PrivilegeError),
        (976, QueryError),
        (978, QueryError),
        (942, QueryError),
        (927, QueryError),
        (911, QueryError),
        *((number, QueryError) for number in (921, 923, 926, 982, 988)),
    ],
)
def test_a_database_that_cannot_be_opened_is_named(
    driver: str, number: int, kind: type[SyncError]
) -> None:
    def answer(login: Login, sql: str) -> Rows | None:
        if sql.startswith("USE"):
            raise ServerError(number, "not now")
        return None

    with tds_server(on_batch=answer) as server:
        error = refusal(target_at(server.port, driver), "sales")
    assert type(error) is kind
    assert "database sales" in str(error).lower()


@pytest.mark.parametrize("mode", ["SINGLE_USER", "RESTRICTED_USER"])
def test_a_database_that_was_taken_since_it_was_listed_is_not_opened(
    driver: str, mode: str
) -> None:
    def answer(login: Login, sql: str) -> Rows | None:
        return Rows(["user_access_desc"], [[mode]]) if "N'o''r'" in sql else None

    with tds_server(on_batch=answer) as server:
        error = refusal(target_at(server.port, driver), "o'r")
    assert isinstance(error, QueryError)
    assert mode in str(error)
    assert not [sql for sql in server.batches if sql.startswith("USE")]


@pytest.mark.parametrize("mode", ["SINGLE_USER", "RESTRICTED_USER", "STANDBY", "MULTI_USER"])
def test_the_login_never_opens_the_instances_own_database_unjudged(driver: str, mode: str) -> None:
    """In SINGLE_USER the login would be its one connection; `master` serves as well."""

    def answer(login: Login, sql: str) -> Rows | None:
        if "N'bu]sy'" in sql:
            return Rows(["mode"], [[mode]])
        return Rows(["x"], [[1]]) if sql.startswith("SELECT") else None

    with tds_server(on_batch=answer) as server:
        connection = SqlServer().connect(target_at(server.port, driver, database="bu]sy"))
        assert connection.fetch("SELECT 1 AS x") == [{"x": 1}]
        connection.close()
    assert [login.database for login in server.logins] == ["master"]
    opened = [sql for sql in server.batches if sql.startswith("USE")]
    assert opened == (["USE [bu]]sy]"] if mode == "MULTI_USER" else [])


@pytest.mark.parametrize("number", [911, 916])
def test_an_own_database_that_cannot_be_opened_is_a_matter_of_configuration(
    driver: str, number: int
) -> None:
    def answer(login: Login, sql: str) -> Rows | None:
        if sql.startswith("USE"):
            raise ServerError(number, "not that one")
        return None

    with tds_server(on_batch=answer) as server:
        error = refusal(target_at(server.port, driver, database="nope"))
    assert isinstance(error, ConfigurationError)
    assert "instances edit --database" in str(error)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("srv.database.windows.net", "app"),
        ("SRV.database.chinacloudapi.cn.", "app"),
        ("srv.example.com", "master"),
        ("database.windows.net.example.com", "master"),
    ],
)
def test_azure_sql_database_has_no_use_and_is_opened_by_the_login(host: str, expected: str) -> None:
    instance = target_at(1433, host=host, database="app").instance
    assert login_database(instance) == expected
    assert login_database(replace(instance, database="")) == "master"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (229, PrivilegeError),
        (230, PrivilegeError),
        (297, PrivilegeError),
        (300, PrivilegeError),
        (371, PrivilegeError),
        (1222, QueryTimeout),
        (208, QueryError),
        (8134, QueryError),
    ],
)
def test_errors_of_a_statement_are_told_apart_by_their_number(
    driver: str, number: int, kind: type[SyncError]
) -> None:
    def answer(login: Login, sql: str) -> Rows | None:
        if sql.startswith("SELECT"):
            raise ServerError(number, "the server's own words")
        return None

    with tds_server(on_batch=answer) as server:
        connection = SqlServer().connect(target_at(server.port, driver))
        with pytest.raises(SyncError) as caught:
            connection.fetch("SELECT 1 AS x")
        connection.close()
    error = checked(caught.value)
    assert type(error) is kind
    assert "the server's own words" in str(error)


def test_a_statement_without_an_answer_ends_at_its_limit(driver: str) -> None:
    """Even where the server does not confirm that the statement was cancelled."""
    with tds_server() as server:
        connection = SqlServer().connect(target_at(server.port, driver))
        server.is_silent.set()
        started = time.monotonic()
        with pytest.raises(QueryTimeout) as caught:
            connection.fetch("SELECT 1 AS x")
        connection.close()
        assert time.monotonic() - started < SHORT.statement_seconds + MARGIN_SECONDS
    assert checked(caught.value).retryable


def test_the_deadline_of_an_instance_breaks_a_statement_off(driver: str) -> None:
    with tds_server() as server:
        target = target_at(server.port, driver)
        started = time.monotonic()
        with pytest.raises(QueryTimeout, match="did not end within its limit"):
            fetch_while_silent(server, target)
        assert time.monotonic() - started < 3


def fetch_while_silent(server: TdsServer, target: Target) -> None:
    with open_connection(SqlServer(), target, Deadline(1)) as connection:
        server.is_silent.set()
        connection.fetch("SELECT 1 AS x")


def test_a_server_that_goes_away_is_a_lost_connection(driver: str) -> None:
    def answer(login: Login, sql: str) -> Rows | None:
        if sql.startswith("SELECT"):
            raise EOFError
        return None

    with tds_server(on_batch=answer) as server:
        connection = SqlServer().connect(target_at(server.port, driver))
        with pytest.raises(ConnectError) as caught:
            connection.fetch("SELECT 1 AS x")
        connection.close()
    assert checked(caught.value)
    assert caught.value.reason is ConnectReason.LOST
    assert caught.value.retryable


def test_parameters_are_bound_by_the_driver(driver: str) -> None:
    def answer(login: Login, sql: str) -> Rows | None:
        return Rows(["x"], [[7]]) if "SELECT" in sql else None

    with tds_server(on_batch=answer) as server:
        connection = SqlServer().connect(target_at(server.port, driver))
        rows = connection.fetch("SELECT TOP (%(limit)s) x", {"limit": 4711})
        connection.close()
    assert rows == [{"x": 7}]
    assert "SELECT TOP (4711) x" in server.batches  # the responder put the value in


def test_two_threads_use_two_connections(driver: str) -> None:
    def answer(login: Login, sql: str) -> Rows | None:
        return Rows(["who"], [[login.username]]) if sql.startswith("SELECT") else None

    found: dict[str, object] = {}

    def ask(port: int, name: str) -> None:
        connection = SqlServer().connect(target_at(port, driver, username=name))
        found[name] = [connection.fetch("SELECT who") for _ in range(5)]
        connection.close()

    with tds_server(on_batch=answer) as server:
        threads = [threading.Thread(target=ask, args=(server.port, f"u{i}")) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert found == {f"u{i}": [[{"who": f"u{i}"}]] * 5 for i in range(4)}
