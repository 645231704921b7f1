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

from sync_pipeline.orchestration.event_log import KeptSqliteEventLog
from sync_pipeline.settings import Settings


def _home() -> str:
    path = Settings.load().dagster_home
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return str(path)


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
