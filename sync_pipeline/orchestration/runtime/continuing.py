"""What a run that continues another one carries out: its whole job, for what is left.

Dagster repeats the steps that it saw begin and fail. A step that never began, because the
run's process died before, is then no step of the new run, which succeeds without it
(dagster#20925, #30077). So what to repeat is not taken from Dagster: the steps of such a run
are those of its job, and the session's records say for which instances. See ADR 0023.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
from dagster._core.events import DagsterEvent
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import StepDependencyConfig
from dagster._core.snap.execution_plan_snapshot import (
    ExecutionPlanSnapshot,
    create_execution_plan_snapshot_id,
    snapshot_from_execution_plan,
)
from dagster._core.storage.runs.schema import RunsTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from dagster._core.storage.tags import RESUME_RETRY_TAG
from dagster._serdes import serialize_value

from sync_pipeline.orchestration.runs.lineage import part_of


class Continuing(dg.Executor):
    """Hands the steps of a run to another executor: of one that continues, all of its job."""

    def __init__(self, inner: dg.Executor) -> None:
        self._inner = inner

    @property
    def retries(self) -> RetryMode:
        """Return the inner executor's."""
        return self._inner.retries

    @property
    def step_dependency_config(self) -> StepDependencyConfig:
        """Return the inner executor's."""
        return self._inner.step_dependency_config

    def execute(
        self,
        plan_context: PlanOrchestrationContext,
        execution_plan: ExecutionPlan,  # noqa: ARG002 - it is that of the context
    ) -> Iterator[DagsterEvent]:
        """Execute the plan, or that of the whole job, and yield the events."""
        data = plan_context.plan_data
        if part_of(data.dagster_run, data.instance).is_continued:
            plan_context = _whole(plan_context)
        yield from self._inner.execute(plan_context, plan_context.execution_plan)


def _whole(context: PlanOrchestrationContext) -> PlanOrchestrationContext:
    """Return the context of a run with all steps of its job in the place of the chosen ones."""
    data = context.plan_data
    run = data.dagster_run
    if run.tags.get(RESUME_RETRY_TAG) != "true":
        # Told once: each step's process would find it out from the events again.
        data.instance.add_run_tags(run.run_id, {RESUME_RETRY_TAG: "true"})
    plan = create_execution_plan(
        data.job,
        run.run_config,
        tags=dict(run.tags),
        repository_load_data=data.execution_plan.repository_load_data,
    )
    # What the steps hand over is then looked for in this run, and not in those before.
    snapshot = snapshot_from_execution_plan(plan, run.job_snapshot_id or "")
    run = _of_plan(run, snapshot).with_tags({**run.tags, RESUME_RETRY_TAG: "true"})
    _keep_plan(data.instance, run.run_id, snapshot)
    return PlanOrchestrationContext(
        plan_data=data._replace(dagster_run=run, execution_plan=plan),
        log_manager=context.log,
        executor=context.executor,
        output_capture=context.output_capture,
        resume_from_failure=context.resume_from_failure,
    )


def _of_plan(run: dg.DagsterRun, plan: ExecutionPlanSnapshot) -> dg.DagsterRun:
    """Return a run with the steps of a plan in the place of its own."""
    return run._replace(
        step_keys_to_execute=plan.step_keys_to_execute,
        execution_plan_snapshot_id=create_execution_plan_snapshot_id(plan),
    )


def _keep_plan(instance: dg.DagsterInstance, run_id: str, plan: ExecutionPlanSnapshot) -> None:
    """Let Dagster know which steps a run has: the UI draws them, and the next run derives.

    From a run whose events are of other steps than it was made with, Dagster derives steps
    that are not there, and refuses to execute it again. It has no call for this.
    """
    storage = instance.run_storage
    run = instance.get_run_by_id(run_id)
    if not isinstance(storage, SqlRunStorage) or run is None:
        return
    storage.add_execution_plan_snapshot(plan)
    body = serialize_value(_of_plan(run, plan))
    with storage.connect() as connection:
        connection.execute(
            RunsTable.update().where(RunsTable.c.run_id == run_id).values(run_body=body)
        )


def continuing(executor: dg.ExecutorDefinition) -> dg.ExecutorDefinition:
    """Return an executor that does what another one does, and the whole job where it continues.

    Raises:
        TypeError: the executor makes none.
    """
    create = executor.executor_creation_fn
    if create is None:
        raise TypeError(f"{executor.name} makes no executor")

    def created(context: dg.InitExecutorContext) -> dg.Executor:
        return Continuing(create(context))

    return dg.ExecutorDefinition(
        name=executor.name,
        config_schema=executor.config_schema,  # type: ignore[arg-type]  # Dagster takes it too
        requirements=executor.get_requirements,
        executor_creation_fn=created,
        description=executor.description,
    )
