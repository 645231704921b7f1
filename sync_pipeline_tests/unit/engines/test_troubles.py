"""The same trouble is told in the same words on every engine, from its own codes."""

from __future__ import annotations

import string
from collections.abc import Callable

import oracledb
import psycopg
import pymysql
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync_pipeline.engines import troubles
from sync_pipeline.engines.base import Target
from sync_pipeline.engines.mysql_protocol.wire import errors as mysql_errors
from sync_pipeline.engines.oracle.wire import errors as oracle_errors
from sync_pipeline.engines.postgresql.wire import errors as postgresql_errors
from sync_pipeline.engines.sqlserver.wire import errors as sqlserver_errors
from sync_pipeline.engines.troubles import HINTS, Peer, Trouble
from sync_pipeline.errors import ConnectError, ConnectReason, Phase, PrivilegeError, SyncError
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.secret import Secret

Q = "the server's word"


def instance(engine: EngineName) -> Instance:
    return Instance(1, "shop", engine, "db1", 99, "monitor", database="d")


def odbc(state: str, number: int) -> Exception:
    return Exception(state, f"[{state}] [Microsoft][SQL Server]{Q} ({number}) (SQLDriverConnect)")


def postgres(state: str) -> Exception:
    return psycopg.errors.lookup(state)(Q)


def oracle(code: str) -> Exception:
    return oracledb.DatabaseError(f"{code}: {Q}")


def of_query(engine: EngineName) -> dict[Trouble, SyncError]:
    """Return what each engine makes of a code for each kind of trouble with a query."""
    raised: dict[EngineName, tuple[Callable[[Exception], SyncError], dict[Trouble, Exception]]] = {
        EngineName.POSTGRESQL: (
            lambda error: postgresql_errors.query_error(error, "shop"),
            {
                troubles.DENIED: postgres("42501"),
                troubles.SLOW: postgres("57014"),
                troubles.LOST: postgres("08006"),
            },
        ),
        EngineName.SQLSERVER: (
            lambda error: sqlserver_errors.query_error(error, "shop"),
            {
                troubles.DENIED: odbc("42000", 229),
                troubles.SLOW: odbc("HYT00", 0),
                troubles.LOST: odbc("08S01", 0),
            },
        ),
        EngineName.ORACLE: (
            lambda error: oracle_errors.query_error(error, "shop"),
            {
                troubles.DENIED: oracle("ORA-01031"),
                troubles.SLOW: oracle("ORA-01013"),
                troubles.LOST: oracle("ORA-03113"),
            },
        ),
    }
    for family, product in ((EngineName.MYSQL, "MySQL"), (EngineName.MARIADB, "MariaDB")):
        raised[family] = (
            lambda error, product=product: mysql_errors.query_error(  # type: ignore[misc]
                error, "shop", product
            ),
            {
                troubles.DENIED: pymysql.OperationalError(1142, Q),
                troubles.SLOW: pymysql.OperationalError(3024, Q),
                troubles.LOST: pymysql.OperationalError(2013, Q),
            },
        )
    mapped, errors = raised[engine]
    return {trouble: mapped(error) for trouble, error in errors.items()}


PRODUCTS = {
    EngineName.MYSQL: "MySQL",
    EngineName.MARIADB: "MariaDB",
    EngineName.POSTGRESQL: "PostgreSQL",
    EngineName.SQLSERVER: "SQL Server",
    EngineName.ORACLE: "Oracle",
}


@pytest.mark.parametrize("engine", list(EngineName))
def test_a_query_that_fails_is_told_alike(engine: EngineName) -> None:
    for trouble, error in of_query(engine).items():
        said = error.message.replace(PRODUCTS[engine], "IT").replace("ORA-", "").split(":")
        wanted = trouble.sentence.replace("{product}", "IT").split(":")
        assert (said[0], type(error)) == (wanted[0], trouble.error)
        assert error.message.endswith(f"{Q}.")
        assert error.phase is trouble.phase
        assert error.hint in (trouble.hint or None, "Check the server's alert log.")


def logged_in(engine: EngineName) -> SyncError:
    """Return the error of a rejected account."""
    of = instance(engine)
    target = Target(of, "mon", Secret("p"), 60)
    if engine is EngineName.POSTGRESQL:
        said = 'failed: FATAL:  password authentication failed for user "mon"'
        attempt = postgresql_errors.Attempt(target, "d", is_own=True)
        return postgresql_errors.connect_error(psycopg.OperationalError(said[8:]), attempt)
    if engine is EngineName.SQLSERVER:
        return sqlserver_errors.connect_error(odbc("28000", 18456), of, "mon")
    if engine is EngineName.ORACLE:
        oracle_attempt = oracle_errors.Attempt(target, "d")
        return oracle_errors.connect_error(oracle("ORA-01017"), oracle_attempt)
    error = pymysql.OperationalError(1045, Q)
    return mysql_errors.connect_error(error, of, PRODUCTS[engine], "mon")


@pytest.mark.parametrize("engine", list(EngineName))
def test_a_rejected_account_is_told_alike(engine: EngineName) -> None:
    error = logged_in(engine)
    service = "/d" if engine is EngineName.ORACLE else ""
    where = f"{PRODUCTS[engine]} at db1:99{service}"
    assert error.message.startswith(f"{where} rejected the account 'mon': ")
    assert (error.phase, error.retryable, error.instance) == (Phase.CONNECT, False, "shop")
    assert str(error.hint).startswith("Correct the credential (sync-pipeline credentials rotate)")


EVERY = [item for item in vars(troubles).values() if isinstance(item, Trouble)]
EVERY += troubles.UNREACHABLE.values()


words = st.text() | st.sampled_from(["{where}", "{username}", "{", "}", "{0}", "{text}", "{{x}}"])


@given(words, words, words)
@example(text="{where}", username="{text}", database="{0}")
def test_what_servers_and_people_wrote_is_never_read_as_a_template(
    text: str, username: str, database: str
) -> None:
    peer = Peer.of("It", instance(EngineName.MYSQL), username)
    for trouble in EVERY:
        error = peer.error(trouble, text, database=database)
        names = {name for _, name, _, _ in string.Formatter().parse(trouble.sentence) if name}
        assert text in error.message or "text" not in names
        if "username" in names:
            assert repr(username) in error.message
        if "database" in names:
            assert database in error.message


@pytest.mark.parametrize("reason", list(ConnectReason))
def test_every_reason_says_what_to_do(reason: ConnectReason) -> None:
    error = Peer.of("It", instance(EngineName.MYSQL)).unreachable(reason, "so")
    assert isinstance(error, ConnectError)
    assert (error.reason, error.hint) == (reason, HINTS[reason])
    assert error.message == f"It at db1:99 could not be reached ({reason}): so."
    assert error.retryable is (reason is not ConnectReason.TLS)


def test_what_keeps_an_account_out_names_the_grant_twice() -> None:
    error = Peer("It", "shop", username="mon").kept_out("hr", "no", "GRANT X;")
    assert isinstance(error, PrivilegeError)
    assert (error.missing, error.hint) == ("GRANT X;", "It needs: GRANT X;")
