"""What passes between the steps of a run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from sync_pipeline.model.instance import Instance
from sync_pipeline.model.period import PeriodRange
from sync_pipeline.model.session import NO_INSTANCE, SyncType
from sync_pipeline.workflows.syncing.admission import Skip

LONGEST_SLUG = 40


@dataclass(frozen=True, slots=True)
class RunTerms:
    """What one run decided for an instance; a re-execution has terms of its own.

    `ends_at` is the run's deadline. `skip` says why the instance is left alone.
    `may_have_streak` is False where no failure came before this run. `after_all_but` is not
    empty where the last run died while it was at work on the instance: it begins when every
    instance of the run but these has ended.
    """

    run_id: str
    ends_at: datetime | None = None
    skip: Skip | None = None
    may_have_streak: bool = True
    was_rejected: bool = False
    after_all_but: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class InstanceTask:
    """What a step is told of the instance it works on; it reads the rest itself.

    `periods` is what an aggregation computes, None: what is due today. `terms` are set
    when the session opens.
    """

    instance_id: int
    name: str
    is_forced: bool = False
    periods: PeriodRange | None = None
    terms: RunTerms | None = None

    @property
    def mapping_key(self) -> str:
        """Return a key that Dagster accepts for any name, readable and unique."""
        slug = re.sub(r"[^A-Za-z0-9]+", "_", self.name)[:LONGEST_SLUG].strip("_")
        return f"{slug}_i{self.instance_id}" if slug else f"i{self.instance_id}"


@dataclass(frozen=True, slots=True)
class SelectedInstances:
    """The selection of one run, as it was resolved; `nothing` is said where it is empty.

    `always_probe` says that a person wants these instances tried, whatever came before.
    """

    tasks: tuple[InstanceTask, ...]
    sync_type: SyncType
    created_by: str | None
    nothing: str = NO_INSTANCE
    always_probe: bool = False

    def of_run(self, records: Sequence[tuple[int, str]]) -> Self:
        """Return the same with a task for each record (instance id, name) that waits for a run.

        An instance that was removed after the session's first run recorded it has no task
        here; its step finds that out and says so in the record.
        """
        known = {task.instance_id: task for task in self.tasks}
        tasks = tuple(known.get(key, InstanceTask(key, name)) for key, name in records)
        return replace(self, tasks=tasks)


def tasks_of(
    instances: Iterable[Instance], *, is_forced: bool = False, periods: PeriodRange | None = None
) -> tuple[InstanceTask, ...]:
    """Return a task for each instance."""
    return tuple(InstanceTask(item.id, item.name, is_forced, periods) for item in instances)


def instance_id_of(step_key: str) -> int | None:
    """Return the instance of a mapped step, from its key; None for any other step."""
    match = re.search(r"\[(?:.*_)?i(\d+)\]$", step_key)
    return int(match.group(1)) if match else None
