"""The limits of a run: which instances it leaves alone, when it ends, how work is spread."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg

from sync_pipeline.fleet.order import spread
from sync_pipeline.model.instance import Instance
from sync_pipeline.orchestration.failures import longest_wait_seconds
from sync_pipeline.orchestration.runs.runs import category_of
from sync_pipeline.orchestration.tasks import InstanceTask, RunTerms, SelectedInstances
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.admission import Admission, Skip, admit
from sync_pipeline.workflows.syncing.limits import seconds_left
from sync_pipeline.workflows.syncing.recorded import InstanceWork

LOOK_SECONDS = 0.5


def with_terms(
    context: dg.OpExecutionContext,
    deps: SyncDeps,
    selected: SelectedInstances,
    instances: Sequence[Instance],
) -> list[InstanceTask]:
    """Return the tasks of a run in order, with what it decides for each, at once for all.

    An instance that is left alone keeps its step: its record and its log say why.
    """
    category = category_of(context.job_name)
    admission = admit(deps, category, instances, always_probe=selected.always_probe)
    ends_at = _ends_at(deps.clock(), deps)
    tasks = _in_order(context, selected.tasks, instances, admission)
    suspects = [task.instance_id for task in tasks if task.instance_id in admission.suspects]
    return [
        replace(
            task,
            terms=RunTerms(
                context.run_id,
                ends_at,
                admission.skips.get(task.instance_id),
                task.instance_id in admission.in_streak,
                task.instance_id in admission.rejected,
                _from(task.instance_id, suspects),
            ),
        )
        for task in tasks
    ]


def _from(instance_id: int, suspects: Sequence[int]) -> tuple[int, ...]:
    """Return a suspect and those after it; nothing for an instance that is none."""
    if instance_id not in suspects:
        return ()
    return tuple(suspects[suspects.index(instance_id) :])


def _in_order(
    context: dg.OpExecutionContext,
    tasks: Iterable[InstanceTask],
    instances: Sequence[Instance],
    admission: Admission,
) -> list[InstanceTask]:
    """Return tasks in the order in which they begin: those of one host far apart.

    Those that were not reached last time come first: one that is silent takes longest, all
    its attempts together, and a run should not end by waiting for it. Those that the last
    run was at work on when it died, or had no memory left, come last: it may be so again.
    """
    chance = random.Random(context.run_id)  # noqa: S311 - spreads load
    places = {item.id: place for place, item in enumerate(spread(instances, chance))}

    def place(task: InstanceTask) -> tuple[bool, bool, int]:
        key = task.instance_id
        was_reached = key not in admission.in_streak
        return key in admission.suspects, was_reached, places.get(key, len(places))

    return sorted(tasks, key=place)


def skip_of(context: dg.OpExecutionContext, task: InstanceTask) -> Skip | None:
    """Return why this run leaves an instance alone.

    A step that a person executes again, from another run's decisions, is tried.
    """
    terms = task.terms
    return terms.skip if terms is not None and terms.run_id == context.run_id else None


def on_terms(
    context: dg.OpExecutionContext, deps: SyncDeps, task: InstanceTask, work: InstanceWork
) -> InstanceWork:
    """Return the work on an instance within the deadline of the run that does it.

    A re-execution is given the tasks of the run before it, whose deadline is over: its own
    counts from its own start.
    """
    retry = longest_wait_seconds(context.retry_number, deps.settings.retry_base_seconds)
    terms = task.terms
    if terms is not None and terms.run_id == context.run_id:
        return replace(
            work,
            retry_seconds=retry,
            ends_at=terms.ends_at,
            may_have_streak=terms.may_have_streak,
            was_rejected=terms.was_rejected,
        )
    return replace(work, retry_seconds=retry, ends_at=_ends_at(_start_of(context, deps), deps))


def await_turn(
    context: dg.OpExecutionContext, deps: SyncDeps, task: InstanceTask, session_id: str
) -> None:
    """Wait with an instance that a run may have died of, until the others have ended.

    Such instances are then worked on one after the other, so that the next death has one
    cause. The wait is bounded, because it is part of the step's time.
    """
    terms = task.terms
    if terms is None or terms.run_id != context.run_id or not terms.after_all_but:
        return
    left = seconds_left(deps, terms.ends_at)
    longest = deps.settings.step_deadline_seconds / 2
    ends_at = time.monotonic() + (longest if left is None else min(longest, left))
    while deps.store.sessions.has_others(session_id, context.run_id, terms.after_all_but):
        if time.monotonic() >= ends_at:
            context.log.warning("%s begins before the others have ended.", task.name)
            return
        time.sleep(LOOK_SECONDS)


def await_start(context: dg.OpExecutionContext, deps: SyncDeps, work: InstanceWork) -> None:
    """Wait before the work on an instance begins, for a time of chance; a retry does not."""
    longest = deps.settings.start_jitter_seconds
    if not longest or context.retry_number:
        return
    left = seconds_left(deps, work.ends_at)
    wait = random.uniform(0, longest)  # noqa: S311 - spreads load
    time.sleep(wait if left is None else min(wait, left))


def _ends_at(started_at: datetime, deps: SyncDeps) -> datetime | None:
    seconds = deps.settings.run_deadline_seconds
    return started_at + timedelta(seconds=seconds) if seconds else None


def _start_of(context: dg.OpExecutionContext, deps: SyncDeps) -> datetime:
    record = context.instance.get_run_record_by_id(context.run_id)
    if record is None or record.start_time is None:
        return deps.clock()
    return datetime.fromtimestamp(record.start_time, UTC)
