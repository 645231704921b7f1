"""`sync-pipeline instances test` and `grants`, against real servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise

import psycopg
import pymysql
import pytest

from workbench.benches.command import CANARY, Command
from workbench.servers import mariadb
from workbench.servers.rogue import answers
from workbench.servers.rogue.mysql import rogue_mysql
from workbench.servers.running import RunningServer, free_port


def register(
    command: Command,
    server: RunningServer,
    name: str,
    user: str,
    *,
    port: int = 0,
    engine: str = "",
) -> None:
    add = ("credentials", "add", name, "--username", user, "--password-stdin")
    command.ok(*add, stdin=CANARY)
    command.ok(
        "instances", "add", name, "--engine", engine or str(server.engine), "--host", server.host,
        "--port", str(port or server.port), "--credential", name, "--connect-timeout", "5",
        "--tls", "disable",
    )  # fmt: skip


def statements(command: Command, *arguments: str) -> list[str]:
    """Return the lines of a grants script, with the canary as its password."""
    script = command.ok("grants", *arguments).out
    assert "<password>" in script
    lines = [line for line in script.splitlines() if line and not line.startswith("--")]
    return [line.replace("<password>", CANARY) for line in lines]


@pytest.fixture
def mariadb_admin(mariadb_server: RunningServer) -> Iterator[pymysql.Connection]:  # type: ignore[type-arg]
    with closing(
        pymysql.connect(
            host=mariadb_server.host,
            port=mariadb_server.port,
            user=mariadb_server.admin_user,
            password=mariadb_server.admin_password,
            charset="utf8mb4",
            autocommit=True,
        )
    ) as connection:
        yield connection
        connection.cursor().execute("DROP USER IF EXISTS 'cli_monitor'@'127.0.0.1'")
        connection.cursor().execute("DROP ROLE IF EXISTS sync_pipeline_definer")
        connection.cursor().execute("DROP DATABASE IF EXISTS sync_pipeline")


@pytest.fixture
def postgresql_admin(
    postgresql_server: RunningServer,
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(
        host=postgresql_server.host,
        port=postgresql_server.port,
        user=postgresql_server.admin_user,
        password=postgresql_server.admin_password,
        dbname="postgres",
        autocommit=True,
    ) as connection:
        yield connection
        connection.execute("DROP OWNED BY cli_monitor")
        connection.execute("DROP ROLE cli_monitor")


def test_the_printed_script_makes_a_postgresql_ready(
    command: Command,
    postgresql_server: RunningServer,
    postgresql_admin: psycopg.Connection[tuple[object, ...]],
) -> None:
    register(command, postgresql_server, "pg", "cli_monitor")
    failed = command.run("instances", "test", "pg")
    assert failed.status == 1
    assert "pg: PostgreSQL at" in failed.out
    assert "rejected the account 'cli_monitor'" in failed.out
    for line in statements(command, "postgresql", "--user", "cli_monitor"):
        postgresql_admin.execute(line)  # type: ignore[arg-type]
    (ready,) = command.ok("instances", "test", "--all", "--json").json
    assert ready["is_ready"]
    assert ready["unread"] == {}
    assert ready["error"] is None
    assert ready["version"].startswith(postgresql_server.version)
    assert ready["tls"] is None
    assert 0 < ready["latency_seconds"] < 5
    assert ready["accounts"] >= 2
    table = command.ok("instances", "test", "pg").out
    for word in ("ready", "no TLS", "ms", ready["version"]):
        assert word in table
    shown = command.ok("instances", "show", "pg", "--json").json
    assert shown["server_version"] == ready["version"]
    assert shown["last_connected_at"]


@pytest.fixture
def server_without_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A MariaDB that is told to have none: from 11.4 on one has it by itself."""
    found = mariadb.installation()
    assert found is not None
    directory = tmp_path_factory.mktemp("no-tls") / "server"
    with mariadb.run_mariadb(found, directory, ["--skip-ssl"]) as server:
        yield server


def test_prefer_goes_on_with_a_warning(command: Command, server_without_tls: RunningServer) -> None:
    server = server_without_tls
    command.patch.setenv("ADMIN", server.admin_password)
    add = ("credentials", "add", "admin", "--username", server.admin_user)
    command.ok(*add, "--reference", "env:ADMIN")
    command.ok(
        "instances", "add", "old one", "--engine", str(server.engine), "--host", server.host,
        "--port", str(server.port), "--credential", "admin", "--tls", "prefer",
    )  # fmt: skip
    tested = command.ok("instances", "test", "old one").out
    for mode in ("require", "disable"):
        assert f"sync-pipeline instances edit 'old one' --tls {mode}" in tested
    command.ok("instances", "edit", "old one", "--tls", "disable")
    assert "--tls" not in command.ok("instances", "test", "old one").out


def test_each_missing_grant_of_mariadb_is_named(
    command: Command,
    mariadb_server: RunningServer,
    mariadb_admin: pymysql.Connection,  # type: ignore[type-arg]
) -> None:
    register(command, mariadb_server, "maria", "cli_monitor")
    arguments = ("mariadb", "--user", "cli_monitor", "--host", "127.0.0.1")
    lines = statements(command, *arguments)
    with mariadb_admin.cursor() as cursor:
        for line in lines:
            cursor.execute(line)
        (ready,) = command.ok("instances", "test", "maria", "--json").json
        assert ready["version"].startswith(mariadb_server.version.partition("-")[0])
        for line in (item for item in lines if item.startswith("GRANT")):
            grant, _, account = line.rstrip(";").partition(" TO ")
            cursor.execute(f"{grant.replace('GRANT', 'REVOKE')} FROM {account}")
            missing = command.run("instances", "test", "maria")
            assert missing.status == 1
            assert f"{grant} TO" in missing.out.replace("\n", " ")
            cursor.execute(line)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"port": "closed"}, ("refused", "Check")),
        ({"engine": "postgresql"}, ("not PostgreSQL", "engine")),
        ({"user": "nobody"}, ("rejected", "credentials rotate")),
    ],
)
def test_what_is_wrong_is_one_sentence_with_what_to_do(
    command: Command,
    mariadb_server: RunningServer,
    change: dict[str, str],
    words: tuple[str, ...],
) -> None:
    port = free_port() if change.get("port") else 0
    user = change.get("user", "root")
    register(command, mariadb_server, "db", user, port=port, engine=change.get("engine", "mariadb"))
    said = command.run("instances", "test", "db")
    assert (said.status, said.err) == (1, "")
    (sentence,) = [line for line in said.out.splitlines() if line.startswith("db: ")]
    for word in words:
        assert word in sentence
    (probe,) = command.run("instances", "test", "db", "--json").json
    assert probe["error"] == sentence
    assert not probe["is_ready"]


def test_one_that_fails_does_not_hide_the_others(
    command: Command, mariadb_server: RunningServer, postgresql_server: RunningServer
) -> None:
    register(command, postgresql_server, "good", "postgres")
    register(command, mariadb_server, "bad", "nobody")
    said = command.run("instances", "test", "good", "bad", "--json")
    assert said.status == 1
    assert [(item["instance"], item["is_ready"]) for item in said.json] == [
        ("good", True),
        ("bad", False),
    ]


def test_a_script_is_for_a_known_engine(command: Command) -> None:
    assert command.run("grants", "db2").status == 2
    script = command.ok("grants", "postgresql", "--database", "a", "--database", 'b"c').out
    assert 'GRANT CONNECT ON DATABASE "b""c" TO "sync_monitor";' in script


def test_one_server_that_makes_no_sense_costs_its_own_row(
    command: Command, postgresql_server: RunningServer
) -> None:
    with rogue_mysql(lambda sql: answers.MYSQL["no row"] if "SELECT" in sql else None) as port:
        register(command, postgresql_server, "odd", "mon", port=port, engine="mariadb")
        register(command, postgresql_server, "good", postgresql_server.admin_user)
        command.ok("instances", "edit", "odd", "--tls", "disable")
        probes = command.run("instances", "test", "--all", "--json").json
    found = {probe["instance"]: probe for probe in probes}
    assert found["good"]["is_ready"]
    assert "identity could not be understood (ValueError)" in found["odd"]["error"]
    assert found["odd"]["error"].startswith("odd: ")


@pytest.mark.parametrize("engine", ["mariadb", "mysql", "postgresql", "sqlserver", "oracle"])
def test_each_line_of_a_script_says_what_it_opens(command: Command, engine: str) -> None:
    """Before the first line of its kind; what is left to choice is a comment, at the end."""
    lines = command.ok("grants", engine, "--user", "x'\\").out.splitlines()
    assert lines[0].startswith("-- Opens ")
    assert any(line.startswith("-- Optional. Opens ") for line in lines)
    kinds = {" ".join(line.split()[:2]) for line in lines if not line.startswith("--")}
    explained = {
        " ".join(line.split()[:2])
        for before, line in pairwise(lines)
        if before.startswith("-- ") and not line.startswith("--")
    }
    assert kinds == explained


def test_a_name_cannot_leave_the_comment_of_an_optional_line(command: Command) -> None:
    out = command.ok("grants", "mariadb", "--user", "x\nDROP DATABASE y;\n").out
    (optional,) = [part for part in out.split("-- Optional. ") if "BINLOG MONITOR" in part]
    assert all(line.startswith("-- ") for line in f"-- {optional}".splitlines() if line)


def test_a_name_that_no_statement_can_hold_ends_in_a_sentence(command: Command) -> None:
    said = command.run("grants", "oracle", "--user", 'x" TO PUBLIC; --')
    assert said.status != 0
    assert "No statement of oracle can hold the name" in said.err


def test_a_managed_service_has_a_script_of_its_own(command: Command) -> None:
    rds = command.ok("grants", "oracle", "--platform", "rds").out.splitlines()
    assert any(line.startswith("EXECUTE rdsadmin.") for line in rds)
    assert not any(line.startswith("GRANT READ") for line in rds)
    sqlserver = ("grants", "sqlserver", "--platform", "rds", "--database", "sales")
    lines = command.ok(*sqlserver).out.splitlines()
    assert "USE [sales]; CREATE USER [sync_monitor] FOR LOGIN [sync_monitor];" in lines
    assert not any(line.startswith("GRANT CONNECT ANY") for line in lines)
    for engine in ("mysql", "mariadb"):
        managed = command.ok("grants", engine, "--platform", "rds").out
        assert managed == command.ok("grants", engine).out
    autonomous = command.ok("grants", "oracle", "--platform", "autonomous").out
    assert "\nGRANT SELECT_CATALOG_ROLE TO SYNC_MONITOR;\n" in autonomous


@pytest.mark.parametrize(("engine", "advice"), [("oracle", "autonomous, rds"), ("mysql", "Leave")])
def test_a_managed_service_without_a_script_is_refused(
    command: Command, engine: str, advice: str
) -> None:
    said = command.run("grants", engine, "--platform", "moon")
    assert said.status == 2
    assert "has no script for the platform 'moon'" in said.err
    assert advice in said.err
