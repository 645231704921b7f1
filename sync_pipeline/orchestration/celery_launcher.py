"""Hands runs to Celery's workers: `dagster.yaml` names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from dagster import DagsterRun, Field, StringSource
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._serdes import ConfigurableClassData
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from sync_pipeline.model.text import shortened
from sync_pipeline.orchestration.processes.celery_app import EXECUTE_RUN, QUEUE, make_app
from sync_pipeline.settings import Settings

LONGEST_WHY = 300


class RunIdLauncher(CeleryRunLauncher):
    """Dagster's launcher, which tells the workers the id of a run and nothing else.

    Dagster's own also sends its configuration, with what stands in `dagster.yaml`.
    """

    def __init__(
        self,
        broker: str,
        backend: str,
        default_queue: str = QUEUE,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        super().__init__(default_queue, broker, backend, inst_data=inst_data)
        allows_insecure = Settings.load().allow_insecure_broker
        self.celery = make_app(broker, backend, allows_insecure=allows_insecure)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Take where the broker and the results are, and the queue of untagged runs."""
        return {
            "broker": Field(StringSource, description="URL of the broker."),
            "backend": Field(StringSource, description="URL of the results."),
            "default_queue": Field(StringSource, default_value=QUEUE, description="The queue."),
        }

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> Self:
        """Connect as the configuration says."""
        return cls(inst_data=inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Hand a run over; a worker takes it from its queue."""
        run = context.dagster_run
        task = self.celery.tasks[EXECUTE_RUN].si(run_id=run.run_id)
        self._launch_celery_task_run(run=run, task_signature=task, routing_key=EXECUTE_RUN)

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Return how the task of a run is, with what ended it: a worker's child that was killed."""
        health: CheckRunHealthResult = super().check_run_worker_health(run)
        if health.status is not WorkerStatus.FAILED:
            return health
        found = self.celery.AsyncResult(run.tags[DAGSTER_CELERY_TASK_ID_TAG]).result
        why = f"{health.msg} {type(found).__name__}: {found}"
        return CheckRunHealthResult(WorkerStatus.FAILED, shortened(why, LONGEST_WHY))

    @property
    def supports_resume_run(self) -> bool:
        """Leave a run whose worker died: its records say what has to be done again."""
        return False
