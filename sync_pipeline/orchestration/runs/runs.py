"""What a Dagster run means for the session that it carries out."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from dagster import AssetKey, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from sync_pipeline.categories import AGGREGATION, CATEGORIES, Category, category_of_job
from sync_pipeline.model.instance import Selection
from sync_pipeline.model.period import PeriodType
from sync_pipeline.model.session import (
    NewSession,
    Session,
    SessionStatus,
    StepFailure,
    SyncCategory,
    SyncType,
)
from sync_pipeline.model.shard import WHOLE
from sync_pipeline.model.text import first_names, shortened
from sync_pipeline.orchestration.config import LONGEST_NAME, SelectionConfig
from sync_pipeline.orchestration.runs.ends import (
    is_lost,
    known_cause,
    reason_of,
    step_failures,
    was_noted,
)
from sync_pipeline.orchestration.runs.lineage import SESSION_TAG, Part, part_of, was_done
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.sessions import (
    LaunchedRun,
    Reaped,
    RunState,
    close_session,
    derive_sync_type,
    failure_summary,
    reap,
)

BACKFILL_SIZES = "backfill_sizes"
AGGREGATE_PERIOD = {kind: f"aggregate_{kind}" for kind in PeriodType}
ASSET_JOB = "__ASSET_JOB"
"""The job in which Dagster materializes assets: those of aggregations, so it is one of theirs."""
FLEET_AGGREGATIONS = "fleet_aggregations"
PARTITION_TAG = "dagster/partition"
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
BACKFILL_TAG = "dagster/backfill"
SCHEDULE_TAG = "dagster/schedule_name"
TICK_TAG = ".dagster/scheduled_execution_time"
SUPERFLUOUS_TAG = "sync_pipeline/superfluous"
CREATED_BY_TAG = "sync_pipeline/created_by"
FAILED_INSTANCES_TAG = "sync_pipeline/failed_instances"
NONE_FAILED = "none"
NOTHING_LEFT = (
    "All steps of the run had succeeded when it was ended, so nothing is left to execute again."
)
SECONDS_TO_NOTICE = 5.0
NAMES_IN_TAG = 5
FAILURES_ON_RUN = 50

# NOT_STARTED is left out: a run that was made and never handed over must not hold up
# the schedule until run monitoring ends it.
UNFINISHED = (
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
)
_STATE_OF_STATUS = {
    DagsterRunStatus.SUCCESS: RunState.SUCCEEDED,
    DagsterRunStatus.FAILURE: RunState.FAILED,
    DagsterRunStatus.CANCELED: RunState.CANCELED,
}


def row_of(job_name: str) -> Category | None:
    """Return the category of a job's sessions; None where it leaves none."""
    return AGGREGATION if job_name == ASSET_JOB else category_of_job(job_name)


def category_of(job_name: str) -> SyncCategory:
    """Return what the sessions of a job are about.

    Raises:
        KeyError: it leaves none.
    """
    row = row_of(job_name)
    if row is None:
        raise KeyError(job_name)
    return SyncCategory(row.name)


def leaves_session(job_name: str) -> bool:
    """Return whether the runs of a job leave a session."""
    return row_of(job_name) is not None


def scheduled_jobs() -> frozenset[str]:
    """Return the jobs whose next run does again what one could not."""
    return frozenset(row.job for row in CATEGORIES.values())


def fleet_key(kind: PeriodType) -> AssetKey:
    """Return the asset of the whole fleet's aggregations of one kind of period."""
    return AssetKey([FLEET_AGGREGATIONS, str(kind)])


def kind_of_asset(run: DagsterRun) -> PeriodType | None:
    """Return the kind of period whose asset a run materializes; None where it is not one."""
    chosen = run.asset_selection or set()
    return next((kind for kind in PeriodType if chosen == {fleet_key(kind)}), None)


def partitions_of_run(run: DagsterRun) -> tuple[str, str] | None:
    """Return the first and the last partition that a run is for; None where it has none.

    A run of an asset has one, or a range.
    """
    one = run.tags.get(PARTITION_TAG)
    if one:
        return one, one
    first, last = (run.tags.get(tag) for tag in RANGE_TAGS)
    return (first, last) if is_of_asset(run) and first and last else None


def is_of_asset(run: DagsterRun) -> bool:
    """Return whether a run materializes an asset: in Dagster's own job, or in one of ours."""
    return run.job_name == ASSET_JOB or run.job_name in AGGREGATE_PERIOD.values()


def state_of(run: DagsterRun | None) -> RunState:
    """Translate Dagster's status of a run; None is a run that Dagster does not know."""
    if run is None:
        return RunState.MISSING
    return _STATE_OF_STATUS.get(run.status, RunState.ALIVE)


def end_of(instance: DagsterInstance, run: DagsterRun | None) -> RunState:
    """Return what is known of a run; one that was ended after all was done has succeeded."""
    done = run is not None and was_done(run, instance)
    return RunState.SUCCEEDED if done else state_of(run)


def unfinished_run(instance: DagsterInstance, job_name: str) -> DagsterRun | None:
    """Return a run of the job that is queued or running, if there is one."""
    runs = instance.get_runs(RunsFilter(job_name=job_name, statuses=list(UNFINISHED)), limit=1)
    return runs[0] if runs else None


def close_session_of(instance: DagsterInstance, run: DagsterRun, deps: SyncDeps) -> Session:
    """Close the session of a run that is over, and leave the summary on the run.

    Safe to repeat: the sensors, the launcher and the reaper all come through here.
    """
    new = as_launched(run, part_of(run, instance))
    state = end_of(instance, run)
    error = None if state is RunState.SUCCEEDED else reason_of(instance, run, scheduled_jobs())
    session = close_session(
        deps.store,
        new,
        state,
        error=error,
        now=deps.clock(),
        failures=step_failures(instance, run.run_id),
    )
    _leave_summary(instance, run, session, new.shard.number, deps)
    return session


@dataclass(frozen=True, slots=True)
class DagsterRuns:
    """What Dagster knows of runs, for the reaper."""

    instance: DagsterInstance

    def state(self, run_id: str) -> RunState:
        """Return what is known of a run."""
        return end_of(self.instance, self.instance.get_run_by_id(run_id))

    def failures(self, run_id: str) -> Iterator[StepFailure]:
        """Yield why steps of a run failed, where its log has it in our own words."""
        return step_failures(self.instance, run_id)

    def launched(self, session_id: str) -> list[LaunchedRun]:
        """Return the runs that were launched for the shards of a session."""
        tagged = self.instance.get_runs(RunsFilter(tags={SESSION_TAG: session_id}))
        parts = [(run, part_of(run, self.instance)) for run in tagged]
        return [
            LaunchedRun(part.shard.number, run.run_id, state_of(run))
            for run, part in parts
            if part.session_id == session_id  # one that repeats it has its tags too
        ]


def reap_sessions(
    instance: DagsterInstance, deps: SyncDeps, silent: Collection[str] = ()
) -> tuple[Reaped, ...]:
    """Close every run of a session that is over, gone, or one of the silent ones.

    Dagster is told the end of a silent run: it would wait for it, and so would the schedule.
    """
    stale_after = deps.settings.stale_after_seconds
    reaped = reap(
        deps.store,
        DagsterRuns(instance),
        deps.clock(),
        stale_after,
        silent,
        cause=lambda run_id: known_cause(instance, run_id, stale_after, scheduled_jobs()),
    )
    for closed in reaped:
        run = instance.get_run_by_id(closed.run_id) if closed.run_id else None
        if run is not None:
            if not run.is_finished:
                instance.report_run_failed(run, closed.reason)
            shard = part_of(run, instance).shard.number
            _leave_summary(instance, run, closed.session, shard, deps)
    return reaped


def end_lost_runs(instance: DagsterInstance) -> None:
    """Tell Dagster the end of runs whose process is no more, and nobody has noticed.

    A code server notices, and says how it ended: it is given the time for that.
    """
    at_work = RunsFilter(statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])
    lost = [run for run in instance.get_runs(at_work) if is_lost(instance, run)]
    if lost:
        time.sleep(SECONDS_TO_NOTICE)
    for run in lost:
        now = instance.get_run_by_id(run.run_id)
        if now is None or now.is_finished:
            continue
        if now.status is DagsterRunStatus.CANCELING:
            instance.report_run_canceled(now)
        else:
            instance.report_run_failed(now)


def new_session(
    run: DagsterRun, part: Part, sync_type: SyncType, created_by: str | None
) -> NewSession:
    """Return the session that a run carries out."""
    return NewSession(
        session_id=part.session_id,
        sync_type=sync_type,
        category=category_of(run.job_name),
        job_name=_job_of(run),
        run_id=run.run_id,
        created_by=created_by,
        partition_key=_partitions(run),
        shard=part.shard,
        repeats=part.repeated.session_id if part.repeated else None,
    )


def sync_type_of(
    run: DagsterRun, part: Part, selection: Selection, instance_count: int
) -> SyncType:
    """Return how a run was launched, from its tags and what it selects.

    One that a person executes again has the tags of the run that it repeats.
    """
    is_backfill = part.repeated is None and BACKFILL_TAG in run.tags
    if run.job_name in (BACKFILL_SIZES, ASSET_JOB) or is_backfill:
        return SyncType.BACKFILL
    if part.repeated is None:
        return derive_sync_type(selection, instance_count, is_scheduled=SCHEDULE_TAG in run.tags)
    return derive_sync_type(
        selection,
        instance_count,
        is_scheduled=False,
        is_everything=part.only is None and part.repeated.shard == WHOLE,
    )


def created_by(run: DagsterRun, part: Part, config: SelectionConfig) -> str | None:
    """Return who launched a run, where that is known.

    Whom the run that it repeats names is whoever launched that one.
    """
    if part.repeated is None:
        return config.created_by or _tag(run, CREATED_BY_TAG) or _tag(run, SCHEDULE_TAG)
    before = part.repeated.run
    then = {SelectionConfig.of_run(before).created_by, _tag(before, CREATED_BY_TAG)}
    now = (config.created_by, _tag(run, CREATED_BY_TAG))
    return next((name for name in now if name and name not in then), None)


def as_launched(run: DagsterRun, part: Part) -> NewSession:
    """Return the session of a run of which no step says what it selected.

    It may have ended before one did, or consist of chosen steps.
    """
    config = SelectionConfig.of_run(run)
    count = len(config.instances if part.only is None else part.only)
    sync_type = sync_type_of(run, part, config.selection(), count)
    return new_session(run, part, sync_type, created_by(run, part, config))


def _job_of(run: DagsterRun) -> str:
    """Return the name of a run's job; of Dagster's own that of the asset that it materializes."""
    kind = kind_of_asset(run) if run.job_name == ASSET_JOB else None
    return fleet_key(kind).to_user_string() if kind else run.job_name


def _partitions(run: DagsterRun) -> str | None:
    """Return the partitions of a run, as Dagster writes them."""
    first, last = partitions_of_run(run) or (None, None)
    if first is None or last is None:
        return None
    return shortened(first if first == last else f"{first}...{last}", LONGEST_NAME)


def _tag(run: DagsterRun, name: str) -> str | None:
    """Return the text of a tag, no longer than what is kept of it with the session."""
    text = run.tags.get(name)
    return shortened(text, LONGEST_NAME) if text else None


def _leave_summary(
    instance: DagsterInstance, run: DagsterRun, session: Session, shard: int, deps: SyncDeps
) -> None:
    """Put on the run what did not go well, or that nothing is left of it, once."""
    is_whole = session.status is SessionStatus.COMPLETED
    if is_whole and state_of(run) is RunState.SUCCEEDED:
        _take_back_tag(instance, run)
        return
    # Where the newest events of the run are lost, the session knows better what was done.
    is_done = is_whole or was_done(run, instance)
    failures = deps.store.session_reads.failures(session.session_id, FAILURES_ON_RUN, shard)
    if not failures.total and state_of(run) is RunState.SUCCEEDED:
        return  # another run of the session did not go well, or is not over yet
    said = f"Session {session.session_id} is "
    if was_noted(instance, run.run_id, said):
        return
    names = [item.instance for item in failures.first[:NAMES_IN_TAG]]
    tag = first_names(names, failures.total) or (NONE_FAILED if is_done else "none reached")
    instance.add_run_tags(run.run_id, {FAILED_INSTANCES_TAG: tag})
    summary = failure_summary(session.session_id, failures)
    why = NOTHING_LEFT if is_done else session.error or "No instance was reached."
    instance.report_engine_event(
        f"{said}{session.status}: {session.successful} of "
        f"{session.total} instances completed.\n"
        f"{summary or why}",
        run,
    )


def _take_back_tag(instance: DagsterInstance, run: DagsterRun) -> None:
    """Say that no instance failed, where a run has the tags of one before it, which says others."""
    if run.tags.get(FAILED_INSTANCES_TAG, NONE_FAILED) != NONE_FAILED:
        instance.add_run_tags(run.run_id, {FAILED_INSTANCES_TAG: NONE_FAILED})
