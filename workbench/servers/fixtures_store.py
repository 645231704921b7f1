"""The store of a test, on SQLite and on PostgreSQL in turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from sync_pipeline.store.store import Store
from workbench.servers.running import RunningServer

STORES = ("sqlite", "postgresql")


@contextmanager
def store_database(server: RunningServer) -> Iterator[str]:
    """Make an empty database for a store on a server, yield its URL, and drop it."""
    name = f"store_{uuid4().hex[:12]}"
    with psycopg.connect(
        host=server.host,
        port=server.port,
        user=server.admin_user,
        password=server.admin_password,
        dbname=server.database,
        autocommit=True,
    ) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
        user = f"{server.admin_user}:{server.admin_password}"
        yield f"postgresql+psycopg://{user}@{server.host}:{server.port}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty store."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.db'}"
        return
    with store_database(request.getfixturevalue("postgresql_server")) as url:
        yield url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """Return an empty store."""
    opened = Store.open(store_url)
    yield opened
    opened.close()
