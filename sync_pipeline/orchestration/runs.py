"""What a Dagster run means for the session that it carries out."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from dagster import (
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    RunsFilter,
)

from sync_pipeline.model.instance import Selection
from sync_pipeline.model.period import PeriodType
from sync_pipeline.model.session import (
    NewSession,
    Session,
    SessionStatus,
    SyncCategory,
    SyncType,
)
from sync_pipeline.model.shard import WHOLE, Shard
from sync_pipeline.model.text import first_names, shortened
from sync_pipeline.orchestration.config import LONGEST_NAME, SelectionConfig
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

ACCOUNT_SYNC = "account_sync"
CAPACITY_SYNC = "capacity_sync"
AGGREGATE_SIZES = "aggregate_sizes"
BACKFILL_SIZES = "backfill_sizes"
AGGREGATE_PERIOD = {kind: f"aggregate_{kind}" for kind in PeriodType}
CATEGORY_OF_JOB = {
    ACCOUNT_SYNC: SyncCategory.ACCOUNT,
    CAPACITY_SYNC: SyncCategory.CAPACITY,
    AGGREGATE_SIZES: SyncCategory.AGGREGATION,
    BACKFILL_SIZES: SyncCategory.AGGREGATION,
    **dict.fromkeys(AGGREGATE_PERIOD.values(), SyncCategory.AGGREGATION),
}
"""The jobs that leave a session. So does the one below, in which Dagster runs assets."""

ASSET_JOB = "__ASSET_JOB"
FLEET_AGGREGATIONS = "fleet_aggregations"
PARTITION_TAG = "dagster/partition"
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
BACKFILL_TAG = "dagster/backfill"
SCHEDULE_TAG = "dagster/schedule_name"
CREATED_BY_TAG = "sync_pipeline/created_by"
SESSION_TAG = "sync_pipeline/session_id"
SHARD_TAG = "sync_pipeline/shard"
FAILED_INSTANCES_TAG = "sync_pipeline/failed_instances"
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NAMES_IN_TAG = 5
FAILURES_ON_RUN = 50
LONGEST_REASON = 500
"""Dagster names every failed step; the summary and the records say more in less."""

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
_EVENT_OF_STATE = {
    RunState.FAILED: DagsterEventType.RUN_FAILURE,
    RunState.CANCELED: DagsterEventType.RUN_CANCELED,
}


def category_of(job_name: str) -> SyncCategory:
    """Return what the sessions of a job are about."""
    return SyncCategory.AGGREGATION if job_name == ASSET_JOB else CATEGORY_OF_JOB[job_name]


def leaves_session(job_name: str) -> bool:
    """Return whether the runs of a job leave a session."""
    return job_name == ASSET_JOB or job_name in CATEGORY_OF_JOB


def fleet_key(kind: PeriodType) -> AssetKey:
    """Return the asset of the whole fleet's aggregations of one kind of period."""
    return AssetKey([FLEET_AGGREGATIONS, str(kind)])


def kind_of_asset(run: DagsterRun) -> PeriodType | None:
    """Return the kind of period whose asset a run materializes; None where it is not one."""
    chosen = run.asset_selection or set()
    return next((kind for kind in PeriodType if chosen == {fleet_key(kind)}), None)


def partitions_of_run(run: DagsterRun) -> tuple[str, str] | None:
    """Return the first and the last partition that a run is for; None where it has none.

    A run of a job has one; a run of an asset has one, or a range.
    """
    one = run.tags.get(PARTITION_TAG)
    if one:
        return one, one
    first, last = (run.tags.get(tag) for tag in RANGE_TAGS)
    return (first, last) if run.job_name == ASSET_JOB and first and last else None


def session_id_of(run: DagsterRun) -> str:
    """Return the session of a run: the one its shards share, else its root run.

    A re-execution has both from the run that it repeats, and so continues its session.
    Who launches a run may write anything into either: what is no id counts as not given.
    """
    named = (run.tags.get(SESSION_TAG), run.root_run_id)
    return next((text for text in named if text and _ID.fullmatch(text)), run.run_id)


def shard_of(run: DagsterRun) -> Shard:
    """Return which part of its session a run is; the whole where no tag says otherwise."""
    return Shard.parse(run.tags.get(SHARD_TAG, "")) or WHOLE


def state_of(run: DagsterRun | None) -> RunState:
    """Translate Dagster's status of a run; None is a run that Dagster does not know."""
    if run is None:
        return RunState.MISSING
    return _STATE_OF_STATUS.get(run.status, RunState.ALIVE)


def unfinished_run(instance: DagsterInstance, job_name: str) -> DagsterRun | None:
    """Return a run of the job that is queued or running, if there is one."""
    runs = instance.get_runs(RunsFilter(job_name=job_name, statuses=list(UNFINISHED)), limit=1)
    return runs[0] if runs else None


def close_session_of(instance: DagsterInstance, run: DagsterRun, deps: SyncDeps) -> Session:
    """Close the session of a run that is over, and leave the summary on the run.

    Safe to repeat: the sensors, the launcher and the reaper all come through here.
    """
    state = state_of(run)
    session = close_session(
        deps.store, _unopened(run), state, error=_reason(instance, run, state), now=deps.clock()
    )
    _leave_summary(instance, run, session, deps)
    return session


@dataclass(frozen=True, slots=True)
class DagsterRuns:
    """What Dagster knows of runs, for the reaper."""

    instance: DagsterInstance

    def state(self, run_id: str) -> RunState:
        """Return what is known of a run."""
        return state_of(self.instance.get_run_by_id(run_id))

    def launched(self, session_id: str) -> list[LaunchedRun]:
        """Return the runs that were launched for the shards of a session."""
        runs = self.instance.get_runs(RunsFilter(tags={SESSION_TAG: session_id}))
        return [LaunchedRun(shard_of(run).number, run.run_id, state_of(run)) for run in runs]


def reap_sessions(
    instance: DagsterInstance, deps: SyncDeps, silent: Collection[str] = ()
) -> tuple[Reaped, ...]:
    """Close every run of a session that is over, gone, or one of the silent ones.

    Dagster is told the end of a silent run: it would wait for it, and so would the schedule.
    """
    stale_after = deps.settings.stale_after_seconds
    reaped = reap(deps.store, DagsterRuns(instance), deps.clock(), stale_after, silent)
    for closed in reaped:
        run = instance.get_run_by_id(closed.run_id) if closed.run_id else None
        if run is not None:
            if not run.is_finished:
                instance.report_run_failed(run, closed.reason)
            _leave_summary(instance, run, closed.session, deps)
    return reaped


def new_session(run: DagsterRun, sync_type: SyncType, created_by: str | None) -> NewSession:
    """Return the session that a run carries out."""
    return NewSession(
        session_id=session_id_of(run),
        sync_type=sync_type,
        category=category_of(run.job_name),
        job_name=_job_of(run),
        run_id=run.run_id,
        created_by=created_by,
        partition_key=_partitions(run),
        shard=shard_of(run),
    )


def sync_type_of(run: DagsterRun, selection: Selection, instance_count: int) -> SyncType:
    """Return how a run was launched, from its tags and what it selects."""
    if run.job_name in (BACKFILL_SIZES, ASSET_JOB) or BACKFILL_TAG in run.tags:
        return SyncType.BACKFILL
    return derive_sync_type(selection, instance_count, is_scheduled=SCHEDULE_TAG in run.tags)


def created_by(run: DagsterRun, config: SelectionConfig) -> str | None:
    """Return who launched a run, where that is known."""
    return config.created_by or _tag(run, CREATED_BY_TAG) or _tag(run, SCHEDULE_TAG)


def _job_of(run: DagsterRun) -> str:
    """Return the name of a run's job, or that of the asset that it materializes."""
    kind = kind_of_asset(run)
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


def _unopened(run: DagsterRun) -> NewSession:
    """Return the session of a run that may have ended before it opened one."""
    config = SelectionConfig.of_run(run)
    sync_type = sync_type_of(run, config.selection(), len(config.instances))
    return new_session(run, sync_type, created_by(run, config))


def _reason(instance: DagsterInstance, run: DagsterRun, state: RunState) -> str | None:
    """Return what Dagster says of the end of a run that did not succeed."""
    event_type = _EVENT_OF_STATE.get(state)
    if event_type is None:
        return None
    entries = instance.all_logs(run.run_id, of_type=event_type)
    message = entries[-1].dagster_event.message if entries and entries[-1].dagster_event else ""
    return shortened(message or "", LONGEST_REASON) or f"The run {run.run_id} ended {state}."


def _leave_summary(
    instance: DagsterInstance, run: DagsterRun, session: Session, deps: SyncDeps
) -> None:
    """Put the summary of what did not go well on the run, once."""
    if session.status is SessionStatus.COMPLETED or FAILED_INSTANCES_TAG in run.tags:
        return
    failures = deps.store.session_reads.failures(
        session.session_id, FAILURES_ON_RUN, shard_of(run).number
    )
    if not failures.total and state_of(run) is RunState.SUCCEEDED:
        return  # another run of the session did not go well, or is not over yet
    names = [item.instance for item in failures.first[:NAMES_IN_TAG]]
    tag = first_names(names, failures.total) or "none reached"
    instance.add_run_tags(run.run_id, {FAILED_INSTANCES_TAG: tag})
    summary = failure_summary(session.session_id, failures)
    instance.report_engine_event(
        f"Session {session.session_id} is {session.status}: {session.successful} of "
        f"{session.total} instances completed.\n"
        f"{summary or session.error or 'No instance was reached.'}",
        run,
    )
