"""A history of sizes, so that there is something to aggregate on the first day."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from sync_pipeline.model.size import DatabaseSize, Measure, MeasuredDay, SizePoint, SizeSnapshot
from sync_pipeline.model.snapshot import ServerIdentity
from sync_pipeline.reconcile.databases import reconcile_databases
from sync_pipeline.reconcile.scope import Scope
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.dates import date_of

DAYS = 430
SHARE_MISSED = 0.01
RETIRED_DAYS = 120


def generate_history() -> int:
    """Write the days before today for every instance; return how many instance days.

    Sizes lead up to what was measured today. A few days are missing, one database that
    the servers no longer have vanished four months ago.
    """
    settings = Settings.load()
    store = Store.open(settings.effective_store_url)
    try:
        seen = [item.last_seen_at for item in store.size_queries.databases()]
        if not seen:
            return 0
        today = date_of(max(seen), settings)
        written = 0
        for instance in store.registry.instances():
            points = store.size_queries.database_points(today, today, instance.name)
            chance = random.Random(instance.name)  # noqa: S311 - sample data
            for day in _days(today, chance):
                snapshot = _snapshot(instance.name, day, today, points, chance)
                known = store.sizes.known(instance.id)
                inventory = reconcile_databases(known, snapshot, Scope())
                store.sizes.put([MeasuredDay(instance.id, day, snapshot, inventory)])
                written += 1
        return written
    finally:
        store.close()


def _days(today: date, chance: random.Random) -> Iterator[date]:
    for back in range(DAYS, 0, -1):
        if chance.random() > SHARE_MISSED:
            yield today - timedelta(days=back)


def _snapshot(
    instance: str, day: date, today: date, points: list[SizePoint], chance: random.Random
) -> SizeSnapshot:
    back = (today - day).days
    databases = [_database(instance, point, back, chance) for point in points]
    if back > RETIRED_DAYS:
        size = 3_000_000 + 9_000 * (DAYS - back)
        databases.append(DatabaseSize("retired", Measure.known(size)))
    return SizeSnapshot(
        server=ServerIdentity("sample", (0,)),
        observed_at=datetime.combine(day, time(3), UTC),
        databases=tuple(databases),
    )


def _database(instance: str, point: SizePoint, back: int, chance: random.Random) -> DatabaseSize:
    """Return a size on the way to today's: each database grows at a pace of its own."""
    own = random.Random(f"{instance}/{point.database}")  # noqa: S311 - sample data
    share = math.exp(-back / own.uniform(150, 900)) * (1 + chance.uniform(-0.004, 0.004))
    total = round((point.total_bytes or 0) * share)
    return DatabaseSize(point.database, Measure.known(total))
