"""Sizes of one instance, one database or one table: its past, and where that leads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from sync_pipeline.model.aggregation import Aggregation
from sync_pipeline.model.growth import Anomaly, Growth
from sync_pipeline.model.period import PeriodType
from sync_pipeline.model.size import SizePoint, TableView
from sync_pipeline.web.asked import Asked, Parameter, Shape, wrong
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.links import capacity_link, instance_link
from sync_pipeline.web.views import (
    Column,
    Kind,
    Layout,
    Level,
    Line,
    Link,
    Plot,
    Stroke,
    Table,
    Value,
    View,
)
from sync_pipeline.workflows.console.answers import Answers
from sync_pipeline.workflows.console.capacity import History, InstanceCapacity, Range

FIRST_YEAR, LAST_YEAR = 1970, 2200
_SIZE = Column("size_bytes", Kind.SIZE)
_PARTS = (
    Column("data_bytes", Kind.SIZE),
    Column("index_bytes", Kind.SIZE),
    Column("log_bytes", Kind.SIZE),
    Column("temporary_bytes", Kind.SIZE),
)
GROWTH = (
    Column("measured", Kind.DAY),
    _SIZE,
    Column("trend", Kind.STATE),
    Column("bytes_a_day", Kind.SIZE),
    Column("low_bytes_a_day", Kind.SIZE),
    Column("high_bytes_a_day", Kind.SIZE),
    Column("season_days", Kind.NUMBER),
    Column("level_since", Kind.DAY),
    Column("limit_bytes", Kind.SIZE),
    Column("limit_kind", Kind.STATE),
    Column("days_until_limit", Kind.NUMBER),
    Column("limit_reached", Kind.DAY),
    Column("earliest_days_until_limit", Kind.NUMBER),
    Column("limit_reached_earliest", Kind.DAY),
)
OF_INSTANCE = (
    Column("instance", Kind.NAME),
    Column("engine"),
    *GROWTH,
    Column("known_bytes", Kind.SIZE),
    Column("shared_bytes", Kind.SIZE),
    Column("log_bytes", Kind.SIZE),
    Column("temporary_bytes", Kind.SIZE),
    Column("databases", Kind.NUMBER),
    Column("unread", Kind.NUMBER),
)
OF_DATABASE = (Column("instance", Kind.NAME), Column("database", Kind.NAME), *GROWTH)
OF_TABLE = (*OF_DATABASE, Column("schema", Kind.NAME), Column("table", Kind.NAME))
FORECASTS = Layout(
    "forecasts",
    (
        Column("in_days", Kind.NUMBER),
        Column("day", Kind.DAY),
        Column("expected_bytes", Kind.SIZE),
        Column("low_bytes", Kind.SIZE),
        Column("high_bytes", Kind.SIZE),
    ),
)
DAYS = Layout(
    "days",
    (
        Column("day", Kind.DAY),
        Column("state", Kind.STATE),
        _SIZE,
        *_PARTS,
        Column("why", Kind.PROSE),
    ),
)
PERIODS = Layout(
    "periods",
    (
        Column("begins", Kind.DAY),
        Column("days"),
        Column("average_bytes", Kind.SIZE),
        Column("least_bytes", Kind.SIZE),
        Column("most_bytes", Kind.SIZE),
        Column("last_bytes", Kind.SIZE),
        Column("change_bytes", Kind.SIZE),
        Column("change_percent", Kind.CHANGE),
        Column("growth_percent", Kind.CHANGE),
        Column("trend", Kind.STATE),
    ),
)
GAPS = Layout(
    "gaps", (Column("first", Kind.DAY), Column("last", Kind.DAY), Column("days", Kind.NUMBER))
)
JUMPS = Layout(
    "jumps",
    (
        Column("database", Kind.NAME),
        Column("day", Kind.DAY),
        _SIZE,
        Column("since", Kind.DAY),
        Column("before_bytes", Kind.SIZE),
        Column("grown_bytes", Kind.SIZE),
    ),
)
DATABASES = Layout(
    "sizes", (Column("database", Kind.NAME), _SIZE, *_PARTS, Column("why", Kind.PROSE))
)
TABLESPACES = Layout(
    "tablespaces",
    (
        Column("tablespace", Kind.NAME),
        _SIZE,
        Column("maximum_bytes", Kind.SIZE),
        Column("bytes_a_day", Kind.SIZE),
        Column("days_until_limit", Kind.NUMBER),
        Column("limit_reached", Kind.DAY),
    ),
)
TABLES = Layout(
    "tables",
    (
        Column("database", Kind.NAME),
        Column("schema", Kind.NAME),
        Column("table", Kind.NAME),
        _SIZE,
        *_PARTS[:2],
    ),
)
RANGE = (
    Parameter("period", Shape.CHOICE, tuple(PeriodType), default=PeriodType.WEEK),
    Parameter("from"),
    Parameter("to"),
)


def instance(answers: Answers, asked: Asked) -> View | None:
    """Return the sizes of an instance."""
    name = asked.text("instance")
    found = answers.capacity.instance(name, _range(answers, asked), asked.place)
    if found is None:
        return None
    past = found.history
    facts = (instance_link(name), str(found.instance.engine), *_growth(past), *_besides(found))
    databases = DATABASES.of(
        (_database(name, item) for item in found.databases.items),
        found.databases.next,
        found.databases.total,
    )
    return View(
        about=name,
        facts=tuple(zip(OF_INSTANCE, facts, strict=True)),
        plots=(plot_of(past),),
        tables=(
            _forecasts(past.growth),
            JUMPS.of(map(_jump, found.jumps)),
            databases,
            TABLESPACES.of(_tablespaces(found)),
            TABLES.of(_table(name, item) for item in found.tables),
            *_past(past),
        ),
    )


def database(answers: Answers, asked: Asked) -> View | None:
    """Return the sizes of a database."""
    of, name = asked.text("instance"), asked.text("database")
    found = answers.capacity.database(of, name, _range(answers, asked))
    if found is None:
        return None
    past = found.history
    facts = (capacity_link(of, of), name, *_growth(past))
    return View(
        about=f"{name} ({of})",
        facts=tuple(zip(OF_DATABASE, facts, strict=True)),
        plots=(plot_of(past),),
        tables=(
            _forecasts(past.growth),
            JUMPS.of([_jump(past.jump)] if past.jump else []),
            TABLES.of(_table(of, item) for item in found.tables),
            *_past(past),
        ),
    )


def table(answers: Answers, asked: Asked) -> View | None:
    """Return the sizes of a table."""
    of, within = asked.text("instance"), asked.text("database")
    schema, name = asked.text("schema"), asked.text("name")
    found = answers.capacity.table(of, within, (schema, name), _range(answers, asked))
    if found is None:
        return None
    past = found.history
    facts = (
        capacity_link(of, of), capacity_link(within, of, within), *_growth(past), schema, name,
    )  # fmt: skip
    return View(
        about=f"{name} ({within}, {of})",
        facts=tuple(zip(OF_TABLE, facts, strict=True)),
        plots=(plot_of(past),),
        tables=(_forecasts(past.growth), *_past(past)),
    )


def plot_of(past: History, more: Link | None = None) -> Plot:
    """Return the days of a subject as a plot, with what is expected where they reach today."""
    points = tuple((day, point.total_bytes if point else None) for day, point in past.days)
    lines, grown = [Line("size", points)], past.growth
    ahead = _ahead(grown) if grown and grown.last_date <= past.range.last else []
    if ahead:
        expected = tuple((day, size) for day, size, _, _ in ahead)
        lines.append(Line("expected", expected, Stroke.EXPECTED))
    band = tuple((day, low, high) for day, _, low, high in ahead)
    limit = grown.limit_bytes if grown else None
    level = None if limit is None else Level("limit", limit)
    return Plot("sizes", "" if more else DAYS.name, tuple(lines), band, level, more=more)


def _ahead(found: Growth) -> list[tuple[date, float, float, float]]:
    """Return what is expected from the last day on, with its interval: bytes by date.

    All three are lines, so that on the last day they are where the forecasts lead back to. That
    is the level without odd days, and not the last size, which may be one.
    """
    known = [(f.days, f.expected_bytes, f.low_bytes, f.high_bytes) for f in found.forecasts]
    if len(known) < 2:  # noqa: PLR2004 - of one point no line is known
        return []
    (near, *first), (far, *second) = known[0], known[-1]
    back = near / (far - near)
    now = [max(0.0, a - (b - a) * back) for a, b in zip(first, second, strict=True)]
    places = [(0, *now), *known]
    return [
        (_after(found.last_date, days), expected, low, high) for days, expected, low, high in places
    ]


def _range(answers: Answers, asked: Asked) -> Range:
    kind = asked.choice("period", PeriodType) or PeriodType.WEEK
    return answers.capacity.range_of(_day(asked, "from"), _day(asked, "to"), kind)


def _day(asked: Asked, name: str) -> date | None:
    text = asked.text(name)
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise wrong(f"The parameter {name} is a day, as 2026-01-31.")
    return found


def _after(day: date, count: float) -> date:
    return day + timedelta(days=round(count))


def _growth(past: History) -> tuple[Value, ...]:
    """Return the values of `GROWTH`."""
    found = past.growth
    if found is None:
        return (None,) * len(GROWTH)
    return (
        found.last_date,
        found.last_bytes,
        str(found.trend or "too few points"),
        found.bytes_per_day,
        found.low_bytes_per_day,
        found.high_bytes_per_day,
        found.season_days,
        found.level_since,
        found.limit_bytes,
        str(found.limit_kind) if found.limit_kind else None,
        found.days_until_limit,
        _reached(found, found.days_until_limit),
        found.earliest_days_until_limit,
        _reached(found, found.earliest_days_until_limit),
    )


def _reached(found: Growth, days: float | None) -> date | None:
    """Return the day on which a limit is reached; None: none, or in no year that there is."""
    if days is None or days > (date(LAST_YEAR, 1, 1) - found.last_date).days:
        return None
    return _after(found.last_date, days)


def _besides(found: InstanceCapacity) -> tuple[Value, ...]:
    newest = found.newest
    if newest is None:
        return (None,) * 6
    return (
        newest.known_bytes,
        newest.shared_bytes,
        newest.point.log_bytes,
        newest.point.temporary_bytes,
        newest.database_count,
        newest.unread_count,
    )


def _forecasts(found: Growth | None) -> Table:
    return FORECASTS.of(
        (
            item.days,
            _after(found.last_date, item.days),
            *(item.expected_bytes, item.low_bytes, item.high_bytes),
        )
        for item in (found.forecasts if found else ())
        if found
    )


def _past(past: History) -> tuple[Table, ...]:
    """Return the days, newest first, the periods, and the days that are missing."""
    return (
        PERIODS.of(
            (period.start, *_period(found, period.days)) for period, found in reversed(past.periods)
        ),
        GAPS.of((item.first, item.last, item.days) for item in past.gaps),
        DAYS.of(_row(past, day, point) for day, point in reversed(past.days)),
    )


def _period(found: Aggregation | None, days: int) -> tuple[Value, ...]:
    if found is None:
        return (f"0/{days}", *(None,) * 8)
    total = found.total
    return (
        f"{found.data_count}/{found.expected_count}",
        total.avg_bytes,
        total.min_bytes,
        total.max_bytes,
        total.last_bytes,
        total.change_bytes,
        total.change_percent,
        total.growth_rate,
        str(found.trend) if found.trend else None,
    )


def _row(past: History, day: date, point: SizePoint | None) -> tuple[Value, ...]:
    if point is None:
        state = "not there" if day in past.was_measured else "not measured"
        return (day, state, *(None,) * 6)
    by_whom = "imported" if point.is_imported else "measured"
    state = "not known" if point.total_bytes is None else by_whom
    return (day, state, *_sizes(point), _why(point))


def _sizes(point: SizePoint) -> tuple[Value, ...]:
    return (
        point.total_bytes,
        point.data_bytes,
        point.index_bytes,
        point.log_bytes,
        point.temporary_bytes,
    )


def _why(point: SizePoint) -> str:
    return " ".join(sorted(set(point.unknown.values())))


def _database(of: str, item: SizePoint) -> tuple[Value, ...]:
    return (capacity_link(item.database, of, item.database), *_sizes(item), _why(item))


def _table(of: str, item: TableView) -> tuple[Value, ...]:
    named = {"instance": of, "database": item.database, "schema": item.schema, "name": item.name}
    return (
        capacity_link(item.database, of, item.database),
        item.schema,
        Link(item.name, "/capacity-table", {key: text for key, text in named.items() if text}),
        *(item.total_bytes, item.data_bytes, item.index_bytes),
    )


def _tablespaces(found: InstanceCapacity) -> Iterator[tuple[Value, ...]]:
    leads = {item.tablespace: item for item in found.ceilings}
    for item in found.tablespaces:
        grown = leads.get(item.name)
        yield (
            *(item.name, item.total_bytes, item.maximum_bytes),
            grown.bytes_per_day if grown else None,
            grown.days_until_limit if grown else None,
            _reached(grown, grown.days_until_limit) if grown else None,
        )


def _jump(item: Anomaly) -> tuple[Value, ...]:
    where = capacity_link(item.database, item.instance, item.database) if item.database else None
    return (
        where,
        *(item.collected_date, item.total_bytes, item.baseline_date, item.baseline_bytes),
        item.grown_bytes,
    )


RESOURCES = (
    Resource(
        "capacity-instance",
        instance,
        (FORECASTS, JUMPS, DATABASES, TABLESPACES, TABLES, PERIODS, GAPS, DAYS),
        (Parameter("instance", Shape.INSTANCE, is_required=True), *RANGE),
        OF_INSTANCE,
        ("days",),
        paged=(DATABASES.name,),
        is_listed=False,
    ),
    Resource(
        "capacity-database",
        database,
        (FORECASTS, JUMPS, TABLES, PERIODS, GAPS, DAYS),
        (
            Parameter("instance", Shape.INSTANCE, is_required=True),
            Parameter("database", is_required=True),
            *RANGE,
        ),
        OF_DATABASE,
        ("days",),
        is_listed=False,
    ),
    Resource(
        "capacity-table",
        table,
        (FORECASTS, PERIODS, GAPS, DAYS),
        (
            Parameter("instance", Shape.INSTANCE, is_required=True),
            Parameter("database", is_required=True),
            Parameter("name", is_required=True),
            Parameter("schema"),
            *RANGE,
        ),
        OF_TABLE,
        ("days",),
        is_listed=False,
    ),
)
