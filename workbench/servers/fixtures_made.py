"""Tables that are made by what made the first ones; a test may ask for the real way."""

from __future__ import annotations

import sys

import pytest


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin, for what the tests have imported: a process that runs none imports no more for it."""
    if "sqlalchemy" in sys.modules:
        from workbench.servers import made_stores  # noqa: F401, PLC0415
    if "dagster" in sys.modules:
        from workbench.servers import made_files  # noqa: F401, PLC0415


@pytest.fixture
def real_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Alembic make the tables of every store and of every file of Dagster's."""
    for name in ("made_stores", "made_files"):
        if (module := sys.modules.get(f"workbench.servers.{name}")) is not None:
            module.undo(monkeypatch)
