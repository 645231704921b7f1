"""The Dagster instance: which configuration is in force, and whether it is ours."""

from __future__ import annotations

import os

from dagster import DagsterInstance

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.settings import project_root


def dagster_environment() -> dict[str, str]:
    """Return the environment in which the project's `dagster.yaml` is in force."""
    return {**os.environ, "DAGSTER_HOME": str(project_root()), "DAGSTER_DISABLE_TELEMETRY": "1"}


def open_instance() -> DagsterInstance:
    """Open the instance that the project's `dagster.yaml` describes."""
    return DagsterInstance.from_config(str(project_root()))


def require_configured(instance: DagsterInstance) -> None:
    """Refuse to work on an instance that would not notice a killed run.

    Raises:
        ConfigurationError: Dagster was started without the project's `dagster.yaml`.
    """
    if instance.is_ephemeral or not instance.run_monitoring_enabled:
        raise ConfigurationError(
            "Dagster runs without the project's dagster.yaml, so it would keep no state and "
            "notice no killed run.",
            hint=f"Start it with `sync-pipeline up`, or set DAGSTER_HOME={project_root()}.",
        )
