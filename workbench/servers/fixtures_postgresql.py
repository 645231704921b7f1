"""PostgreSQL servers for the tests, each started once a test process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest

from workbench.servers.postgresql import is_installed, obtain, run_postgresql
from workbench.servers.postgresql_bench import PostgresBench, bench_on
from workbench.servers.running import RunningServer
from workbench.servers.started import StartedServers

WHEEL_MAJORS = (16, 18)
"""What the development dependencies bring: without these the tests fail, never skip."""


@pytest.fixture(scope="session")
def postgresql_servers(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[StartedServers[int]]:
    """One server of each major version that is asked for."""

    def start(major: int) -> AbstractContextManager[RunningServer]:
        return run_postgresql(obtain(major), tmp_path_factory.mktemp(f"pg{major}") / "server")

    with ExitStack() as stack:
        yield StartedServers(
            "PostgreSQL", stack, start, lambda major: major in WHEEL_MAJORS or is_installed(major)
        )


@pytest.fixture(scope="session")
def older_postgresql_server(postgresql_servers: StartedServers[int]) -> RunningServer:
    """Return the older PostgreSQL of the wheel."""
    return postgresql_servers[min(WHEEL_MAJORS)]


@pytest.fixture(scope="session")
def postgresql_server(postgresql_servers: StartedServers[int]) -> RunningServer:
    """Return the newer PostgreSQL of the wheel."""
    return postgresql_servers[max(WHEEL_MAJORS)]


@pytest.fixture
def bench(
    postgresql_major: int, postgresql_servers: StartedServers[int]
) -> Iterator[PostgresBench]:
    """An empty database on each major version in turn."""
    with bench_on(postgresql_servers[postgresql_major]) as lent:
        yield lent


@pytest.fixture
def newest_bench(postgresql_server: RunningServer) -> Iterator[PostgresBench]:
    """An empty database on the newest major version."""
    with bench_on(postgresql_server) as lent:
        yield lent
