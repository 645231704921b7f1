"""The tables of the report, of which each format shows as much as it can carry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sync_pipeline.model.causes import as_told
from sync_pipeline.model.growth import Growth, GrowthTrend
from sync_pipeline.model.report import ClassTrend, FleetReport, PowerSpell
from sync_pipeline.model.size import TopDatabase
from sync_pipeline.report.summary import summary
from sync_pipeline.report.texts import ReportTexts

MOST_ROWS = 50_000
"""Of a table in a file; after these it says how many more there are."""
Row = tuple[object, ...]


class Kind(StrEnum):
    """What the values of a column are. Of `WORD` the text is looked up, by the column's name."""

    NAME = "name"
    TEXT = "text"
    WORD = "word"
    BYTES = "bytes"
    NUMBER = "number"
    DAY = "day"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True)
class Column:
    """A column; its heading is the text `column.NAME`."""

    name: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns; its heading is the text `table.NAME`. `more` rows are not in it."""

    name: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    more: int = 0


def every_table(report: FleetReport, texts: ReportTexts) -> Iterator[Table]:
    """Yield every table, each made when it is asked for."""
    for make in (_summary, _notes):
        yield make(report, texts)
    for name in TABLES:
        yield table_of(name, report)


def table_of(name: str, report: FleetReport) -> Table:
    """Return a table by its name, with at most `MOST_ROWS` rows."""
    columns, rows_of = TABLES[name]
    rows: list[Row] = []
    more = 0
    for row in rows_of(report):
        if len(rows) < MOST_ROWS:
            rows.append(row)
        else:
            more += 1
    return Table(name, columns, rows, more)


def _summary(report: FleetReport, texts: ReportTexts) -> Table:
    rows: list[Row] = [
        (texts("summary.about"), texts.about(report.selection)),
        (texts("summary.since"), report.since),
        (texts("summary.until"), report.until),
        *((texts(f"summary.{item.name}"), item.value) for item in summary(report)),
    ]
    return Table("summary", (Column("what"), Column("value", Kind.NUMBER)), rows)


def _notes(report: FleetReport, _texts: ReportTexts) -> Table:
    return Table("notes", (Column("note"),), [(note,) for note in notes_of(report)])


def notes_of(report: FleetReport) -> tuple[str, ...]:
    """Return what is said of what is not known, each once."""
    found = (*report.notes, *report.administrators.notes, *report.findings.review.notes)
    return tuple(dict.fromkeys(found))


def _new(report: FleetReport) -> Iterator[Row]:
    return (
        (item.instance, item.account, item.power, item.since, item.path, _sure(item))
        for item in report.administrators.new
    )


def _gone(report: FleetReport) -> Iterator[Row]:
    return (
        (item.instance, item.account, item.power, item.since, item.until, item.path)
        for item in report.administrators.gone
    )


def _sure(item: PowerSpell) -> str:
    return "yes" if item.is_certain else "no"


def _first_reads(report: FleetReport) -> Iterator[Row]:
    return ((item.instance, item.administrators) for item in report.administrators.first_reads)


def _changes(report: FleetReport) -> Iterator[Row]:
    for item in report.changes.changes:
        more = (f"… +{item.more}",) if item.more else ()
        kind = item.kind or "first_sync"
        yield item.changed_at, item.instance, item.account, kind, (*item.lines, *more)


def _finding_changes(report: FleetReport) -> Iterator[Row]:
    return (
        (item.severity, "new" if item.is_new else "resolved", item.instance, item.account,
         item.rule)
        for item in report.findings.changes
    )  # fmt: skip


def _findings(report: FleetReport) -> Iterator[Row]:
    return (
        (item.severity, item.instance, item.account, item.rule, item.evidence, item.first_seen,
         item.fix, item.undo, item.left, item.breaks)
        for item in as_told(report.findings.review.findings)
    )  # fmt: skip


def _finding_days(report: FleetReport) -> Iterator[Row]:
    return (
        (item.day, item.severity, item.new, item.resolved, item.open)
        for item in report.findings.days
    )


def _classes(report: FleetReport) -> Iterator[Row]:
    for item in report.classes:
        now = item.now
        yield (
            item.name,
            before(item, report),
            now.accounts if now else None,
            now.instances if now else None,
            item.description,
        )


def before(item: ClassTrend, report: FleetReport) -> int | None:
    """Return how many accounts a class had on the last day before the time of the report."""
    earlier = [count.accounts for count in item.days if count.day < report.since_day]
    return earlier[-1] if earlier else None


def _class_days(report: FleetReport) -> Iterator[Row]:
    return (
        (item.name, count.day, count.accounts, count.instances)
        for item in report.classes
        for count in item.days
    )


def _overdue(report: FleetReport) -> Iterator[Row]:
    for item in report.overdue:
        watched = item.watched
        yield watched.instance, watched.category, watched.last_success_at, item.stale_since


def _failures(report: FleetReport) -> Iterator[Row]:
    for item in report.failures:
        session, found = item.session, item.failures
        for one in found.first:
            yield session.started_at, session.category, one.status, one.instance, one.message
        more = found.total - len(found.first)
        if more > 0:
            how = f"… +{more}: sync-pipeline sessions show {session.session_id} --failed"
            yield session.started_at, session.category, "", "", how
        if not found.total:
            reason = session.error or "no reason recorded"
            yield session.started_at, session.category, session.status, "", reason


def _near(report: FleetReport) -> Iterator[Row]:
    for item in report.capacity.near:
        kind = item.limit_kind or ""
        days = item.days_until_limit, item.earliest_days_until_limit
        yield item.instance, item.database, item.last_bytes, item.limit_bytes, kind, *days


def _instances(report: FleetReport) -> Iterator[Row]:
    return (_growth(item, item.instance) for item in report.capacity.instances)


def _databases(report: FleetReport) -> Iterator[Row]:
    return (_growth(item, item.instance, item.database) for item in report.capacity.databases)


def _growth(item: Growth, *names: str) -> Row:
    ahead: list[int | None] = []
    for found in item.forecasts:
        ahead += [found.expected_bytes, found.low_bytes, found.high_bytes]
    ahead += [None] * (6 - len(ahead))
    return (
        *names, item.last_date, item.last_bytes, item.trend or "unknown",
        None if item.trend is GrowthTrend.NONE else item.bytes_per_day,
        *ahead, item.limit_bytes, item.days_until_limit,
    )  # fmt: skip


def _largest(report: FleetReport) -> Iterator[Row]:
    return map(_top, report.capacity.largest)


def _growing(report: FleetReport) -> Iterator[Row]:
    return map(_top, report.capacity.growing)


def _top(item: TopDatabase) -> Row:
    return item.instance, item.database, item.total_bytes, item.grown_bytes, item.since


def _anomalies(report: FleetReport) -> Iterator[Row]:
    return (
        (item.instance, item.database, item.baseline_bytes, item.total_bytes,
         item.baseline_date, item.collected_date)
        for item in report.capacity.anomalies
    )  # fmt: skip


def _gaps(report: FleetReport) -> Iterator[Row]:
    return ((item.instance, item.first, item.last, item.days) for item in report.capacity.gaps)


INSTANCE, ACCOUNT = Column("instance", Kind.NAME), Column("account", Kind.NAME)
DATABASE, SEVERITY = Column("database", Kind.NAME), Column("severity", Kind.WORD)
_GROWTH = (
    Column("measured", Kind.DAY),
    Column("size", Kind.BYTES),
    Column("trend", Kind.WORD),
    Column("per_day", Kind.BYTES),
    *(Column(f"{name}_{days}", Kind.BYTES) for days in (30, 90) for name in ("in", "low", "high")),
    Column("limit", Kind.BYTES),
    Column("days_left", Kind.NUMBER),
)
_TOP = (
    INSTANCE, DATABASE, Column("size", Kind.BYTES), Column("grown", Kind.BYTES),
    Column("grown_since", Kind.DAY),
)  # fmt: skip
_SPELL = INSTANCE, ACCOUNT, Column("power", Kind.WORD), Column("since", Kind.MOMENT)

TABLES: dict[str, tuple[tuple[Column, ...], Callable[[FleetReport], Iterator[Row]]]] = {
    "new_administrators": ((*_SPELL, Column("path"), Column("sure", Kind.WORD)), _new),
    "gone_administrators": ((*_SPELL, Column("until", Kind.MOMENT), Column("path")), _gone),
    "first_reads": ((INSTANCE, Column("administrators", Kind.NUMBER)), _first_reads),
    "changes": (
        (Column("changed_at", Kind.MOMENT), INSTANCE, ACCOUNT, Column("change", Kind.WORD),
         Column("told")),
        _changes,
    ),
    "finding_changes": (
        (SEVERITY, Column("turn", Kind.WORD), INSTANCE, ACCOUNT, Column("rule")),
        _finding_changes,
    ),
    "findings": (
        (SEVERITY, INSTANCE, ACCOUNT, Column("rule"), Column("evidence"),
         Column("first_seen", Kind.MOMENT),
         *(Column(name) for name in ("fix", "undo", "left", "breaks"))),
        _findings,
    ),
    "finding_days": (
        (Column("day", Kind.DAY), SEVERITY,
         *(Column(name, Kind.NUMBER) for name in ("new", "resolved", "open"))),
        _finding_days,
    ),
    "classes": (
        (Column("class", Kind.NAME),
         *(Column(name, Kind.NUMBER) for name in ("before", "now", "on_instances")),
         Column("description")),
        _classes,
    ),
    "class_days": (
        (Column("class", Kind.NAME), Column("day", Kind.DAY),
         *(Column(name, Kind.NUMBER) for name in ("accounts", "on_instances"))),
        _class_days,
    ),
    "overdue": (
        (INSTANCE, Column("category", Kind.WORD), Column("last_success", Kind.MOMENT),
         Column("overdue_since", Kind.MOMENT)),
        _overdue,
    ),
    "failures": (
        (Column("started", Kind.MOMENT), Column("category", Kind.WORD),
         Column("status", Kind.WORD), INSTANCE, Column("reason")),
        _failures,
    ),
    "near_limits": (
        (INSTANCE, DATABASE, Column("size", Kind.BYTES), Column("limit", Kind.BYTES),
         Column("limit_kind", Kind.WORD), Column("days_left", Kind.NUMBER),
         Column("days_left_at_least", Kind.NUMBER)),
        _near,
    ),
    "instances": ((INSTANCE, *_GROWTH), _instances),
    "largest": (_TOP, _largest),
    "growing": (_TOP, _growing),
    "databases": ((INSTANCE, DATABASE, *_GROWTH), _databases),
    "anomalies": (
        (INSTANCE, DATABASE, Column("from_size", Kind.BYTES), Column("to_size", Kind.BYTES),
         Column("from_day", Kind.DAY), Column("to_day", Kind.DAY)),
        _anomalies,
    ),
    "gaps": (
        (INSTANCE, Column("first", Kind.DAY), Column("last", Kind.DAY),
         Column("days", Kind.NUMBER)),
        _gaps,
    ),
}  # fmt: skip
