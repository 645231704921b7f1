"""What a run was asked for: which instances, and what to do with them.

A run's configuration, its tags and the store give the same answer whenever they are asked,
on any machine. A run that is executed again from its failure asks once more, so that
nothing that its steps handed over has to be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from dagster import DagsterRun

from sync_pipeline.model.instance import Instance, Selection
from sync_pipeline.model.period import PeriodRange
from sync_pipeline.model.session import NO_INSTANCE
from sync_pipeline.model.shard import WHOLE
from sync_pipeline.model.text import first_names
from sync_pipeline.orchestration.config import SelectionConfig, SyncConfig
from sync_pipeline.orchestration.runs.lineage import Part
from sync_pipeline.orchestration.runs.runs import created_by, sync_type_of
from sync_pipeline.orchestration.tasks import InstanceTask, SelectedInstances, tasks_of
from sync_pipeline.visible import visible
from sync_pipeline.workflows.dependencies import SyncDeps

NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """How a category finds what a run is asked for: the instances, and periods if it has any."""

    selected: Callable[[DagsterRun, Part, SelectionConfig, SyncDeps], SelectedInstances]
    periods: Callable[[DagsterRun, SelectionConfig, SyncDeps], PeriodRange | None]


def selected_for(
    run: DagsterRun, part: Part, config: SelectionConfig, deps: SyncDeps, asked: Asked
) -> SelectedInstances:
    """Return the instances that a run is asked for, each with its task.

    One that continues a session is asked for what that has not completed, one that repeats
    a shard of another session for the instances of that shard, and one of chosen steps for
    the instances of those steps.

    Raises:
        ConfigurationError: the selection names what does not exist, or periods that can't be.
    """
    if part.is_continued:
        left = deps.store.session_reads.left_of(part.session_id, part.shard.number)
        if left is not None:
            return _left(run, part, config, deps, asked, left)
    found = asked.selected(run, part, config, deps)
    if part.only is None and (part.repeated is None or part.repeated.shard == WHOLE):
        return found
    wanted = _bound_to(part, deps)
    return replace(found, tasks=tuple(t for t in found.tasks if t.instance_id in wanted))


def chosen_instances(part: Part, deps: SyncDeps) -> list[Instance]:
    """Return the instances of a run of chosen steps: of each step, or of all that it repeats."""
    return deps.store.registry.ever_by_ids(sorted(_bound_to(part, deps)))


def _bound_to(part: Part, deps: SyncDeps) -> Collection[int]:
    """Return the instances of a run's chosen steps, or of the shard that it repeats."""
    repeated = part.repeated
    if part.only is not None or repeated is None:
        return part.only or ()
    return deps.store.session_reads.of_shard(repeated.session_id, repeated.shard.number)


def _nothing(selection: Selection) -> str:
    """Return what a sync says that found no instance: what was asked for, which may be a slip."""
    asked = {
        "tag": selection.tags,
        "engine": selection.engines,
        "environment": selection.environments,
    }
    words = [
        f"{word} {visible(first_names(names[:NAMES_SHOWN], len(names)))!r}"
        for word, names in asked.items()
        if names
    ]
    if not words:
        return NO_INSTANCE
    return (
        f"No active instance matched the {' and the '.join(words)}, so there was nothing to sync. "
        "See: sync-pipeline instances list."
    )


def task_for(
    run: DagsterRun, config: SelectionConfig, deps: SyncDeps, asked: Asked, instance_id: int
) -> InstanceTask:
    """Return the task of one instance, without the terms of the run that selected it.

    Raises:
        ConfigurationError: the periods can't be.
    """
    instances = deps.store.registry.ever_by_ids([instance_id])
    periods = asked.periods(run, config, deps)
    (task,) = tasks_of(instances, is_forced=_is_forced(config), periods=periods)
    return task


def _left(
    run: DagsterRun,
    part: Part,
    config: SelectionConfig,
    deps: SyncDeps,
    asked: Asked,
    left: Sequence[tuple[int, str]],
) -> SelectedInstances:
    """Return what a session has left, whatever became of those instances since."""
    periods = asked.periods(run, config, deps)
    is_forced = _is_forced(config)
    return SelectedInstances(
        tasks=tuple(InstanceTask(key, name, is_forced, periods) for key, name in left),
        sync_type=sync_type_of(run, part, config.selection(), len(left)),
        created_by=created_by(run, part, config),
        always_probe=True,
    )


def _is_forced(config: SelectionConfig) -> bool:
    return isinstance(config, SyncConfig) and config.force


def _to_sync(
    run: DagsterRun, part: Part, config: SelectionConfig, deps: SyncDeps
) -> SelectedInstances:
    """Return the active instances of a selection."""
    selection = config.selection()
    instances = deps.store.registry.select(selection)
    is_forced = _is_forced(config)
    return SelectedInstances(
        tasks=tasks_of(instances, is_forced=is_forced),
        sync_type=sync_type_of(run, part, selection, len(instances)),
        created_by=created_by(run, part, config),
        nothing=_nothing(selection),
        always_probe=is_forced or part.only is not None or not selection.is_everything,
    )


def _no_periods(*_: object) -> None:
    return None


SYNC = Asked(_to_sync, _no_periods)
"""What a run reads of instances: those that are active, with no periods."""
