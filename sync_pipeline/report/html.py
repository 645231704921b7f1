"""The report as one HTML file: no network, no script, no other file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined

from sync_pipeline.model.access import path_text
from sync_pipeline.model.causes import CauseGroup, by_rule, causes_of, grouped
from sync_pipeline.model.finding import Review, Severity
from sync_pipeline.model.growth import Growth
from sync_pipeline.model.report import FleetReport
from sync_pipeline.model.text import shortened
from sync_pipeline.report.drawing import Drawing, Series, drawn
from sync_pipeline.report.readable import every_day, shown_size
from sync_pipeline.report.summary import Fact, summary
from sync_pipeline.report.tables import TABLES, Column, Kind, Table, notes_of, table_of
from sync_pipeline.report.texts import ENGLISH, ReportTexts
from sync_pipeline.visible import visible_lines

MOST_CAUSES = 100
"""Causes of findings that the report shows, the worst rules first; the command shows all."""
MOST_STATEMENTS = 20
"""Lines of one fix, or of its undo."""
MOST_SHOWN = 100
"""Rows of a table; the other files of the report have the others."""
MOST_NOTES = 100
LONGEST, LONGEST_TEXT = 300, 20_000
"""Characters of what is said of one thing, and of any text."""
_COUNTED = (Kind.BYTES, Kind.NUMBER)
_UNSHOWN = ("findings", "finding_days", "class_days", "instances", "databases")
"""Tables that the page shows in another way."""


@dataclass(frozen=True, slots=True)
class Section:
    """A table as the page shows it."""

    table: Table
    rows: Sequence[Sequence[object]]
    more: int


def render_html(report: FleetReport, texts: ReportTexts = ENGLISH) -> str:
    """Return the report as a page. Names of databases are text, whatever they hold."""
    environment = Environment(
        loader=PackageLoader("sync_pipeline.report", "templates"),
        autoescape=True,
        finalize=_seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        size=_size,
        whole=_whole,
        path=path_text,
        cell=partial(_cell, texts),
        fact=_fact,
        short=_limited,
    )
    groups, more = _first_causes(report.findings.review)
    notes = notes_of(report)
    return environment.get_template("report.html.j2").render(
        report=report,
        texts=texts,
        facts=list(summary(report)),
        sections={name: _section(name, report) for name in TABLES if name not in _UNSHOWN},
        instances=_nearest(report.capacity.instances),
        databases=report.capacity.databases,
        groups=groups,
        more_causes=more,
        most_statements=MOST_STATEMENTS,
        notes=notes[:MOST_NOTES],
        more_notes=len(notes) - MOST_NOTES,
        plots=_plots(report, texts),
    )


def _section(name: str, report: FleetReport) -> Section:
    table = table_of(name, report)
    rows = table.rows[:MOST_SHOWN]
    return Section(table, rows, len(table.rows) - len(rows) + table.more)


def _nearest(growths: Sequence[Growth]) -> tuple[Sequence[Growth], int]:
    """Return the instances whose limit is nearest, then the largest, and how many more there are.

    In the order of their names where all are shown.
    """
    if len(growths) <= MOST_SHOWN:
        return growths, 0
    first = sorted(growths, key=_by_need)[:MOST_SHOWN]
    return first, len(growths) - MOST_SHOWN


def _by_need(item: Growth) -> tuple[float, int]:
    days = item.days_until_limit
    return float("inf") if days is None else days, -item.last_bytes


def _first_causes(review: Review) -> tuple[list[CauseGroup], int]:
    """Return the worst causes by their rules, and how many more there are."""
    groups = grouped(causes_of(review.findings, review.others), by_rule)
    shown, left = [], MOST_CAUSES
    for group in groups:
        if left:
            shown.append(replace(group, causes=group.causes[:left]))
            left -= len(shown[-1].causes)
    more = sum(len(group.causes) for group in groups) - (MOST_CAUSES - left)
    return shown, more


def _plots(report: FleetReport, texts: ReportTexts) -> Mapping[str, Drawing | None]:
    def bytes_plot(name: str, series: Iterable[Series]) -> Drawing | None:
        return drawn(texts(f"plot.{name}"), list(series), _size)

    def count_plot(name: str, series: Iterable[Series]) -> Drawing | None:
        return drawn(texts(f"plot.{name}"), list(series), _short)

    fleet = [(item.day, item.total_bytes) for item in report.capacity.fleet]
    return {
        "findings": count_plot("findings", _burn_down(report, texts)),
        "classes": count_plot("classes", _class_lines(report)),
        "fleet": bytes_plot("fleet", [Series("", fleet, is_filled=True)]),
        "largest": bytes_plot("largest", _largest_lines(report)),
        "forecast": bytes_plot("forecast", _forecast_lines(report)),
    }


def _burn_down(report: FleetReport, texts: ReportTexts) -> Iterator[Series]:
    """Yield how many findings there were on each day, by severity: also those that are accepted."""
    news = report.findings
    if news.first_day is None:
        return
    last = report.capacity.until
    days = [news.first_day + timedelta(n) for n in range((last - news.first_day).days + 1)]
    for severity in Severity:
        own = {item.day: item for item in news.days if item.severity is severity}
        # Before the first review nobody knows how many there were.
        left = news.before.get(severity, 0) if news.before else None
        points: list[tuple[date, float | None]] = []
        for day in days:
            left = own[day].open if day in own else left
            points.append((day, left))
        if any(value for _, value in points):
            yield Series(texts(f"severity.{severity}"), points)


def _class_lines(report: FleetReport) -> Iterator[Series]:
    for item in report.classes[:10]:
        counts = {count.day: count.accounts for count in item.days}
        yield Series(shortened(item.name, 60), every_day(counts))


def _largest_lines(report: FleetReport) -> Iterator[Series]:
    series = {
        name: {point.collected_date: point.total_bytes for point in own}
        for name, own in groupby(report.capacity.charted, key=lambda point: point.instance)
    }
    largest = sorted(series, key=lambda name: (-(list(series[name].values())[-1] or 0), name))
    for name in largest:
        points = [(day, total) for day, total in every_day(series[name])]
        yield Series(shortened(name, 60), points)


def _forecast_lines(report: FleetReport) -> Iterator[Series]:
    known = [item for item in report.capacity.instances if item.forecasts]
    for item in sorted(known, key=lambda item: -(item.bytes_per_day or 0))[:10]:
        start = item.last_date
        ahead = [(start + timedelta(days=found.days), found) for found in item.forecasts]
        points = [(start, item.last_bytes), *((day, found.expected_bytes) for day, found in ahead)]
        band = [
            (start, item.last_bytes, item.last_bytes),
            *((day, found.low_bytes, found.high_bytes) for day, found in ahead),
        ]
        yield Series(shortened(item.instance, 60), points, band, is_dashed=True)


def _cell(texts: ReportTexts, value: object, column: Column) -> str:
    """Return what a cell shows."""
    if value is None or value == "":
        return "–"
    if column.kind is Kind.BYTES:
        return _size(value)  # type: ignore[arg-type]
    if column.kind is Kind.WORD:
        return texts.or_as_it_is(column.name, str(value))
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if column.kind is Kind.NUMBER and isinstance(value, int | float):
        return _whole(value)
    text = "\n".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return shortened(text, LONGEST)


def _limited(text: str) -> str:
    return shortened(text, LONGEST)


def _fact(item: Fact) -> str:
    if isinstance(item.value, str):
        return item.value
    return _size(item.value) if item.is_bytes else _whole(item.value)


def _seen(value: object) -> object:
    """Return a text without what hides or turns other texts; Markup is ours."""
    return visible_lines(shortened(value, LONGEST_TEXT)) if type(value) is str else value


def _size(count: float | None) -> str:
    if count is None:
        return "–"
    return shown_size(round(count)).replace("-", "−")


def _short(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"
