"""The contract on Babelfish, a real TDS server, with both drivers.

What is real in it and what is a shim says workbench/servers/babelfish.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from sync_pipeline.collect.accounts import CollectScope, collect_accounts
from sync_pipeline.collect.sizes import SizeScope, collect_sizes
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Connection, HiddenDatabases, Target
from sync_pipeline.engines.sqlserver.accounts.azure import LOGICAL_SERVER
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.engines.sqlserver.wire import connection as wire
from sync_pipeline.engines.sqlserver.wire.session import session_settings
from sync_pipeline.errors import AuthenticationError
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.size import MeasureName, SizeSnapshot
from sync_pipeline.model.snapshot import ServerIdentity, Snapshot
from workbench.emulation.sqlserver_connection import NOW
from workbench.servers.babelfish import Babelfish
from workbench.servers.sqlserver_drivers import DRIVERS

SALES = "sp sälés"
OBJECTS = (
    "CREATE TABLE dbo.orders (id int PRIMARY KEY, amount int)",
    "CREATE TABLE dbo.[ordèrs été] (id int PRIMARY KEY)",
    "CREATE SCHEMA app",
    "CREATE PROCEDURE dbo.pay AS SELECT 1",
    "CREATE USER app FOR LOGIN sp_app",
    "CREATE USER other FOR LOGIN [sp_o'brien]",
    "CREATE ROLE team",
    "ALTER ROLE team ADD MEMBER app",
    "GRANT SELECT ON dbo.orders TO app WITH GRANT OPTION",
    "GRANT UPDATE ON dbo.orders TO team",
    "GRANT SELECT ON dbo.[ordèrs été] TO other",
    "GRANT EXECUTE ON dbo.pay TO other",
    "INSERT INTO dbo.orders SELECT i, i FROM generate_series(1, 20000) AS g(i)",
)


@pytest.fixture(scope="module")
def sales(babelfish: Babelfish) -> Iterator[Babelfish]:
    """A database with known contents, and logins of its own."""
    babelfish.run(
        "CREATE LOGIN sp_app WITH PASSWORD = 'Aa1!x'",
        "CREATE LOGIN [sp_o'brien] WITH PASSWORD = 'Aa1!x'",
        f"CREATE DATABASE [{SALES}]",
    )
    babelfish.run(*OBJECTS, database=SALES)
    yield babelfish
    babelfish.run(f"DROP DATABASE [{SALES}]", "DROP LOGIN sp_app", "DROP LOGIN [sp_o'brien]")


def accounts(target: Target, engine: SqlServer | None = None) -> Snapshot:
    engine, deadline = engine or SqlServer(), Deadline(120)
    return collect_accounts(
        engine,
        lambda name: open_connection(engine, target, deadline, name),
        CollectScope(target.username),
        NOW,
    )


def sizes(target: Target, engine: SqlServer | None = None) -> SizeSnapshot:
    engine, deadline = engine or SqlServer(), Deadline(120)
    return collect_sizes(
        engine,
        lambda name: open_connection(engine, target, deadline, name),
        SizeScope(target.username, largest_tables=1),
        NOW,
    )


def granted(state: AccountState) -> set[tuple[str, str, bool]]:
    return {(str(item.securable), item.privilege, item.grantable) for item in state.grants}


@pytest.mark.parametrize("kind", DRIVERS)
def test_accounts_are_read_with_nothing_missing(sales: Babelfish, kind: str) -> None:
    snapshot = accounts(sales.target(kind))
    assert snapshot.unread == {}
    assert snapshot.server.version == "16.0.4165.4"
    assert snapshot.server.tls == "TLS"
    assert SALES in snapshot.databases
    found = {item.name: item for item in snapshot.accounts}
    assert {"sp_app", "sp_o'brien", "sysadmin", "bbf_admin"} <= set(found)
    assert found["bbf_admin"].is_superuser
    assert not found["sp_app"].is_superuser
    app = found[f"[{SALES}].[app]"]
    assert dict(app.attributes)["login"] == "sp_app"
    assert dict(app.attributes)["is_orphaned"] is False
    assert [item.role for item in app.memberships] == [f"[{SALES}].[team]"]
    assert (f"table {SALES}.dbo.orders", "SELECT", True) in granted(app)
    assert (f"table {SALES}.dbo.orders", "UPDATE", False) in granted(found[f"[{SALES}].[team]"])
    assert granted(found[f"[{SALES}].[other]"]) >= {
        (f"table {SALES}.dbo.ordèrs été", "SELECT", False),
        (f"procedure {SALES}.dbo.pay", "EXECUTE", False),
    }


@pytest.mark.parametrize("kind", DRIVERS)
def test_sizes_are_read_with_nothing_missing(sales: Babelfish, kind: str) -> None:
    snapshot = sizes(sales.target(kind))
    assert snapshot.warnings == ()
    assert snapshot.unread == ()
    (found,) = (item for item in snapshot.databases if item.name == SALES)
    (table,) = found.tables
    assert (table.schema, table.name) == ("dbo", "orders")
    assert found.data.bytes is not None
    assert found.data.bytes >= (table.data_bytes or 0) > 20_000 * 8


class Logical(SqlServer):
    """Reads a server as a logical one of Azure SQL Database, which it says that it is not."""

    __module__ = SqlServer.__module__  # where its statements are

    def identify(self, connection: Connection) -> ServerIdentity:
        found = super().identify(connection)
        return replace(found, place=LOGICAL_SERVER, platform=Platform.AZURE_SQL)


def test_what_reads_a_logical_server_is_t_sql(
    sales: Babelfish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its statements run, in a database that the login itself opens."""
    monkeypatch.setattr(wire, "logical_server", lambda _: "srv")
    engine, target = Logical(), sales.target()
    as_logical, as_server = (
        {item.name: item for item in accounts(target, engine).accounts if SALES in item.name}
        for engine in (engine, SqlServer())
    )
    assert {name: granted(item) for name, item in as_logical.items()} == {
        name: granted(item) for name, item in as_server.items()
    }
    assert {name: item.memberships for name, item in as_logical.items()} == {
        name: item.memberships for name, item in as_server.items()
    }
    users = (f"[{SALES}].[app]", f"[{SALES}].[other]")
    logins = [dict(as_logical[name].attributes).get("login") for name in users]
    assert logins == ["sp_app", "sp_o'brien"]
    (found,) = (item for item in sizes(target, engine).databases if item.name == SALES)
    assert (found.data.bytes or 0) > 20_000 * 8


@pytest.mark.parametrize("kind", DRIVERS)
def test_a_wrong_password_is_an_authentication_error(babelfish: Babelfish, kind: str) -> None:
    with pytest.raises(AuthenticationError):
        SqlServer().connect(babelfish.target(kind, password="Wrong-1!"))


def test_a_session_that_cuts_rows_off_is_pinned(sales: Babelfish) -> None:
    """What `user options` may make of a session, the batch that begins it takes back."""
    rows = "SELECT name FROM sys.all_objects"
    spoiled = (
        *("ROWCOUNT 2", "TEXTSIZE 3", "CONCAT_NULL_YIELDS_NULL OFF", "ANSI_NULLS OFF"),
        *("QUOTED_IDENTIFIER OFF", "DATEFIRST 1", "ARITHABORT OFF", "IMPLICIT_TRANSACTIONS ON"),
        *("TRANSACTION ISOLATION LEVEL READ UNCOMMITTED", "XACT_ABORT ON"),
    )
    with sales.administrator() as raw:
        raw.execute("; ".join(f"SET {option}" for option in spoiled))
        assert len(raw.execute(rows).fetchall()) == 2
        assert raw.execute("SELECT NULL + 'a'").fetchval() == "a"
        assert raw.execute("SELECT @@OPTIONS & 2").fetchval() == 2
        raw.execute("IF @@TRANCOUNT > 0 ROLLBACK")
        raw.execute(session_settings(5))
        assert len(raw.execute(rows).fetchall()) > 100
        found = raw.execute("SELECT NULL + 'a', @@DATEFIRST, @@LOCK_TIMEOUT").fetchone()
        assert tuple(found) == (None, 7, 5000)
        assert raw.execute("SELECT @@OPTIONS & 2").fetchval() == 0


def test_a_deny_that_hides_databases_is_named(sales: Babelfish) -> None:
    deny = {"class": 100, "class_desc": "SERVER", "major": "", "grantee": "public"}
    deny |= {"permission": "VIEW ANY DATABASE", "state": "D", "type": "VWDB"}
    with (
        sales.shimmed("shim_server_permissions", {**deny, "grantor": "bbf_admin"}),
        sales.without_permissions("VIEW ANY DATABASE"),
    ):
        connection = SqlServer().connect(sales.target())
        with pytest.raises(HiddenDatabases) as caught:
            SqlServer().databases(connection, "mon")
        connection.close()
        measured = [sizes(sales.target(kind)) for kind in DRIVERS]
    assert "REVOKE VIEW ANY DATABASE FROM [public];" in str(caught.value)
    assert SALES in {entry.name for entry in caught.value.listed}
    for snapshot in measured:
        total = snapshot.measures()[MeasureName.TOTAL]
        assert "REVOKE VIEW ANY DATABASE FROM [public];" in total.reason
        assert SALES in {item.name for item in snapshot.databases}
        assert not snapshot.inventory_is_complete
