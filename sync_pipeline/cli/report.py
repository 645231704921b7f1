"""`sync-pipeline report`: what changed, what is open and where it leads, in files or as a mail."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from sync_pipeline.catalogs import LANGUAGES
from sync_pipeline.cli.context import dependencies, parse_past, say
from sync_pipeline.cli.options import with_options
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import Selection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.model.report import FleetReport, ReportFormat
    from sync_pipeline.model.report_route import ReportRoute
    from sync_pipeline.report.texts import ReportTexts
    from sync_pipeline.workflows.dependencies import SyncDeps

WHEN = "What changed is told from then on: ISO 8601, or how long ago, such as 24h. Default: 7d."


class Language(StrEnum):
    """Languages of the report."""

    EN = "en"
    ZH = "zh"


class Form(StrEnum):
    """Formats of files; `all` are all of them beside each other."""

    HTML = "html"
    XLSX = "xlsx"
    CSV = "csv"
    ALL = "all"


@with_options
def report(
    selection: Selection,
    output: Annotated[
        Path | None,
        typer.Option(help="The file to write. Default: report.html.", dir_okay=False),
    ] = None,
    format_: Annotated[
        Form | None,
        typer.Option("--format", help="Default: the file's ending; of CSV it is an archive, .zip."),
    ] = None,
    days: Annotated[
        int, typer.Option(help="Days of sizes to look back on.", min=7, max=3700)
    ] = 400,
    since: Annotated[str | None, typer.Option(help=WHEN)] = None,
    language: Annotated[Language | None, typer.Option(help="Default: en.")] = None,
    route: Annotated[
        str | None,
        typer.Option(help="Of what, and in which language, a report of the reports file says."),
    ] = None,
    send: Annotated[
        bool, typer.Option("--send", help="Mail it instead: to try what is mailed by itself.")
    ] = False,
    to: Annotated[
        list[str] | None, typer.Option(help="Mail it to this address; may be repeated.")
    ] = None,
) -> None:
    """Write a report of changes, administrators, findings, sizes and limits, or mail it.

    It needs no network: everything is in the file. Of what is selected it tells of nothing else.
    A mail that is sent by hand changes nothing of when the next one goes out.
    """
    from sync_pipeline.report.texts import ReportTexts
    from sync_pipeline.workflows.answers.reporting import NEWS, Asked, fleet_report

    _require_together(selection, output, route, to, send=send)
    with dependencies() as deps:
        known = _route(deps, route) if route is not None else None
        chosen = known.selection if known else selection
        begin = parse_past(since) if since else deps.clock() - NEWS
        found = fleet_report(deps, Asked(chosen, begin, days))
        texts = ReportTexts(language or (known.language if known else LANGUAGES[0]))
        if send:
            _send(deps, found, texts, _formats_sent(format_, known), _addresses(to, known))
            return
    for path in _written(found, texts, output, format_):
        say(f"The report of {found.instances} instances is in {path}.")


def _require_together(
    selection: Selection,
    output: Path | None,
    route: str | None,
    to: list[str] | None,
    *,
    send: bool,
) -> None:
    if route is not None and not selection.is_everything:
        raise ConfigurationError("--route says already which instances are meant.")
    if send and output is not None:
        raise ConfigurationError("--send writes no file: leave out --output.")
    if send and not to and route is None:
        raise ConfigurationError("--send does not say to whom.", hint="Add --to, or --route.")
    if to and not send:
        raise ConfigurationError("--to is for a mail.", hint="Add --send.")


def _route(deps: SyncDeps, name: str) -> ReportRoute:
    from sync_pipeline.workflows.answers.report_routes import route_named

    return route_named(deps.settings, name)


def _addresses(to: list[str] | None, known: ReportRoute | None) -> tuple[str, ...]:
    from sync_pipeline.settings import is_mail_address

    for address in to or ():
        if not is_mail_address(address):
            raise ConfigurationError(f"{address!r} is not an e-mail address.")
    return tuple(to) if to else known.to if known else ()


def _formats_sent(form: Form | None, known: ReportRoute | None) -> Sequence[ReportFormat]:
    from sync_pipeline.model.report import ReportFormat

    if form is Form.ALL:
        return tuple(ReportFormat)
    if form is not None:
        return (ReportFormat(form),)
    return known.formats if known else (ReportFormat.HTML, ReportFormat.XLSX)


def _send(
    deps: SyncDeps,
    found: FleetReport,
    texts: ReportTexts,
    formats: Sequence[ReportFormat],
    to: tuple[str, ...],
) -> None:
    from sync_pipeline.workflows.watching.reports import mail_report

    if not deps.settings.alert_email_from:
        raise ConfigurationError(
            "Mail has no sender.",
            hint="Set SYNC_PIPELINE_ALERT_EMAIL_FROM, and the mail server beside it.",
        )
    size = mail_report(deps, found, texts, formats, to, str(uuid4()))
    say(f"The report of {found.instances} instances was sent to {', '.join(to)}: {size:,} bytes.")


def _written(
    found: FleetReport, texts: ReportTexts, output: Path | None, form: Form | None
) -> list[Path]:
    from sync_pipeline.model.report import ReportFormat
    from sync_pipeline.report.files import format_of, written
    from sync_pipeline.report.rendering import rendered

    base = output or Path("report.html")
    if form is None:
        files = {base: format_of(base)}
    elif form is Form.ALL:
        files = {base.with_suffix(item.suffix): item for item in ReportFormat}
    else:
        one = ReportFormat(form)
        files = {output or base.with_suffix(one.suffix): one}
    for path, one in files.items():
        written(path, rendered(found, one, texts))
    return list(files)
