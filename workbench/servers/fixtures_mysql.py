"""MariaDB and MySQL servers for the tests, each started once a test process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest

from workbench.servers import mariadb, mysql
from workbench.servers.running import RunningServer
from workbench.servers.started import StartedServers
from workbench.servers.versions import MYSQL

# With binary logs, functions need a promise (DETERMINISTIC …) that our tests don't make.
MARIADB_OPTIONS = ("--log-bin", "--log-bin-trust-function-creators")
MYSQL_OPTIONS = ("--federated",)


@pytest.fixture(scope="session")
def mariadb_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServers[str]]:
    """One MariaDB of each release line that is asked for; they keep binary logs."""

    def start(line: str) -> AbstractContextManager[RunningServer]:
        directory = tmp_path_factory.mktemp(f"mariadb-{line}") / "server"
        return mariadb.run_mariadb(mariadb.obtain(line), directory, MARIADB_OPTIONS)

    with ExitStack() as stack:
        yield StartedServers("MariaDB", stack, start, mariadb.is_installed)


@pytest.fixture(scope="session")
def mariadb_server(mariadb_servers: StartedServers[str]) -> RunningServer:
    """Return the system's MariaDB, for what one version shows; its absence is a failure."""
    found = mariadb.installation()
    if found is None:
        pytest.fail("MariaDB is not installed: apt-get install mariadb-server")
    return mariadb_servers[found.line]


@pytest.fixture
def each_mariadb_server(mariadb_servers: StartedServers[str], mariadb_line: str) -> RunningServer:
    """Return MariaDB of each release line in turn."""
    return mariadb_servers[mariadb_line]


@pytest.fixture(scope="session")
def mysql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One MySQL, where it can be had: Debian stable has none, so its absence is a skip."""

    def start(_: str) -> AbstractContextManager[RunningServer]:
        directory = tmp_path_factory.mktemp("mysql") / "server"
        return mysql.run_mysql(mysql.obtain(), directory, MYSQL_OPTIONS)

    with ExitStack() as stack:
        yield StartedServers("MySQL", stack, start, lambda _: False)[MYSQL.every_run[0]]


@pytest.fixture
def mysql_family_server(request: pytest.FixtureRequest, mysql_family_name: str) -> RunningServer:
    """Return MariaDB of each release line, then MySQL: for what they must do alike."""
    if mysql_family_name == "mysql":
        server: RunningServer = request.getfixturevalue("mysql_server")
        return server
    servers: StartedServers[str] = request.getfixturevalue("mariadb_servers")
    return servers[mysql_family_name]
