"""Azure SQL Database, emulated: one logical server, one connection a database.

What the emulation refuses and shows is what Microsoft documents (workbench/emulation/azure_sql.py);
the drivers are real where a test says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlglot

from sync_pipeline.collect.accounts import CollectScope, collect_accounts, read_accounts
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.access.contract import AccessRules
from sync_pipeline.engines.base import Connection, Target
from sync_pipeline.engines.sqlserver.accounts.azure import LOGICAL_SERVER, ONE_DATABASE
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.engines.sqlserver.names import in_azure_database
from sync_pipeline.engines.sqlserver.wire.azure import logical_server, login_username
from sync_pipeline.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    PrivilegeError,
    QueryError,
    SyncError,
    UnsupportedServer,
)
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.instance import EngineName, TlsMode, TlsOptions
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import SectionKey, SectionName, Securable, SecurableKind
from sync_pipeline.model.size import MeasureState
from sync_pipeline.model.snapshot import SectionStatus, Snapshot
from workbench.emulation.azure_sql import (
    HOST,
    EmulatedLogicalServer,
    LogicalConnection,
    LogicalServer,
    accounts_of,
    answers,
    emulated,
    fleet,
    listening,
    opener,
    sizes_of,
)
from workbench.emulation.sqlserver_connection import NOW
from workbench.emulation.sqlserver_connection import accounts_of as accounts_of_server
from workbench.emulation.sqlserver_world import World
from workbench.servers import tds
from workbench.servers.mysql_faults import authority
from workbench.servers.sqlserver_drivers import DRIVERS, driver_named, target_at
from workbench.servers.tds import Login, tds_server

SERVER = Securable(SecurableKind.SERVER)
ORDERS = Securable(SecurableKind.TABLE, "shop", "dbo", "orders", catalog="shop")
CONNECTOR, DEFINITIONS, STATE = (
    f"##MS_{name}##" for name in ("DatabaseConnector", "DefinitionReader", "ServerStateReader")
)


def judged(snapshot: Snapshot, platform: Platform | None = None) -> AccessWorld:
    accounts = {state.name: state for state in snapshot.accounts}
    version, where = snapshot.server.version, platform or snapshot.server.platform
    return AccessWorld(
        "i", EngineName.SQLSERVER, version, accounts, snapshot.sections, platform=where
    )


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return accounts_of(fleet())


@pytest.fixture(scope="module")
def rules(snapshot: Snapshot) -> AccessRules:
    return SqlServer().access_rules(judged(snapshot))


def state_of(snapshot: Snapshot, name: str) -> AccountState:
    return next(state for state in snapshot.accounts if state.name == name)


def test_a_logical_server_is_read_whole(snapshot: Snapshot) -> None:
    assert snapshot.server.platform is Platform.AZURE_SQL
    assert snapshot.server.place == LOGICAL_SERVER
    assert snapshot.server.version == "16.0 (Azure SQL Database, 12.0.2000.8)"
    assert snapshot.databases == {"master", "shop", "hr"}
    assert not snapshot.unread
    assert snapshot.warnings == ()
    not_there = {SectionKey(name) for name in (SectionName.SERVER, SectionName.OTHER)}
    found = {key for key, item in snapshot.sections.items() if item.status == "not applicable"}
    assert found >= {*not_there, SectionKey(SectionName.PRINCIPAL)}
    assert not {key for key in found if key.database}
    assert any("Entra admin" in note for note in snapshot.server.notes)


@pytest.mark.parametrize(
    ("name", "can_login", "login"),
    [
        ("admin", True, None),
        ("eve@contoso.com", True, None),
        ("[shop].[own]", True, None),
        ("[hr].[team]", True, None),
        ("[shop].[app]", False, "app"),
        ("[shop].[eve]", False, "eve@contoso.com"),
        ("[shop].[dbo]", False, "admin"),
        ("[hr].[dbo]", False, "owner"),
        ("[shop].[lost]", False, None),
    ],
)
def test_an_account_comes_in_by_its_login_or_by_itself(
    snapshot: Snapshot, name: str, can_login: bool, login: str | None
) -> None:
    state = state_of(snapshot, name)
    assert state.can_login is can_login
    assert dict(state.attributes).get("login") == login
    assert dict(state.attributes).get("is_orphaned", False) is (name == "[shop].[lost]")


def test_the_server_admin_alone_is_superuser(snapshot: Snapshot) -> None:
    assert [state.name for state in snapshot.accounts if state.is_superuser] == ["admin"]


@pytest.mark.parametrize(
    ("account", "permission", "on", "is_held"),
    [
        ("admin", "CONTROL SERVER", SERVER, True),
        ("admin", "SELECT", ORDERS, True),
        ("app", "SELECT", ORDERS, True),
        ("app", "DELETE", ORDERS, False),
        ("[shop].[own]", "SELECT", ORDERS, True),
        ("[shop].[own]", "ALTER ANY LOGIN", SERVER, False),
        ("stray", "SELECT", ORDERS, False),
        ("boss", "ALTER ANY LOGIN", SERVER, True),
        ("boss", "SELECT", ORDERS, False),
        ("clerk", "ALTER ANY LOGIN", SERVER, True),
        ("clerk", "CONTROL SERVER", SERVER, False),
        ("[master].[entra]", "CREATE ANY DATABASE", SERVER, True),
        ("[master].[entra]", "ALTER ANY DATABASE", SERVER, False),
        ("owner", "SELECT", Securable(SecurableKind.DATABASE, "hr", catalog="hr"), True),
        ("owner", "SELECT", ORDERS, False),
        ("mon", "VIEW DEFINITION", ORDERS, True),
        ("mon", "SELECT", ORDERS, False),
    ],
)
def test_what_an_account_may_do(
    rules: AccessRules, account: str, permission: str, on: Securable, is_held: bool
) -> None:
    """Authorize database access; Server roles; Database-level roles, special roles."""
    decision = rules.decide(account, permission, on)
    assert bool([item for item in decision.held if not item.lacking]) is is_held
    concerned = rules.concerned(permission, on)
    assert not is_held or concerned is None or account in concerned


def test_a_login_without_a_user_does_not_get_in(rules: AccessRules) -> None:
    """A server role that reads definitions reads none in a database that one can't enter."""
    world = fleet()
    world.member(DEFINITIONS, "stray")
    found = SqlServer().access_rules(judged(accounts_of(world)))
    (held,) = found.decide("stray", "VIEW DEFINITION", ORDERS).held
    assert held.lacking == ("CONNECT on database shop",)


def test_a_role_counts_where_its_member_gets_in_and_a_deny_keeps_it_out() -> None:
    """Server roles: the fixed roles, and how CONNECT to one database is denied."""
    world = fleet()
    for role in (CONNECTOR, "##MS_DatabaseManager##"):
        world.member(role, "stray")
    world.maps("clerk", "hr")
    world.databases["hr"].grant("clerk", "CONNECT", state="D")
    world.member(CONNECTOR, "clerk")
    found = SqlServer().access_rules(judged(accounts_of(world)))

    def gets(account: str, permission: str, database: str) -> bool:
        on = Securable(SecurableKind.DATABASE, database, catalog=database)
        return any(not item.lacking for item in found.decide(account, permission, on).held)

    assert gets("stray", "CONNECT", "shop")
    assert gets("stray", "ALTER", "shop")
    assert not gets("stray", "CONTROL", "shop")
    assert gets("clerk", "CONNECT", "shop")
    assert not gets("clerk", "CONNECT", "hr")
    assert not gets("app", "CONNECT", "hr")


@pytest.mark.parametrize(
    "name", ["a]b", "a*/b", "a/*b", "x'; DROP DATABASE y --", "a\nGO", "ü -- /* */ x", "[a].[b]"]
)
def test_a_name_never_ends_the_comment_that_names_the_database(name: str) -> None:
    statement = "SELECT 1;"
    text = in_azure_database(name, statement)
    (kinds,) = [[item.text for item in sqlglot.tokenize(text, read="tsql")]]
    assert kinds == ["SELECT", "1", ";"]
    assert text.endswith(f"*/ {statement}")
    assert "\n" not in text


def test_a_server_that_does_not_say_what_was_opened_is_not_read() -> None:
    class Silent(LogicalConnection):
        def fetch(
            self, sql: str, parameters: Mapping[str, object] | None = None
        ) -> list[dict[str, Any]]:
            rows = super().fetch(sql, parameters)
            return [
                {key: None if key == "database_name" else row[key] for key in row} for row in rows
            ]

    with (
        emulated(fleet()) as server,
        pytest.raises(QueryError, match="which database the login opened"),
    ):
        SqlServer().identify(Silent(server, None, ""))


def test_no_login_of_a_logical_server_lacks_connect_sql(rules: AccessRules) -> None:
    assert all(not item.lacking for item in rules.decide("app", "SELECT", ORDERS).held)


def test_who_may_be_the_entra_admin_is_said_to_be_unknown(rules: AccessRules) -> None:
    assert any(
        "Entra admin" in gap for gap in rules.decide("[master].[entra]", "X", SERVER).unknown
    )
    for other in ("admin", "app", "[shop].[own]", "[shop].[eve]", "[hr].[team]"):
        assert not any("Entra admin" in gap for gap in rules.decide(other, "X", SERVER).unknown)


@pytest.mark.parametrize("platform", Platform)
def test_the_label_gives_no_right(snapshot: Snapshot, platform: Platform) -> None:
    ours, other = (SqlServer().access_rules(judged(snapshot, item)) for item in (None, platform))
    for state in snapshot.accounts:
        for permission, on in (("SELECT", ORDERS), ("ALTER ANY LOGIN", SERVER)):
            assert ours.decide(state.name, permission, on) == other.decide(
                state.name, permission, on
            )


@pytest.mark.parametrize("name", ["dbmanager", "loginmanager"])
def test_a_role_of_that_name_is_nothing_on_a_server_of_ones_own(name: str) -> None:
    world = World()
    master = world.databases["master"]
    master.user(name, type_="R", owner=1)
    master.user("app", sid=world.login("app"))
    master.member(name, "app")
    found = SqlServer().access_rules(judged(accounts_of_server(world)))
    for permission in ("ALTER ANY LOGIN", "CREATE ANY DATABASE"):
        assert not found.decide("app", permission, SERVER).held
    assert not found.powers("app")


def test_powers_and_their_fixes_run_there(rules: AccessRules, snapshot: Snapshot) -> None:
    (admin,) = rules.powers("admin")
    assert (admin.source, admin.fix) == ("superuser", "")
    (power,) = rules.powers("boss")
    assert power.fix == "/* in database [master] */ ALTER ROLE [loginmanager] DROP MEMBER [boss];"
    (power,) = rules.powers("clerk")
    assert power.fix == (
        "/* in database [master] */ ALTER SERVER ROLE [##MS_LoginManager##] DROP MEMBER [clerk];"
    )
    (power,) = (item for item in rules.powers("owner") if item.source.startswith("dbo"))
    assert power.fix == ("/* in database [hr] */ ALTER AUTHORIZATION ON DATABASE::[hr] TO [admin];")
    facts = rules.facts("admin")
    assert facts.is_built_in
    assert facts.never_expires is None
    assert facts.weak_authentication == ""


def test_no_statement_changes_the_database_of_a_session(
    rules: AccessRules, snapshot: Snapshot
) -> None:
    for state in snapshot.accounts:
        holds = rules.powers(state.name)
        texts = [item.fix for item in holds]
        texts += [rules.revoke(state.name, grant) for grant in state.grants]
        texts += [rules.revoke_role(state.name, item) for item in state.memberships]
        texts += [rules.disable(state.name), rules.drop(state.name)]
        for text in filter(None, texts):
            assert text.startswith("/* in database ["), text
            assert "USE " not in text
            assert "sysadmin" not in text


class Counting:
    """An opener that keeps which databases were opened, and how many are open at once."""

    def __init__(self, server: EmulatedLogicalServer, own: str = "") -> None:
        self._open = opener(server, own)
        self.opened: list[str | None] = []
        self.now = self.most = 0

    @contextmanager
    def __call__(self, database: str | None) -> Iterator[Connection]:
        with self._open(database) as connection:
            self.opened.append(database)
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                yield connection
            finally:
                self.now -= 1


def test_each_database_is_a_connection_of_its_own() -> None:
    with emulated(fleet()) as server:
        opened = Counting(server)
        collect_accounts(SqlServer(), opened, CollectScope("mon"), NOW)
        asked = [database for database, _ in server.statements]
    assert opened.opened == [None, "master", "shop", "hr"]
    assert (opened.now, opened.most) == (0, 1)
    assert set(asked) == {"master", "shop", "hr"}


def test_an_unchanged_server_gives_the_same_digests() -> None:
    """ADR 0041, with a connection a database."""

    def marks(world: LogicalServer) -> tuple[object, ...]:
        with emulated(world) as server:
            found = read_accounts(SqlServer(), opener(server), CollectScope("mon"), NOW)
        return found.facts, found.in_order, found.digest

    world = fleet()
    before = marks(world)
    assert marks(fleet()) == before
    world.databases["hr"].user("new", sid=b"\x77", authentication=2)
    facts, in_order, digest = marks(world)
    assert facts == before[0]
    assert in_order != before[1]
    assert digest != before[2]


@pytest.mark.parametrize("number", [40613, 49918])
def test_a_database_that_is_busy_costs_itself(number: int) -> None:
    world = fleet()
    world.errors["shop"] = number
    snapshot = accounts_of(world)
    assert {key.database for key in snapshot.unread} == {"shop"}
    (warning,) = snapshot.warnings
    assert "Database shop was not read" in warning
    assert "try again in a minute" in warning
    assert {state.database for state in snapshot.accounts} == {"", "master", "hr"}
    sizes = sizes_of(world)
    assert {item.name: item.total.state for item in sizes.databases} == {
        "shop": MeasureState.UNREACHABLE,
        "hr": MeasureState.KNOWN,
    }


def test_a_database_without_a_user_is_named_with_what_lets_in() -> None:
    world = fleet()
    world.permissions.discard("CONNECT ANY DATABASE")
    world.maps("mon", "hr")
    snapshot = accounts_of(world)
    unread = {report.status for key, report in snapshot.unread.items()}
    assert {key.database for key in snapshot.unread} == {"shop"}
    assert unread == {SectionStatus.FAILED}
    (warning,) = snapshot.warnings
    assert "may not connect to database shop" in warning
    assert f"ALTER SERVER ROLE [{CONNECTOR}] ADD MEMBER [mon];" in warning
    assert "/* in database [shop] */ CREATE USER [mon] FOR LOGIN [mon];" in warning
    assert "USE " not in warning


@pytest.mark.parametrize(
    ("role", "says"),
    [(DEFINITIONS, "VIEW ANY DEFINITION is missing"), (STATE, "VIEW DATABASE STATE")],
)
def test_without_a_role_of_the_script_it_is_named(role: str, says: str) -> None:
    world = LogicalServer()
    world.database("shop")
    world.databases["master"].user("mon", sid=world._sid("mon"))
    for other in {CONNECTOR, DEFINITIONS, STATE} - {role}:
        world.joins(other)
    line = f"/* in database [master] */ ALTER SERVER ROLE [{role}] ADD MEMBER [mon];"
    if role == DEFINITIONS:
        with pytest.raises(PrivilegeError) as caught:
            accounts_of(world)
        assert says in str(caught.value)
        assert line in str(caught.value)
        return
    assert accounts_of(world).warnings == ()
    sizes = sizes_of(world)
    (shop,) = sizes.databases
    assert shop.total.state is MeasureState.KNOWN
    assert shop.data.state is MeasureState.DENIED
    assert line in shop.data.reason


def test_without_a_user_in_master_the_login_is_told_where_to_go() -> None:
    world = LogicalServer()
    with pytest.raises(ConfigurationError) as caught:
        accounts_of(world)
    assert "instances edit --database" in str(caught.value)
    assert "master, where the account needs a user" in str(caught.value)


def contained() -> LogicalServer:
    world = fleet()
    world.username = "own"
    world.permissions.clear()
    world.granted["shop"] = {"VIEW DEFINITION", "VIEW DATABASE STATE"}
    return world


def test_an_account_of_one_database_reads_that_and_says_so() -> None:
    snapshot = accounts_of(contained(), "shop")
    assert snapshot.server.place == ONE_DATABASE
    assert {state.database for state in snapshot.accounts} == {"shop"}
    assert snapshot.hides_databases
    assert snapshot.unread.keys() == {SectionKey(SectionName.ACCOUNTS)}
    assert not snapshot.is_known(SectionKey(SectionName.MEMBERSHIPS))
    assert not snapshot.is_known(SectionKey(SectionName.TABLE, "hr"))
    assert snapshot.warnings == ()
    assert snapshot.unread[SectionKey(SectionName.ACCOUNTS)].is_meant
    assert any("other databases are not either" in note for note in snapshot.server.notes)
    orphans = [one for one in snapshot.accounts if dict(one.attributes)["is_orphaned"]]
    assert orphans == []
    found = SqlServer().access_rules(judged(snapshot))
    decision = found.decide("[shop].[own]", "SELECT", ORDERS)
    assert decision.held
    assert any(gap.section == SectionKey(SectionName.ACCOUNTS) for gap in decision.unknown)


def test_an_account_of_one_database_measures_that() -> None:
    sizes = sizes_of(contained(), "shop", largest_tables=1)
    (shop,) = sizes.databases
    assert shop.name == "shop"
    assert shop.data.bytes == 7 * 8192
    assert shop.tables[0].name == "orders"
    assert not sizes.inventory_is_complete
    assert "other databases of the server are not known" in sizes.hidden.reason
    assert sizes.warnings == ()


@pytest.mark.parametrize("permission", ["VIEW DEFINITION", "VIEW DATABASE STATE"])
def test_what_an_account_of_one_database_lacks_is_granted_there(permission: str) -> None:
    world = contained()
    world.granted["shop"].discard(permission)
    said = " ".join((*accounts_of(world, "shop").warnings, *sizes_of(world, "shop").warnings))
    assert f"GRANT {permission} TO [own];" in said


def test_sizes_are_those_of_each_database() -> None:
    world = fleet()
    world.databases["hr"].listed["maximum"] = -1
    sizes = sizes_of(world, largest_tables=2)
    shop, hr = sizes.databases
    assert (shop.name, hr.name) == ("shop", "hr")
    assert shop.total.bytes == 1100 * 8192
    assert shop.log.bytes == 100 * 8192
    assert shop.data.bytes == 7 * 8192
    assert shop.maximum_bytes == 32 * 2**30 + 100 * 8192
    assert hr.maximum_bytes is None
    assert sizes.inventory_is_complete
    assert sizes.temporary.state is MeasureState.NOT_APPLICABLE
    assert sizes.warnings == ()


@pytest.mark.parametrize("hides", [False, True])
def test_a_serverless_database_is_read_and_what_that_costs_is_told(hides: bool) -> None:
    world = fleet()
    world.databases["hr"].listed["objective"] = "GP_S_Gen5_2"
    world.hides_objectives = hides
    sizes = sizes_of(world)
    for told in (accounts_of(world).warnings, sizes.notes):
        assert [text for text in told if "keeps it from pausing" in text and "hr" in text] == (
            [] if hides else list(told)
        )
    assert sizes.warnings == ()
    assert accounts_of(world, excluded=("hr",)).warnings == ()


@pytest.mark.parametrize(("state", "word"), [(7, "copying"), (10, "offline secondary")])
def test_a_database_that_is_not_online_is_not_opened(state: int, word: str) -> None:
    world = fleet()
    world.databases["hr"].listed |= {"state": state, "state_desc": word.upper().replace(" ", "_")}
    with emulated(world) as server:
        opened = Counting(server)
        snapshot = collect_accounts(SqlServer(), opened, CollectScope("mon"), NOW)
    assert "hr" not in opened.opened
    assert snapshot.warnings == (f"Database hr was not read: it is {word}.",)
    hr = sizes_of(world).databases[1]
    assert (hr.total.state, hr.data.state) == (MeasureState.UNREACHABLE, MeasureState.UNREACHABLE)


def test_a_hidden_list_of_databases_is_no_list_of_all() -> None:
    world = fleet()
    world.denied.add("VIEW ANY DATABASE")
    snapshot = accounts_of(world)
    assert snapshot.hides_databases
    assert any(f"[{DEFINITIONS}] ADD MEMBER [mon];" in text for text in snapshot.warnings)
    assert not sizes_of(world).inventory_is_complete


def test_what_is_denied_in_a_database_is_revoked_there() -> None:
    world = fleet()
    world.databases["shop"].grant("public", "VIEW DEFINITION", state="D")
    said = " ".join(accounts_of(world).warnings)
    assert "/* in database [shop] */ REVOKE VIEW DEFINITION FROM [public];" in said
    assert "USE " not in said


@pytest.mark.parametrize(
    ("edition", "word"), [(6, "dedicated SQL pool"), (11, "serverless SQL pool"), (12, "Fabric")]
)
def test_other_services_of_azure_are_refused_with_their_reason(edition: int, word: str) -> None:
    world = fleet()
    world.engine_edition = edition
    with pytest.raises(UnsupportedServer, match=word):
        accounts_of(world)


def test_the_script_says_where_each_line_runs() -> None:
    engine = SqlServer()
    lines = engine.platform_script("mon", "azure-sql-database").splitlines()
    assert lines == [
        "/* in database [master] */ CREATE LOGIN [mon] WITH PASSWORD = '<password>';",
        "/* in database [master] */ CREATE USER [mon] FOR LOGIN [mon];",
        *(
            f"/* in database [master] */ ALTER SERVER ROLE [{role}] ADD MEMBER [mon];"
            for role in (DEFINITIONS, STATE, CONNECTOR)
        ),
    ]
    some = engine.platform_script("mon", "azure-sql-database", "%", ["master", "shop", "a*/b"])
    assert CONNECTOR not in some
    assert some.splitlines()[-2:] == [
        "/* in database [shop] */ CREATE USER [mon] FOR LOGIN [mon];",
        "/* in database <a name that no statement can hold> */ CREATE USER [mon] FOR LOGIN [mon];",
    ]
    with pytest.raises(ConfigurationError):
        engine.platform_script("mon", "azure-sql-database", "%", ["a\nGO"])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    found = authority(tmp_path_factory.mktemp("tls") / "it", "127.0.0.1")
    return found.certificate, found.key


@contextmanager
def reachable(
    world: LogicalServer,
    kind: str,
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    **settings: Any,
) -> Iterator[tuple[Target, tds.TdsServer]]:
    with listening(world, certificate, monkeypatch) as listener:
        options = {"host": HOST, "tls": TlsOptions(TlsMode.REQUIRE), "username": "mon"}
        yield target_at(1433, driver_named(kind), **{**options, **settings}), listener


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (HOST, "srv"),
        ("SRV.Database.usgovcloudapi.net.", "srv"),
        ("mi.a1b2c3.database.windows.net", ""),
        ("mi.public.a1b2c3.database.windows.net", ""),
        ("srv.database.windows.net.example.com", ""),
        ("10.0.0.7", ""),
    ],
)
def test_a_logical_server_is_known_by_its_host(host: str, name: str) -> None:
    """A managed instance has its zone between, and takes the account as it is."""
    target = target_at(1433, host=host)
    assert logical_server(target.instance) == name
    assert login_username(target) == ("mon@srv" if name else "mon")
    for written in ("mon@srv", "mon@SRV"):
        with_server = target_at(1433, host=host, username=written)
        assert login_username(with_server) == ("mon@srv" if name else written)
    other = target_at(1433, host=host, username="mon@other")
    assert login_username(other) == ("mon@other@srv" if name else "mon@other")


def test_an_account_that_is_written_with_its_server_is_told_without_it(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = fleet()
    world.permissions.discard("CONNECT ANY DATABASE")
    world.permissions.discard("VIEW SERVER STATE")
    world.maps("mon", "hr")
    with reachable(world, DRIVERS[0], certificate, monkeypatch, username="mon@srv") as (target, _):
        found = collected(target)
    assert found.server.account == "[mon]"
    assert "CREATE USER [mon] FOR LOGIN [mon];" in " ".join(found.warnings)
    assert "[mon@srv]" not in " ".join(found.warnings)


def collected(target: Target) -> Snapshot:
    engine, deadline = SqlServer(), Deadline(60)
    return collect_accounts(
        engine,
        lambda name: open_connection(engine, target, deadline, name),
        CollectScope(target.username),
        NOW,
    )


@pytest.mark.parametrize("kind", DRIVERS)
def test_through_a_driver_each_login_opens_its_database(
    kind: str, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = fleet()
    with reachable(world, kind, certificate, monkeypatch) as (target, listener):
        found = collected(target)
    expected = accounts_of(world)
    assert found.accounts == expected.accounts
    assert found.sections == expected.sections
    assert [login.database for login in listener.logins] == ["master", "master", "shop", "hr"]
    assert {login.username for login in listener.logins} == {"mon@srv"}
    assert all(listener.encrypted)
    assert not any(sql.startswith("USE") for sql in listener.batches)


@pytest.mark.parametrize("kind", DRIVERS)
def test_through_a_driver_a_refused_database_costs_itself(
    kind: str, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a rejected credential, which would end the sync: the server let us in before."""
    world = fleet()
    world.permissions.discard("CONNECT ANY DATABASE")
    world.maps("mon", "hr")
    with reachable(world, kind, certificate, monkeypatch) as (target, _):
        found = collected(target)
    assert {key.database for key in found.unread} == {"shop"}
    assert any("may not connect to database shop" in text for text in found.warnings)


def test_behind_another_name_the_login_is_made_again() -> None:
    """An address or a tunnel: the server itself says that it has no USE."""
    world = fleet()
    with emulated(world) as server:

        def on_login(login: Login) -> None:
            server.enter(login.database or "master")

        with tds_server(on_login, answers(server)) as listener:
            target = target_at(listener.port, driver_named(DRIVERS[0]))
            found = collected(target)
            own = collected(replace(target, instance=replace(target.instance, database="shop")))
    assert found.accounts == accounts_of(world).accounts
    assert own.server.place == ONE_DATABASE
    databases = [login.database for login in listener.logins]
    assert databases[:5] == ["master", "master", "master", "master", "shop"]


@pytest.mark.parametrize(
    ("number", "kind", "says"),
    [
        (40615, ConfigurationError, "firewall rule"),
        (40613, ConnectError, "try again in a minute"),
        (18456, AuthenticationError, "instances edit --database"),
        (40532, ConfigurationError, "host name"),
    ],
)
def test_what_keeps_everybody_out_says_what_to_do(
    number: int,
    kind: type[Exception],
    says: str,
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = fleet()
    world.errors["master"] = number
    with (
        reachable(world, DRIVERS[0], certificate, monkeypatch) as (target, listener),
        pytest.raises(kind) as caught,
    ):
        collected(target)
    assert says in str(caught.value)
    assert isinstance(caught.value, SyncError)
    assert caught.value.retryable is (number == 40613)
    assert len(listener.logins) == 1


def test_a_redirecting_server_is_told_how_to_be_a_proxy(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with reachable(fleet(), DRIVERS[0], certificate, monkeypatch) as (target, listener):
        listener.routing = ("127.0.0.9", 11000)
        with pytest.raises(
            UnsupportedServer, match="connection policy of the logical server to Proxy"
        ):
            collected(target)
