"""What MySQL alone has of accounts, on a real server; the rest is in `test_accounts.py`."""

from __future__ import annotations

from collections.abc import Iterator

import pymysql
import pytest

from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import sql_text
from sync_pipeline.engines.mysql.engine import PACKAGE
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers import mysql
from workbench.servers.running import RunningServer

pytestmark = pytest.mark.mysql


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


def test_the_queries_of_older_servers_run_and_have_the_same_columns(family: Family) -> None:
    with open_connection(family.engine, family.target(), Deadline(20)) as connection:
        for query in family.engine.account_queries:
            for variant in query.variants:
                rows = connection.fetch(sql_text(PACKAGE, variant.file))
                for row in rows:
                    query.bind(row)


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
