"""The capacity report as one HTML file: no network, no other file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.files.atomic import replaced
from sync_pipeline.model.access import path_text
from sync_pipeline.model.causes import CauseGroup, by_rule, causes_of, grouped
from sync_pipeline.model.finding import Review
from sync_pipeline.model.report import FleetReport
from sync_pipeline.report.readable import shown_size
from sync_pipeline.visible import visible_lines

MOST_CAUSES = 100
"""Causes of findings that the report shows, the worst rules first; the command shows all."""
MOST_STATEMENTS = 20
"""Lines of one fix, or of its undo."""


def render_html(report: FleetReport) -> str:
    """Return the report as a page. Names of databases are text, whatever they hold."""
    # Plotly takes half a second to import, which every command would pay.
    from plotly.offline import get_plotlyjs  # noqa: PLC0415

    from sync_pipeline.report import charts  # noqa: PLC0415

    environment = Environment(
        loader=PackageLoader("sync_pipeline.report", "templates"),
        autoescape=True,
        finalize=_seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(size=_size, percent=_percent, whole=_whole, path=path_text)
    groups, more = _first_causes(report.review)
    plots = {
        "fleet": charts.fleet_chart(report.fleet),
        "instances": charts.instance_chart(report.charted),
        "forecast": charts.forecast_chart(report.instances),
    }
    return environment.get_template("report.html.j2").render(
        report=report,
        groups=groups,
        more_causes=more,
        most_statements=MOST_STATEMENTS,
        plots={name: Markup(plot) for name, plot in plots.items()},  # noqa: S704 - made by Plotly
        script=Markup(get_plotlyjs()),  # noqa: S704 - Plotly's own
    )


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


def write_html(report: FleetReport, output: Path) -> None:
    """Write the report, whole or not at all.

    Raises:
        ConfigurationError: the file can't be written.
    """
    try:
        with replaced(output) as file:
            file.write(render_html(report).encode())
    except OSError as error:
        raise ConfigurationError(
            f"{output} can't be written: {error.strerror or error}.",
            hint="Choose another file with --output.",
        ) from None


def _seen(value: object) -> object:
    """Return a text without what hides or turns other texts; Markup is Plotly's and ours."""
    return visible_lines(value) if type(value) is str else value


def _size(count: float | None) -> str:
    if count is None:
        return "–"
    return shown_size(round(count)).replace("-", "−")


def _percent(part: float, whole: float) -> str:
    return f"{part / whole:+.0%}" if whole else "–"


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"
