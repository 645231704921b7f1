"""The events of a size collection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sync_pipeline.aggregate.nearing import Nearness, came_near, may_be_near, nearness
from sync_pipeline.model.causes import ITSELF
from sync_pipeline.model.event import Event, EventKind, EventOrigin
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.growth import Anomaly, Growth
from sync_pipeline.model.size import (
    DatabaseReconciliation,
    MeasureName,
    SizePoint,
    SizeSnapshot,
)
from sync_pipeline.workflows.dependencies import SyncDeps

_SEVERITY = {Nearness.NEAR: Severity.MEDIUM, Nearness.SOON: Severity.HIGH}


@dataclass(frozen=True, slots=True)
class SizeNews:
    """What a size collection is told of: its origin and date, and what it measured."""

    deps: SyncDeps
    origin: EventOrigin
    collected: date
    snapshot: SizeSnapshot

    def events(
        self, inventory: DatabaseReconciliation, anomalies: Sequence[Anomaly]
    ) -> tuple[Event, ...]:
        """Return them; `anomalies` are those that were not told of this date before."""
        if self._is_baseline():
            return ()
        return (
            *(self._database(EventKind.DATABASE_GONE, name) for name in inventory.vanished),
            *(self._database(EventKind.DATABASE_BACK, name) for name in inventory.reactivated),
            *map(self._anomaly, anomalies),
            *self._limits(),
        )

    def _is_baseline(self) -> bool:
        """Return whether nothing was measured yet since the instance is in the fleet."""
        store, instance_id = self.deps.store, self.origin.instance_id
        returned_at = store.registry.returned_at(instance_id)
        if returned_at is None:
            return knows_imported_alone(self.deps, instance_id)
        measured_at = store.sizes.measured_at(instance_id)
        return measured_at is None or measured_at < returned_at

    def _database(self, kind: EventKind, name: str) -> Event:
        is_gone = kind is EventKind.DATABASE_GONE
        return self.origin.event(
            kind,
            Severity.MEDIUM if is_gone else Severity.LOW,
            subject=name,
            before="there" if is_gone else "gone",
            after="gone" if is_gone else "there",
        )

    def _anomaly(self, item: Anomaly) -> Event:
        return self.origin.event(
            EventKind.SIZE_ANOMALY,
            Severity.MEDIUM,
            subject=item.database or ITSELF,
            before=f"{item.baseline_bytes} bytes on {item.baseline_date}",
            after=str(item),
        )

    def _limits(self) -> Iterator[Event]:
        """Yield the limits that have come near, of databases, tablespaces and the instance."""
        deps, name = self.deps, self.origin.instance
        set_by_people = {
            item.database: item.limit_bytes
            for item in deps.store.size_queries.limits([self.origin.instance_id])
        }
        limited = {
            (point.database, point.tablespace): (point, set_by_people.get(point.database))
            for point in self._measured()
            if _limit(point, set_by_people.get(point.database)) is not None
        }
        if not limited:
            return
        since = self.collected - timedelta(days=deps.settings.growth_window_days)
        lowest = deps.store.size_queries.lowest(
            self.origin.instance_id, since, self.collected, limited
        )
        days = deps.settings.limit_near_days
        near = {
            key: (point, limit)
            for key, (point, limit) in limited.items()
            if may_be_near(point.total_bytes or 0, lowest.get(key), _limit(point, limit) or 0, days)
        }
        before = self._points(near, since, name) if near else {}
        for key, (point, limit) in near.items():
            was = before.get(key, [])
            earlier = [item for item in was if item.collected_date < self.collected]
            found = came_near(was, [*earlier, point], None if point.tablespace else limit, days)
            if found is not None:
                yield self._near(found, was[-1], days)

    def _measured(self) -> Iterator[SizePoint]:
        """Yield the sizes of now that are known."""
        name, day, snapshot = self.origin.instance, self.collected, self.snapshot
        total = snapshot.measures()[MeasureName.TOTAL].bytes
        if total is not None:
            yield SizePoint(name, "", day, total)
        for item in snapshot.databases:
            if item.total.bytes is not None:
                yield SizePoint(
                    name, item.name, day, item.total.bytes, maximum_bytes=item.maximum_bytes
                )
        for space in snapshot.tablespaces:
            if space.total.bytes is not None:
                yield SizePoint(
                    *(name, "", day, space.total.bytes),
                    maximum_bytes=space.maximum_bytes,
                    tablespace=space.name,
                )

    def _points(
        self, wanted: Mapping[tuple[str, str], object], since: date, name: str
    ) -> dict[tuple[str, str], list[SizePoint]]:
        """Return the sizes of the window that were there, by database and tablespace."""
        store, until = self.deps.store, self.collected
        databases = {(name, database) for database, _ in wanted if database}
        found = (
            {
                (database, ""): points
                for (_, database), points in store.fleet_sizes.totals_of(
                    since, until, databases
                ).items()
            }
            if databases
            else {}
        )
        if ("", "") in wanted:
            with store.fleet_sizes.totals(since, until, name) as totals:
                found["", ""] = list(totals)
        if any(space for _, space in wanted):
            for point in store.size_queries.tablespace_points(since, until, name):
                found.setdefault(("", point.tablespace), []).append(point)
        return found

    def _near(self, found: Growth, was: SizePoint, days: int) -> Event:
        where = found.database or (f"tablespace {found.tablespace}" if found.tablespace else "")
        left = found.days_until_limit
        is_reached = left is None or found.last_bytes >= (found.limit_bytes or 0)
        when = "has been reached" if is_reached else f"is reached in about {left or 0:.0f} days"
        return self.origin.event(
            EventKind.LIMIT_NEAR,
            _SEVERITY[nearness(found, days)],
            subject=where or ITSELF,
            before=f"{was.total_bytes} bytes on {was.collected_date}",
            after=f"{found.last_bytes} bytes: the limit of {found.limit_bytes} bytes "
            f"({found.limit_kind}) {when}.",
        )


def knows_imported_alone(deps: SyncDeps, instance_id: int) -> bool:
    """Return whether all sizes of an instance are those that another system measured.

    What it knew of the databases is no state that a collection compares with.
    """
    if deps.store.imports.sizes_until(instance_id) is None:
        return False
    return deps.store.sizes.measured_at(instance_id) is None


def _limit(point: SizePoint, limit: int | None) -> int | None:
    """Return the lower one of what people set and what its files may grow to; None: neither."""
    own = None if point.tablespace else limit
    known = [item for item in (own, point.maximum_bytes) if item is not None]
    return min(known) if known else None
