"""Retention of the daily sizes: partitions ahead, and the end of what is too old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sync_pipeline.model.period import Period, PeriodType
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps

MONTHS_AHEAD = 3


@dataclass(frozen=True, slots=True)
class Retained:
    """What was done: partitions made, and the date before which sizes are gone now."""

    made: tuple[str, ...]
    pruned_before: date | None
    message: str


def apply_retention(deps: SyncDeps) -> Retained:
    """Make the partitions of the months to come, and prune whole months past retention.

    Nothing is pruned while an aggregation runs: a backfill may need it.
    """
    now = today(deps)
    month = Period.of(PeriodType.MONTH, now)
    days = [month.start]
    for _ in range(MONTHS_AHEAD):
        month = month.next
        days.append(month.start)
    made = deps.store.sizes.prepare(days)
    oldest = now - timedelta(days=deps.settings.size_retention_days)
    keep_from = Period.of(PeriodType.MONTH, oldest).start
    running = deps.store.sessions.unfinished(SyncCategory.AGGREGATION)
    if running:
        ids = ", ".join(item.session_id for item in running)
        message = f"{len(made)} partitions made; nothing pruned while session {ids} aggregates."
        return Retained(made, None, message)
    pruned = deps.store.retention.prune(keep_from)
    if not pruned.rows and not pruned.partitions:
        return Retained(made, None, f"{len(made)} partitions made; nothing was old enough.")
    message = (
        f"{len(made)} partitions made; sizes before {keep_from} pruned: "
        f"{len(pruned.partitions)} partitions, {pruned.rows} rows."
    )
    return Retained(made, keep_from, message)
