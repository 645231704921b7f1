"""What a person fills in in the launchpad."""

import dagster as dg
from pydantic import Field

from sync_pipeline.model.instance import Selection


class AccountSyncConfig(dg.Config):
    """Which instances to sync, and how. Everything empty: all active instances."""

    instances: list[str] = Field(
        default_factory=list,
        description="Names of instances. Empty: all active instances.",
    )
    tags: list[str] = Field(
        default_factory=list,
        description="Only instances that carry one of these tags.",
    )
    engines: list[str] = Field(
        default_factory=list,
        description="Only instances of these engines: mysql, mariadb, postgresql.",
    )
    environments: list[str] = Field(
        default_factory=list,
        description="Only instances of these environments, for example production.",
    )
    force: bool = Field(
        default=False,
        description=(
            "Deactivate accounts even where a sync would deactivate so many at once that "
            "it looks like a mistake."
        ),
    )
    created_by: str | None = Field(
        default=None,
        description="Who asks for this run; it is kept with the session.",
    )

    def selection(self) -> Selection:
        """Return which instances are asked for."""
        return Selection(
            names=tuple(self.instances),
            tags=tuple(self.tags),
            engines=tuple(self.engines),
            environments=tuple(self.environments),
        )
