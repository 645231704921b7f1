"""What a review tells the customer of each managed service, word for word (`goldens/`).

Each emulated service has the provider's accounts, one administrator of the customer's, and one
account of an application, and is read with the account that the script for it makes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pymysql
import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import review
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.base import Hosted, KeepsOwn
from sync_pipeline.engines.oracle.engine import Oracle
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.finding import FindingRules, Review
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.server_fact import ServerFacts
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline_tests.contract.golden_texts import compare
from sync_pipeline_tests.contract.mysql_family import Family
from sync_pipeline_tests.contract.oracle_family import snapshot_of as oracle_snapshot
from sync_pipeline_tests.contract.test_mysql_family_services import snapshot_of as mysql_snapshot
from sync_pipeline_tests.contract.test_postgresql_services import make_monitor
from workbench.emulation import azure_sql, sqlserver_connection
from workbench.emulation.azure_sql import LogicalServer
from workbench.emulation.mysql_services import SERVICES as MYSQL_SERVICES
from workbench.emulation.oracle import Session
from workbench.emulation.oracle_world import DBA_PRIVILEGES
from workbench.emulation.oracle_world import World as OracleWorld
from workbench.emulation.postgresql_services import SERVICES as POSTGRESQL_SERVICES
from workbench.emulation.postgresql_services import customer, service_on
from workbench.emulation.sqlserver_world import World, installed
from workbench.servers.postgresql_bench import NOW, PostgresBench
from workbench.servers.running import RunningServer
from workbench.servers.started import StartedServers
from workbench.servers.versions import MARIADB

MONITOR = "sync_monitor"


def reviewed(
    engine: EngineName, snapshot: Snapshot, left_out: frozenset[str], monitor: str
) -> Review:
    """Review what was read, without accounts that no service has: the tests' own."""
    engine_of = ENGINES[engine]
    is_kept = isinstance(engine_of, KeepsOwn) and engine_of.keeps_own
    states = {
        state.name: state
        for state in snapshot.accounts
        if (is_kept or not state.is_system) and state.name not in left_out
    }
    world = AccessWorld(
        "shop",
        engine,
        snapshot.server.version,
        states,
        snapshot.sections,
        NOW,
        snapshot.server.platform,
        ServerFacts(snapshot.server_facts),
    )
    case = Case(Judged(world, engine_of.access_rules(world)), monitor=monitor)
    return review([case], FindingRules(), NOW.date())


def compared(
    engine: EngineName,
    platform: Platform,
    snapshot: Snapshot,
    left_out: frozenset[str] = frozenset(),
    monitor: str = MONITOR,
) -> None:
    assert snapshot.server.platform is platform
    compare(f"{engine}-{platform}", reviewed(engine, snapshot, left_out, monitor))


@pytest.mark.postgresql
@pytest.mark.parametrize("platform", POSTGRESQL_SERVICES)
def test_on_postgresql(platform: Platform, newest_bench: PostgresBench) -> None:
    with service_on(newest_bench, platform) as service:
        own = customer(service)
        own.run(
            "CREATE ROLE app LOGIN PASSWORD 'p'",
            "CREATE TABLE orders (id integer)",
            "GRANT SELECT, INSERT ON orders TO app WITH GRANT OPTION",
        )
        make_monitor(service, platform)
        compared(EngineName.POSTGRESQL, platform, service.collect(service.target(MONITOR)))


APPLICATION = (
    "CREATE DATABASE shop",
    "CREATE TABLE shop.orders (id INT)",
    "CREATE USER 'app'@'%' IDENTIFIED BY 'p'",
    "GRANT SELECT, INSERT ON shop.orders TO 'app'@'%' WITH GRANT OPTION",
)


@pytest.mark.parametrize("platform", MYSQL_SERVICES)
def test_on_mysql(platform: Platform, mysql_server: RunningServer) -> None:
    _on_mysql_family(Family(mysql_server), platform)


def test_on_mariadb(mariadb_servers: StartedServers[str]) -> None:
    """Always of one version, whatever the system has: newer ones have other privileges, and TLS."""
    _on_mysql_family(Family(mariadb_servers[MARIADB.every_run[0]]), Platform.RDS)


def _on_mysql_family(family: Family, platform: Platform) -> None:
    service = MYSQL_SERVICES[platform]
    before = {state.name for state in family.snapshot().accounts}
    role = service.stand_in if family.is_mysql else ""
    family.run(*service.statements)
    if role:
        family.run(f"CREATE ROLE {role}", f"GRANT ROLE_ADMIN, SET_ANY_DEFINER ON *.* TO {role}")
        family.run(f"GRANT {role} TO 'admin'@'%' WITH ADMIN OPTION")
        family.run(f"SET DEFAULT ROLE {role} TO 'admin'@'%'")
    try:
        script = family.engine.platform_script(MONITOR, platform)
        _as_customer(family, *APPLICATION, *script.replace("<password>", "p").splitlines())
        if not role:
            # Nobody there may name another definer, so that the view is refused.
            table = family.engine.accounts_table
            _as_customer(family, f"GRANT SELECT ON mysql.{table} TO '{MONITOR}'@'%'")
        snapshot = mysql_snapshot(family, service.said, MONITOR, "p")
    finally:
        family.run("DROP DATABASE IF EXISTS shop", "DROP USER IF EXISTS 'app'@'%', 'admin'@'%'")
        family.run(f"DROP USER IF EXISTS {service.provider}, '{MONITOR}'@'%'")
        family.run("DROP DATABASE IF EXISTS sync_pipeline")
        family.run("DROP ROLE IF EXISTS sync_pipeline_definer")
        family.run(*([f"DROP ROLE {role}"] if role else []))
    compared(family.engine.name, platform, snapshot, frozenset(before))


def _as_customer(family: Family, *statements: str) -> None:
    """Run statements as the customer's administrator; what the service refuses is left out."""
    address = {"host": family.server.host, "port": family.server.port}
    with (
        pymysql.connect(
            **address, user="admin", password="master", autocommit=True, ssl_disabled=True
        ) as link,
        link.cursor() as cursor,
    ):
        for statement in statements:
            with suppress(pymysql.err.MySQLError):
                cursor.execute(statement)


RDS_MASTER = (
    *("ALTER ANY LOGIN", "ALTER ANY SERVER ROLE", "ALTER ANY LINKED SERVER"),
    *("CREATE ANY DATABASE", "VIEW ANY DEFINITION", "VIEW SERVER STATE"),
)
"""Of what the master user has with the grant option, what reviews look at.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html
"""


def _with_application(world: World, admin: str) -> World:
    """Add the customer's administrator, and an account that an application has in `shop`."""
    owner = world.login(admin)
    shop = world.database("shop", owner=owner)
    shop.find("database_principals", "dbo")["sid"] = owner
    shop.user("app", sid=world.login("app"))
    shop.grant("app", "CONNECT")
    shop.grant("app", "SELECT", 1, shop.thing("orders"), state="W")
    return world


@pytest.fixture(scope="module")
def on_amazon() -> Snapshot:
    world = _with_application(installed(sa="rdsa"), "admin")
    world.server.find("server_principals", "rdsa")["is_disabled"] = 1
    for name in RDS_MASTER:
        world.grant("admin", name, state="W")
    for role in ("processadmin", "setupadmin"):
        world.member(role, "admin")
    world.database("rdsadmin", is_trustworthy_on=True)
    return sqlserver_connection.accounts_of(world)


def managed_instance() -> World:
    world = _with_application(installed(version="12.0.2000.8"), "boss")
    world.engine_edition = 8
    world.server.find("server_principals", "sa")["is_disabled"] = 1
    world.member("sysadmin", "boss")
    return world


def azure_database() -> LogicalServer:
    world = LogicalServer()
    shop = world.database("shop")
    world.login("app")
    world.maps("app", "shop")
    shop.grant("app", "CONNECT")
    shop.grant("app", "SELECT", 1, shop.thing("orders"), state="W")
    return world.ready()


SQL_SERVERS: dict[Platform, Callable[[], Snapshot]] = {
    Platform.MANAGED_INSTANCE: lambda: sqlserver_connection.accounts_of(managed_instance()),
    Platform.AZURE_SQL: lambda: azure_sql.accounts_of(azure_database()),
}


def test_on_sql_server_of_amazon(on_amazon: Snapshot) -> None:
    compared(EngineName.SQLSERVER, Platform.RDS, on_amazon, monitor="mon")


@pytest.mark.parametrize("platform", SQL_SERVERS)
def test_on_sql_server(platform: Platform) -> None:
    compared(EngineName.SQLSERVER, platform, SQL_SERVERS[platform](), monitor="mon")


NOT_ON_AMAZON = (
    *("ALTER DATABASE", "ALTER SYSTEM", "CREATE ANY DIRECTORY", "DROP ANY DIRECTORY"),
    *("GRANT ANY PRIVILEGE", "GRANT ANY ROLE"),
)
"""https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Oracle.Concepts.Privileges.html"""


def oracle_on_amazon(*, has_second: bool = False) -> Snapshot:
    kept = (name for name in DBA_PRIVILEGES if name not in NOT_ON_AMAZON)
    world = OracleWorld(dba=(*kept, "CREATE USER"))
    world.database()
    world.user("RDSADMIN")
    if has_second:
        world.user("SECOND")
        world.grant_role("DBA", "SECOND")
    return oracle_snapshot(_with_schema(world, 0), Session(), MONITOR)


def autonomous() -> Snapshot:
    world = OracleWorld()
    world.cdb("ADB")
    for name in ("C##CLOUD$SERVICE", "C##DATA$SHARE"):
        world.user(name, 3, common="YES")
        world.grant_role("DBA", name, 3, common="YES", inherited="YES")
    session = Session(container=3, cloud_service="OLTP")
    return oracle_snapshot(_with_schema(world, 3), session, MONITOR)


def _with_schema(world: OracleWorld, container: int) -> OracleWorld:
    world.user("ADMIN", container)
    world.grant_role("DBA", "ADMIN", container)
    world.user("APP", container)
    world.grant_system("CREATE SESSION", "APP", container)
    world.grant("SELECT", "ADMIN", "ORDERS", "APP", container, grantable="YES")
    return world


ORACLES: dict[Platform, Callable[[], Snapshot]] = {
    Platform.RDS: oracle_on_amazon,
    Platform.AUTONOMOUS: autonomous,
}


@pytest.mark.parametrize("platform", ORACLES)
def test_on_oracle(platform: Platform) -> None:
    compared(EngineName.ORACLE, platform, ORACLES[platform]())


def test_with_a_second_administrator_there_is_a_fix_for_each() -> None:
    snapshot = oracle_on_amazon(has_second=True)
    found = reviewed(EngineName.ORACLE, snapshot, frozenset(), MONITOR).findings
    fixes = {item.account: item.fix for item in found if item.rule == "grant-admin"}
    assert fixes == {name: f"REVOKE DBA FROM {name};" for name in ("ADMIN", "SECOND")}


@pytest.mark.parametrize("platform", [Platform.SELF_RUN, Platform.AUTONOMOUS])
def test_common_accounts_are_the_providers_where_a_provider_has_the_root(
    platform: Platform,
) -> None:
    """On a server of one's own they are one's own, with statements for its root."""
    states = {state.name: state for state in autonomous().accounts}
    world = AccessWorld("db", EngineName.ORACLE, "23", states, {}, NOW, platform)
    engine = Oracle()
    rules = engine.access_rules(world)
    is_managed = platform is Platform.AUTONOMOUS
    for name, is_providers in {"ADMIN": False, "C##DATA$SHARE": True, "SYSTEM": True}.items():
        assert rules.facts(name).is_provider is (is_managed and is_providers)
        assert engine.is_providers(states[name], platform) is (is_managed and is_providers)
    assert rules.disable("ADMIN") == "ALTER USER ADMIN ACCOUNT LOCK;"
    assert ("CDB$ROOT" in rules.disable("C##DATA$SHARE")) is not is_managed
    (role,) = states["C##DATA$SHARE"].memberships
    assert ("CDB$ROOT" in rules.revoke_role("C##DATA$SHARE", role)) is not is_managed


def test_on_rds_the_users_of_the_providers_login_are_the_providers(on_amazon: Snapshot) -> None:
    engine = ENGINES[EngineName.SQLSERVER]
    assert isinstance(engine, Hosted)
    found = {state.name for state in on_amazon.accounts if engine.is_providers(state, Platform.RDS)}
    assert {"rdsa", "[master].[dbo]", "[msdb].[db_owner]"} <= found
    assert found.isdisjoint(
        {"admin", "app", "[shop].[dbo]", "[shop].[db_owner]", "[master].[guest]"}
    )
