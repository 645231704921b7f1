"""What the console asks about sizes, within what its viewer may see.

Where a command answers the same, the same function is behind both.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TypeVar

from sync_pipeline.aggregate.fleet import gaps
from sync_pipeline.aggregate.trend import growth
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.aggregation import Aggregation
from sync_pipeline.model.growth import Anomaly, Growth
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.page import InstanceQuestion, Page, Place, checked_key, page_of_list
from sync_pipeline.model.period import Period, PeriodRange, PeriodType
from sync_pipeline.model.report import Gap
from sync_pipeline.model.size import InstanceSize, SizePoint, TablespaceView, TableView
from sync_pipeline.model.standing import (
    FleetPeriod,
    Standing,
    StandingOrder,
    StandingQuestion,
    Subjects,
    TableDay,
)
from sync_pipeline.model.viewer import Reach
from sync_pipeline.workflows.answers import capacity
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps

ValueT = TypeVar("ValueT")
DAYS_SHOWN, MOST_DAYS = 90, 500
"""Days of a history where none are asked for, as those of the command, and at most."""
PERIODS_SHOWN: Mapping[PeriodType, int] = {
    PeriodType.DAY: 30,
    PeriodType.WEEK: 26,
    PeriodType.MONTH: 24,
    PeriodType.QUARTER: 12,
}
MOST_FORECASTS = 20
"""Rows of a page for each of which a trend is estimated."""
MOST_SORTED = 1000
"""Instances of which each database's growth of a day is read and sorted."""
MOST_TABLES = 20


@dataclass(frozen=True, slots=True)
class FleetQuestion:
    """What to list of the last period of a kind that has ended."""

    kind: PeriodType = PeriodType.WEEK
    instances: InstanceQuestion = field(default_factory=InstanceQuestion)
    subjects: Subjects = Subjects.DATABASES
    order: StandingOrder = StandingOrder.SIZE
    is_descending: bool = True


@dataclass(frozen=True, slots=True)
class StandingNow:
    """A subject, its last known size of a week, whether it jumped, and where it leads if asked."""

    standing: Standing
    newest: SizePoint | None = None
    jump: Anomaly | None = None
    growth: Growth | None = None


@dataclass(frozen=True, slots=True)
class FleetAt:
    """The fleet in a period; None: nothing was measured.

    It is not whole where instances have no size that have one before and after: the sum looks as
    if the fleet had shrunk. Of the last period nobody knows yet what comes after.
    """

    period: Period
    sizes: FleetPeriod | None
    is_whole: bool


@dataclass(frozen=True, slots=True)
class FleetAnswer:
    """The fleet by periods, oldest first, and a page of what stands in the last that ended."""

    period: Period
    page: Page[StandingNow]
    periods: tuple[FleetAt, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """Which days of a history, both included, and by which kind of period."""

    first: date
    last: date
    kind: PeriodType


@dataclass(frozen=True, slots=True)
class History:
    """The past of one subject, and where it leads.

    `days` have the size of each date from the first known one on: None where it was not measured.
    `was_measured` are the dates on which the instance was.
    """

    range: Range
    days: tuple[tuple[date, SizePoint | None], ...] = ()
    was_measured: frozenset[date] = frozenset()
    periods: tuple[tuple[Period, Aggregation | None], ...] = ()
    gaps: tuple[Gap, ...] = ()
    growth: Growth | None = None
    jump: Anomaly | None = None


@dataclass(frozen=True, slots=True)
class InstanceCapacity:
    """One instance: its sizes of the last day, its databases then, and its history."""

    instance: Instance
    history: History
    newest: InstanceSize | None = None
    databases: Page[SizePoint] = field(default_factory=Page)
    tablespaces: tuple[TablespaceView, ...] = ()
    ceilings: tuple[Growth, ...] = ()
    tables: tuple[TableView, ...] = ()
    jumps: tuple[Anomaly, ...] = ()


@dataclass(frozen=True, slots=True)
class DatabaseCapacity:
    """One database of an instance, with its largest tables on its last day."""

    instance: Instance
    database: str
    history: History
    tables: tuple[TableView, ...] = ()


@dataclass(frozen=True, slots=True)
class TableCapacity:
    """One table; its days are those on which it was among the largest of its database."""

    instance: Instance
    database: str
    history: History
    sizes: tuple[TableDay, ...] = ()


class CapacityAnswers:
    """Answers about sizes for one viewer."""

    def __init__(self, deps: SyncDeps, reach: Reach) -> None:
        self._deps = deps
        self._store = deps.store
        self._pages = deps.store.capacity_pages
        self._reach = reach

    def fleet(self, asked: FleetQuestion, place: Place) -> FleetAnswer:
        """Return the fleet by periods, and a page of what stands in the last one that ended.

        Raises:
            ConfigurationError: the growth of a day is asked for of too many databases.
        """
        page = self.standings(asked, place)
        running = Period.of(asked.kind, today(self._deps))
        first = period = running.previous
        for _ in range(PERIODS_SHOWN[asked.kind] - 1):
            first = first.previous
        found = {
            item.start: item
            for item in self._pages.fleet(self._reach, asked.instances, first, running)
        }
        shown = [(item, found.get(item.start)) for item in PeriodRange(first, running)]
        known = [number for number, (_, item) in enumerate(shown) if item]
        # The running one has none before its first day was aggregated: it is no gap.
        shown = shown[known[0] : max(known[-1] + 1, len(shown) - 1)] if known else []
        return FleetAnswer(period, page, _fleet(shown))

    def standings(self, asked: FleetQuestion, place: Place) -> Page[StandingNow]:
        """Return a page of what stands in the last period that ended, without the fleet's sums.

        Raises:
            ConfigurationError: the growth of a day is asked for of too many databases.
        """
        settings = self._deps.settings
        judged_by = settings.anomaly_percent, settings.anomaly_bytes, settings.growth_window_days
        key = ("standings", self._reach, asked, place, today(self._deps), judged_by)
        if asked.instances.platforms:
            # Any sync may find out on which one an instance is.
            return self._store.remember(key, lambda: self._standings(asked, place))
        return self._store.standings.of(key, lambda: self._standings(asked, place))

    def _standings(self, asked: FleetQuestion, place: Place) -> Page[StandingNow]:
        self._require_few(asked)
        period = Period.of(asked.kind, today(self._deps)).previous
        if asked.order is StandingOrder.UNTIL:
            place = Place(min(place.limit, MOST_FORECASTS), place.after)
        question = StandingQuestion(
            period, asked.instances, asked.subjects, asked.order, asked.is_descending
        )
        page = self._pages.page(self._reach, question, place)
        return Page(self._now(page.items, asked), page.next)

    def _require_few(self, asked: FleetQuestion) -> None:
        is_by_growth = asked.order in (StandingOrder.GROWTH, StandingOrder.PERCENT)
        is_of_day = asked.kind is PeriodType.DAY and asked.subjects is Subjects.DATABASES
        if not (is_by_growth and is_of_day):
            return
        if self._pages.count(self._reach, asked.instances, MOST_SORTED + 1) > MOST_SORTED:
            raise ConfigurationError(
                f"The growth of a day is listed for databases of at most {MOST_SORTED} instances.",
                hint="Choose a tag, another period, or instances in place of databases.",
            )

    def _now(self, found: Sequence[Standing], asked: FleetQuestion) -> tuple[StandingNow, ...]:
        """Return what the days say of the subjects of one page."""
        now = today(self._deps)
        is_until = asked.order is StandingOrder.UNTIL
        recent = now - timedelta(days=capacity.RECENT_DAYS)
        since = capacity.window_start(self._deps) if is_until else recent
        points = self._points(found, asked.subjects, since)
        limits = {(i.instance, i.database): i.limit_bytes for i in found if i.limit_bytes}
        made = []
        for item in found:
            own = points.get((item.instance, item.database), [])
            last = [point for point in own if point.collected_date >= recent]
            known = [point for point in last if point.total_bytes is not None]
            made.append(
                StandingNow(
                    item,
                    known[-1] if known else None,
                    capacity.anomaly_of(self._deps, last),
                    self._growth(own, limits) if is_until else None,
                )
            )
        return tuple(made)

    def _growth(self, own: Sequence[SizePoint], limits: capacity.Limits) -> Growth | None:
        """Return where a subject leads: of the same points it is estimated once in a process."""
        if not own:
            return None
        subject = own[0].instance, own[0].database
        days = tuple((item.collected_date, item.total_bytes, item.maximum_bytes) for item in own)
        key = subject, limits.get(subject), days
        kept = self._store.looked_through.growths
        return kept.all_of(
            [key], lambda keys: dict.fromkeys(keys, capacity.growth_of(own, limits))
        )[key]

    def _points(
        self, found: Sequence[Standing], subjects: Subjects, since: date
    ) -> Mapping[tuple[str, str], list[SizePoint]]:
        if not found:
            return {}
        until, sizes = today(self._deps), self._store.fleet_sizes
        if subjects is Subjects.DATABASES:
            return sizes.totals_of(since, until, {(i.instance, i.database): None for i in found})
        names = [item.instance for item in found]
        ids = self._store.instance_pages.ids(self._reach, names)
        with sizes.totals(since, until, instances=ids) as points:
            each = capacity.subjects(points)
            return {(own[0].instance, ""): own for own in each}

    def range_of(self, first: date | None, last: date | None, kind: PeriodType) -> Range:
        """Return the days of a history: the last 90 where none are given.

        Raises:
            ConfigurationError: they are too many, or end before they begin.
        """
        end = last or today(self._deps)
        begin = first or end - timedelta(days=DAYS_SHOWN)
        if begin > end:
            raise ConfigurationError(f"The range from {begin} to {end} ends before it begins.")
        if (end - begin).days >= MOST_DAYS:
            raise ConfigurationError(
                f"The range from {begin} to {end} has more than {MOST_DAYS} days.",
                hint="Choose a shorter one.",
            )
        return Range(begin, end, kind)

    def sizes(self, instance: Instance) -> History:
        """Return the last days of an instance that the viewer was shown already."""
        asked = self.range_of(None, None, PeriodType.WEEK)

        def read() -> History:
            own = self._measured(asked, instance)
            return self._history(asked, own, own)

        return self._kept(instance, ("history", asked), read, _rows_of_history)

    def instance(self, name: str, asked: Range, place: Place) -> InstanceCapacity | None:
        """Return the sizes of an instance, with a page of its databases; None: there is none."""
        found = self._store.instance_pages.named(self._reach, name)
        if found is None:
            return None
        kept = self._kept(
            found, ("instance", asked, place), lambda: self._instance(found, asked, place), _rows_of
        )
        return replace(kept, instance=found)

    def _kept(
        self,
        instance: Instance,
        key: tuple[Hashable, ...],
        made: Callable[[], ValueT],
        rows: Callable[[ValueT], int],
    ) -> ValueT:
        """Return what is made of the sizes, periods and limits of one instance, until a day."""
        named = instance.name, *key, today(self._deps)
        return self._store.standings.of_instance(instance.id, named, made, rows)

    def _instance(self, found: Instance, asked: Range, place: Place) -> InstanceCapacity:
        ids, queries, now = (found.id,), self._store.size_queries, today(self._deps)
        points = [
            item.point for item in queries.instance_sizes(asked.first, asked.last, instances=ids)
        ]
        grown = capacity.instance_growth(self._deps, instances=ids)
        newest = self._store.fleet_sizes.newest(date.min, now, ids)
        history = self._history(asked, points, points, grown, self._periods(asked, found, ""))
        if not newest:
            return InstanceCapacity(found, history)
        day = newest[0].point.collected_date
        recent = queries.database_points(
            day - timedelta(days=capacity.RECENT_DAYS), day, instances=ids
        )
        present = [item for item in recent if item.collected_date == day]
        return InstanceCapacity(
            found,
            history,
            newest[0],
            _page_of_sizes(present, place),
            tuple(queries.tablespaces(found.name)),
            tuple(capacity.tablespace_growth(self._deps, found.name)),
            tuple(queries.largest_tables(found.name, MOST_TABLES)),
            tuple(capacity.anomalies(self._deps, recent)),
        )

    def database(self, instance: str, name: str, asked: Range) -> DatabaseCapacity | None:
        """Return the sizes of a database; None: there never was one of this name."""
        found = self._store.instance_pages.named(self._reach, instance)
        known = self._pages.database_id(found.id, name) if found else None
        if found is None or known is None:
            return None
        kept = self._kept(
            found,
            ("database", name, asked),
            lambda: self._database(found, known, name, asked),
            _rows_of,
        )
        return replace(kept, instance=found)

    def _database(self, found: Instance, known: int, name: str, asked: Range) -> DatabaseCapacity:
        ids = (found.id,)
        points = self._store.size_queries.database_points(
            asked.first, asked.last, database=name, instances=ids
        )
        measured = self._measured(asked, found)
        grown = capacity.database_growth(self._deps, ids, name)
        periods = self._periods(asked, found, name)
        history = self._history(asked, points, measured, grown, periods)
        last = points[-1].collected_date if points else asked.last
        tables = self._pages.tables(found.id, known, last, name, MOST_TABLES)
        return DatabaseCapacity(found, name, history, tuple(tables))

    def table(
        self, instance: str, database: str, named: tuple[str, str], asked: Range
    ) -> TableCapacity | None:
        """Return the sizes of a table, of a schema and a name; None: it was never measured."""
        found = self._store.instance_pages.named(self._reach, instance)
        known = self._pages.database_id(found.id, database) if found else None
        if found is None or known is None:
            return None
        kept = self._kept(
            found,
            ("table", database, named, asked),
            lambda: self._table(found, known, database, named, asked),
            lambda made: 0 if made is None else _rows_of(made),
        )
        return None if kept is None else replace(kept, instance=found)

    def _table(
        self, found: Instance, known: int, database: str, named: tuple[str, str], asked: Range
    ) -> TableCapacity | None:
        since = min(asked.first, capacity.window_start(self._deps))
        until = max(asked.last, today(self._deps))
        days = self._pages.table_days(found.id, known, named, since, until)
        if not days:
            return None
        points = [_point_of_table(found.name, database, item) for item in days]
        window = [p for p in points if p.collected_date >= capacity.window_start(self._deps)]
        grown = growth(window)
        shown = [p for p in points if asked.first <= p.collected_date <= asked.last]
        history = self._history(
            asked, shown, self._measured(asked, found), [grown] if grown else []
        )
        sizes = tuple(item for item in days if asked.first <= item.collected_date <= asked.last)
        return TableCapacity(found, database, history, sizes)

    def _measured(self, asked: Range, instance: Instance) -> list[SizePoint]:
        totals = self._store.fleet_sizes.totals
        with totals(asked.first, asked.last, instances=(instance.id,)) as points:
            return list(points)

    def _periods(
        self, asked: Range, instance: Instance, database: str
    ) -> tuple[tuple[Period, Aggregation | None], ...]:
        periods = PeriodRange.between(asked.kind, asked.first, asked.last)
        found = self._store.aggregations.find(
            asked.kind, periods.start, periods.end, database=database, instances=[instance.id]
        )
        known = {item.period_start: item for item in found}
        return tuple((item, known.get(item.start)) for item in periods)

    def _history(
        self,
        asked: Range,
        points: Sequence[SizePoint],
        measured: Sequence[SizePoint],
        grown: Sequence[Growth] = (),
        periods: tuple[tuple[Period, Aggregation | None], ...] = (),
    ) -> History:
        """Return the days of a subject from its first known one on.

        Of today nothing is missing before it was measured.
        """
        by_day = {point.collected_date: point for point in points}
        now = today(self._deps)
        end = min(asked.last, now if now in by_day else now - timedelta(days=1))
        known = [day for day, point in by_day.items() if point.total_bytes is not None]
        first = min(known, default=end + timedelta(days=1))
        days = (first + timedelta(days=count) for count in range((end - first).days + 1))
        return History(
            range=asked,
            days=tuple((day, by_day.get(day)) for day in days),
            was_measured=frozenset(point.collected_date for point in measured),
            periods=periods,
            gaps=tuple(gaps(points, end)),
            growth=grown[0] if grown else None,
            jump=capacity.anomaly_of(self._deps, points[-capacity.RECENT_DAYS :]),
        )


def _rows_of_history(past: History) -> int:
    return 1 + len(past.days) + len(past.periods)


def _rows_of(found: InstanceCapacity | DatabaseCapacity | TableCapacity) -> int:
    rows = _rows_of_history(found.history)
    if isinstance(found, TableCapacity):
        return rows + len(found.sizes)
    if isinstance(found, InstanceCapacity):
        rows += len(found.databases.items) + len(found.tablespaces) + len(found.jumps)
    return rows + len(found.tables)


def _fleet(shown: Sequence[tuple[Period, FleetPeriod | None]]) -> tuple[FleetAt, ...]:
    """Return whether each period has the instances that there are both before and after it."""
    counts = [item.instances if item else 0 for _, item in shown]
    made = []
    for number, (period, item) in enumerate(shown):
        before = max(counts[:number], default=0)
        after = max(counts[number + 1 :], default=counts[number - 1] if number else 0)
        made.append(FleetAt(period, item, counts[number] >= min(before, after)))
    return tuple(made)


def _page_of_sizes(present: Sequence[SizePoint], place: Place) -> Page[SizePoint]:
    key = checked_key(place.after, str, str, int)
    ordered = sorted(present, key=_size_key)
    return page_of_list(ordered, Place(place.limit, key), _size_key)


def _size_key(item: SizePoint) -> tuple[str, str]:
    """Return the place by size, the largest first; as text, which takes any number of bytes."""
    return f"{2**64 - (item.total_bytes or 0):020}", item.database


def _point_of_table(instance: str, database: str, item: TableDay) -> SizePoint:
    return SizePoint(
        *(instance, database, item.collected_date, item.total_bytes),
        data_bytes=item.data_bytes,
        index_bytes=item.index_bytes,
    )
