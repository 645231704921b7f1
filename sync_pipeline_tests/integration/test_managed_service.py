"""From the script to the first answer on a service like Amazon RDS, as a new user goes.

The service is emulated on a real server (`workbench/emulation/postgresql_services.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from sync_pipeline.cli.context import utc_now
from sync_pipeline.engines.postgresql.accounts.predefined import PREDEFINED_ROLES
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.session import InstanceRecord, SyncCategory
from sync_pipeline.settings import Settings
from sync_pipeline.store.schema import instances
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.accounts import sync_instance_accounts
from sync_pipeline.workflows.syncing.recorded import InstanceWork
from sync_pipeline.workflows.syncing.sizes import sync_instance_sizes
from sync_pipeline_tests.integration.test_cli_servers import register, statements
from workbench.benches.command import Command
from workbench.benches.store_bench import StoreBench
from workbench.emulation.postgresql_services import customer, service_on
from workbench.servers.postgresql_bench import PostgresBench, raw

OF_ENGINE = PREDEFINED_ROLES
pytestmark = pytest.mark.postgresql


@pytest.fixture
def rds(newest_bench: PostgresBench) -> Iterator[PostgresBench]:
    with service_on(newest_bench, Platform.RDS) as made:
        yield made


def synced(command: Command, category: SyncCategory = SyncCategory.ACCOUNT) -> InstanceRecord:
    """Sync the instance by hand, and return what was recorded."""
    store, settings = command.store(), Settings.load()
    deps = SyncDeps(store, SecretVault.open(settings), settings, utc_now)
    instance = store.registry.instance("shop")
    assert instance is not None
    session = StoreBench(store, utc_now()).open([instance]).session_id
    run = sync_instance_accounts if category is SyncCategory.ACCOUNT else sync_instance_sizes
    run(deps, InstanceWork(instance, session, session, category))
    (record,) = store.sessions.records(session)
    return record


def test_from_the_script_to_the_first_answer(command: Command, rds: PostgresBench) -> None:
    own = customer(rds)
    own.run("CREATE ROLE ann LOGIN", "CREATE TABLE orders (id integer)")
    own.run("GRANT SELECT ON orders TO ann")
    options = ("--platform", "rds", "--database", "postgres", "--database", "bench")
    script = command.ok("grants", "postgresql", *options).out
    assert "superuser" not in script.partition("Optional")[2]
    with own.admin("postgres") as link:
        for line in statements(command, "postgresql", *options):
            link.execute(raw(line))
    register(command, rds.server, "shop", "sync_monitor")
    assert command.ok("instances", "show", "shop", "--json").json["platform"] is None
    (ready,) = command.ok("instances", "test", "shop", "--json").json
    assert (ready["is_ready"], ready["platform"]) == (True, "rds")
    assert (ready["unread"], ready["unmeasured"], ready["notes"]) == ({}, [], [])
    assert "Amazon RDS" in command.ok("instances", "test", "shop").out
    assert synced(command).counters.items_created == ready["accounts"] - len(OF_ENGINE)
    (listed,) = command.ok("instances", "list", "--json").json
    assert listed["platform"] == "rds"
    shown = command.ok("instances", "show", "shop", "--json").json
    assert {**listed, "server": shown["server"]} == shown
    accounts = {
        item["state"]["name"]: item for item in command.ok("accounts", "list", "--json").json
    }
    providers = {name for name, item in accounts.items() if item["is_provider"]}
    assert {"rdsadmin", "rds_superuser"} <= providers
    assert providers.isdisjoint({"postgres", "ann", "sync_monitor"})
    assert "provider, superuser" in command.ok("accounts", "show", "shop", "rdsadmin").out
    assert "not read" not in command.ok("accounts", "show", "shop", "postgres").out
    found: list[dict[str, Any]] = command.ok("findings", "--json").json["findings"]
    told = {(item["severity"], item["account"], item["rule"]) for item in found}
    assert ("high", "postgres", "service-administrator") in told
    assert not {item["account"] for item in found} & providers
    answer = command.ok("access", "who-can", "SELECT", "table:bench.public.orders", "--json").json
    held = {item["account"] for item in answer["holders"] if item["held"]}
    assert held == {"ann", "postgres", "rdsadmin"}
    assert "rdsadmin" not in "".join(answer["not_known"])
    of = command.ok("access", "of", "rdsadmin", "--instance", "shop", "--json").json
    assert of["facts"]["is_provider"] is True


def test_excluded_databases_are_left_out_of_both_syncs(
    command: Command, newest_bench: PostgresBench
) -> None:
    """What can't be opened and is excluded keeps no instance from being ready."""
    newest_bench.run(
        "REVOKE CONNECT ON DATABASE bench FROM PUBLIC",
        "CREATE ROLE cli_monitor LOGIN IN ROLE pg_monitor",
    )
    register(command, newest_bench.server, "shop", "cli_monitor")
    assert command.run("instances", "test", "shop").status == 1
    command.patch.setenv("SYNC_PIPELINE_EXCLUDED_DATABASES", '["bench"]')
    (ready,) = command.ok("instances", "test", "shop", "--json").json
    assert ready["is_ready"]
    record = synced(command)
    assert record.details["warnings"] == []
    assert synced(command, SyncCategory.CAPACITY).details["warnings"] == []
    shown = command.ok("accounts", "show", "shop", "cli_monitor").out
    assert shown.count("SYNC_PIPELINE_EXCLUDED_DATABASES") == 1


def test_a_store_of_before_learns_the_platform_without_a_change(
    command: Command, rds: PostgresBench
) -> None:
    """Nothing of an account is changed by a label, so that an upgrade has nothing to tell."""
    register(command, rds.server, "shop", "rdsadmin")
    synced(command)
    with command.store().accounts._database.write() as connection:
        connection.execute(update(instances).values(platform=None))
    assert command.ok("instances", "show", "shop", "--json").json["platform"] is None
    again = synced(command)
    assert again.details["unchanged"] is True
    assert again.details["platform"] == "rds"
    assert command.ok("instances", "show", "shop", "--json").json["platform"] == "rds"
    changes = command.ok("accounts", "changes", "--json").json
    assert [item for item in changes if not item["is_baseline"]] == []
