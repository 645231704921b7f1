"""From the instance to the first answers on Azure SQL Database, as a new user goes.

The service is emulated (`workbench/emulation/azure_sql.py`); the driver is a real one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from sync_pipeline.model.session import SyncCategory
from sync_pipeline_tests.integration.test_managed_service import synced
from workbench.benches.command import CANARY, Command
from workbench.emulation.azure_sql import HOST, LogicalServer, fleet, listening
from workbench.servers.mysql_faults import authority
from workbench.servers.sqlserver_drivers import FREETDS
from workbench.servers.tds import TdsServer

Serving = Callable[[LogicalServer], AbstractContextManager[TdsServer]]


@pytest.fixture
def serving(command: Command, tmp_path: Path) -> Serving:
    """What has a logical server answer, which is registered as `shop`."""
    command.patch.setenv("SYNC_PIPELINE_SQLSERVER_DRIVER", FREETDS)
    command.ok("credentials", "add", "shop", "--username", "mon", "--password-stdin", stdin=CANARY)
    command.ok(
        "instances", "add", "shop", "--engine", "sqlserver", "--host", HOST, "--credential",
        "shop", "--tls", "require",
    )  # fmt: skip
    keys = authority(tmp_path / "tls", "127.0.0.1")
    return lambda world: listening(world, (keys.certificate, keys.key), command.patch)


def test_from_the_instance_to_the_first_answers(command: Command, serving: Serving) -> None:
    world = fleet()
    world.databases["hr"].listed["objective"] = "GP_S_Gen5_2"
    with serving(world):
        check_answers(command)
    world.databases["hr"].user("new", sid=b"\x77", authentication=2)
    with serving(world):
        assert synced(command).counters.items_created == 1


def check_answers(command: Command) -> None:
    (ready,) = command.ok("instances", "test", "shop", "--json").json
    assert (ready["is_ready"], ready["platform"]) == (True, "azure-sql-database")
    *_, entra, serverless = ready["notes"]
    assert "Entra admin" in entra
    assert "serverless" in serverless
    assert "Azure SQL Database" in command.ok("instances", "test", "shop").out
    first = synced(command)
    (warning,) = first.details["warnings"]
    assert warning.endswith("leaves one out): hr.")
    again = synced(command)
    assert again.details["unchanged"] is True
    answer = command.ok("access", "who-can", "SELECT", "table:shop.dbo.orders", "--json").json
    held = {item["account"] for item in answer["holders"] if item["held"]}
    assert {"admin", "app", "[shop].[own]"} <= held
    assert held.isdisjoint({"stray", "boss", "clerk", "mon", "owner"})
    server = command.ok("access", "who-can", "ALTER ANY LOGIN", "server", "--json").json
    assert {"admin", "boss", "clerk"} <= {
        one["account"] for one in server["holders"] if one["held"]
    }
    found = command.ok("findings", "--json").json["findings"]
    fixes = [item["fix"] for item in found if item["fix"]]
    assert fixes
    assert all(text.startswith("/* in database [") for text in fixes)


def test_a_refused_database_is_named(command: Command, serving: Serving) -> None:
    world = fleet()
    world.permissions.discard("CONNECT ANY DATABASE")
    world.maps("mon", "hr")
    with serving(world):
        said = command.run("instances", "test", "shop")
    assert said.status == 1
    assert "accounts@shop can't be read" in said.out
    assert "/* in database [shop] */ CREATE USER [mon] FOR LOGIN [mon];" in said.out
    assert "@hr" not in said.out


def test_an_account_of_one_database_is_ready_and_says_what_it_leaves_out(
    command: Command, serving: Serving
) -> None:
    """A contained user can be granted nothing more, so that nobody is asked for it."""
    command.ok("instances", "edit", "shop", "--database", "shop")
    world = fleet()
    world.databases["shop"].user("mon", sid=b"\x55", authentication=2)
    world.permissions.clear()
    world.granted["shop"] = {"VIEW DEFINITION", "VIEW DATABASE STATE"}
    with serving(world):
        (ready,) = command.ok("instances", "test", "shop", "--json").json
        assert (ready["is_ready"], ready["unread"], ready["unmeasured"]) == (True, {}, [])
        assert any("other databases are not either" in note for note in ready["notes"])
        record = synced(command)
        assert record.details["warnings"] == []
        assert synced(command, SyncCategory.CAPACITY).details["warnings"] == []
    answer = command.ok("access", "who-can", "SELECT", "table:shop.dbo.orders", "--json").json
    assert "[shop].[own]" in {item["account"] for item in answer["holders"] if item["held"]}
    assert any("The login opened one database" in text for text in answer["not_known"])
    shown = command.ok("accounts", "show", "shop", "[shop].[own]").out
    assert "The login opened one database" in " ".join(shown.split())
    assert "database :" not in shown
