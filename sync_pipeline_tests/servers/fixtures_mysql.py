"""MariaDB servers for the tests, started once a test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_pipeline_tests.servers.mariadb import installation, run_mariadb
from sync_pipeline_tests.servers.running import RunningServer


@pytest.fixture(scope="session")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One MariaDB; its absence is a failure, never a skip."""
    found = installation()
    if found is None:
        pytest.fail("MariaDB is not installed: apt-get install mariadb-server")
    with run_mariadb(found, tmp_path_factory.mktemp("mariadb") / "server") as server:
        yield server
