"""PostgreSQL servers for the tests, each started once a test process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from sync_pipeline_tests.servers.postgresql import installations, run_postgresql
from sync_pipeline_tests.servers.running import RunningServer


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
