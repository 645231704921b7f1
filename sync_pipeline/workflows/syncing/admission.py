"""Which instances a run leaves alone, and why: in maintenance, or not reached again and again."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sync_pipeline.categories import CATEGORIES, reading_categories
from sync_pipeline.errors import StoreUnavailable, SyncError
from sync_pipeline.model.breaker import (
    REJECTED,
    BreakerLimits,
    Reach,
    Streak,
    next_probe_at,
    reach_of,
)
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.maintenance import MaintenanceWindow, window_of
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.dependencies import SyncDeps

BREAKER, MAINTENANCE = "breaker", "maintenance"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Skip:
    """Why an instance is left alone; `kind` is its record's error kind."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Admission:
    """What was decided for the instances of a run, by their ids.

    `in_streak` are those whose next success has a streak to end, and `suspects` those of
    them that the last run was at work on when it died or had no memory left. `rejected` are those
    that let nobody in last time, in whatever category: the same is not sent to them again yet.
    """

    skips: Mapping[int, Skip] = field(default_factory=dict)
    in_streak: frozenset[int] = frozenset()
    suspects: frozenset[int] = frozenset()
    rejected: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A streak of failures because of which an instance is not tried before `due`."""

    streak: Streak
    due: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """What keeps an instance from being synced now; mostly nothing.

    `failing` are streaks of failures because of which it is not tried less often, not yet or not
    any more: the next sync tries it.
    """

    window: MaintenanceWindow | None = None
    waiting: tuple[Waiting, ...] = ()
    failing: tuple[Streak, ...] = ()


def admit(
    deps: SyncDeps, category: SyncCategory, instances: Iterable[Instance], *, always_probe: bool
) -> Admission:
    """Decide for all instances of a run at once, with two statements.

    `always_probe` passes the breaker; nothing passes maintenance.
    """
    if category not in reading_categories():
        return Admission()
    now = deps.clock()
    limits = breaker_limits(deps.settings)
    windows = deps.store.maintenance.active(now)
    of_all = deps.store.streaks.all()
    streaks = {item.instance_id: item for item in of_all if item.category is category}
    rejected = (item.instance_id for item in of_all if item.error_kind == REJECTED)
    skips: dict[int, Skip] = {}
    for instance in instances:
        window = window_of(instance, windows)
        streak = streaks.get(instance.id)
        if window is not None:
            skips[instance.id] = _in_maintenance(instance, window)
        elif streak is not None and not always_probe:
            due = next_probe_at(streak, limits, now)
            if due is not None:
                skips[instance.id] = _rarely_tried(instance, Waiting(streak, due))
    suspects = frozenset(key for key, streak in streaks.items() if streak.is_suspect)
    return Admission(
        skips, frozenset(streaks), suspects, frozenset(() if always_probe else rejected)
    )


def breaker_limits(settings: Settings) -> BreakerLimits:
    """Return the settings of the breaker."""
    return BreakerLimits(
        settings.breaker_failures,
        settings.breaker_first_wait_seconds,
        settings.breaker_longest_wait_seconds,
    )


def note_end(
    deps: SyncDeps,
    instance: Instance,
    category: SyncCategory,
    session_id: str,
    error: SyncError | None,
    *,
    may_have_streak: bool,
) -> None:
    """Count a record's end for the breaker; failing to do so never fails the work.

    A count that gets lost means one try more, and a streak that was not ended is by the
    next success: its instance is tried when it is due.
    """
    if category not in reading_categories():
        return
    reach = reach_of(error.kind if error else None)
    try:
        if error is not None and reach is Reach.NOT_REACHED:
            now = deps.clock()
            failed = Streak(instance.id, category, 1, now, error.kind, str(error))
            deps.store.streaks.lengthen(failed, session_id)
        elif reach is Reach.REACHED and may_have_streak:
            deps.store.streaks.end(instance.id, category)
    except StoreUnavailable:
        _LOG.warning("%s: the end of this sync was not counted for the breaker", instance.name)


def holds(deps: SyncDeps, instances: Iterable[Instance]) -> dict[int, Hold]:
    """Return by id what keeps instances from being synced now, with two statements."""
    windows = deps.store.maintenance.active(deps.clock())
    waiting, failing = _streaks(deps)
    return {
        item.id: Hold(
            window_of(item, windows),
            tuple(waiting.get(item.id, ())),
            tuple(failing.get(item.id, ())),
        )
        for item in instances
    }


def held_by_breaker(deps: SyncDeps) -> dict[int, list[Waiting]]:
    """Return by id why instances are not tried now, of those that the breaker holds."""
    return _streaks(deps)[0]


def _streaks(deps: SyncDeps) -> tuple[dict[int, list[Waiting]], dict[int, list[Streak]]]:
    """Return by id the streaks because of which an instance is not tried now, and the others."""
    now = deps.clock()
    limits = breaker_limits(deps.settings)
    waiting: dict[int, list[Waiting]] = {}
    failing: dict[int, list[Streak]] = {}
    for streak in deps.store.streaks.all():
        due = next_probe_at(streak, limits, now)
        if due is not None:
            waiting.setdefault(streak.instance_id, []).append(Waiting(streak, due))
        else:
            failing.setdefault(streak.instance_id, []).append(streak)
    return waiting, failing


def _in_maintenance(instance: Instance, window: MaintenanceWindow) -> Skip:
    of_tag = f", of all instances tagged {window.tag}" if window.tag is not None else ""
    return Skip(
        MAINTENANCE,
        f"{instance.name}: skipped, it is in maintenance until "
        f"{window.ends_at:%Y-%m-%d %H:%M:%S} UTC{of_tag}: {window.reason}. To sync it before "
        f"that: sync-pipeline maintenance end {window.id}.",
    )


def _rarely_tried(instance: Instance, waiting: Waiting) -> Skip:
    streak = waiting.streak
    times = "once" if streak.failures == 1 else f"{streak.failures} times in a row"
    what = "it was not reached"
    command = CATEGORIES[streak.category].command
    if streak.is_suspect:
        what = "the run at work on it died or had no memory left, or it was not reached,"
    return Skip(
        BREAKER,
        f"{instance.name}: skipped, {what} {times}, last at "
        f"{streak.last_failed_at:%Y-%m-%d %H:%M:%S} UTC; the next try is due at "
        f"{waiting.due:%Y-%m-%d %H:%M:%S} UTC. To try it now: sync-pipeline run {command} "
        f"--instance {instance.name}. The last error was {streak.error_kind}: "
        f"{streak.error_message}",
    )
