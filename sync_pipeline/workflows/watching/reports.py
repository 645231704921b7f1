"""Sending the reports that are due, each once.

A report is sent by who claims it in the store. The claim ends by itself, so that of a process that
was killed another one takes over; what was sent is remembered at once, so that none is sent twice
unless the process dies between the two, or the server's answer is lost.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from sync_pipeline.errors import DeliveryError, StoreUnavailable, SyncError
from sync_pipeline.model.instance import Selection
from sync_pipeline.model.report import FleetReport, ReportFormat
from sync_pipeline.notify.channels import mail_server_of
from sync_pipeline.notify.report_mail import Attachment, ReportMail, send_report
from sync_pipeline.report.mail_text import mail_subject, mail_text
from sync_pipeline.report.rendering import rendered
from sync_pipeline.report.texts import ReportTexts
from sync_pipeline.workflows.answers.reporting import Asked, fleet_report
from sync_pipeline.workflows.dates import date_of
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.watching.due_reports import DueReport

_LOG = logging.getLogger(__name__)
CLAIM = timedelta(minutes=15)
"""How long one process may be at one report, before another may begin with it."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
MOST_DOUBLINGS = 6


@dataclass(frozen=True, slots=True)
class SentReport:
    """What became of a report; no error: it was sent."""

    name: str
    recipients: int
    size_bytes: int = 0
    error: SyncError | None = None

    def __str__(self) -> str:
        """Return it as people read it."""
        if self.error is not None:
            return f"{self.name}: not sent. {self.error}"
        return f"{self.name}: sent to {self.recipients}, {self.size_bytes:,} bytes."


def send_due(deps: SyncDeps, due: Sequence[DueReport]) -> Iterator[SentReport]:
    """Send reports one after the other, and yield what became of each; others' are left out.

    Raises:
        StoreUnavailable: what was sent may be sent again.
    """
    store = deps.store.report_routes
    for item in due:
        now = deps.clock()
        name = item.route.name
        if not store.claim(name, item.due_at, now, now + CLAIM):
            continue
        try:
            size, until = _sent(deps, item)
        except StoreUnavailable:
            raise
        except SyncError as error:
            yield _failed(deps, item, error)
        except Exception as error:  # noqa: BLE001 - one report's defect must not lose the others
            # Where it happened, without the exception's text: that may quote anything.
            where = "".join(traceback.format_tb(error.__traceback__))
            _LOG.error("%s: unexpected %s\n%s", name, type(error).__name__, where)
            told = f"The report was not sent: an unexpected {type(error).__name__}."
            yield _failed(deps, item, DeliveryError(told))
        else:
            store.sent(name, item.due_at, until)
            yield SentReport(name, len(item.route.to), size)


def _failed(deps: SyncDeps, item: DueReport, error: SyncError) -> SentReport:
    store, name = deps.store.report_routes, item.route.name
    store.failed(name, deps.clock() + _wait(store.states()[name].tries), str(error))
    return SentReport(name, len(item.route.to), error=error)


def _wait(tries: int) -> timedelta:
    doublings = max(0, min(tries - 1, MOST_DOUBLINGS))
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def _sent(deps: SyncDeps, item: DueReport) -> tuple[int, datetime]:
    route = item.route
    report = fleet_report(deps, Asked(route.selection, item.since, may_be_empty=True))
    texts = ReportTexts(route.language)
    key = str(uuid5(NAMESPACE_URL, f"{route.name}/{item.due_at.isoformat()}"))
    return mail_report(deps, report, texts, route.formats, route.to, key), report.until


def mail_report(
    deps: SyncDeps,
    report: FleetReport,
    texts: ReportTexts,
    formats: Sequence[ReportFormat],
    to: Sequence[str],
    key: str,
) -> int:
    """Mail a report to some addresses, and return the bytes of its files.

    Raises:
        DeliveryError: it was not sent, or nobody knows whether it was.
    """
    day = date_of(report.until, deps.settings)
    files = [
        Attachment(
            f"{file_name(report.selection)}-{day}{item.suffix}",
            item.media_type,
            rendered(report, item, texts),
        )
        for item in formats
    ]
    mail = ReportMail(
        mail_subject(report, texts), mail_text(report, texts), key, deps.clock(), files
    )
    settings = deps.settings
    send_report(mail_server_of(settings), settings.alert_email_from, to, mail)
    return sum(len(item.content) for item in files)


def file_name(selection: Selection) -> str:
    """Return how the files of a report are called: plain letters, whatever is selected."""
    words = (*selection.names, *selection.tags, *selection.engines, *selection.environments)
    text = "-".join(words)
    plain = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in text)[:60]
    return f"report-{plain.strip('-')}" if plain.strip("-") else "report"
