"""Tables and servers' data made by what made the first ones; a test may ask for real tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from workbench.servers.made_data import kept_in


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin, for what the tests have imported: a process that runs none imports no more for it."""
    if "sqlalchemy" in sys.modules:
        from workbench.servers import made_statements, made_stores  # noqa: F401, PLC0415
    if "dagster" in sys.modules:
        from workbench.servers import made_files  # noqa: F401, PLC0415


@pytest.fixture(scope="session", autouse=True)
def _data_is_made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have all workers of a run share what was made: xdist has their directories in one."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with kept_in(shared / "made-data"):
        yield


@pytest.fixture
def real_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Alembic make the tables of every store and of every file of Dagster's."""
    for name in ("made_stores", "made_files"):
        if (module := sys.modules.get(f"workbench.servers.{name}")) is not None:
            module.undo(monkeypatch)
