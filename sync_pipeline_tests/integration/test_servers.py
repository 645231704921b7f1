"""The servers of the tests themselves: other releases' servers are what they are taken for."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers import debian, mariadb
from workbench.servers.running import RunningServer
from workbench.servers.started import StartedServers
from workbench.servers.versions import OLD_MARIADB

OLD_ROW = (
    "SELECT JSON_VALUE(priv, '$.version_id') DIV 100 FROM mysql.global_priv WHERE user = 'old'"
)


def test_data_of_an_old_mariadb_are_served_by_a_new_one(tmp_path: Path) -> None:
    try:
        old, new = mariadb.obtain(OLD_MARIADB), mariadb.obtain("11.8")
    except debian.Unavailable as error:
        pytest.skip(f"MariaDB of other releases is not available: {error}")
    directory = tmp_path / "server"
    with mariadb.run_mariadb(old, directory) as server:
        assert server.version.startswith("10.5.")
        Family(server).run("CREATE USER old")
    with mariadb.serve(new, directory) as server:
        assert server.version.startswith("11.8.")
        assert Family(server).rows(OLD_ROW)[0][0] == 1005


def test_what_can_not_be_had_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_TEST_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = debian.DebianPackage("any", "mariadb-server-core", "trixie", mariadb.KEPT)
    with pytest.raises(debian.Unavailable, match="not a Debian machine"):
        debian.obtain(wanted)


@pytest.mark.parametrize("is_here", [True, False])
def test_a_server_of_this_machine_that_does_not_start_is_no_skip(is_here: bool) -> None:
    def start(_: str) -> AbstractContextManager[RunningServer]:
        raise RuntimeError("it ended: a library is missing")

    servers = StartedServers("MariaDB", ExitStack(), start, lambda _: is_here)
    expected = RuntimeError if is_here else pytest.skip.Exception
    for _ in range(2):
        with pytest.raises(expected, match="a library is missing"):
            servers["11.8"]
