"""Dagster's own state, under the home directory that a setting moves.

`dagster.yaml` names these classes. A file path in that file could only be absolute or
come from a variable that must be set; these ask the settings instead, so that the same
file is in force for `dagster dev`, the webserver, the daemon and every run, and all of
them find the same state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite import create_db_conn_string
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
    _runs_directory,
    _schedule_directory,
)
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.auth import PgTokenProvider
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from sync_pipeline.files.locks import locked_directory
from sync_pipeline.files.private import make_private, secure_home
from sync_pipeline.orchestration.made_files import is_made
from sync_pipeline.orchestration.runtime.event_log import KeptPostgresEventLog, KeptSqliteEventLog
from sync_pipeline.settings import Settings

SECONDS_TO_MAKE = 60.0


def _home() -> str:
    settings = Settings.load()
    secure_home(settings.home)
    make_private(settings.dagster_home)
    return str(settings.dagster_home)


class KeptSqliteRuns(SqliteRunStorage):
    """Dagster's file of runs, with one engine for all its connections.

    Dagster's own makes an engine for each question. An idle daemon asks some hundred a minute.
    """

    def __init__(self, conn_string: str) -> None:
        super().__init__(conn_string)
        self._engine = create_engine(conn_string, poolclass=NullPool)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Open a connection for one transaction."""
        with self._engine.begin() as connection:
            yield connection


class KeptSqliteSchedules(SqliteScheduleStorage):
    """Dagster's file of schedules and sensors, in the same way."""

    def __init__(self, conn_string: str) -> None:
        super().__init__(conn_string)
        self._engine = create_engine(conn_string, poolclass=NullPool)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Open a connection for one transaction."""
        with self._engine.begin() as connection:
            yield connection


def _make_tables(base_dir: str) -> None:
    """Let Dagster make the tables of runs and schedules where they are missing.

    One process at a time: of two that do it at once, one fails in the middle.
    """
    Path(base_dir).mkdir(parents=True, exist_ok=True)
    runs, schedules = _runs_directory(base_dir), _schedule_directory(base_dir)
    with locked_directory(Path(base_dir), SECONDS_TO_MAKE):
        if not is_made(Path(runs) / "runs.db", "instance_info"):
            SqliteRunStorage.from_local(runs)
        if not is_made(Path(schedules) / "schedules.db"):
            SqliteScheduleStorage.from_local(schedules)


def _files_of(base_dir: str) -> tuple[tuple[int, int], ...]:
    """Return which files hold runs and schedules; nothing where one is missing."""
    runs = Path(_runs_directory(base_dir)) / "runs.db"
    schedules = Path(_schedule_directory(base_dir)) / "schedules.db"
    with suppress(FileNotFoundError):
        found = [runs.stat(), schedules.stat()]
        return tuple((item.st_dev, item.st_ino) for item in found)
    return ()


@lru_cache(maxsize=4)
def _look_once(base_dir: str, files: tuple[tuple[int, int], ...]) -> None:  # noqa: ARG001 - others when the files are
    _make_tables(base_dir)


class HomeStorage(DagsterSqliteStorage):
    """Runs, events and schedules in SQLite files.

    A process looks once whether these have their tables. Dagster's own looks each time, which
    reads all its migrations: most of what the evaluation of a sensor cost.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        files = _files_of(base_dir)
        if files:
            _look_once(base_dir, files)
        else:
            _make_tables(base_dir)
        runs = create_db_conn_string(_runs_directory(base_dir), "runs")
        schedules = create_db_conn_string(_schedule_directory(base_dir), "schedules")
        self.base_dir = base_dir
        self._run_storage = KeptSqliteRuns(runs)
        self._event_log_storage = KeptSqliteEventLog(_event_logs_directory(base_dir))
        self._schedule_storage = KeptSqliteSchedules(schedules)
        self._inst_data = inst_data
        super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Take no options: the place is a setting."""
        return {}

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Mapping[str, Any],  # noqa: ARG003
    ) -> Self:
        """Open the files of the home directory."""
        return cls.from_local(_home(), inst_data)


class PostgresStorage(DagsterPostgresStorage):
    """Runs, events and schedules in a PostgreSQL database, configured as Dagster's own."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,  # noqa: FBT001, FBT002 - Dagster's signature
        inst_data: ConfigurableClassData | None = None,
        token_provider: PgTokenProvider | None = None,
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data, token_provider)
        self._event_log_storage = KeptPostgresEventLog(
            postgres_url, should_autocreate_tables, token_provider=token_provider
        )

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Connect as the configuration says."""
        return cls(
            pg_url_from_config(dict(config_value)),
            config_value.get("should_autocreate_tables", True),
            inst_data,
            get_token_provider_from_config(config_value),
        )


class HomeArtifactStorage(LocalArtifactStorage):
    """Values that pass between steps."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Take no options: the place is a setting."""
        return {}

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Mapping[str, Any],  # noqa: ARG003
    ) -> Self:
        """Use the home directory."""
        return cls(_home(), inst_data)


class HomeComputeLogs(LocalComputeLogManager):
    """What the steps print."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Take no options: the place is a setting."""
        return {}

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Mapping[str, Any],  # noqa: ARG003
    ) -> Self:
        """Use the home directory."""
        return cls(f"{_home()}/compute_logs", inst_data=inst_data)
