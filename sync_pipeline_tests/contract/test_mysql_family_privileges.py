"""The script of MySQL and MariaDB, and what its account reads; the rest is in `test_monitor.py`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_pipeline.model.privilege import OF_SERVER, SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionStatus, Snapshot
from sync_pipeline_tests.contract.mysql_family import Family, RecordingConnection
from workbench.servers.running import RunningServer

MONITOR = "mon'i%tor"
PASSWORD = "<password>"


@pytest.fixture
def family(mysql_family_server: RunningServer) -> Iterator[Family]:
    found = Family(mysql_family_server)
    yield found
    found.run(
        "DROP USER IF EXISTS 'mon''i%tor'@'%'",
        "DROP ROLE IF EXISTS sync_pipeline_definer",
        "DROP DATABASE IF EXISTS sync_pipeline",
    )


def script(family: Family) -> list[str]:
    return family.engine.grants_script(MONITOR, "%", ()).splitlines()


def monitored(family: Family) -> Snapshot:
    return family.snapshot(family.target(MONITOR, PASSWORD))


def accounts_table(family: Family) -> str:
    return "user" if family.is_mysql else "global_priv"


def of_sizes(lines: list[str]) -> list[str]:
    """Return the lines that the sizes alone need: none of them reads a table's rows."""
    return [line for line in lines if " ON *.* TO " in line]


def test_the_script_is_one_user_and_one_grant_a_line(family: Family) -> None:
    first, *lines = script(family)
    assert first == "CREATE USER 'mon''i%tor'@'%' IDENTIFIED BY '<password>';"
    sizes = of_sizes(lines)
    logs = ["GRANT REPLICATION CLIENT"] if family.is_mysql else []
    assert [line.split(" ON ")[0] for line in sizes] == ["GRANT SHOW VIEW", "GRANT PROCESS", *logs]
    table = accounts_table(family)
    makes_view, tables = lines[:4], [line for line in lines[4:] if line not in sizes]
    assert [line.split(" ", 2)[:2] for line in makes_view] == [
        ["CREATE", "DATABASE"],
        ["CREATE", "ROLE"],
        ["GRANT", "SELECT"],
        ["CREATE", "OR"],
    ]
    assert tables[0].startswith(f"GRANT SELECT ON sync_pipeline.{table} TO ")
    assert all(line.startswith("GRANT SELECT ON mysql.") for line in tables[1:])
    # Nobody but the view may read the table with the hashes.
    assert [line for line in lines if f"SELECT ON mysql.{table} " in line] == [makes_view[2]]
    assert len(set(lines)) == len(lines)


def test_no_line_but_the_one_of_the_accounts_ends_the_sync(family: Family) -> None:
    family.run(*script(family)[:6])
    snapshot = monitored(family)
    assert snapshot.is_known(SectionKey(SectionName.ACCOUNTS))
    assert {report.status for report in snapshot.unread.values()} == {SectionStatus.DENIED}


def test_no_password_hash_leaves_the_server(family: Family) -> None:
    table = "user" if family.is_mysql else "global_priv"
    connections: list[RecordingConnection] = []

    def record(connection: object) -> RecordingConnection:
        connections.append(RecordingConnection(connection))  # type: ignore[arg-type]
        return connections[-1]

    family.run(*script(family))
    if family.is_mysql:
        family.run("ALTER USER 'mon''i%tor'@'%' IDENTIFIED BY 'second' RETAIN CURRENT PASSWORD")
    column = "authentication_string" if family.is_mysql else "Priv"
    (stored,) = family.rows(f"SELECT {column} FROM mysql.{table} WHERE User = 'mon''i%tor'")
    password = "second" if family.is_mysql else PASSWORD
    snapshot = family.snapshot(family.target(MONITOR, password), wrap=record)
    (connection,) = connections
    seen = repr(connection.rows) + repr(snapshot)
    secret = stored[0] if family.is_mysql else stored[0].split('authentication_string":"')[1][:41]
    assert len(secret) > 30
    assert secret[:20] not in seen
    assert "$A$005$" not in seen
    assert "additional_password" not in seen.replace("has_additional_password", "")
    if family.is_mysql:
        (more,) = family.rows(
            "SELECT JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.additional_password')) "
            "FROM mysql.user WHERE User = 'mon''i%tor'"
        )
        assert len(more[0]) > 30
        assert more[0][-30:] not in seen


def test_thousands_of_accounts_need_no_more_queries(family: Family) -> None:
    def statements() -> tuple[list[str], Snapshot]:
        kept: list[RecordingConnection] = []

        def record(connection: object) -> RecordingConnection:
            kept.append(RecordingConnection(connection))  # type: ignore[arg-type]
            return kept[-1]

        snapshot = family.snapshot(wrap=record)
        return [sql for connection in kept for sql in connection.statements], snapshot

    few, before = statements()
    numbers = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
        " SELECT '%', CONCAT('many', i), {columns} FROM n"
    )
    if family.is_mysql:
        table, limit = "user", "cte_max_recursion_depth"
        columns, values = "Host, User, ssl_cipher, x509_issuer, x509_subject", "'', '', ''"
    else:
        table, limit = "global_priv", "max_recursive_iterations"
        columns, values = "Host, User, Priv", "'{\"access\":3}'"
    family.run(
        f"SET SESSION {limit} = 6000",
        f"INSERT INTO mysql.{table} ({columns}) {numbers.format(columns=values)}",
        "INSERT INTO mysql.db (Host, User, Db, Select_priv) "
        + numbers.format(columns="'app', 'Y'"),
    )
    try:
        many, after = statements()
    finally:
        family.run(
            f"DELETE FROM mysql.{table} WHERE User LIKE 'many%'",
            "DELETE FROM mysql.db WHERE User LIKE 'many%'",
        )
    assert many == few
    # What a server is set to is a few of its own, and three tell who uses it.
    assert len(many) <= 14 + len(OF_SERVER) + 3
    assert len(after.accounts) == len(before.accounts) + 5000
    assert all(s.grants for s in after.accounts if s.name.startswith("'many"))
