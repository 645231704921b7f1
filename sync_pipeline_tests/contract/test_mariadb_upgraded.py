"""A server on the data of an older one, whose tables nobody upgraded: as it is read, so it acts.

MariaDB starts on old data without `mariadb-upgrade`: its rows are of the version that wrote
them, and columns of its own are missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_pipeline.model.privilege import Grant, Securable, SecurableKind
from sync_pipeline_tests.contract import mysql_show_grants as show
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers import debian, mariadb
from workbench.servers.versions import OLD_MARIADB

pytestmark = pytest.mark.mariadb

OLD_ROW = '{"access":32768,"plugin":"mysql_native_password","authentication_string":""}'
NAMES = ("'ofsuper'@'%'", "'old'@'%'", "'whole'@'%'", "'part'@'%'", "'u'@'%'", "r")


@pytest.fixture(scope="module")
def old_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data that 10.5 wrote, with a row as 10.4 left them."""
    try:
        found = mariadb.obtain(OLD_MARIADB)
    except debian.Unavailable as error:
        pytest.skip(f"MariaDB 10.5 is not available: {error}")
    directory = tmp_path_factory.mktemp("upgraded") / "server"
    with mariadb.run_mariadb(found, directory, ["--innodb-fast-shutdown=0"]) as server:
        Family(server).run(
            "CREATE DATABASE d",
            "CREATE TABLE d.t (a INT)",
            "CREATE PROCEDURE d.p() SELECT 1",
            *(f"CREATE USER {name}" for name in NAMES if "@" in name),
            "CREATE ROLE r",
            "GRANT SUPER ON *.* TO 'ofsuper'@'%'",
            f"UPDATE mysql.global_priv SET Priv = '{OLD_ROW}' WHERE User = 'old'",
            "GRANT ALL ON *.* TO 'whole'@'%' WITH GRANT OPTION",
            "GRANT ALL ON *.* TO 'part'@'%'",
            "REVOKE EVENT ON *.* FROM 'part'@'%'",
            "GRANT ALL ON d.* TO 'u'@'%' WITH GRANT OPTION",
            "GRANT ALL ON `e%`.* TO 'u'@'%'",
            "REVOKE EVENT ON `e%`.* FROM 'u'@'%'",
            "GRANT ALL ON d.t TO 'u'@'%'",
            "GRANT ALL ON PROCEDURE d.p TO 'u'@'%'",
            "GRANT ALL ON d.* TO r",
        )
    return directory


@pytest.fixture(params=["10.11", "11.8"])
def upgraded(request: pytest.FixtureRequest, old_data: Path) -> Iterator[Family]:
    try:
        found = mariadb.obtain(request.param)
    except debian.Unavailable as error:
        pytest.skip(f"MariaDB {request.param} is not available: {error}")
    with mariadb.serve(found, old_data) as server:
        yield Family(server)


def test_every_section_is_read_and_says_what_show_grants_says(upgraded: Family) -> None:
    assert "Show_create_routine_priv" not in {
        row[0] for row in upgraded.rows("SHOW COLUMNS FROM mysql.db")
    }
    snapshot = upgraded.snapshot()
    assert snapshot.unread == {}
    states = {state.name: state for state in snapshot.accounts}
    for name in NAMES:
        lines = (line for (line,) in upgraded.rows(f"SHOW GRANTS FOR {name}"))
        said = show.read(lines, name, is_mysql=False, version=upgraded.version)
        assert show.collected(states[name]).grants == said.grants, name
        assert all(grant.recognised for grant in states[name].grants), name
    # What a server that had SUPER for it all granted before it was split.
    gained = Grant(Securable(SecurableKind.SERVER), "SLAVE MONITOR")
    assert (gained in states["'old'@'%'"].grants) is (upgraded.version >= (11,))
