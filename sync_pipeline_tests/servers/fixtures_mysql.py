"""MariaDB and MySQL servers for the tests, each started once a test process."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from sync_pipeline_tests.servers import debian, mariadb, mysql
from sync_pipeline_tests.servers.running import RunningServer


@pytest.fixture(scope="session")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One MariaDB that keeps binary logs; its absence is a failure, never a skip."""
    found = mariadb.installation()
    if found is None:
        pytest.fail("MariaDB is not installed: apt-get install mariadb-server")
    directory = tmp_path_factory.mktemp("mariadb") / "server"
    # With binary logs, functions need a promise (DETERMINISTIC …) that our tests don't make.
    options = ["--log-bin", "--log-bin-trust-function-creators"]
    with mariadb.run_mariadb(found, directory, options) as server:
        yield server


@pytest.fixture(scope="session")
def mysql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One MySQL, where it can be had: Debian stable has none, so its absence is a skip."""
    directory = tmp_path_factory.mktemp("mysql") / "server"
    with ExitStack() as stack:
        try:
            server = stack.enter_context(mysql.run_mysql(mysql.obtain(), directory))
        except (
            debian.Unavailable,
            OSError,
            RuntimeError,
            subprocess.SubprocessError,
        ) as error:
            pytest.skip(f"MySQL is not available: {error}")
        yield server


@pytest.fixture(
    params=[
        pytest.param("mariadb", marks=pytest.mark.mariadb),
        pytest.param("mysql", marks=pytest.mark.mysql),
    ]
)
def mysql_family_server(request: pytest.FixtureRequest) -> RunningServer:
    """Return MariaDB, then MySQL: for what both must do alike."""
    server: RunningServer = request.getfixturevalue(f"{request.param}_server")
    return server
