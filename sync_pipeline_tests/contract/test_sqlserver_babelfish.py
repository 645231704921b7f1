"""The contract on Babelfish, a real TDS server, with both drivers.

What is real in it and what is a shim says sync_pipeline_tests/servers/babelfish.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_pipeline.collect.accounts import CollectScope, collect_accounts
from sync_pipeline.collect.sizes import SizeScope, collect_sizes
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Target
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.errors import AuthenticationError
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline_tests.emulation.sqlserver_connection import NOW
from sync_pipeline_tests.servers.babelfish import Babelfish
from sync_pipeline_tests.servers.sqlserver_drivers import DRIVERS

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


def accounts(target: Target) -> Snapshot:
    engine, deadline = SqlServer(), Deadline(120)
    return collect_accounts(
        engine,
        lambda name: open_connection(engine, target, deadline, name),
        CollectScope(target.username),
        NOW,
    )


def sizes(target: Target) -> SizeSnapshot:
    engine, deadline = SqlServer(), Deadline(120)
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


@pytest.mark.parametrize("kind", DRIVERS)
def test_a_wrong_password_is_an_authentication_error(babelfish: Babelfish, kind: str) -> None:
    with pytest.raises(AuthenticationError):
        SqlServer().connect(babelfish.target(kind, password="Wrong-1!"))
