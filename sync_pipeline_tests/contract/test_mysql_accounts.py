"""What a MySQL account is, and every kind of grant, read back from a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pymysql
import pytest

from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import sql_text
from sync_pipeline.engines.mysql.engine import PACKAGE
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind
from sync_pipeline.model.privilege import Grant, Membership, SectionKey, Securable, SecurableKind
from sync_pipeline.model.privilege import SectionName as Name
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers import mysql
from workbench.servers.running import RunningServer

pytestmark = pytest.mark.mysql
BY = "root@127.0.0.1"


@pytest.fixture
def family(mysql_server: RunningServer) -> Iterator[Family]:
    found = Family(mysql_server)
    found.run(
        "CREATE DATABASE app",
        "CREATE TABLE app.t (a INT, `b c` INT)",
        "CREATE PROCEDURE app.p() SELECT 1",
        "CREATE FUNCTION app.f() RETURNS INT DETERMINISTIC RETURN 1",
    )
    yield found
    found.run("DROP DATABASE app")


def test_every_kind_of_grant(family: Family) -> None:
    with family.users("u@'%'", "proxied@'%'"):
        family.run(
            "GRANT PROCESS, SUPER ON *.* TO u@'%'",
            "GRANT BACKUP_ADMIN ON *.* TO u@'%'",
            "GRANT ROLE_ADMIN ON *.* TO proxied@'%' WITH GRANT OPTION",
            "GRANT SELECT ON app.* TO u@'%'",
            r"GRANT INSERT ON `a\_b`.* TO u@'%'",
            "GRANT INSERT ON `a_b%`.* TO u@'%'",
            "GRANT SELECT, SHOW VIEW ON app.t TO u@'%'",
            "GRANT UPDATE (a, `b c`) ON app.t TO u@'%'",
            "GRANT EXECUTE ON PROCEDURE app.p TO u@'%'",
            "GRANT ALTER ROUTINE ON FUNCTION app.f TO u@'%' WITH GRANT OPTION",
            "GRANT PROXY ON proxied@'%' TO u@'%' WITH GRANT OPTION",
        )
        account = family.account("'u'@'%'")
        proxied = family.account("'proxied'@'%'")
    kinds = SecurableKind
    server, table = Securable(kinds.SERVER), Securable(kinds.TABLE, "app", "", "t")
    assert set(account.grants) == {
        # MySQL's GRANT PROXY … WITH GRANT OPTION gives that option at the server level too.
        Grant(server, "PROCESS", grantable=True),
        Grant(server, "SUPER", grantable=True),
        Grant(server, "BACKUP_ADMIN"),
        Grant(Securable(kinds.DATABASE, "app"), "SELECT"),
        Grant(Securable(kinds.DATABASE, r"a\_b"), "INSERT"),
        Grant(Securable(kinds.DATABASE_PATTERN, "a_b%"), "INSERT"),
        Grant(table, "SELECT", grantor=BY),
        Grant(table, "SHOW VIEW", grantor=BY),
        Grant(Securable(kinds.COLUMN, "app", "", "t", "a"), "UPDATE"),
        Grant(Securable(kinds.COLUMN, "app", "", "t", "b c"), "UPDATE"),
        Grant(Securable(kinds.PROCEDURE, "app", "", "p"), "EXECUTE", grantor=BY),
        Grant(Securable(kinds.FUNCTION, "app", "", "f"), "ALTER ROUTINE", True, grantor=BY),
        Grant(Securable(kinds.ACCOUNT, name="'proxied'@'%'"), "PROXY", True, grantor=BY),
    }
    assert account.is_superuser
    assert Grant(server, "ROLE_ADMIN", grantable=True) in proxied.grants
    assert not proxied.is_superuser


def test_a_role_is_what_is_used_as_one(family: Family) -> None:
    family.run("CREATE ROLE used, inner_role, `un'used`, mandatory")
    try:
        with family.users("u@'%'", "''@'10.1.1.1'"):
            family.run(
                "GRANT inner_role TO used",
                "GRANT used TO u@'%' WITH ADMIN OPTION",
                "SET DEFAULT ROLE used TO u@'%'",
                "SET GLOBAL mandatory_roles = 'mandatory'",
            )
            states = {state.name: state for state in family.snapshot().accounts}
    finally:
        family.run(
            "SET GLOBAL mandatory_roles = ''", "DROP ROLE used, inner_role, `un'used`, mandatory"
        )
    kinds = {name: states[f"'{name}'@'%'"].kind for name in ("used", "inner_role", "mandatory")}
    assert set(kinds.values()) == {AccountKind.ROLE}
    assert not states["'used'@'%'"].can_login
    unused = states["'un''used'@'%'"]
    assert (unused.kind, unused.is_locked) == (AccountKind.USER, True)
    assert set(states["'u'@'%'"].memberships) == {
        Membership("'used'@'%'", admin=True, default=True),
        Membership("'mandatory'@'%'", default=False, grantor="mandatory_roles"),
    }
    assert states["'used'@'%'"].memberships == (Membership("'inner_role'@'%'", default=False),)
    assert states["''@'10.1.1.1'"].memberships == ()


def test_all_roles_are_active_at_login_where_the_server_says_so(family: Family) -> None:
    family.run("CREATE ROLE used", "SET GLOBAL activate_all_roles_on_login = ON")
    try:
        with family.users("u@'%'"):
            family.run("GRANT used TO u@'%'")
            account = family.account("'u'@'%'")
    finally:
        family.run("SET GLOBAL activate_all_roles_on_login = OFF", "DROP ROLE used")
    assert account.memberships == (Membership("'used'@'%'", default=True),)


def test_names_round_trip(family: Family) -> None:
    names = {
        "''@'%'": "''@'%'",
        "'it''s'@'%'": "'it''s'@'%'",
        r"'back\\slash'@'%'": r"'back\slash'@'%'",
        "'d.o t%_@\"`'@'%'": "'d.o t%_@\"`'@'%'",
        "'Ünï日本'@'10.%'": "'Ünï日本'@'10.%'",
        "'Mixed'@'HOST.Example'": "'Mixed'@'host.example'",
        "'mixed'@'host.example'": "'mixed'@'host.example'",
        f"'{'é' * 32}'@'10.0.0.0/255.0.0.0'": f"'{'é' * 32}'@'10.0.0.0/255.0.0.0'",
        f"'long'@'{'h' * 250}.x'": f"'long'@'{'h' * 250}.x'",
    }
    with family.admin() as cursor:
        for name in names:
            cursor.execute(f"CREATE USER {name}")
        try:
            found = {state.name for state in family.snapshot().accounts}
        finally:
            for name in names:
                cursor.execute(f"DROP USER {name}")
    assert set(names.values()) <= found


def test_the_state_of_the_accounts(family: Family) -> None:
    users = {
        "'plain'@'%'": "",
        "'locked'@'%'": "IDENTIFIED BY 'x' PASSWORD EXPIRE INTERVAL 5 DAY ACCOUNT LOCK",
        "'expired'@'%'": "IDENTIFIED BY 'x' PASSWORD EXPIRE",
        "'guarded'@'%'": "IDENTIFIED BY 'x' FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2",
        "'tls'@'%'": "REQUIRE CIPHER 'A' AND ISSUER '/C=x' AND SUBJECT '/CN=y'",
        "'limits'@'%'": (
            "WITH MAX_QUERIES_PER_HOUR 3 MAX_UPDATES_PER_HOUR 4 MAX_CONNECTIONS_PER_HOUR 5"
            " MAX_USER_CONNECTIONS 6"
        ),
    }
    with family.users(*(f"{name} {text}" for name, text in users.items())):
        family.run("ALTER USER 'guarded'@'%' IDENTIFIED BY 'y' RETAIN CURRENT PASSWORD")
        states = {s.name: s for s in family.snapshot().accounts}
    attributes = {name: dict(states[name].attributes) for name in users}
    plain = attributes["'plain'@'%'"]
    assert plain["plugin"] == "caching_sha2_password"
    assert plain["has_authentication_string"] is False
    assert plain["has_additional_password"] is False
    assert str(plain["password_last_changed"]).endswith("Z")
    assert plain["password_lifetime"] is None
    assert attributes["'locked'@'%'"]["password_lifetime"] == 5
    assert (states["'locked'@'%'"].is_locked, states["'locked'@'%'"].can_login) == (True, False)
    assert attributes["'expired'@'%'"]["password_expired"] is True
    assert attributes["'guarded'@'%'"]["failed_login_attempts"] == 3
    assert attributes["'guarded'@'%'"]["has_additional_password"] is True
    tls = attributes["'tls'@'%'"]
    assert [tls[k] for k in ("ssl_type", "ssl_cipher", "x509_issuer", "x509_subject")] == [
        *("SPECIFIED", "A", "/C=x", "/CN=y")
    ]
    limits = attributes["'limits'@'%'"]
    names = ("questions", "updates", "connections", "user_connections")
    assert [limits[f"max_{name}"] for name in names] == [3, 4, 5, 6]


def test_a_partial_revoke_is_a_deny_and_ends_patterns(
    tmp_path_factory: pytest.TempPathFactory, mysql_server: RunningServer
) -> None:
    # The variable can't be turned off while a revoke exists: a server of its own.
    directory = tmp_path_factory.mktemp("mysql-revokes") / "server"
    with mysql.run_mysql(mysql.obtain(), directory, ["--partial-revokes=ON"]) as server:
        family = Family(server)
        family.run(
            "CREATE USER u@'%'",
            "GRANT SELECT, INSERT ON *.* TO u@'%'",
            "REVOKE INSERT ON `my_sql%`.* FROM u@'%'",
            "GRANT UPDATE ON `a_b%`.* TO u@'%'",
        )
        account = family.account("'u'@'%'")
    on_server = Securable(SecurableKind.SERVER)
    assert set(account.grants) == {
        Grant(on_server, "SELECT"),
        Grant(on_server, "INSERT"),
        Grant(Securable(SecurableKind.DATABASE, "my_sql%"), "INSERT", deny=True),
        Grant(Securable(SecurableKind.DATABASE, "a_b%"), "UPDATE"),
    }


def test_a_library_is_a_routine(family: Family) -> None:
    family.run("CREATE LIBRARY app.l LANGUAGE JAVASCRIPT AS 'export function f() {}'")
    with family.users("u@'%'"):
        family.run("GRANT EXECUTE ON LIBRARY app.l TO u@'%'")
        account = family.account("'u'@'%'")
    library = Securable(SecurableKind.LIBRARY, "app", "", "l")
    assert account.grants == (Grant(library, "EXECUTE", grantor=BY),)


def test_the_queries_of_older_servers_run_and_have_the_same_columns(family: Family) -> None:
    with open_connection(family.engine, family.target(), Deadline(20)) as connection:
        for query in family.engine.account_queries:
            for variant in query.variants:
                rows = connection.fetch(sql_text(PACKAGE, variant.file))
                for row in rows:
                    query.bind(row)


def test_the_sections_of_a_snapshot(family: Family) -> None:
    snapshot = family.snapshot()
    assert set(snapshot.sections) == {
        SectionKey(name)
        for name in (
            *(Name.ACCOUNTS, Name.SERVER, Name.MEMBERSHIPS, Name.DATABASE),
            *(Name.TABLE, Name.COLUMN, Name.ROUTINE, Name.PROXY),
        )
    }
    assert not snapshot.unread
    names = {state.name for state in snapshot.accounts}
    assert set(family.engine.system_accounts) <= names


def test_attributes_that_are_not_known_are_named_and_stay_on_the_server(family: Family) -> None:
    with family.users("u@'%'", "other@'%'"):
        family.run(
            "ALTER USER other@'%' FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 1 COMMENT 'hers'",
            "UPDATE mysql.user SET User_attributes = '{\"Quotas\":\"s3cret\"}' WHERE User = 'u'",
        )
        states = {state.name: state for state in family.snapshot().accounts}
    assert dict(states["'u'@'%'"].attributes)["unknown_keys"] == "Quotas"
    assert "s3cret" not in repr(states["'u'@'%'"])
    flagged = {name for name, state in states.items() if "unknown_keys" in dict(state.attributes)}
    assert flagged == {"'u'@'%'"}


@pytest.mark.parametrize(
    ("text", "said"),
    [("[1]", "array"), ('["s3cret"]', "array"), ("null", "null"), ("7", "integer")],
)
def test_attributes_that_are_no_object_are_flagged_and_the_rest_is_read(
    family: Family, text: str, said: str
) -> None:
    with family.users("u@'%'", "other@'%'"):
        # Never read again by the server while it is so: MySQL 9.7 ends at FLUSH PRIVILEGES.
        family.run(
            "GRANT SELECT ON app.t TO u@'%'",
            f"UPDATE mysql.user SET User_attributes = '{text}' WHERE User = 'u'",
        )
        try:
            snapshot = family.snapshot()
        finally:
            family.run("UPDATE mysql.user SET User_attributes = NULL WHERE User = 'u'")
    states = {state.name: state for state in snapshot.accounts}
    found = states["'u'@'%'"]
    assert dict(found.attributes)["unknown_keys"] == f"User_attributes is no object: {said}"
    assert found.grants
    assert "unknown_keys" not in dict(states["'other'@'%'"].attributes)
    (warning,) = snapshot.warnings
    assert "'u'@'%'" in warning
    assert "s3cret" not in repr(snapshot)


def logs_in(family: Family) -> bool:
    server = family.server
    try:
        pymysql.connect(host=server.host, port=server.port, user="u", password="").close()
    except pymysql.err.MySQLError:
        return False
    return True


@pytest.mark.parametrize("plugin", ["", "frobnicate"])
def test_an_account_without_a_known_way_to_log_in_is_told(family: Family, plugin: str) -> None:
    with family.users("u@'%'"):
        family.run("GRANT SELECT ON app.t TO u@'%'")
        assert logs_in(family)
        family.run(
            f"UPDATE mysql.user SET plugin = '{plugin}' WHERE User = 'u'", "FLUSH PRIVILEGES"
        )
        try:
            assert not logs_in(family)
            snapshot = family.snapshot()
        finally:
            family.run(
                "UPDATE mysql.user SET plugin = 'caching_sha2_password' WHERE User = 'u'",
                "FLUSH PRIVILEGES",
            )
    states = {state.name: state for state in snapshot.accounts}
    world = AccessWorld("i", family.engine.name, snapshot.server.version, states)
    table = Securable(SecurableKind.TABLE, "app", "", "t")
    found = family.engine.access_rules(world).decide("'u'@'%'", "SELECT", table)
    lacking = [text for way in found.held for text in way.lacking]
    if plugin:
        assert found.unknown == ("what the login method frobnicate of 'u'@'%' means",)
        assert any("frobnicate" in text for text in snapshot.warnings)
    else:
        assert lacking == ["a way to log in: its plugin is empty"]


BY_SUPER = {
    "BINLOG_ADMIN": "PURGE BINARY LOGS TO 'none.000001'",
    "BINLOG_ENCRYPTION_ADMIN": "ALTER INSTANCE ROTATE BINLOG MASTER KEY",
    "ENCRYPTION_KEY_ADMIN": "ALTER INSTANCE ROTATE INNODB MASTER KEY",
    "GROUP_REPLICATION_ADMIN": "STOP GROUP_REPLICATION",
    "REPLICATION_SLAVE_ADMIN": "STOP REPLICA",
    "ROLE_ADMIN": "GRANT role_of_super TO sink@'%'",
    "REPLICATION CLIENT": "SHOW REPLICA STATUS",
    "SESSION_VARIABLES_ADMIN": "SET SESSION sql_log_bin = 1",
    "SYSTEM_VARIABLES_ADMIN": "SET GLOBAL max_connect_errors = @@GLOBAL.max_connect_errors",
    "RESOURCE_GROUP_ADMIN": "DROP RESOURCE GROUP none",
    "BACKUP_ADMIN": "LOCK INSTANCE FOR BACKUP",
    "FLUSH_PRIVILEGES": "FLUSH PRIVILEGES",
    "SET_ANY_DEFINER": "CREATE DEFINER = 'root'@'localhost' PROCEDURE app.d() DO 0",
}
REFUSED = (1044, 1045, 1227, 1370, 3530)


@pytest.mark.parametrize("held", ["SUPER", "SYSTEM_VARIABLES_ADMIN", "RELOAD"])
def test_a_larger_privilege_allows_what_it_allows_in_this_version(
    family: Family, held: str
) -> None:
    name, on = "'larger'@'%'", Securable(SecurableKind.SERVER)
    with family.users("larger@'%'", "sink@'%'"):
        family.run(
            "CREATE ROLE role_of_super",
            f"GRANT {held} ON *.* TO larger@'%'",
            "GRANT CREATE ROUTINE ON app.* TO larger@'%'",
        )
        try:
            snapshot = family.snapshot()
            accounts = {state.name: state for state in snapshot.accounts}
            rules = family.engine.access_rules(
                AccessWorld("i", family.engine.name, snapshot.server.version, accounts)
            )
            for word, statement in BY_SUPER.items():
                decision = rules.decide(name, word, on)
                assert decision.is_allowed_at_login is is_done(family, "larger", statement), word
        finally:
            family.run("DROP ROLE role_of_super")


def is_done(family: Family, user: str, statement: str) -> bool:
    """Return whether the server let a statement through, whatever became of it then."""
    try:
        with (
            pymysql.connect(
                host=family.server.host, port=family.server.port, user=user, ssl_disabled=True
            ) as link,
            link.cursor() as cursor,
        ):
            cursor.execute(statement)
    except pymysql.Error as error:
        return error.args[0] not in REFUSED
    return True


def test_an_account_of_a_plugin_that_the_version_removed_lacks_a_login(family: Family) -> None:
    with family.users("native@'%'", "new@'%'"):
        family.run(
            "GRANT SELECT ON app.* TO native@'%', new@'%'",
            "UPDATE mysql.user SET plugin = 'mysql_native_password' WHERE User = 'native'",
            "FLUSH PRIVILEGES",
        )
        snapshot = family.snapshot()
        with pytest.raises(pymysql.OperationalError, match="mysql_native_password"):
            pymysql.connect(
                host=family.server.host, port=family.server.port, user="native", ssl_disabled=True
            )
    accounts = {state.name: state for state in snapshot.accounts}
    for version, lacks in ((snapshot.server.version, True), ("8.4.2", False)):
        rules = family.engine.access_rules(AccessWorld("i", family.engine.name, version, accounts))
        app = Securable(SecurableKind.DATABASE, "app")
        (way,) = rules.decide("'native'@'%'", "SELECT", app).held
        assert bool(way.lacking) is lacks
        (other,) = rules.decide("'new'@'%'", "SELECT", app).held
        assert other.lacking == ()
