"""Dagster's own state, under the home directory that a setting moves.

`dagster.yaml` names these classes. A file path in that file could only be absolute or
come from a variable that must be set; these ask the settings instead, so that the same
file is in force for `dagster dev`, the webserver, the daemon and every run, and all of
them find the same state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage, _event_logs_directory
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.auth import PgTokenProvider
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config

from sync_pipeline.files.private import make_private, secure_home
from sync_pipeline.orchestration.event_log import KeptPostgresEventLog, KeptSqliteEventLog
from sync_pipeline.settings import Settings


def _home() -> str:
    settings = Settings.load()
    secure_home(settings.home)
    make_private(settings.dagster_home)
    return str(settings.dagster_home)


class HomeStorage(DagsterSqliteStorage):
    """Runs, events and schedules in SQLite files."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = KeptSqliteEventLog(_event_logs_directory(base_dir))

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
