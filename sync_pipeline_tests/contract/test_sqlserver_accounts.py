"""What SQL Server alone has of accounts, over emulated catalogs, one test a known case."""

from __future__ import annotations

from datetime import datetime

import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import review
from sync_pipeline.access.judged import Judged
from sync_pipeline.collect.accounts import CollectScope, collect_accounts
from sync_pipeline.collect.sizes import SizeScope, collect_sizes
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.errors import PrivilegeError
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.change import KnownAccount
from sync_pipeline.model.finding import FindingRules
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import (
    Membership,
    SectionKey,
    SectionName,
    SecurableKind,
)
from sync_pipeline.model.size import MeasureName
from sync_pipeline.model.snapshot import SectionStatus, Snapshot
from sync_pipeline.reconcile.accounts import reconcile
from sync_pipeline.reconcile.scope import Scope
from workbench.emulation.sqlserver_connection import (
    NOW,
    accounts_of,
    emulated,
    opener,
    sizes_of,
)
from workbench.emulation.sqlserver_world import World

K = SecurableKind


@pytest.fixture
def world() -> World:
    found = World()
    found.database("sales")
    return found


def account(snapshot: Snapshot, name: str) -> AccountState:
    (found,) = (item for item in snapshot.accounts if item.name == name)
    return found


def grants(snapshot: Snapshot, name: str) -> set[tuple[str, str]]:
    return {(str(item.securable), item.privilege) for item in account(snapshot, name).grants}


def attribute(state: AccountState, name: str) -> object:
    return dict(state.attributes).get(name)


@pytest.mark.parametrize(
    ("type_", "kind", "can_login"),
    [
        ("S", AccountKind.LOGIN, True),
        ("U", AccountKind.LOGIN, True),
        ("G", AccountKind.GROUP, True),
        ("R", AccountKind.ROLE, False),
        ("C", AccountKind.LOGIN, False),
        ("K", AccountKind.LOGIN, False),
        ("E", AccountKind.LOGIN, True),
        ("X", AccountKind.GROUP, True),
    ],
)
def test_every_type_of_server_principal(
    world: World, type_: str, kind: AccountKind, can_login: bool
) -> None:
    world.login("it", type_)
    found = account(accounts_of(world), "it")
    assert (found.kind, found.can_login) == (kind, can_login)


@pytest.mark.parametrize(
    ("version", "edition", "expected"),
    [
        # Before 2022 the server can't say which time zone it is in: the day is all there is. A
        # newer server says no more, or its upgrade would change every login.
        ("13.0.7000.253", 3, "2026-07-01T00:00:00+00:00"),
        ("16.0.1000.6", 3, "2026-07-01T00:00:00+00:00"),
        ("12.0.2000.8", 8, "2026-07-01T00:00:00+00:00"),
    ],
)
def test_the_day_of_a_password_is_the_same_on_every_version(
    world: World, version: str, edition: int, expected: str
) -> None:
    world.version, world.engine_edition = version, edition
    world.login("app")
    world.login_properties[("app", "PasswordLastSetTime")] = datetime(  # noqa: DTZ001 - as the server stores it
        2026, 7, 1, 12, 30
    )
    assert attribute(account(accounts_of(world), "app"), "password_set_at") == expected


def test_permissions_on_principals_endpoints_and_availability_groups(world: World) -> None:
    world.login("app")
    world.login("boss")
    world.server.add("endpoints", name="Mirroring", endpoint_id=5)
    world.server.add("availability_groups", group_id="g", name="ag1")
    world.server.add("availability_replicas", group_id="g", replica_metadata_id=9)
    world.grant("app", "IMPERSONATE", 101, world.id_of("boss"))
    world.grant("app", "CONNECT", 105, 5)
    world.grant("app", "VIEW DEFINITION", 108, 9)
    world.grant("app", "ALTER", 105, 77)
    assert grants(accounts_of(world), "app") == {
        ("principal boss", "IMPERSONATE"),
        ("endpoint Mirroring", "CONNECT"),
        ("availability group ag1", "VIEW DEFINITION"),
        ("object ENDPOINT id 77", "ALTER"),
    }


def test_owners_of_databases_and_server_roles(world: World) -> None:
    sid = world.login("app")
    world.login("team", "R", owning_principal_id=world.id_of("app"))
    world.database("mine", state=6, owner=sid)
    world.database("nobodys", owner=b"\x66")
    assert grants(accounts_of(world), "app") == {
        ("database mine", "OWNER"),
        ("principal team", "OWNER"),
    }


def test_a_user_is_mapped_to_its_login_by_sid_not_by_name(world: World) -> None:
    sid = world.login("real_login")
    world.login("alice")
    world.databases["sales"].user("alice", sid=sid)
    found = account(accounts_of(world), "[sales].[alice]")
    assert attribute(found, "login") == "real_login"
    assert attribute(found, "is_orphaned") is False
    assert found.database == "sales"
    assert not found.can_login


@pytest.mark.parametrize(
    ("case", "type_", "authentication", "sid", "expected"),
    [
        ("a SQL user whose login is gone", "S", 1, b"gone", True),
        ("a user WITHOUT LOGIN", "S", 0, b"none", False),
        ("a contained user with a password", "S", 2, b"contained", False),
        ("a Windows user through a group", "U", 3, b"windows", False),
        ("a Windows group", "G", 3, b"group", False),
        ("a user of a certificate", "C", 0, b"certificate", False),
        ("a user of an asymmetric key", "K", 0, b"key", False),
        ("an external user", "E", 4, b"external", False),
        ("a SQL user with a login", "S", 1, b"known", False),
    ],
)
def test_an_orphan_is_only_who_should_have_a_login_and_has_none(
    world: World, case: str, type_: str, authentication: int, sid: bytes, expected: bool
) -> None:
    world.login("known", sid=b"known")
    world.databases["sales"].user("u", type_=type_, authentication=authentication, sid=sid)
    found = account(accounts_of(world), "[sales].[u]")
    assert attribute(found, "is_orphaned") is expected, case


def test_dbo_guest_and_the_systems_users_are_no_orphans(world: World) -> None:
    world.database("lost", owner=b"\x66").find("database_principals", "dbo")["sid"] = b"\x66"
    snapshot = accounts_of(world)
    for name in ("dbo", "guest", "INFORMATION_SCHEMA", "sys", "public", "db_owner"):
        assert attribute(account(snapshot, f"[lost].[{name}]"), "is_orphaned") is False
    assert attribute(account(snapshot, "[sales].[dbo]"), "login") == "sa"
    assert attribute(account(snapshot, "[lost].[dbo]"), "login") is None


@pytest.mark.parametrize(
    ("type_", "authentication", "containment", "expected"),
    [("S", 2, 1, True), ("U", 3, 1, True), ("U", 3, 0, False), ("S", 0, 1, False)],
)
def test_contained_users_log_in_themselves(
    world: World, type_: str, authentication: int, containment: int, expected: bool
) -> None:
    database = world.database("own", containment=containment)
    database.user("u", type_=type_, authentication=authentication, sid=b"u")
    assert account(accounts_of(world), "[own].[u]").can_login is expected


def test_fixed_roles_guest_public_and_application_roles(world: World) -> None:
    database = world.databases["sales"]
    database.user("app_role", type_="A")
    database.user("team", type_="R", owner=database.user("boss", authentication=0))
    database.grant("guest", "CONNECT")
    database.grant("public", "EXECUTE")
    database.member("db_owner", "team")
    snapshot = accounts_of(world)
    assert account(snapshot, "[sales].[app_role]").kind is AccountKind.APPLICATION_ROLE
    assert account(snapshot, "[sales].[db_owner]").kind is AccountKind.ROLE
    assert attribute(account(snapshot, "[sales].[db_owner]"), "is_fixed_role") is True
    assert grants(snapshot, "[sales].[guest]") == {("database sales", "CONNECT")}
    assert grants(snapshot, "[sales].[public]") == {("database sales", "EXECUTE")}
    assert grants(snapshot, "[sales].[boss]") == {("principal sales.team", "OWNER")}
    assert account(snapshot, "[sales].[team]").memberships == (Membership("[sales].[db_owner]"),)


def test_object_names_are_those_of_the_database_itself(world: World) -> None:
    """OBJECT_NAME(id) without a database names what has that id in the current one."""
    other = world.database("other")
    for database, table in ((world.databases["sales"], "orders"), (other, "salaries")):
        database.user("u", authentication=0)
        number = database.thing(table, columns=("id", "amount"))
        database.grant("u", "SELECT", 1, number)
        database.grant("u", "UPDATE", 1, number, 2)
    snapshot = accounts_of(world)
    assert grants(snapshot, "[sales].[u]") == {
        ("table sales.dbo.orders", "SELECT"),
        ("column sales.dbo.orders.amount", "UPDATE"),
    }
    assert grants(snapshot, "[other].[u]") == {
        ("table other.dbo.salaries", "SELECT"),
        ("column other.dbo.salaries.amount", "UPDATE"),
    }


def test_every_class_of_securable_has_its_name(world: World) -> None:
    database = world.databases["sales"]
    database.user("u", authentication=0)
    schema = database.schema("app")
    expected = {
        ("schema sales.app", "ALTER"),
        ("principal sales.dbo", "IMPERSONATE"),
        ("database sales", "CREATE TABLE"),
    }
    database.grant("u", "ALTER", 3, schema)
    database.grant("u", "IMPERSONATE", 4, 1)
    database.grant("u", "CREATE TABLE")
    for type_, kind in (
        ("U", "table"), ("V", "view"), ("P", "procedure"), ("PC", "procedure"), ("X", "procedure"),
        ("FN", "function"), ("IF", "function"), ("TF", "function"), ("FS", "function"),
        ("AF", "aggregate"), ("SO", "sequence"), ("SN", "synonym"), ("SQ", "queue"),
        ("TT", "object"),
    ):  # fmt: skip
        database.grant("u", "CONTROL", 1, database.thing(f"the {type_}", type_, "app"))
        expected.add((f"{kind} sales.app.the {type_}", "CONTROL"))
    for class_, view, id_column, more, text in (
        (5, "assemblies", "assembly_id", {}, "assembly sales.it"),
        (6, "types", "user_type_id", {"schema_id": schema}, "type sales.app.it"),
        (10, "xml_schema_collections", "xml_collection_id", {"schema_id": schema},
         "xml schema collection sales.app.it"),
        (15, "service_message_types", "message_type_id", {}, "object sales.MESSAGE TYPE::it"),
        (16, "service_contracts", "service_contract_id", {}, "object sales.SERVICE CONTRACT::it"),
        (17, "services", "service_id", {}, "service sales.it"),
        (18, "remote_service_bindings", "remote_service_binding_id", {},
         "object sales.REMOTE SERVICE BINDING::it"),
        (19, "routes", "route_id", {}, "object sales.ROUTE::it"),
        (23, "fulltext_catalogs", "fulltext_catalog_id", {}, "fulltext sales.it"),
        (24, "symmetric_keys", "symmetric_key_id", {}, "key sales.it"),
        (25, "certificates", "certificate_id", {}, "certificate sales.it"),
        (26, "asymmetric_keys", "asymmetric_key_id", {}, "key sales.it"),
        (29, "fulltext_stoplists", "stoplist_id", {}, "fulltext sales.it"),
        (31, "registered_search_property_lists", "property_list_id", {},
         "object sales.SEARCH PROPERTY LIST::it"),
        (32, "database_scoped_credentials", "credential_id", {},
         "object sales.DATABASE SCOPED CREDENTIAL::it"),
    ):  # fmt: skip
        # The same number in every view: a join without its class would find the wrong one.
        database.add(view, name=f"it{class_}", **{id_column: 7}, **more)
        database.grant("u", "REFERENCES", class_, 7)
        expected.add((f"{text}{class_}", "REFERENCES"))
    snapshot = accounts_of(world)
    assert grants(snapshot, "[sales].[u]") == expected
    assert all(item.recognised for item in account(snapshot, "[sales].[u]").grants)
    assert {item.securable.section for item in account(snapshot, "[sales].[u]").grants} <= {
        key for key, report in snapshot.sections.items() if report.status is SectionStatus.READ
    }


def test_what_is_not_recognised_is_kept_and_flagged(world: World) -> None:
    database = world.databases["sales"]
    database.user("u", authentication=0)
    table = database.thing("t", columns=("c",))
    database.grant("u", "TELEPORT", 1, table)
    database.grant("u", "SELECT", 1, table, 1, state="R")
    database.grant("u", "SELECT", 1, 4711)
    found = account(accounts_of(world), "[sales].[u]").grants
    assert {(str(item.securable), item.privilege, item.deny) for item in found} == {
        ("table sales.dbo.t", "TELEPORT", False),
        ("column sales.dbo.t.c", "SELECT (revoked)", False),
        ("object sales.OBJECT OR COLUMN id 4711", "SELECT", False),
    }
    assert not any(item.recognised for item in found)


def test_permissions_on_system_objects_count_but_for_what_every_database_grants(
    world: World,
) -> None:
    database = world.databases["master"]
    database.user("u", authentication=0)
    shell = database.thing("xp_cmdshell", "X", "sys", object_id=-100)
    view = database.thing("objects", "V", "sys", object_id=-101)
    for who in ("u", "public"):
        database.grant(who, "EXECUTE", 1, shell)
        database.grant(who, "SELECT", 1, view)
    snapshot = accounts_of(world)
    execute = ("procedure master.sys.xp_cmdshell", "EXECUTE")
    assert grants(snapshot, "[master].[u]") == {execute, ("view master.sys.objects", "SELECT")}
    assert grants(snapshot, "[master].[public]") == {execute}


def test_ownership_of_schemas_and_objects(world: World) -> None:
    database = world.databases["sales"]
    database.user("u", authentication=0)
    database.schema("app", owner="u")
    database.thing("free", "P", "dbo", owner="u")
    database.thing("of the schema", "U", "app")
    snapshot = accounts_of(world)
    assert grants(snapshot, "[sales].[u]") == {
        ("schema sales.app", "OWNER"),
        ("procedure sales.dbo.free", "OWNER"),
    }
    assert grants(snapshot, "[sales].[dbo]") == {("schema sales.dbo", "OWNER")}


def test_owners_of_everything_else(world: World) -> None:
    """Whoever owns something has CONTROL on it (Permissions (Database Engine))."""
    database = world.databases["sales"]
    database.user("u", authentication=0)
    owner = database.id_of("u")
    schema = database.schema("app")
    expected = set()
    for view, id_column, more, text in (
        ("types", "user_type_id", {"schema_id": schema, "is_user_defined": True},
         "type sales.app.it"),
        ("xml_schema_collections", "xml_collection_id", {"schema_id": schema},
         "xml schema collection sales.app.it"),
        ("assemblies", "assembly_id", {"is_user_defined": True}, "assembly sales.it"),
        ("service_message_types", "message_type_id", {}, "object sales.MESSAGE TYPE::it"),
        ("service_contracts", "service_contract_id", {}, "object sales.SERVICE CONTRACT::it"),
        ("services", "service_id", {}, "service sales.it"),
        ("remote_service_bindings", "remote_service_binding_id", {},
         "object sales.REMOTE SERVICE BINDING::it"),
        ("routes", "route_id", {}, "object sales.ROUTE::it"),
        ("fulltext_catalogs", "fulltext_catalog_id", {}, "fulltext sales.it"),
        ("symmetric_keys", "symmetric_key_id", {}, "key sales.it"),
        ("certificates", "certificate_id", {}, "certificate sales.it"),
        ("asymmetric_keys", "asymmetric_key_id", {}, "key sales.it"),
        ("fulltext_stoplists", "stoplist_id", {}, "fulltext sales.it"),
        ("registered_search_property_lists", "property_list_id", {},
         "object sales.SEARCH PROPERTY LIST::it"),
        ("database_scoped_credentials", "credential_id", {},
         "object sales.DATABASE SCOPED CREDENTIAL::it"),
    ):  # fmt: skip
        database.add(view, name=f"it {view}", principal_id=owner, **{id_column: 7}, **more)
        database.add(view, name=f"dbo's {view}", principal_id=1, **{id_column: 8}, **more)
        expected.add((f"{text} {view}", "OWNER"))
    snapshot = accounts_of(world)
    assert grants(snapshot, "[sales].[u]") == expected
    of_dbo = {text.split("'s ")[-1] for text, _ in grants(snapshot, "[sales].[dbo]")}
    assert {"types", "xml_schema_collections"} <= of_dbo
    assert "certificates" not in of_dbo
    states = {state.name: state for state in snapshot.accounts}
    rules = SqlServer().access_rules(
        AccessWorld("i", EngineName.SQLSERVER, "15.0", states, snapshot.sections)
    )
    for item in account(snapshot, "[sales].[u]").grants:
        assert rules.decide("[sales].[u]", "CONTROL", item.securable).is_allowed, item
        assert rules.revoke("[sales].[u]", item).startswith("USE [sales]; ALTER AUTHORIZATION ON ")


def test_owners_of_endpoints_and_availability_groups(world: World) -> None:
    sid = world.login("app")
    world.server.add("endpoints", name="Mirror", endpoint_id=5, principal_id=world.id_of("app"))
    world.server.add("endpoints", name="TSQL Default TCP", endpoint_id=4, principal_id=1)
    world.server.add("availability_groups", group_id="g", name="ag1")
    for number, owner in ((9, sid), (10, None)):
        world.server.add(
            "availability_replicas", group_id="g", replica_metadata_id=number, owner_sid=owner
        )
    assert grants(accounts_of(world), "app") == {
        ("endpoint Mirror", "OWNER"),
        ("availability group ag1", "OWNER"),
    }


def test_databases_that_cannot_be_opened_say_why_and_the_others_are_read(world: World) -> None:
    world.database("off", state=6)
    world.database("restoring", state=1)
    world.database("suspect", state=4)
    world.database("single", user_access_desc="SINGLE_USER", has_access=False)
    world.database("replica", replica_id="r", has_access=False)
    world.database("vanishes").is_reachable = False
    snapshot = accounts_of(world)
    reports = {
        key.database: report
        for key, report in snapshot.sections.items()
        if key.name is SectionName.ACCOUNTS
    }
    assert {name: report.status for name, report in reports.items() if report.reason} == {
        "off": SectionStatus.SKIPPED,
        "restoring": SectionStatus.SKIPPED,
        "suspect": SectionStatus.SKIPPED,
        "single": SectionStatus.SKIPPED,
        "replica": SectionStatus.SKIPPED,
        "vanishes": SectionStatus.FAILED,
    }
    for name, word in (
        ("off", "offline"),
        ("restoring", "restoring"),
        ("suspect", "suspect"),
        ("single", "SINGLE_USER"),
        ("replica", "secondary replica"),
        ("vanishes", "could not be opened"),
    ):
        assert word in reports[name].reason
        assert any(f"Database {name} was not read" in text for text in snapshot.warnings)
    assert reports["sales"].status is SectionStatus.READ
    assert {"off", "replica", "vanishes"} <= snapshot.databases


def test_a_database_that_each_sync_starts_is_read_and_said(world: World) -> None:
    for name in ("express", "local"):
        world.database(name, is_auto_close_on=True)
    world.database("off", state=6, is_auto_close_on=True)
    snapshot = accounts_of(world)
    (warning, *_) = (text for text in snapshot.warnings if "AUTO_CLOSE" in text)
    assert warning.endswith("(ALTER DATABASE ... SET AUTO_CLOSE OFF ends that): express, local.")
    key = SectionKey(SectionName.ACCOUNTS, "express")
    assert snapshot.sections[key].status is SectionStatus.READ
    assert not any(
        "AUTO_CLOSE" in text for text in accounts_of(world, object_detail=False).warnings
    )


@pytest.mark.parametrize(
    ("name", "listed", "expected"),
    [
        ("own", {}, {}),
        ("own", {"is_trustworthy_on": True}, {"is_trustworthy_on": True}),
        ("own", {"is_db_chaining_on": True}, {"is_db_chaining_on": True}),
        ("msdb", {"is_trustworthy_on": True, "is_db_chaining_on": True}, {}),
        ("msdb", {"is_trustworthy_on": False, "is_db_chaining_on": True},
         {"is_trustworthy_on": False}),
    ],
)  # fmt: skip
def test_what_of_a_database_lends_rights_where_it_is_not_the_default(
    world: World, name: str, listed: dict[str, bool], expected: dict[str, bool]
) -> None:
    world.database(name, **listed)
    snapshot = accounts_of(world)
    kept = dict(account(snapshot, f"[{name}].[dbo]").attributes)
    assert {key: kept[key] for key in kept if key.endswith("_on")} == expected
    assert not any(
        key.endswith("thy_on") for key, _ in account(snapshot, f"[{name}].[guest]").attributes
    )


def test_what_the_provider_keeps_for_itself_is_said_and_warns_of_nothing(world: World) -> None:
    """Amazon RDS: nobody can be let into `rdsadmin`, so nothing is asked for."""
    world.permissions.remove("CONNECT ANY DATABASE")
    world.databases["sales"].user("mon")
    world.databases["sales"].file()
    world.database("rdsadmin").file()
    snapshot, sizes = accounts_of(world), sizes_of(world)
    key = SectionKey(SectionName.ACCOUNTS, "rdsadmin")
    assert snapshot.unread[key].status is SectionStatus.SKIPPED
    assert "the provider's own" in snapshot.unread[key].reason
    assert "GRANT" not in snapshot.unread[key].reason
    assert snapshot.providers == {"rdsadmin"}
    assert snapshot.warnings == sizes.warnings == ()
    (note,) = sizes.notes
    assert note.startswith("Database rdsadmin was not opened: it is the provider's own")
    assert sizes.unread == ()
    assert sizes.measures()[MeasureName.DATA].bytes is not None
    world.database("closed").file()
    (warning,) = sizes_of(world).warnings
    assert "Database closed: CONNECT is missing" in warning


@pytest.fixture
def rds(world: World) -> World:
    """Amazon RDS User Guide, Microsoft SQL Server database users: `sa` is `rdsa`, and closed."""
    world.permissions.remove("CONNECT ANY DATABASE")
    for name in ("sales", "master", "model", "msdb", "tempdb"):
        if name in world.databases:
            world.databases[name].user("mon")
    world.database("rdsadmin").file()
    return world


def reviewed(snapshot: Snapshot) -> set[tuple[str, str]]:
    known = {state.name: state for state in snapshot.accounts}
    platform = snapshot.server.platform
    found = AccessWorld("db", EngineName.SQLSERVER, "16.0", known, snapshot.sections, NOW, platform)
    case = Case(Judged(found, SqlServer().access_rules(found)))
    findings = review([case], FindingRules(), NOW.date()).findings
    return {(item.account, item.rule) for item in findings}


def test_amazon_rds_is_known_by_its_first_login_and_its_database(rds: World) -> None:
    """Emulated: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_SQLServer.html."""
    for view in ("server_principals", "sql_logins"):
        rds.server.find(view, "sa")["name"] = "rdsa"
    for name in ("IsLocked", "IsExpired", "IsMustChange"):
        rds.login_properties["rdsa", name] = 0
    snapshot = accounts_of(rds)
    assert snapshot.server.platform is Platform.RDS
    key = SectionKey(SectionName.ACCOUNTS, "rdsadmin")
    assert snapshot.unread[key].status is SectionStatus.PROVIDERS
    assert {key.database for key in snapshot.unread} == {"rdsadmin"}
    assert ("rdsa", "superuser") not in reviewed(snapshot)
    assert SqlServer().platform_script("mon", "rds", databases=("a]b",)).splitlines() == [
        "CREATE LOGIN [mon] WITH PASSWORD = '<password>';",
        "GRANT VIEW ANY DEFINITION TO [mon];",
        "GRANT VIEW SERVER STATE TO [mon];",
        "USE [a]]b]; CREATE USER [mon] FOR LOGIN [mon];",
    ]


def test_an_excluded_database_is_not_opened_and_warns_of_nothing(world: World) -> None:
    """Who may not connect to it, and leaves it out, has a server that is ready."""
    world.permissions.remove("CONNECT ANY DATABASE")
    for name in ("sales", "closed"):
        (world.databases.get(name) or world.database(name)).file()
    world.databases["sales"].user("mon")
    snapshot = accounts_of(world, excluded=("clos%",))
    key = SectionKey(SectionName.ACCOUNTS, "closed")
    assert snapshot.unread[key].status is SectionStatus.EXCLUDED
    assert {key.database for key in snapshot.unread} == {"closed"}
    assert snapshot.warnings == sizes_of(world, excluded=("clos%",)).warnings == ()
    whole = [KnownAccount(state, is_active=True) for state in accounts_of(world).accounts]
    ghost = KnownAccount(
        AccountState("[closed].[app]", AccountKind.USER, True, database="closed"), True
    )
    result = reconcile([*whole, ghost], snapshot, Scope(), tuple(snapshot.sections))
    assert result.deactivated == ()


def test_a_login_or_a_database_of_such_a_name_is_no_service(rds: World) -> None:
    rds.login("rdsa")
    rds.member("sysadmin", "rdsa")
    snapshot = accounts_of(rds)
    assert snapshot.server.platform is Platform.SELF_RUN
    assert ("rdsa", "superuser") in reviewed(snapshot)


def test_a_managed_instance_is_known_by_its_edition(world: World) -> None:
    world.version, world.engine_edition = "12.0.2000.8", 8
    assert accounts_of(world).server.platform is Platform.MANAGED_INSTANCE


def test_a_database_in_standby_is_left_to_whoever_restores_its_next_log(world: World) -> None:
    world.database("shipped", is_in_standby=True).file()
    with emulated(world) as server:
        found = collect_accounts(SqlServer(), opener(server), CollectScope("mon"), NOW)
        sizes = collect_sizes(SqlServer(), opener(server), SizeScope("mon"), NOW)
        assert not [sql for database, sql in server.statements if database == "shipped"]
    report = found.sections[SectionKey(SectionName.ACCOUNTS, "shipped")]
    assert report.status is SectionStatus.SKIPPED
    assert "in standby" in report.reason
    (size,) = (item for item in sizes.databases if item.name == "shipped")
    assert size.total.bytes
    assert size.data.is_missing


@pytest.mark.parametrize("mode", ["SINGLE_USER", "RESTRICTED_USER"])
@pytest.mark.parametrize("has_access", [True, False])
def test_a_database_that_somebody_works_on_is_never_opened(
    world: World, mode: str, has_access: bool
) -> None:
    """In SINGLE_USER our connection would be the one of the DBA who restores it."""
    world.database("busy", user_access_desc=mode, has_access=has_access).file()
    with emulated(world) as server:
        found = collect_accounts(SqlServer(), opener(server), CollectScope("mon"), NOW)
        collect_sizes(SqlServer(), opener(server), SizeScope("mon"), NOW)
        assert not [sql for database, sql in server.statements if database == "busy"]
    report = found.sections[SectionKey(SectionName.ACCOUNTS, "busy")]
    assert report.status is SectionStatus.SKIPPED
    assert mode in report.reason
    assert "GRANT" not in report.reason


def test_no_access_to_a_database_names_the_grant(world: World) -> None:
    world.permissions.remove("CONNECT ANY DATABASE")
    report = accounts_of(world).sections[SectionKey(SectionName.ACCOUNTS, "sales")]
    assert report.status is SectionStatus.DENIED
    assert "GRANT CONNECT ANY DATABASE TO [mon];" in report.reason
    assert "USE [sales]; CREATE USER [mon] FOR LOGIN [mon];" in report.reason


def test_a_user_of_its_own_opens_a_database_where_the_grant_can_not_be_given(
    world: World,
) -> None:
    """Amazon RDS and Cloud SQL do not permit CONNECT ANY DATABASE: no warning stays for ever."""
    world.permissions.remove("CONNECT ANY DATABASE")
    world.databases["sales"].user("mon")
    snapshot = accounts_of(world)
    assert snapshot.warnings == ()
    assert snapshot.sections[SectionKey(SectionName.ACCOUNTS, "sales")].status == "read"


def test_metadata_visibility_never_passes_for_a_complete_list(world: World) -> None:
    """Without the privilege the views show fewer rows, and no error."""
    world.permissions.remove("VIEW ANY DEFINITION")
    world.login("hidden")
    with pytest.raises(PrivilegeError, match="VIEW ANY DEFINITION is missing"):
        accounts_of(world)


@pytest.mark.parametrize("is_denied", [True, False])
def test_a_hidden_list_of_databases_is_no_list_of_dropped_ones(
    world: World, is_denied: bool
) -> None:
    """What may be read is read, nothing is taken for dropped, and a GRANT beats no DENY."""
    world.denied.add("VIEW ANY DATABASE")
    if is_denied:
        world.grant("public", "VIEW ANY DATABASE", state="D")
    snapshot = accounts_of(world)
    assert {"sa", "mon", "[master].[dbo]"} <= {item.name for item in snapshot.accounts}
    assert snapshot.databases == {"master", "tempdb"}
    assert not snapshot.is_known(SectionKey(SectionName.ACCOUNTS, "sales"))
    assert snapshot.is_known(SectionKey(SectionName.ACCOUNTS, "master"))
    (said,) = (text for text in snapshot.warnings if "may not see every database" in text)
    assert "GRANT VIEW ANY DATABASE TO [mon];" in said
    assert ("REVOKE VIEW ANY DATABASE FROM [public];" in said) is is_denied
    assert ("is denied to public" in said) is is_denied
    reason = snapshot.sections[SectionKey(SectionName.DATABASE)].reason
    assert "GRANT VIEW ANY DATABASE TO [mon];" in reason
    assert ("is denied to public" in reason) is is_denied
    assert ("REVOKE VIEW ANY DATABASE FROM [public]; GRANT" in reason) is is_denied


def test_a_database_that_is_hidden_keeps_its_accounts(world: World) -> None:
    before = accounts_of(world)
    world.denied.add("VIEW ANY DATABASE")
    known = [KnownAccount(state, is_active=True) for state in before.accounts]
    found = reconcile(known, accounts_of(world), Scope(), before.sections)
    assert not found.changes


def test_a_deny_in_one_database_costs_that_database_only(world: World) -> None:
    world.databases["sales"].grant("public", "VIEW DEFINITION", state="D")
    snapshot = accounts_of(world)
    denied = {key for key, report in snapshot.sections.items() if report.status == "denied"}
    assert {key.database for key in denied} == {"sales"}
    assert {SectionName.ACCOUNTS, SectionName.MEMBERSHIPS, SectionName.TABLE} <= {
        key.name for key in denied
    }
    assert not any(item.database == "sales" for item in snapshot.accounts)


def test_a_deny_in_a_database_that_can_be_seen_is_named_with_what_ends_it(world: World) -> None:
    world.version = "16.0.1000.6"
    world.permissions = {"VIEW ANY SECURITY DEFINITION", "CONNECT ANY DATABASE"}
    world.databases["sales"].grant("public", "VIEW DEFINITION", state="D")
    snapshot = accounts_of(world)
    assert (
        "VIEW DEFINITION is denied to public, without which rows are left out. It needs: "
        "USE [sales]; REVOKE VIEW DEFINITION FROM [public]; GRANT VIEW ANY DEFINITION TO [mon];"
        in snapshot.sections[SectionKey(SectionName.TABLE, "sales")].reason
    )


def test_the_finer_permission_of_2022_reads_principals_and_not_names_of_objects(
    world: World,
) -> None:
    world.version = "16.0.1000.6"
    world.permissions = {"VIEW ANY SECURITY DEFINITION", "CONNECT ANY DATABASE"}
    snapshot = accounts_of(world)
    status = {key: report.status for key, report in snapshot.sections.items()}
    assert status[SectionKey(SectionName.ACCOUNTS)] is SectionStatus.READ
    assert status[SectionKey(SectionName.ACCOUNTS, "sales")] is SectionStatus.READ
    assert status[SectionKey(SectionName.SERVER)] is SectionStatus.DENIED
    assert status[SectionKey(SectionName.TABLE, "sales")] is SectionStatus.DENIED


def test_the_number_of_queries_does_not_grow_with_accounts(world: World) -> None:
    def statements() -> list[str]:
        with emulated(world) as server:
            collect_accounts(SqlServer(), opener(server), CollectScope("mon"), NOW)
            return [database for database, _ in server.statements]

    before = statements()
    for number in range(50):
        sid = world.login(f"l{number}")
        world.databases["sales"].user(f"u{number}", sid=sid)
    after = statements()
    assert len(after) == len(before)
    assert after.count("sales") == 10  # one of them counts the users
