"""Sensors that close sessions: at the end of each run, and where nothing said the end.

Annotations are not postponed here: Dagster reads them as types.
"""

from collections.abc import Sequence

import dagster as dg

from sync_pipeline.orchestration.instance import require_configured
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.runs import SUPERFLUOUS_TAG, close_session_of, reap_sessions
from sync_pipeline.workflows.liveness import Observation, look

RUN_ENDS = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)
SECONDS_BETWEEN_LOOKS = 5
SECONDS_BETWEEN_REAPINGS = 30
MOST_SHOWN = 20


def build_run_end_sensors(jobs: Sequence[dg.JobDefinition]) -> list[dg.SensorDefinition]:
    """Return a sensor for each way in which a run of one of the jobs can end."""
    return [_run_end_sensor(jobs, status) for status in RUN_ENDS]


def _run_end_sensor(
    jobs: Sequence[dg.JobDefinition], status: dg.DagsterRunStatus
) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        name=f"close_session_on_{status.value.lower()}",
        run_status=status,
        monitored_jobs=list(jobs),
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Close the session of a run that ended as {status.value}.",
    )
    def close_session(context: dg.RunStatusSensorContext, pipeline: PipelineResource) -> None:
        if SUPERFLUOUS_TAG in context.dagster_run.tags:
            return
        with pipeline.open() as deps:
            close_session_of(context.instance, context.dagster_run, deps)

    return close_session


@dg.sensor(
    minimum_interval_seconds=SECONDS_BETWEEN_REAPINGS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Close sessions whose run is over, gone, or silent for too long.",
)
def session_reaper(
    context: dg.SensorEvaluationContext, pipeline: PipelineResource
) -> dg.SkipReason:
    """Close what no event closed: a sensor that failed, a run that is gone, a dead machine."""
    require_configured(context.instance)
    with pipeline.open() as deps:
        before = Observation.from_json(context.cursor)
        seen, silent = look(deps, before, SECONDS_BETWEEN_REAPINGS)
        reaped = reap_sessions(context.instance, deps, silent)
    context.update_cursor(seen.to_json())
    closed = [f"{item.session.session_id}: {item.reason}" for item in reaped[:MOST_SHOWN]]
    more = f" and {len(reaped) - MOST_SHOWN} more" if len(reaped) > MOST_SHOWN else ""
    return dg.SkipReason(f"Closed {'; '.join(closed)}{more}" if closed else "No session to close.")
