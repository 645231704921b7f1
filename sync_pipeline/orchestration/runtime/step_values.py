"""What steps hand to each other.

Dagster keeps a file a value. Here values stay in the memory of the run's process; only where
steps have processes of their own they also need the files. A run that is executed again from
its failure asks for the same values once more, on whatever machine it is.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import dagster as dg

from sync_pipeline.orchestration.categories.registry import category_job, config_of
from sync_pipeline.orchestration.config import NO_CONFIG, SELECT_INSTANCES
from sync_pipeline.orchestration.failures import dagster_failures
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.selections import selected_for, task_for
from sync_pipeline.orchestration.tasks import InstanceTask, SelectedInstances, instance_id_of

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Attempt:
    """The attempt of a step that loads its input."""

    retry_number: int
    log: dg.DagsterLogManager


class StepValues(dg.IOManager):
    """The values of one run, by run, step and output (and mapping key). Safe for threads.

    `files` keeps what other processes of the run load.
    """

    def __init__(self, pipeline: PipelineResource, files: dg.IOManager | None = None) -> None:
        self._pipeline = pipeline
        self._files = files
        self._values: dict[Key, object] = {}

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Keep a value."""
        self._values[tuple(context.get_identifier())] = obj
        if self._files is not None:
            self._files.handle_output(context, obj)

    def load_input(self, context: dg.InputContext) -> object:
        """Return a value of this run, or ask again for one of a run before it."""
        key = tuple(context.get_identifier())
        if key in self._values:
            return self._values[key]
        if self._files is not None:
            with suppress(FileNotFoundError):
                return self._files.load_input(context)
        return asked_again(context, self._pipeline)


def asked_again(
    context: dg.InputContext, pipeline: PipelineResource
) -> SelectedInstances | InstanceTask:
    """Return what an earlier run handed to the step that loads this input.

    Raises:
        RetryRequested: the store does not answer now.
        Failure: what the run was asked for can't be any more.
    """
    step = context.step_context
    attempt = _Attempt(step.previous_attempt_count, context.log)
    with dagster_failures(attempt), pipeline.open() as deps:
        run = step.dagster_run
        part = pipeline.part_of(step.instance, run)
        graph = step.step.node_handle.parent
        selection = f"{graph}.{SELECT_INSTANCES}" if graph else SELECT_INSTANCES
        config = config_of(run.job_name, step.resolved_run_config.ops[selection].config)
        asked = category_job(run.job_name).asked
        instance_id = instance_id_of(step.step.key)
        if instance_id is None:
            return selected_for(run, part, config, deps, asked)
        return task_for(run, config, deps, asked, instance_id)


@dg.io_manager(
    config_schema=NO_CONFIG,
    description="What steps hand over, in the memory of the run's process.",
    required_resource_keys={"pipeline"},
)
def values_in_memory(context: dg.InitResourceContext) -> StepValues:
    """Return the values of a run whose steps share a process."""
    return StepValues(context.resources.pipeline)


@dg.io_manager(
    config_schema=NO_CONFIG,
    description="What steps hand over, in Dagster's files.",
    required_resource_keys={"pipeline"},
)
def values_in_files(context: dg.InitResourceContext) -> StepValues:
    """Return the values of a run whose steps have processes of their own."""
    if context.instance is None:
        raise RuntimeError("values of processes need a Dagster instance")
    files = dg.FilesystemIOManager(base_dir=context.instance.storage_directory())
    return StepValues(context.resources.pipeline, files.create_io_manager(context))
