"""Opening a store: migrations, concurrency, and every way in which there is none."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from sync_pipeline.errors import ConfigurationError, StoreUnavailable
from sync_pipeline.store import database
from sync_pipeline.store.store import Store
from sync_pipeline.store.upgrades import every_table
from workbench.servers.fixtures_store import store_database
from workbench.servers.running import RunningServer, free_port

PASSWORD = "hunter2-in-the-url"
OPEN = "import sys; from sync_pipeline.store.store import Store; Store.open(sys.argv[1]).close()"


@pytest.mark.parametrize("made", ["by the migrations", "by what they said once"])
def test_the_migrations_make_what_the_schema_says(
    made: str, store_url: str, request: pytest.FixtureRequest
) -> None:
    """And so does what makes the stores of the other tests: workbench/servers/made_stores.py."""
    if made == "by the migrations":
        request.getfixturevalue("real_migrations")
    store: Store = request.getfixturevalue("store")
    engine = create_engine(store_url)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), every_table())
    engine.dispose()
    assert differences == []
    assert store.schema_revision is not None


def test_opening_again_changes_nothing(store: Store, store_url: str) -> None:
    again = Store.open(store_url)
    assert again.schema_revision == store.schema_revision
    again.close()


def test_tables_that_are_up_to_date_run_no_migration(
    store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are opened by each evaluation of a sensor; reading the migrations was most of that."""

    def fail(*_: object) -> None:
        pytest.fail("the migrations were read")

    monkeypatch.setattr("alembic.command.upgrade", fail)
    again = Store.open(store_url)
    assert again.schema_revision == store.schema_revision == database.newest_revision()
    again.close()


def test_the_newest_revision_is_the_one_that_alembic_finds() -> None:
    config = Config()
    config.set_main_option("script_location", "sync_pipeline:store/migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [database.newest_revision()]


@pytest.mark.usefixtures("without_tables")
def test_processes_that_come_at_once_all_find_the_tables(store_url: str) -> None:
    commands = [
        subprocess.Popen([sys.executable, "-c", OPEN, store_url], stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    ends = [(command.communicate(timeout=60)[1], command.returncode) for command in commands]
    assert ends == [("", 0)] * 4


def test_tables_of_a_newer_version_are_left_alone(store: Store, store_url: str) -> None:
    engine = create_engine(store_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'r9999'"))
    with pytest.raises(ConfigurationError, match=r"r9999.*newer version"):
        Store.open(store_url)
    engine.dispose()


def test_a_process_knows_the_tables_that_it_was_started_with(
    store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The processes of runs are forked off one that goes on when an upgrade puts files there."""
    assert store.schema_revision is not None
    older = f"{int(store.schema_revision) - 1:04}"
    assert database.newest_revision.cache_info().currsize == 1, "it is read when it is imported"
    monkeypatch.setattr(database, "newest_revision", lambda: older)
    with pytest.raises(ConfigurationError, match=rf"{store.schema_revision}.*start again"):
        Store.open(store_url)
    assert store.schema_revision > older


def test_a_server_that_is_down_is_named_without_its_password() -> None:
    port = free_port()
    with pytest.raises(StoreUnavailable) as caught:
        Store.open(f"postgresql+psycopg://sync:{PASSWORD}@127.0.0.1:{port}/store")
    assert str(port) in str(caught.value)
    assert PASSWORD not in f"{caught.value} {caught.value!r} {caught.value.__cause__}"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "sqlite://",
        "mysql+pymysql://root@localhost/x",
        f"oracle://scott:{PASSWORD}@h/x",
        f"postgresql+psycopg2://sync:{PASSWORD}@localhost/x",
        f"postgresql+psycopg://sync:{PASSWORD}@localhost:port/x",
    ],
)
def test_a_url_of_no_store_is_bad_input(url: str) -> None:
    with pytest.raises(ConfigurationError, match="SYNC_PIPELINE_STORE_URL") as caught:
        Store.open(url)
    assert PASSWORD not in str(caught.value)


def test_a_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a directory")
    with pytest.raises(StoreUnavailable, match=re.escape("home/deep/store.db")):
        Store.open(f"sqlite:///{tmp_path / 'home' / 'deep' / 'store.db'}")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this is no database at all, but a text. " * 200)
    with pytest.raises(StoreUnavailable, match="not a database"):
        Store.open(f"sqlite:///{path}")
    assert path.read_bytes().startswith(b"this is no database")


def test_a_store_that_goes_away_says_so(postgresql_server: RunningServer) -> None:
    with store_database(postgresql_server) as url:
        store = Store.open(url)
        server, _, name = url.rpartition("/")
        engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
            end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
            connection.execute(text(end), {"name": name})
            with pytest.raises(StoreUnavailable, match=name):
                store.registry.instances()
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
        engine.dispose()
        assert store.registry.instances() == []
        store.close()
