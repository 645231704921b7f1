"""Which part of which session a run is, and whether it continues one that another run began.

Dagster knows three ways to execute again. From failure continues the session of the run
before: what it has not completed is done. All steps again, or chosen ones, is work of its
own: a session that ended is history, and nothing that happens later changes it. See ADR 0023.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dagster import (
    DagsterError,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    RunsFilter,
)
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.storage.tags import ASSET_RESUME_RETRY_TAG, RESUME_RETRY_TAG
from dagster_shared.check import CheckError

from sync_pipeline.model.shard import WHOLE, Shard
from sync_pipeline.orchestration.config import SELECT_INSTANCES
from sync_pipeline.orchestration.tasks import instance_id_of

SESSION_TAG = "sync_pipeline/session_id"
SHARD_TAG = "sync_pipeline/shard"
OPEN_SESSION = "open_session"
EVERY_INSTANCE = "[?]"
"""How the key of a step for each instance ends before the instances are known."""
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NOT_WELL = (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
_OF_STEPS = {
    DagsterEventType.STEP_START,
    DagsterEventType.STEP_RESTARTED,
    DagsterEventType.STEP_UP_FOR_RETRY,
    DagsterEventType.STEP_SKIPPED,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.STEP_SUCCESS,
}


@dataclass(frozen=True, slots=True)
class Repeated:
    """What a run does again: a shard of a session, by the run that did it last."""

    session_id: str
    shard: Shard
    run: DagsterRun


@dataclass(frozen=True, slots=True)
class Part:
    """What a run is of a session.

    `only` are the instances whose steps were chosen; None: nobody chose among them.
    `opens_itself` is False where the step that opens the session is not one of the run's.
    """

    session_id: str
    shard: Shard = WHOLE
    is_continued: bool = False
    repeated: Repeated | None = None
    only: tuple[int, ...] | None = None
    opens_itself: bool = True


def part_of(run: DagsterRun, instance: DagsterInstance) -> Part:
    """Return the part of a session that a run is.

    Who launches a run may write anything into its tags and its ancestors: what is no id, or
    is not there, counts as not given, and a run of another job is nothing to continue.
    """
    first, parent = _beginning(run, instance)
    is_continued = first.run_id != run.run_id or _is_resumed(run)
    repeated = None
    if parent is not None:
        before, before_that = _beginning(parent, instance)
        repeated = Repeated(*_own(before, before_that, instance), parent)
    session_id, shard = _own(first, parent, instance)
    return Part(
        session_id,
        shard,
        is_continued,
        repeated,
        _chosen(first),
        is_continued or _opens(run),
    )


def continues(run: DagsterRun, parent: DagsterRun, instance: DagsterInstance) -> bool:
    """Return whether a run does what another one has not completed.

    The UI says so with a tag. Dagster's Python interface does not: then it is a run of
    exactly the steps that Dagster repeats from that failure.
    """
    if run.job_name != parent.job_name:
        return False
    if _is_resumed(run):
        return True
    keys = run.step_keys_to_execute
    if not keys or _has(keys, SELECT_INSTANCES) or parent.status not in _NOT_WELL:
        return False
    repeated, _ = KnownExecutionState.build_resume_retry_reexecution(instance, parent)
    return set(keys) == set(repeated)


def was_done(run: DagsterRun, instance: DagsterInstance) -> bool:
    """Return whether a run that did not end well had done all its steps when it was ended.

    Its process may have been killed before it said that it succeeded. Dagster finds nothing
    to repeat in such a run, and refuses to execute it again from failure.
    """
    if run.status not in _NOT_WELL:
        return False
    newest = instance.event_log_storage.get_logs_for_run(
        run.run_id, of_type=_OF_STEPS, limit=1, ascending=False
    )
    # All steps are read only where the last one went well.
    if not newest or newest[0].dagster_event_type is not DagsterEventType.STEP_SUCCESS:
        return False
    try:
        left, _ = KnownExecutionState.build_resume_retry_reexecution(instance, run)
    except (DagsterError, CheckError):
        return False  # its plan or a run before it is gone, so nobody knows
    return not left


def _beginning(run: DagsterRun, instance: DagsterInstance) -> tuple[DagsterRun, DagsterRun | None]:
    """Return the run that began what this one continues, and the parent of that, if it has one."""
    seen = {run.run_id}
    parent = _parent(run, instance)
    while parent is not None and parent.run_id not in seen and continues(run, parent, instance):
        seen.add(parent.run_id)
        run, parent = parent, _parent(parent, instance)
    return run, parent


def _parent(run: DagsterRun, instance: DagsterInstance) -> DagsterRun | None:
    named = run.parent_run_id
    return instance.get_run_by_id(named) if named and _ID.fullmatch(named) else None


def _own(
    run: DagsterRun, parent: DagsterRun | None, instance: DagsterInstance
) -> tuple[str, Shard]:
    """Return the session that a run begins, and its shard.

    A run has tags of its parent, which say what the parent was. Where the parent of one that
    continues is gone, they are all that is left.
    """
    if run.parent_run_id is None and not _has_copied_tags(run, instance):
        named = [run.tags.get(SESSION_TAG)]
    elif parent is None and _is_resumed(run):
        named = [run.tags.get(SESSION_TAG), run.root_run_id]
    else:
        return run.run_id, WHOLE
    session_id = next((text for text in named if text and _ID.fullmatch(text)), run.run_id)
    return session_id, Shard.parse(run.tags.get(SHARD_TAG, "")) or WHOLE


def _has_copied_tags(run: DagsterRun, instance: DagsterInstance) -> bool:
    """Return whether another run had the session and the shard of this one before.

    The launchpad copies tags where it is opened from a run: that run did its part already.
    """
    mine = {name: run.tags[name] for name in (SESSION_TAG, SHARD_TAG) if name in run.tags}
    if SESSION_TAG not in mine:
        return False
    oldest = instance.get_runs(RunsFilter(tags=mine), limit=1, ascending=True)
    return bool(oldest) and oldest[0].run_id != run.run_id


def _is_resumed(run: DagsterRun) -> bool:
    said = {run.tags.get(tag) for tag in (RESUME_RETRY_TAG, ASSET_RESUME_RETRY_TAG)}
    return run.parent_run_id is not None and "true" in said


def _opens(run: DagsterRun) -> bool:
    keys = run.step_keys_to_execute
    return not keys or _has(keys, OPEN_SESSION)


def _has(keys: Sequence[str], step: str) -> bool:
    """Return whether a step is among others; those of an asset are named after its graph."""
    return any(key.rpartition(".")[2] == step for key in keys)


def _chosen(run: DagsterRun) -> tuple[int, ...] | None:
    keys = run.step_keys_to_execute
    if not keys or any(key.endswith(EVERY_INSTANCE) for key in keys):
        return None
    return tuple(found for key in keys if (found := instance_id_of(key)) is not None)
