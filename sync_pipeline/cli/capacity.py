"""`sync-pipeline capacity`: what is large, what grows, and when a limit is reached."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sync_pipeline.cli.completion import instance_names
from sync_pipeline.cli.context import (
    MOST_ROWS,
    dependencies,
    say,
    show_json,
    show_table,
)
from sync_pipeline.cli.options import (
    InstanceArgument,
    OneInstance,
    instance_and,
    narrowed_to,
    the_instance,
    with_options,
)
from sync_pipeline.cli.output import Cell, Output
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.aggregation import Aggregation
from sync_pipeline.model.growth import FORECAST_DAYS, Growth, GrowthTrend, LimitKind
from sync_pipeline.model.instance import Selection
from sync_pipeline.model.moment import require_near
from sync_pipeline.model.period import Period, PeriodRange, PeriodType
from sync_pipeline.model.size import InstanceSize, SizeLimit, SizePoint
from sync_pipeline.report.export import ExportFormat
from sync_pipeline.report.readable import shown_size
from sync_pipeline.workflows.answers.exports import ExportKind

if TYPE_CHECKING:
    from sync_pipeline.workflows.dependencies import SyncDeps

app = typer.Typer(help="Sizes, growth and forecasts.", no_args_is_help=True)

DATE = ["%Y-%m-%d"]
NOTHING = "Nothing was measured: sync-pipeline run capacity-sync."
DAYS_SHOWN = 90
LARGEST_SIZE = 2**63 - 1
MOST_TABLES = 20
Limit = Annotated[int, typer.Option(help="At most.", min=1, max=MOST_ROWS)]
DatabaseOption = Annotated[str | None, typer.Option(help="Only this database.")]
From = Annotated[
    datetime | None, typer.Option("--from", formats=DATE, help="First day. Default: 90 days ago.")
]
To = Annotated[datetime | None, typer.Option("--to", formats=DATE, help="Last day: today.")]


class Order(StrEnum):
    """By what databases are ranked."""

    SIZE = "size"
    GROWTH = "growth"


@app.command()
@with_options
def top(
    selection: Selection,
    output: Output,
    by: Annotated[Order, typer.Option(help="By size, or by growth in bytes.")] = Order.SIZE,
    days: Annotated[int, typer.Option(help="Growth in these days.", min=1, max=3700)] = 30,
    limit: Limit = 20,
) -> None:
    """Show the largest databases of the fleet, or those that grew most."""
    from sync_pipeline.workflows.answers import capacity as questions
    from sync_pipeline.workflows.selecting import ever_ids

    with dependencies() as deps:
        found = questions.top_databases(
            deps,
            by_growth=by is Order.GROWTH,
            limit=limit,
            days=days,
            instances=ever_ids(deps.store, selection),
        )
    if output.is_json:
        show_json([asdict(item) for item in found])
        return
    rows = [
        (
            item.instance,
            item.database,
            size_cell(item.total_bytes),
            size_cell(item.grown_bytes),
            item.since,
            item.collected_date,
        )
        for item in found
    ]
    columns = ("instance", "database", "size", "grown by", "since", "measured")
    output.show(columns, rows, NOTHING)


@app.command()
@with_options
def show(output: Output, argument: InstanceArgument = None, instance: OneInstance = None) -> None:
    """Show the last measured sizes of an instance: databases, logs, tablespaces, tables."""
    from sync_pipeline.workflows.dates import today

    instance = the_instance(argument, instance)
    from sync_pipeline.workflows.answers import capacity as questions
    from sync_pipeline.workflows.selecting import selected_ever

    with dependencies() as deps:
        selected_ever(deps.store, Selection(names=(instance,)))
        queries = deps.store.size_queries
        newest = queries.instance_sizes(date.min, date.max, instance)[-1:]
        day = newest[0].point.collected_date if newest else today(deps)
        databases = queries.database_points(day, day, instance)
        inventory = queries.databases(instance)
        tablespaces = queries.tablespaces(instance)
        tables = queries.largest_tables(instance, MOST_TABLES)
        window = queries.database_points(day - timedelta(days=questions.RECENT_DAYS), day, instance)
        jumps = questions.anomalies(deps, window)
    gone = [item for item in inventory if not item.is_active]
    if output.is_json:
        show_json(
            {
                "instance": asdict(newest[0]) if newest else None,
                "databases": [asdict(item) for item in databases],
                "vanished": [asdict(item) for item in gone],
                "tablespaces": [asdict(item) for item in tablespaces],
                "tables": [asdict(item) for item in tables],
                "anomalies": [asdict(item) for item in jumps],
            }
        )
        return
    if output.is_table and not newest:
        say(NOTHING)
        return
    columns = ("database", "on disk", "data", "index", "log", "not known because")
    largest = sorted(databases, key=lambda item: (-(item.total_bytes or 0), item.database))
    if output.is_table:
        _show_instance(newest[0])
    output.show(columns, [_database_row(item) for item in largest], "It has no database.")
    if output.is_csv:
        return
    if tablespaces:
        spaces = [
            (item.name, shown_size(item.total_bytes), shown_size(item.maximum_bytes))
            for item in tablespaces
        ]
        show_table(("tablespace", "on disk", "grows to at most"), spaces, "")
    if tables:
        rows = [
            (item.database, item.schema, item.name, shown_size(item.total_bytes)) for item in tables
        ]
        show_table(("database", "schema", "largest tables", "size"), rows, "")
    for item in gone:
        say(f"Database {item.name} vanished; last seen {item.last_seen_at:%Y-%m-%d %H:%M}Z.")
    for jump in jumps:
        say(str(jump))


@app.command()
@with_options
def history(
    selection: Selection,
    output: Output,
    argument: InstanceArgument = None,
    database: DatabaseOption = None,
    period: Annotated[PeriodType, typer.Option(help="The kind of period.")] = PeriodType.WEEK,
    first: From = None,
    last: To = None,
) -> None:
    """Show the aggregated periods of instances or databases; missing ones too."""
    from sync_pipeline.workflows.selecting import selected_ever

    selection = narrowed_to(selection, argument)
    with dependencies() as deps:
        chosen = selected_ever(deps.store, selection)
        begin, end = _days(deps, first, last)
        periods = PeriodRange.between(period, begin, end)
        found = deps.store.aggregations.find(
            period,
            periods.start,
            periods.end,
            database=database or "",
            instances=[item.id for item in chosen],
        )
    if output.is_json:
        show_json([asdict(item) for item in found])
        return
    if output.is_table and not found:
        say("Nothing was aggregated: sync-pipeline backfill computes past periods.")
        return
    by_subject = {(item.instance, item.period_start): item for item in found}
    names = {item.instance for item in found}
    names |= {item.name for item in chosen if item.name in selection.names}
    if database is None:
        names |= {item.name for item in chosen if item.is_active}
    rows = [
        (name, *_period_row(item, by_subject.get((name, item.start))))
        for name in sorted(names)
        for item in periods
    ]
    # Of one that is named, each row would say its name again.
    start = 1 if len(selection.names) == 1 else 0
    columns = (
        "instance", "period", "days", "average", "least", "most", "last", "change", "%",
        "growth %", "trend",
    )  # fmt: skip
    output.show(columns[start:], [row[start:] for row in rows], "")


@app.command()
@with_options
def forecast(
    selection: Selection,
    output: Output,
    argument: Annotated[
        str | None,
        typer.Argument(
            metavar="INSTANCE",
            help="Its databases too. Empty: instances as a whole.",
            autocompletion=instance_names,
        ),
    ] = None,
    database: DatabaseOption = None,
) -> None:
    """Show the trend of sizes, what they will be, and when a limit is reached.

    Of one instance that is named, each of its databases is shown too.
    """
    from sync_pipeline.workflows.answers import capacity as questions
    from sync_pipeline.workflows.selecting import ever_ids

    selection = narrowed_to(selection, argument)
    with dependencies() as deps:
        ids = ever_ids(deps.store, selection)
        if database is not None:
            found = questions.database_growth(deps, instances=ids, database=database)
        else:
            found = questions.instance_growth(deps, instances=ids)
            if ids and len(selection.names) == 1:
                found += questions.database_growth(deps, instances=ids)
                found += questions.tablespace_growth(deps, selection.names[0])
    if output.is_json:
        show_json([asdict(item) for item in found])
        return
    ahead = [f"in {days} days" for days in FORECAST_DAYS]
    columns = ("instance", "database", "size", "a day", *ahead, "limit", "days until")
    output.show(columns, [_growth_row(item) for item in found], NOTHING)


@app.command("limit")
def limit_(
    size: Annotated[
        list[str],
        typer.Argument(
            metavar="SIZE",
            help="As 500GB or 2TiB; 0 takes the limit away. As before: the instance, then this.",
        ),
    ],
    instance: OneInstance = None,
    database: DatabaseOption = None,
) -> None:
    """Say how large an instance, or one of its databases, may get."""
    instance, text = instance_and(size, instance, "size")
    count = parse_size(text)
    with dependencies() as deps:
        deps.store.size_queries.put_limit(SizeLimit(instance, database or "", count))
    subject = f"{instance}/{database}" if database else instance
    say(f"{subject}: limit {shown_size(count)}." if count else f"{subject}: no limit.")


@app.command("limits")
@with_options
def limits_(selection: Selection, output: Output) -> None:
    """List the limits."""
    from sync_pipeline.workflows.selecting import ever_ids

    with dependencies() as deps:
        found = deps.store.size_queries.limits(ever_ids(deps.store, selection))
    if output.is_json:
        show_json([asdict(item) for item in found])
        return
    rows = [(item.instance, item.database, size_cell(item.limit_bytes)) for item in found]
    output.show(("instance", "database", "limit"), rows, "There is no limit.")


@app.command()
@with_options
def export(
    selection: Selection,
    output: Annotated[Path, typer.Option(help="The file to write.", dir_okay=False)],
    what: Annotated[ExportKind, typer.Option(help="Which rows.")] = ExportKind.DATABASES,
    format_: Annotated[
        ExportFormat | None, typer.Option("--format", help="Default: the file's ending.")
    ] = None,
    period: Annotated[
        PeriodType, typer.Option(help="Of aggregations: the kind of period.")
    ] = PeriodType.MONTH,
    first: From = None,
    last: To = None,
) -> None:
    """Write sizes or aggregations as CSV or Parquet."""
    from sync_pipeline.report.export import write_export
    from sync_pipeline.workflows.answers.exports import export_rows
    from sync_pipeline.workflows.selecting import ever_ids

    chosen = format_ or _format_of(output)
    with dependencies() as deps:
        days = _days(deps, first, last)
        rows = export_rows(deps, what, period, days, ever_ids(deps.store, selection))
    write_export(rows, output, chosen)
    say(f"{len(rows)} rows are in {output}.")


def parse_size(text: str) -> int:
    """Return the bytes that a text means; 0 where it says 0.

    Raises:
        ConfigurationError: it is no size, less than a byte, or more than can be kept.
    """
    from pydantic import ByteSize, TypeAdapter, ValidationError

    if re.fullmatch(r"0+ *[A-Za-z]*", text.strip()):
        return 0
    try:
        count = int(TypeAdapter(ByteSize).validate_python(text))
    except (ValidationError, OverflowError):
        count = 0
    if not 0 < count <= LARGEST_SIZE:
        raise ConfigurationError(
            f"{text!r} is not a size.",
            hint="Write it as 500GB or 2TiB; the largest is 8 EiB less a byte.",
        )
    return count


def size_cell(count: int | None) -> Cell:
    """Return a number of bytes: for people in units, for programs as it is."""
    return Cell(count, shown_size(count))


def _days(deps: SyncDeps, first: datetime | None, last: datetime | None) -> tuple[date, date]:
    from sync_pipeline.workflows.dates import today

    for day in (first, last):
        if day is not None:
            require_near(day)
    end = last.date() if last else today(deps)
    begin = first.date() if first else end - timedelta(days=DAYS_SHOWN)
    if begin > end:
        raise ConfigurationError(f"The range from {begin} to {end} ends before it begins.")
    return begin, end


def _format_of(output: Path) -> ExportFormat:
    ending = output.suffix.lstrip(".").lower()
    if ending not in tuple(ExportFormat):
        raise ConfigurationError(
            f"{output} does not say the format.", hint="Add --format csv or --format parquet."
        )
    return ExportFormat(ending)


def _show_instance(size: InstanceSize) -> None:
    point = size.point
    total = shown_size(point.total_bytes) or f"at least {shown_size(size.known_bytes)}"
    say(
        f"{point.instance} ({size.engine}) on {point.collected_date}: {total} in "
        f"{size.database_count} databases, {size.unread_count} not readable."
    )
    others = {
        "shared files": size.shared_bytes,
        "logs": point.log_bytes,
        "temporary": point.temporary_bytes,
    }
    known = [f"{name} {shown_size(count)}" for name, count in others.items() if count is not None]
    if known:
        say(f"Besides: {', '.join(known)}.")
    for name, reason in sorted(point.unknown.items()):
        say(f"{name} is not known: {reason}")


def _database_row(item: SizePoint) -> tuple[object, ...]:
    reasons = sorted(set(item.unknown.values()))
    return (
        item.database,
        size_cell(item.total_bytes),
        size_cell(item.data_bytes),
        size_cell(item.index_bytes),
        size_cell(item.log_bytes),
        " ".join(reasons),
    )


def _period_row(period: Period, found: Aggregation | None) -> tuple[object, ...]:
    if found is None:
        return (period.start, f"0/{period.days}", *[""] * 8)
    total = found.total
    return (
        period.start,
        f"{found.data_count}/{found.expected_count}",
        size_cell(total.avg_bytes),
        size_cell(total.min_bytes),
        size_cell(total.max_bytes),
        size_cell(total.last_bytes),
        size_cell(total.change_bytes),
        _percent(total.change_percent),
        _percent(total.growth_rate),
        found.trend,
    )


def _percent(value: float | None) -> Cell:
    return Cell(value, "" if value is None else f"{value:+.1f}")


def _growth_row(item: Growth) -> tuple[object, ...]:
    rate = "too few points"
    if item.trend is GrowthTrend.NONE:
        rate = str(item.trend)
    elif item.bytes_per_day is not None:
        rate = shown_size(round(item.bytes_per_day))
    ahead = {found.days: found for found in item.forecasts}
    sizes = [
        Cell(
            found.expected_bytes,
            f"{shown_size(found.expected_bytes)} "
            f"({shown_size(found.low_bytes)} to {shown_size(found.high_bytes)})",
        )
        if (found := ahead.get(days))
        else ""
        for days in FORECAST_DAYS
    ]
    until = "" if item.days_until_limit is None else f"{item.days_until_limit:.0f}"
    if item.earliest_days_until_limit is not None:
        until += f" (at the earliest {item.earliest_days_until_limit:.0f})"
    limit = shown_size(item.limit_bytes)
    return (
        item.instance,
        f"tablespace {item.tablespace}" if item.tablespace else item.database,
        size_cell(item.last_bytes),
        Cell(item.bytes_per_day, rate),
        *sizes,
        Cell(
            item.limit_bytes,
            f"{limit} (ceiling)" if item.limit_kind is LimitKind.CEILING else limit,
        ),
        Cell(item.days_until_limit, until),
    )
