"""The store of a test, on SQLite and on PostgreSQL in turn."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
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
    """Make a database for a store on a server, yield its URL, and drop it.

    To write each of its pages to the log takes more CPU than the two checkpoints of FILE_COPY: the
    servers of the tests sync nothing.
    """
    name = f"store_{uuid4().hex[:12]}"
    with psycopg.connect(
        host=server.host,
        port=server.port,
        user=server.admin_user,
        password=server.admin_password,
        dbname=server.database,
        autocommit=True,
    ) as connection:
        copied = f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"
        connection.execute(copied)
        user = f"{server.admin_user}:{server.admin_password}"
        yield f"postgresql+psycopg://{user}@{server.host}:{server.port}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass(frozen=True, slots=True)
class StoreServer:
    """A PostgreSQL that has stores alone, and the name of one that is empty, to be copied."""

    server: RunningServer
    template: str

    def store(self) -> AbstractContextManager[str]:
        """Make an empty store, yield its URL, and drop it."""
        return store_database(self.server, self.template)


@dataclass(frozen=True, slots=True)
class MadeStore:
    """A store that tests have copies of; nothing has it open."""

    url: str
    servers: StoreServer | None

    @contextmanager
    def copied(self, directory: Path) -> Iterator[str]:
        """Make a copy, yield its URL, and drop it."""
        if self.servers is not None:
            with store_database(self.servers.server, self.url.rpartition("/")[2]) as url:
                yield url
            return
        directory.mkdir(mode=0o700, exist_ok=True)
        yield f"sqlite:///{shutil.copy(self.url.removeprefix('sqlite:///'), directory)}"


@contextmanager
def a_store(directory: Path, servers: StoreServer | None = None) -> Iterator[MadeStore]:
    """Make an empty store, in SQLite or on a server, that is to be filled and copied."""
    if servers is None:
        yield MadeStore(f"sqlite:///{directory / 'sync_pipeline.db'}", None)
        return
    with servers.store() as url:
        yield MadeStore(url, servers)


@pytest.fixture(scope="session")
def store_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """A server of its own, since tests of others count what databases there are.

    To copy a store takes a tenth of the CPU of making its hundred tables and indexes.
    """
    place = tmp_path_factory.mktemp("stores") / "server"
    with (
        run_postgresql(obtain(max(WHEEL_MAJORS)), place) as server,
        store_database(server) as url,
    ):
        Store.open(url).close()
        yield StoreServer(server, url.rpartition("/")[2])


@pytest.fixture
def without_tables() -> None:
    """Let the database of `store_url` have no tables: the test makes them, or some of them."""


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty store."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.db'}"
        return
    stores: StoreServer = request.getfixturevalue("store_server")
    if {"without_tables", "real_migrations"} & set(request.fixturenames):
        template = "template1"
    else:
        template = stores.template
    with store_database(stores.server, template) as url:
        yield url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """Return an empty store."""
    opened = Store.open(store_url)
    yield opened
    opened.close()
