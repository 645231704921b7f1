"""The monitoring account of MariaDB and MySQL opens no password hash and no binary log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pymysql
import pytest

from sync_pipeline.engines.base import sql_text
from sync_pipeline.errors import ConnectError, PrivilegeError, QueryError, SyncError
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers.running import RunningServer

MONITOR, PASSWORD = "hash_monitor", "<password>"
NAMES_OF_KEYS = {
    "json_keys": r"JSON_KEYS\(Priv\)",
    "plugin_keys": r"\(\n        SELECT JSON_ARRAYAGG\(JSON_KEYS\((?:(?!\n    \)).)*\n    \)",
    "attribute_keys": r"IF\(\n        JSON_TYPE\((?:(?!\n    \)).)*\n    \)",
}


@contextmanager
def lent(server: RunningServer) -> Iterator[Family]:
    found = Family(server)
    found.run("CREATE USER canary@'%' IDENTIFIED BY 'C4nary'", "CREATE USER bare@'%'")
    yield found
    found.run(
        f"DROP USER IF EXISTS canary@'%', bare@'%', {MONITOR}@'%', either@'%'",
        "DROP ROLE IF EXISTS sync_pipeline_definer",
        "DROP DATABASE IF EXISTS sync_pipeline",
    )


@pytest.fixture
def family(mysql_family_server: RunningServer) -> Iterator[Family]:
    with lent(mysql_family_server) as found:
        yield found


@pytest.fixture
def mariadb(each_mariadb_server: RunningServer) -> Iterator[Family]:
    with lent(each_mariadb_server) as found:
        yield found


def table(family: Family) -> str:
    return "user" if family.is_mysql else "global_priv"


def as_monitor(family: Family, statement: str) -> list[tuple[object, ...]]:
    with (
        pymysql.connect(
            host=family.server.host, port=family.server.port, user=MONITOR, password=PASSWORD
        ) as link,
        link.cursor() as cursor,
    ):
        cursor.execute(statement)
        return list(cursor.fetchall())


def script(family: Family) -> list[str]:
    return family.engine.grants_script(MONITOR, "%", ()).splitlines()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM mysql.user",
        "SELECT * FROM mysql.global_priv",
        "SHOW BINLOG EVENTS",
        "SHOW CREATE USER canary@'%'",
        "SHOW GRANTS FOR canary@'%'",
    ],
)
def test_what_the_account_may_not_read(family: Family, statement: str) -> None:
    family.run(*script(family))
    with pytest.raises(pymysql.MySQLError) as caught:
        as_monitor(family, statement)
    assert caught.value.args[0] in (1044, 1142, 1227, 1146)


def test_no_hash_is_in_the_view(family: Family) -> None:
    family.run(*script(family))
    if family.is_mysql:
        family.run("ALTER USER canary@'%' IDENTIFIED BY 'second' RETAIN CURRENT PASSWORD")
    seen = repr(as_monitor(family, f"SELECT * FROM sync_pipeline.{table(family)}"))
    assert "canary" in seen
    assert "$A$" not in seen
    assert "*B" not in seen
    assert "'*" not in seen.replace('"', "'")


def test_the_view_tells_what_the_table_tells(family: Family) -> None:
    """Empty passwords, methods, limits and privileges are those that a superuser reads."""
    if not family.is_mysql:
        family.run(
            "CREATE USER either@'%' IDENTIFIED VIA mysql_native_password USING "
            "PASSWORD('x') OR unix_socket "
            "REQUIRE SUBJECT '/CN=x' WITH MAX_USER_CONNECTIONS 3"
        )
    family.run(*script(family))
    whole = {state.name: state for state in family.snapshot().accounts}
    monitored = family.snapshot(family.target(MONITOR, PASSWORD))
    seen = {state.name: state for state in monitored.accounts}
    assert seen == whole
    assert dict(seen["'bare'@'%'"].attributes)["has_authentication_string"] is False
    assert dict(seen["'canary'@'%'"].attributes)["has_authentication_string"] is True


def test_an_account_with_the_whole_table_works_on_and_is_told_how_to_narrow(
    family: Family,
) -> None:
    """Also beside a view that is broken."""
    family.run(*script(family), f"GRANT SELECT ON mysql.{table(family)} TO {MONITOR}@'%'")
    family.run("DROP ROLE sync_pipeline_definer")
    snapshot = family.snapshot(family.target(MONITOR, PASSWORD))
    assert snapshot.is_known(SectionKey(SectionName.ACCOUNTS))
    assert not snapshot.warnings
    (note,) = snapshot.server.notes
    (revoke,) = [text for text in note.split(": ") if text.startswith("REVOKE")]
    family.run(*script(family)[1:], revoke)
    narrowed = family.snapshot(family.target(MONITOR, PASSWORD))
    assert narrowed.server.notes == ()
    assert narrowed.server.place == "view"
    names = {state.name for state in narrowed.accounts}
    assert {state.name for state in snapshot.accounts} <= names


def test_a_view_of_an_older_script_is_named_with_what_makes_it_again(family: Family) -> None:
    view = f"sync_pipeline.{table(family)}"
    family.run(
        *script(family),
        "CREATE OR REPLACE DEFINER = sync_pipeline_definer SQL SECURITY DEFINER "
        f"VIEW {view} AS SELECT Host, User FROM mysql.{table(family)}",
    )
    with pytest.raises(QueryError, match="error 1054: Unknown column") as caught:
        family.snapshot(family.target(MONITOR, PASSWORD))
    assert f"An older script made the view {view}." in str(caught.value)
    assert f"sync-pipeline grants {family.engine.name} again" in str(caught.value)
    family.run(*script(family)[1:])
    assert family.snapshot(family.target(MONITOR, PASSWORD)).accounts


def test_the_text_of_the_view_is_that_of_the_table(family: Family) -> None:
    """One may not gain a column without the other."""
    package = f"sync_pipeline.engines.{family.engine.name}"
    plain = "user_8_0_16.sql" if family.is_mysql else "global_priv.sql"

    def body(file: str) -> str:
        lines = sql_text(package, file).splitlines()
        return "\n".join(line for line in lines if not line.startswith("--"))

    expected = body(plain).replace(
        f"FROM mysql.{table(family)}", f"FROM sync_pipeline.{table(family)}"
    )
    # The view hides values, so that it has the names of the keys as columns of their own.
    for name, expression in NAMES_OF_KEYS.items():
        expected = re.sub(f"{expression} AS {name}", f"{name} AS {name}", expected, flags=re.DOTALL)
    assert body(f"{table(family)}_view.sql") == expected


def test_the_view_flags_attributes_that_are_no_object(mysql_server: RunningServer) -> None:
    with lent(mysql_server) as family, family.users("odd@'%'"):
        family.run(*script(family))
        family.run("UPDATE mysql.user SET User_attributes = '[\"S3CRET\"]' WHERE User = 'odd'")
        try:
            snapshot = family.snapshot(family.target(MONITOR, PASSWORD))
        finally:
            family.run("UPDATE mysql.user SET User_attributes = NULL WHERE User = 'odd'")
    assert snapshot.server.place == "view"
    flagged = [text for text in snapshot.warnings if "User_attributes is no object: array" in text]
    assert len(flagged) == 1
    assert "S3CRET" not in repr(snapshot)


def test_hashes_of_other_methods_and_doubled_members_stay_out(mariadb: Family) -> None:
    """The JSON is edited by people: what is not asked for is not shown.

    MySQL keeps accounts in columns, and makes one member of doubled ones.
    """
    family = mariadb
    family.run(*script(family))
    odd = (
        '{"access":0,"plugin":"p","authentication_string":"S3CRET1","authentication_string":'
        '"S3CRET2","auth_or":[{},{"plugin":"q","authentication_string":"S3CRET3","old":"S3CRET4"}],'
        '"other":{"authentication_string":"S3CRET5"}}'
    )
    family.run(f"INSERT INTO mysql.global_priv VALUES ('%', 'odd', '{odd}')")
    try:
        seen = as_monitor(family, "SELECT * FROM sync_pipeline.global_priv WHERE User = 'odd'")
    finally:
        family.run("DELETE FROM mysql.global_priv WHERE User = 'odd'")
    assert "S3CRET" not in str(seen)
    shown = json.loads(str(seen[0][2]))
    assert shown["auth_or"] == [{}, {"plugin": "q", "authentication_string": "set"}]


def test_the_view_names_keys_that_are_not_known_and_hides_their_values(mariadb: Family) -> None:
    mariadb.run(*script(mariadb))
    odd = '{"access": 0, "new_key": "S3CRET6", "auth_or": [{"plugin": "q", "newer": "S3CRET7"}]}'
    mariadb.run(f"INSERT INTO mysql.global_priv VALUES ('%', 'odd', '{odd}')")
    try:
        monitored = mariadb.snapshot(mariadb.target(MONITOR, PASSWORD))
    finally:
        mariadb.run("DELETE FROM mysql.global_priv WHERE User = 'odd'")
    (state,) = [item for item in monitored.accounts if item.name == "'odd'@'%'"]
    assert dict(state.attributes)["unknown_keys"] == "new_key, auth_or.newer"
    assert "S3CRET" not in repr(monitored)


def test_what_init_connect_writes_needs_a_grant_of_its_own(family: Family) -> None:
    """It runs before any statement of ours: the account's lack of privileges is what holds."""
    family.run(
        *script(family),
        "CREATE DATABASE hooked",
        "CREATE TABLE hooked.logins (name text)",
        "SET GLOBAL init_connect = 'INSERT INTO hooked.logins VALUES (CURRENT_USER())'",
    )
    try:
        with pytest.raises(SyncError) as caught:
            family.snapshot(family.target(MONITOR, PASSWORD))
        assert isinstance(caught.value, ConnectError | PrivilegeError)
        assert family.rows("SELECT * FROM hooked.logins") == []
        # The documented limit: no client can prevent it where the account may write.
        family.run(f"GRANT INSERT ON hooked.logins TO {MONITOR}@'%'")
        assert family.snapshot(family.target(MONITOR, PASSWORD)).accounts
        assert family.rows("SELECT DISTINCT name FROM hooked.logins") == [(f"{MONITOR}@%",)]
    finally:
        family.run("SET GLOBAL init_connect = ''", "DROP DATABASE hooked")
