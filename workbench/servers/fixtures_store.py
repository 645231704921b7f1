"""The store of a test, on SQLite and on PostgreSQL in turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from sync_pipeline.store.store import Store
from workbench.servers.fixtures_postgresql import WHEEL_MAJORS
from workbench.servers.postgresql import obtain, run_postgresql
from workbench.servers.running import RunningServer

STORES = ("sqlite", "postgresql")


@contextmanager
def store_database(server: RunningServer, template: str = "template1") -> Iterator[str]:
    """Make a database for a store on a server, yield its URL, and drop it."""
    name = f"store_{uuid4().hex[:12]}"
    with psycopg.connect(
        host=server.host,
        port=server.port,
        user=server.admin_user,
        password=server.admin_password,
        dbname=server.database,
        autocommit=True,
    ) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")  # type: ignore[arg-type]
        user = f"{server.admin_user}:{server.admin_password}"
        yield f"postgresql+psycopg://{user}@{server.host}:{server.port}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass(frozen=True, slots=True)
class StoreServer:
    """A PostgreSQL that has stores alone, and the name of one that is empty, to be copied."""

    server: RunningServer
    template: str


@pytest.fixture(scope="session")
def store_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """A server of its own, since tests of others count what databases there are.

    To copy a store takes a third of the CPU of making its hundred tables and indexes.
    """
    place = tmp_path_factory.mktemp("stores") / "server"
    with (
        run_postgresql(obtain(max(WHEEL_MAJORS)), place) as server,
        store_database(server) as url,
    ):
        Store.open(url).close()
        yield StoreServer(server, url.rpartition("/")[2])


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty store; of one without tables where the test opens it itself."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.db'}"
        return
    names = request.fixturenames
    if "store" in names and "postgresql_server" not in names and "real_migrations" not in names:
        stores: StoreServer = request.getfixturevalue("store_server")
        made = store_database(stores.server, stores.template)
    else:
        made = store_database(request.getfixturevalue("postgresql_server"))
    with made as url:
        yield url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """Return an empty store."""
    opened = Store.open(store_url)
    yield opened
    opened.close()
