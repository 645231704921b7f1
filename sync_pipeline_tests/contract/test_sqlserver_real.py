"""The contract on a real SQL Server, where SYNC_PIPELINE_TEST_SQLSERVER names one.

The variable is `user:password@host:port` of a sysadmin; docs/compose.yaml starts one.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pyodbc
import pytest

from sync_pipeline.collect.accounts import CollectScope, collect_accounts
from sync_pipeline.collect.sizes import SizeScope, collect_sizes
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Target
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.engines.sqlserver.wire.drivers import choose_driver, connection_string
from sync_pipeline.errors import AuthenticationError
from sync_pipeline.model.instance import Timeouts
from workbench.emulation.sqlserver_connection import NOW
from workbench.servers.sqlserver_drivers import target_at

ADDRESS = os.environ.get("SYNC_PIPELINE_TEST_SQLSERVER", "")
LIMITS = Timeouts(connect_seconds=15, statement_seconds=60, total_seconds=300)
OBJECTS = (
    "CREATE TABLE dbo.orders (id int PRIMARY KEY, amount int)",
    "CREATE USER app FOR LOGIN [sp_test_app]",
    "CREATE USER alone WITHOUT LOGIN",
    "CREATE ROLE team",
    "ALTER ROLE team ADD MEMBER app",
    "GRANT SELECT ON dbo.orders TO app WITH GRANT OPTION",
    "DENY UPDATE ON dbo.orders (amount) TO team",
)

pytestmark = pytest.mark.skipif(
    not ADDRESS, reason="no server: set SYNC_PIPELINE_TEST_SQLSERVER=user:password@host:port"
)


def target(username: str, password: str) -> Target:
    host, _, port = ADDRESS.rpartition("@")[2].partition(":")
    return target_at(
        int(port or 1433), "", host, username=username, password=password, timeouts=LIMITS
    )


@pytest.fixture(scope="module")
def monitor() -> Iterator[Target]:
    """The monitoring account as its script makes it, beside a database with known contents."""
    username, _, password = ADDRESS.rpartition("@")[0].partition(":")
    admin = target(username, password)
    driver = choose_driver("", pyodbc.drivers(), "real")
    secret = f"Aa1!{secrets.token_hex(12)}"
    link = pyodbc.connect(connection_string(driver, admin, admin.instance.tls), autocommit=True)
    script = SqlServer().grants_script("sp_test_mon", "", ()).replace("<password>", secret)
    try:
        for statement in script.splitlines():
            link.execute(statement)
        link.execute(f"CREATE LOGIN [sp_test_app] WITH PASSWORD = '{secret}'")
        link.execute("CREATE DATABASE [sp ]] test]")
        link.execute("USE [sp ]] test]")
        for statement in OBJECTS:
            link.execute(statement)
        yield target("sp_test_mon", secret)
    finally:
        link.execute("USE master")
        for statement in (
            "DROP DATABASE IF EXISTS [sp ]] test]",
            "DROP LOGIN [sp_test_app]",
            "DROP LOGIN [sp_test_mon]",
        ):
            link.execute(statement)
        link.close()


def test_the_script_is_enough_and_the_contents_are_read(monitor: Target) -> None:
    deadline = Deadline(120)
    snapshot = collect_accounts(
        SqlServer(),
        lambda name: open_connection(SqlServer(), monitor, deadline, name),
        CollectScope(monitor.username),
        NOW,
    )
    assert snapshot.unread == {}
    accounts = {item.name: item for item in snapshot.accounts}
    app = accounts["[sp ]] test].[app]"]
    assert dict(app.attributes)["login"] == "sp_test_app"
    assert [item.role for item in app.memberships] == ["[sp ]] test].[team]"]
    assert ("table sp ] test.dbo.orders", "SELECT", True) in {
        (str(item.securable), item.privilege, item.grantable) for item in app.grants
    }
    (denied,) = (item for item in accounts["[sp ]] test].[team]"].grants if item.deny)
    assert str(denied.securable) == "column sp ] test.dbo.orders.amount"
    assert dict(accounts["[sp ]] test].[alone]"].attributes)["is_orphaned"] is False


def test_sizes_are_read(monitor: Target) -> None:
    deadline = Deadline(120)
    snapshot = collect_sizes(
        SqlServer(),
        lambda name: open_connection(SqlServer(), monitor, deadline, name),
        SizeScope(monitor.username, largest_tables=3),
        NOW,
    )
    assert snapshot.warnings == ()
    assert snapshot.unread == ()
    assert snapshot.temporary.bytes


def test_a_wrong_password_is_an_authentication_error(monitor: Target) -> None:
    with pytest.raises(AuthenticationError):
        SqlServer().connect(target(monitor.username, "Wrong-1!"))
