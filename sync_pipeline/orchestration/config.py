"""What a person fills in in the launchpad."""

from collections.abc import Mapping
from typing import Any, Self

import dagster as dg
from pydantic import Field, ValidationError

from sync_pipeline.model.instance import EngineName, Selection

SELECT_INSTANCES = "select_instances"
"""The op that takes this configuration."""


class SelectionConfig(dg.Config):
    """Which instances to take. Everything empty: all of them."""

    instances: list[str] = Field(
        default_factory=list,
        description="Names of instances. Empty: all of them.",
    )
    tags: list[str] = Field(
        default_factory=list,
        description="Only instances that carry one of these tags.",
    )
    engines: list[str] = Field(
        default_factory=list,
        description=f"Only instances of these engines: {', '.join(EngineName)}.",
    )
    environments: list[str] = Field(
        default_factory=list,
        description="Only instances of these environments, for example production.",
    )
    created_by: str | None = Field(
        default=None,
        description="Who asks for this run; it is kept with the session.",
    )

    @classmethod
    def of_run(cls, run: dg.DagsterRun) -> Self:
        """Return what a run was launched with, whether or not it got to read it.

        What this version can't read (a field of another version, a value that Dagster
        takes from the environment) counts as not given.
        """
        run_config: Mapping[str, Any] = run.run_config
        try:
            return cls(**run_config["ops"][SELECT_INSTANCES]["config"])
        except (KeyError, ValidationError):
            return cls()

    def selection(self) -> Selection:
        """Return which instances are asked for."""
        return Selection(
            names=tuple(self.instances),
            tags=tuple(self.tags),
            engines=tuple(self.engines),
            environments=tuple(self.environments),
        )


class SyncConfig(SelectionConfig):
    """Which instances to sync, and how. Everything empty: all active instances."""

    force: bool = Field(
        default=False,
        description=(
            "Deactivate accounts or databases even where a sync would deactivate so many at "
            "once that it looks like a mistake."
        ),
    )


class BackfillConfig(SelectionConfig):
    """Which past periods to aggregate again, all in one run."""

    period: str = Field(description="day, week, month or quarter.")
    first: str = Field(description="First day, as 2026-01-31; its whole period is taken.")
    last: str = Field(description="Last day, included; its whole period is taken.")
