"""Dagster's files in the home: opened often, looked at once."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from dagster import DagsterRun, DagsterRunStatus
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

from sync_pipeline.orchestration import storage
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.made_files import is_made
from sync_pipeline.orchestration.runtime.event_log import KeptSqliteEventLog
from sync_pipeline.orchestration.storage import HomeStorage
from workbench.running.system import environment_of, in_environment
from workbench.servers import made_files

pytestmark = pytest.mark.usefixtures("real_migrations")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "home"
    home.mkdir()
    with in_environment(environment_of(home)):
        yield home


def schema_of(directory: Path) -> dict[str, set[str]]:
    """Return every table and index of every file, as SQL, and the revisions of the files."""
    found = {}
    for path in directory.rglob("*.db"):
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
            revision = connection.execute("SELECT version_num FROM alembic_version")
            found[path.name] = {row[0] for row in rows} | {row[0] for row in revision}
    return found


def test_the_files_are_those_that_dagster_makes(tmp_path: Path) -> None:
    HomeStorage.from_local(str(tmp_path / "ours")).dispose()
    DagsterSqliteStorage.from_local(str(tmp_path / "its")).dispose()
    ours = schema_of(tmp_path / "ours")
    assert set(ours) == {"runs.db", "schedules.db", "index.db"}
    assert ours == schema_of(tmp_path / "its")


def test_a_process_looks_for_the_tables_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    make = storage._make_tables
    monkeypatch.setattr(storage, "_make_tables", lambda place: (looks.append(place), make(place)))
    for _ in range(5):
        open_instance().dispose()
    assert len(looks) == 2  # when they were missing, and when they were there
    assert home.is_dir()


def test_files_that_were_taken_away_are_made_again(home: Path) -> None:
    for _ in range(3):
        with open_instance() as instance:
            instance.add_run(DagsterRun(job_name="a", status=DagsterRunStatus.SUCCESS))
            assert instance.get_runs_count() == 1
            assert instance.get_daemon_heartbeats() == {}
            assert instance.all_instigator_state() == []
        shutil.rmtree(home / "dagster")


def test_questions_share_an_engine(home: Path) -> None:
    """A new engine asks SQLite for its version and more before the question itself."""
    with open_instance() as instance:
        for kept in (instance.run_storage, instance.schedule_storage):
            engines = set()
            for _ in range(3):
                with kept.connect() as connection:  # type: ignore[union-attr]
                    engines.add(connection.engine)
            assert len(engines) == 1
    assert home.is_dir()


def test_what_is_made_is_opened_without_a_look_at_all_migrations(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_instance() as instance:
        run = instance.add_run(DagsterRun(job_name="a", status=DagsterRunStatus.STARTED))
        instance.report_run_failed(run)

    def read_all(*_: object) -> None:
        raise AssertionError("all of Dagster's migrations were read")

    storage._look_once.cache_clear()
    for module in (sqlite_run_storage, sqlite_schedule_storage, sqlite_event_log):
        monkeypatch.setattr(module, "check_alembic_revision", read_all)
    with open_instance() as instance:
        assert instance.all_logs(run.run_id)
    assert home.is_dir()


def test_of_many_that_come_first_one_makes_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work: list[int] = []
    seen: list[int] = []
    make = SqliteRunStorage.from_local

    def slowly(place: str) -> SqliteRunStorage:
        at_work.append(1)
        seen.append(len(at_work))
        time.sleep(0.1)
        try:
            return make(place)
        finally:
            at_work.pop()

    monkeypatch.setattr(storage.SqliteRunStorage, "from_local", slowly)
    # The index of the logs is made by Dagster, which tries that again by itself.
    KeptSqliteEventLog(str(tmp_path / "new" / "history" / "runs")).dispose()

    def open_and_ask(_: int) -> int:
        opened = HomeStorage.from_local(str(tmp_path / "new"))
        try:
            return len(opened.run_storage.get_runs())
        finally:
            opened.dispose()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(open_and_ask, range(4))) == [0] * 4
    assert seen == [1]


def test_a_file_that_was_not_made_to_its_end_is_made(home: Path) -> None:
    with open_instance() as instance:
        run = instance.add_run(DagsterRun(job_name="a", status=DagsterRunStatus.STARTED))
        instance.report_run_failed(run)
    files = [file for file in (home / "dagster").rglob("*.db") if file.stem != "index"]
    before = schema_of(home / "dagster")
    assert len(files) == 3
    for file in files:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("DELETE FROM alembic_version")
        assert not is_made(file)
    storage._look_once.cache_clear()
    with open_instance() as instance:
        assert instance.all_logs(run.run_id)
    assert all(map(is_made, files))
    assert {name: len(found) for name, found in schema_of(home / "dagster").items()} == {
        name: len(found) for name, found in before.items()
    }


def test_who_can_not_tell_has_it_made(tmp_path: Path) -> None:
    assert not is_made(tmp_path / "missing.db")
    (tmp_path / "other.db").write_text("no database at all" * 100)
    assert not is_made(tmp_path / "other.db")
    assert not (tmp_path / "missing.db").exists()


def test_what_the_tests_copy_is_what_dagster_makes(tmp_path: Path) -> None:
    """So are the files of most tests: workbench/servers/made_files.py."""
    for name in ("first", "second", "copied"):
        made_files.make_tables(str(tmp_path / name))
    made_files.REAL_TABLES(str(tmp_path / "real"))
    files = [path.relative_to(tmp_path / "real") for path in (tmp_path / "real").rglob("*.db")]
    assert len(files) == 2
    for file in files:
        copied, real = (tables_of(tmp_path / name / file) for name in ("copied", "real"))
        assert copied == real


def tables_of(file: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        tables = connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
        return tables + connection.execute("SELECT * FROM alembic_version").fetchall()
