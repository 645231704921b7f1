"""What a person fills in in the launchpad, and who reaches the UI's port may fill in.

Whoever may launch a run chooses every value here. Dagster reads a string, number or flag of
a `Config` class also from the environment of the run (`{env: NAME}`), where the keys are:
nothing here does, and every value has a bound.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Self

import dagster as dg
from pydantic import Field, StringConstraints, ValidationError

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import EngineName, Selection
from sync_pipeline.model.text import shortened

SELECT_INSTANCES = "select_instances"
"""The op that takes this configuration."""
NO_CONFIG: dict[str, dg.Field] = {}
"""The schema of what takes no configuration; without one, Dagster takes anything."""
MOST_CHOSEN = 20_000
LONGEST_NAME = 255
LONGEST_PROBLEM = 500

Name = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=32)]

_PLAIN: Mapping[str, Any] = {
    dg.StringSource.key: dg.String,
    dg.IntSource.key: dg.Int,
    dg.BoolSource.key: dg.Bool,
}


class PlainConfig(dg.Config):
    """Configuration that takes no value from the environment.

    An op names it by `config_schema`, not by the annotation of a parameter, of which
    Dagster makes a schema of its own.
    """

    @classmethod
    def to_fields_dict(cls) -> dict[str, dg.Field]:
        """Return the schema: strings, numbers and flags as they are written."""
        return {name: _plain_field(field) for name, field in super().to_fields_dict().items()}

    @classmethod
    def read(cls, values: object) -> Self:
        """Return the configuration of a run; null is what is not given.

        Raises:
            ConfigurationError: a value has the wrong type or is too long; it is not repeated.
        """
        given = values if isinstance(values, Mapping) else {}
        known = {name: given[name] for name in cls.model_fields if given.get(name) is not None}
        try:
            return cls(**known)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
                for item in error.errors(include_input=False, include_url=False)
            )
            raise ConfigurationError(
                f"The run's configuration is not valid: {shortened(problems, LONGEST_PROBLEM)}.",
                hint="Correct it in the launchpad and launch the run again.",
            ) from None


class SelectionConfig(PlainConfig):
    """Which instances to take. Everything empty: all of them."""

    instances: list[Name] = Field(
        default_factory=list,
        max_length=MOST_CHOSEN,
        description="Names of instances. Empty: all of them.",
    )
    tags: list[Name] = Field(
        default_factory=list,
        max_length=MOST_CHOSEN,
        description="Only instances that carry one of these tags.",
    )
    engines: list[Name] = Field(
        default_factory=list,
        max_length=MOST_CHOSEN,
        description=f"Only instances of these engines: {', '.join(EngineName)}.",
    )
    environments: list[Name] = Field(
        default_factory=list,
        max_length=MOST_CHOSEN,
        description="Only instances of these environments, for example production.",
    )
    created_by: str | None = Field(
        default=None,
        max_length=LONGEST_NAME,
        description="Who asks for this run; it is kept with the session.",
    )

    @classmethod
    def of_run(cls, run: dg.DagsterRun) -> Self:
        """Return what a run was launched with, whether or not it got to read it.

        What this version can't read, such as a field of another version, counts as not
        given.
        """
        run_config: Mapping[str, Any] = run.run_config
        try:
            ops = run_config["ops"]
            if SELECT_INSTANCES not in ops:  # an asset's steps are in a graph
                (graph,) = ops.values()
                ops = graph["ops"]
            return cls.read(ops[SELECT_INSTANCES]["config"])
        except (KeyError, TypeError, ValueError, AttributeError, ConfigurationError):
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

    period: Word = Field(description="day, week, month or quarter.")
    first: Word = Field(description="First day, as 2026-01-31; its whole period is taken.")
    last: Word = Field(description="Last day, included; its whole period is taken.")


def _plain_field(field: dg.Field) -> dg.Field:
    default = {"default_value": field.default_value} if field.default_provided else {}
    return dg.Field(
        _plain_type(field.config_type),
        is_required=field.is_required,
        description=field.description,
        **default,
    )


def _plain_type(config_type: Any) -> Any:
    if isinstance(config_type, dg.Noneable):
        return dg.Noneable(_plain_type(config_type.inner_type))
    if isinstance(config_type, dg.Array):
        return dg.Array(_plain_type(config_type.inner_type))
    return _PLAIN.get(config_type.key, config_type)
