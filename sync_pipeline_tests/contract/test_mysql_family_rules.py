"""Rules of MariaDB and MySQL beyond their grant tables: what is said is compared with trying."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pymysql
import pytest

from sync_pipeline.engines.access.contract import AccessRules
from sync_pipeline.model.access import AccessWorld
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers import mariadb, mysql
from workbench.servers.running import RunningServer

WITHOUT_CASE = ("--lower-case-table-names=1",)
TRIED = {
    "SELECT": "SELECT * FROM {table}",
    "INSERT": "INSERT INTO {table} VALUES (1)",
    "UPDATE": "UPDATE {table} SET a = 2",
    "DELETE": "DELETE FROM {table}",
    "DROP": "DROP TABLE {table}",
}


@pytest.fixture(scope="module", params=["mariadb", pytest.param("mysql", marks=pytest.mark.mysql)])
def without_case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Family]:
    """A server that compares names of databases and tables without case."""
    directory = tmp_path_factory.mktemp(f"{request.param}-case") / "server"
    if request.param == "mysql":
        request.getfixturevalue("mysql_server")  # which skips where there is none
        with mysql.run_mysql(mysql.obtain(), directory, WITHOUT_CASE) as server:
            yield Family(server)
        return
    found = mariadb.installation()
    assert found is not None
    with mariadb.run_mariadb(found, directory, WITHOUT_CASE) as server:
        yield Family(server)


@pytest.fixture
def family(mysql_family_server: RunningServer) -> Family:
    return Family(mysql_family_server)


def rules_of(family: Family) -> AccessRules:
    snapshot = family.snapshot()
    accounts = {state.name: state for state in snapshot.accounts}
    world = AccessWorld("i", family.engine.name, snapshot.server.version, accounts)
    return family.engine.access_rules(world)


def may(family: Family, user: str, statement: str) -> bool:
    """Return whether the server's privileges let a statement pass."""
    server = family.server
    with pymysql.connect(host=server.host, port=server.port, user=user, password="x") as link:
        link.begin()
        try:
            link.cursor().execute(statement)
        except pymysql.MySQLError as error:
            return error.args[0] not in (1044, 1142, 1143)
        finally:
            link.rollback()
    return True


@pytest.mark.parametrize(
    "grant",
    [
        "SELECT, INSERT ON `MyDb`.*",
        "SELECT, UPDATE ON `mYdB`.`TaB`",
        "DELETE ON `My\\_%`.*",
        "SELECT ON `My%`.*",
        "SELECT (A), UPDATE (a) ON MyDb.Tab",
    ],
)
def test_names_are_compared_as_the_server_compares_them(without_case: Family, grant: str) -> None:
    family = without_case
    family.run(
        "CREATE DATABASE IF NOT EXISTS MyDb",
        "CREATE TABLE IF NOT EXISTS MyDb.Tab (a int)",
    )
    with family.users("u@'%' IDENTIFIED BY 'x'"):
        family.run(f"GRANT {grant} TO u@'%'")
        rules = rules_of(family)
        for name in ("MyDb.Tab", "mydb.tab", "MYDB.TAB"):
            (on, *_) = rules.securables(name)
            for word, statement in TRIED.items():
                said = rules.decide("'u'@'%'", word, on)
                tried = may(family, "u", statement.format(table=name))
                if "(" in grant and not said.is_allowed:
                    continue  # a statement passes by its columns
                assert said.is_allowed is tried, (name, word)
                assert said.securable == on


def test_the_view_tells_it_too(without_case: Family) -> None:
    family = without_case
    family.run(*family.engine.grants_script("case_monitor", "%", ()).splitlines())
    try:
        monitored = family.snapshot(family.target("case_monitor", "<password>"))
    finally:
        family.run(
            "DROP USER case_monitor@'%'",
            "DROP ROLE sync_pipeline_definer",
            "DROP DATABASE sync_pipeline",
        )
    assert all(
        dict(state.attributes).get("lower_case_table_names") == 1
        for state in monitored.accounts
        if "plugins" in dict(state.attributes) or "plugin" in dict(state.attributes)
    )


def test_names_have_case_elsewhere(family: Family) -> None:
    with family.users("u@'%' IDENTIFIED BY 'x'"):
        family.run("GRANT SELECT ON `MyDb`.* TO u@'%'")
        rules = rules_of(family)
    (there, *_), (other, *_) = rules.securables("MyDb"), rules.securables("mydb")
    assert rules.decide("'u'@'%'", "SELECT", there).is_allowed
    assert not rules.decide("'u'@'%'", "SELECT", other).is_allowed


def test_information_schema_is_read_by_all_and_written_by_nobody(family: Family) -> None:
    users = ("plain@'%' IDENTIFIED BY 'x'", "mighty@'%' IDENTIFIED BY 'x'")
    statements = {
        "SELECT": "SELECT COUNT(*) FROM information_schema.SCHEMATA",
        "INSERT": "INSERT INTO information_schema.SCHEMATA (SCHEMA_NAME) VALUES ('x')",
        "UPDATE": "UPDATE information_schema.SCHEMATA SET SCHEMA_NAME = 'x'",
        "DROP": "DROP TABLE information_schema.SCHEMATA",
        "CREATE": "CREATE TABLE information_schema.t (a int)",
        "CREATE VIEW": "CREATE VIEW information_schema.v AS SELECT 1",
        "CREATE ROUTINE": "CREATE PROCEDURE information_schema.p() SELECT 1",
    }
    with family.users(*users):
        family.run("GRANT ALL ON *.* TO mighty@'%' WITH GRANT OPTION")
        rules = rules_of(family)
        (database, *_) = rules.securables("Information_Schema")
        for user in ("plain", "mighty"):
            for word, statement in statements.items():
                decision = rules.decide(f"'{user}'@'%'", word, replace(database))
                assert decision.is_allowed is may(family, user, statement), (user, word)
                assert not decision.unknown


def test_what_performance_schema_lets_one_change_is_not_known(family: Family) -> None:
    with family.users("mighty@'%' IDENTIFIED BY 'x'"):
        family.run("GRANT ALL ON *.* TO mighty@'%'")
        rules = rules_of(family)
        (on, *_) = rules.securables("performance_schema.threads")
        assert any(
            "performance_schema" in t for t in rules.decide("'mighty'@'%'", "INSERT", on).unknown
        )
        assert not rules.decide("'mighty'@'%'", "SELECT", on).unknown
        assert not may(
            family, "mighty", "INSERT INTO performance_schema.threads (THREAD_ID) VALUES (1)"
        )
