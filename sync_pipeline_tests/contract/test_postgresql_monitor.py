"""The monitoring account of PostgreSQL: its script is enough, and each line is needed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_pipeline.engines.base import Target
from sync_pipeline.errors import AuthenticationError, ConfigurationError, PrivilegeError
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionStatus
from workbench.servers.postgresql_bench import ENGINE, PostgresBench, raw

pytestmark = pytest.mark.postgresql

USERNAME = 'sync "mon%itor"'
PASSWORD = "pass word'%s\\"
DATABASES = ("postgres", "template1", "bench", 'we"ird %s; --')


def script_lines(bench: PostgresBench) -> list[str]:
    script = ENGINE.grants_script(USERNAME, "%", DATABASES)
    assert script.endswith(";\n")
    return script.splitlines()


def run_lines(bench: PostgresBench, lines: list[str]) -> None:
    with bench.admin() as link:
        for line in lines:
            assert line.endswith(";")
            password = PASSWORD.replace("'", "''")
            link.execute(raw(line.replace("'<password>'", f"'{password}'")))


@pytest.fixture
def closed_bench(bench: PostgresBench) -> Iterator[PostgresBench]:
    """A server that lets nobody into its databases without a grant, and wants passwords."""
    bench.run(
        'CREATE DATABASE "we""ird %s; --"',
        "CREATE ROLE app LOGIN",
        "CREATE TABLE orders (id integer)",
        "GRANT SELECT (id) ON orders TO app",
        "SELECT lo_create(4711)",
        "GRANT SELECT ON LARGE OBJECT 4711 TO app",
        'REVOKE CONNECT ON DATABASE bench, "we""ird %s; --", postgres, template1 FROM PUBLIC',
    )
    with bench.hba('host all "sync ""mon%itor""" 127.0.0.1/32 scram-sha-256'):
        yield bench
    # The next test finds the server's own databases as they were.
    bench.run("GRANT CONNECT ON DATABASE postgres, template1 TO PUBLIC", database="postgres")


def monitor(bench: PostgresBench, password: str = PASSWORD) -> Target:
    return bench.target(USERNAME, password)


def test_the_script_is_enough(closed_bench: PostgresBench) -> None:
    """The monitoring account reads, whole and without a warning, what the superuser reads."""
    bench = closed_bench
    run_lines(bench, script_lines(bench))
    seen = bench.collect(monitor(bench))
    everything = bench.collect()
    assert not seen.warnings
    assert not seen.unread
    assert seen.accounts == everything.accounts
    login_rules = SectionKey(SectionName.LOGIN_RULES)
    assert set(seen.unreviewed) == {login_rules}
    assert {**seen.sections, login_rules: everything.sections[login_rules]} == everything.sections
    assert {str(g.securable) for g in bench.account("app", seen).grants} == {
        "column bench.public.orders.id",
        "large object bench.4711",
    }


def test_without_the_role_the_login_fails(closed_bench: PostgresBench) -> None:
    with pytest.raises(AuthenticationError, match="rejected the account") as caught:
        closed_bench.collect(monitor(closed_bench))
    assert not caught.value.retryable
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("left_out", [d for d in DATABASES if d != "postgres"])
def test_without_a_connect_line_that_database_names_it(
    closed_bench: PostgresBench, left_out: str
) -> None:
    bench = closed_bench
    position = 1 + DATABASES.index(left_out)
    lines = script_lines(bench)
    run_lines(bench, [line for i, line in enumerate(lines) if i != position])
    snapshot = bench.collect(monitor(bench))
    unread = snapshot.unread
    assert {key.database for key in unread} == {left_out}
    assert {report.status for report in unread.values()} == {SectionStatus.DENIED}
    assert all(lines[position] in report.reason for report in unread.values())
    assert any(lines[position] in warning for warning in snapshot.warnings)
    # The others were read all the same, and so was the server.
    for other in set(DATABASES) - {left_out}:
        assert snapshot.is_known(SectionKey(SectionName.TABLE, other))
    assert snapshot.is_known(SectionKey(SectionName.ACCOUNTS))


def test_without_connect_on_the_first_database_nothing_is_read(
    closed_bench: PostgresBench,
) -> None:
    bench = closed_bench
    lines = script_lines(bench)
    run_lines(bench, [line for line in lines if '"postgres"' not in line])
    with pytest.raises(PrivilegeError) as caught:
        bench.collect(monitor(bench))
    (line,) = (line for line in lines if '"postgres"' in line)
    assert caught.value.missing == line
    assert line in str(caught.value)


def test_a_database_that_pg_hba_keeps_us_out_of_stays_one(bench: PostgresBench) -> None:
    bench.run("CREATE DATABASE forbidden", "CREATE ROLE watcher LOGIN")
    with bench.hba("host forbidden watcher 127.0.0.1/32 reject"):
        snapshot = bench.collect(bench.target("watcher"))
    assert {key.database for key in snapshot.unread} == {"forbidden"}
    (warning,) = snapshot.warnings
    assert "a line for database forbidden in pg_hba.conf" in warning


def test_pg_hba_that_keeps_us_out_altogether_rejects_the_account(bench: PostgresBench) -> None:
    bench.run("CREATE ROLE watcher LOGIN")
    with (
        bench.hba("host all watcher 127.0.0.1/32 reject"),
        pytest.raises(AuthenticationError, match=r"pg_hba\.conf rejects"),
    ):
        bench.collect(bench.target("watcher"))


def test_a_database_dropped_mid_run_stays_one(bench: PostgresBench) -> None:
    bench.run("CREATE DATABASE doomed")

    def drop(database: str) -> None:
        if database == "doomed":
            bench.run("DROP DATABASE doomed", database="postgres")

    snapshot = bench.collect(before_database=drop)
    assert {key.database for key in snapshot.unread} == {"doomed"}
    assert {report.status for report in snapshot.unread.values()} == {SectionStatus.FAILED}
    (warning,) = snapshot.warnings
    assert "doomed could not be opened any more" in warning


def test_an_instance_may_name_its_own_first_database(bench: PostgresBench) -> None:
    snapshot = bench.collect(bench.target(database="bench"))
    assert snapshot.is_known(SectionKey(SectionName.ACCOUNTS))
    with pytest.raises(ConfigurationError, match='database "nowhere" does not exist') as caught:
        bench.collect(bench.target(database="nowhere"))
    assert "instances edit --database" in str(caught.value)


def test_connections_can_only_read(bench: PostgresBench) -> None:
    """Even a superuser's connection is read-only, and its settings are the product's."""
    connection = ENGINE.connect(bench.target(), "bench")
    try:
        (row,) = connection.fetch(
            "SELECT current_setting('transaction_read_only') AS read_only, "
            "current_setting('transaction_isolation') AS isolation, "
            "current_setting('statement_timeout') AS statement_timeout, "
            "current_setting('search_path') AS search_path, "
            "current_setting('application_name') AS application_name, "
            "'100%' AS percent, '%s' LIKE '\\%s' AS literal"
        )
    finally:
        connection.close()
    assert row == {
        "read_only": "on",
        "isolation": "repeatable read",
        "statement_timeout": "20s",
        "search_path": "pg_catalog",
        "application_name": "sync_pipeline",
        "percent": "100%",
        "literal": True,
    }


def test_the_script_is_read_back_by_the_server(bench: PostgresBench) -> None:
    """The script gives no more than it says: no attribute, no other membership or grant."""
    lines = ENGINE.grants_script(USERNAME, "%", ("bench",)).splitlines()
    run_lines(bench, lines)
    account = bench.account(USERNAME)
    assert [(str(g.securable), g.privilege) for g in account.grants] == [
        ("database bench", "CONNECT")
    ]
    assert [item.role for item in account.memberships] == ["pg_monitor"]
    assert not account.memberships[0].admin
    assert not account.is_superuser
    assert not any(value for name, value in account.attributes if name.startswith("can_"))
