"""Dagster's files in the home: opened often, looked at once."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from dagster import DagsterRun, DagsterRunStatus
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

from sync_pipeline.orchestration import storage
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.storage import HomeStorage
from workbench.running.system import environment_of, in_environment


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
