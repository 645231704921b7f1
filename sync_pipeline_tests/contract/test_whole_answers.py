"""An answer that lost rows on its way is never taken for the whole, on any engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from sync_pipeline.collect.accounts import CollectScope, ConnectionOpener, collect_accounts
from sync_pipeline.engines.base import Connection, Engine
from sync_pipeline.engines.mysql_protocol.accounts.views import VIEW
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.errors import QueryError
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionStatus, Snapshot
from sync_pipeline_tests.contract.mysql_family import OBSERVED_AT, Family
from workbench.emulation.sqlserver_connection import emulated
from workbench.emulation.sqlserver_connection import opener as sqlserver_opener
from workbench.emulation.sqlserver_world import World as SqlServerWorld
from workbench.servers.running import RunningServer

Change = Callable[[str, list[dict[str, Any]]], list[dict[str, Any]]]


class Changing:
    """A real connection, some of whose answers are changed on their way."""

    def __init__(self, inner: Connection, change: Change) -> None:
        self._inner = inner
        self._change = change

    def fetch(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        return self._change(sql, self._inner.fetch(sql, parameters))

    def abort(self) -> None:
        self._inner.abort()

    def close(self) -> None:
        self._inner.close()


def without_one_of(table: str) -> Change:
    """Lose one row of what is read from a table; its count stays right."""

    def change(sql: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        is_read = f"FROM {table}\n" in f"{sql.rstrip()}\n" or f"FROM {table} " in sql
        return rows[1:] if is_read and "COUNT(*)" not in sql.upper() else rows

    return change


def changing(
    opened: Callable[[str | None], AbstractContextManager[Connection]], change: Change
) -> ConnectionOpener:
    @contextmanager
    def opener(database: str | None) -> Iterator[Connection]:
        with opened(database) as connection:
            yield Changing(connection, change)

    return opener


def read(engine: Engine, opened: ConnectionOpener) -> Snapshot:
    return collect_accounts(engine, opened, CollectScope("monitor"), OBSERVED_AT)


@pytest.fixture
def family(mysql_family_server: RunningServer) -> Family:
    return Family(mysql_family_server)


def test_accounts_are_counted_where_not_every_table_may_be_read(family: Family) -> None:
    table = "user" if family.is_mysql else "global_priv"
    script = f"GRANT SELECT ON mysql.{table} TO partial@'%'"
    with family.users("partial@'%' IDENTIFIED BY 'x'"):
        family.run(script)
        target = family.target("partial", "x")
        assert family.snapshot(target).accounts
        change = without_one_of(f"mysql.{table}")
        with pytest.raises(QueryError, match="not whole"):
            family.snapshot(target, lambda connection: Changing(connection, change))


def test_grants_that_are_not_all_there_were_not_read(family: Family) -> None:
    """The rest was, and what is not known is carried over, not revoked."""
    with family.users("u@'%'"):
        family.run("GRANT SELECT ON whole.* TO u@'%'")
        change = without_one_of("mysql.db")
        snapshot = family.snapshot(wrap=lambda connection: Changing(connection, change))
    report = snapshot.sections[SectionKey(SectionName.DATABASE)]
    assert report.status is SectionStatus.FAILED
    assert "not whole" in report.reason
    assert any("grants.database not read" in text for text in snapshot.warnings)
    assert list(snapshot.unread) == [SectionKey(SectionName.DATABASE)]


def test_each_kind_of_grant_is_counted_as_it_is_read(family: Family) -> None:
    """Rows that a statement passes over are none that are missing."""
    family.run("CREATE DATABASE whole", "CREATE TABLE whole.t (a int, b int)")
    try:
        with family.users("u@'%'", "v@'%'"):
            family.run(
                "GRANT SELECT (a) ON whole.t TO u@'%'",
                "GRANT UPDATE (b), INSERT ON whole.t TO v@'%'",
                "GRANT UPDATE (b) ON whole.t TO v@'%' WITH GRANT OPTION",
                "GRANT SELECT ON whole.* TO u@'%'",
                "CREATE PROCEDURE whole.p() SELECT 1",
                "GRANT EXECUTE ON PROCEDURE whole.p TO u@'%'",
                "GRANT PROXY ON u@'%' TO v@'%'",
                "CREATE ROLE r",
                "GRANT r TO u@'%'",
                "SET DEFAULT ROLE r TO u@'%'" if family.is_mysql else "DO 0",
            )
            snapshot = family.snapshot()
    finally:
        family.run("DROP ROLE IF EXISTS r", "DROP DATABASE whole")
    assert not snapshot.unread
    assert not snapshot.warnings


@pytest.mark.parametrize(
    "rows",
    [[], [{}], [{"global_priv": None}], [{"global_priv": "x"}], [{"global_priv": -1}]],
)
def test_a_count_that_is_none_proves_nothing(
    mariadb_server: RunningServer, rows: list[dict[str, Any]]
) -> None:
    def change(sql: str, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if "SELECT COUNT(*)" not in sql or "mysql.db" not in sql:
            return given
        return [given[0] | row if row else row for row in rows]

    with pytest.raises(QueryError):
        Family(mariadb_server).snapshot(wrap=lambda connection: Changing(connection, change))


def test_users_of_a_database_of_sql_server() -> None:
    """Emulated, as above. They stay, because the list they are on was not read."""
    with emulated(SqlServerWorld()) as server:
        change = without_one_of("sys.database_principals AS p")
        snapshot = read(SqlServer(), changing(sqlserver_opener(server), change))
    assert not snapshot.is_known(SectionKey(SectionName.ACCOUNTS, "master"))


@pytest.mark.parametrize("name", EngineName)
def test_each_list_of_accounts_is_counted_wherever_it_is_read(name: EngineName) -> None:
    for query in ENGINES[name].account_queries:
        # Oracle's profiles are no accounts.
        if SectionName.ACCOUNTS in query.fills and query.name != "profiles":
            for variant in (*query.variants, *query.made):
                count = query.count_for((99,), variant.place)
                assert count, (query.name, variant)
                assert count.endswith("_view.sql") is (variant.place == VIEW)
