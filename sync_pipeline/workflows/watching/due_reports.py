"""Which of the reports that are mailed are due.

Who looks every few minutes imports nothing of what makes a report.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sync_pipeline.model.report_route import WEEK, ReportRoute, RouteState
from sync_pipeline.workflows.answers.report_routes import report_routes
from sync_pipeline.workflows.dependencies import SyncDeps

LONGEST_TIME = timedelta(days=366)
"""A report tells of no longer time, however long none could be sent."""


@dataclass(frozen=True, slots=True)
class DueReport:
    """A report to send: it was due at a moment, and tells of the time since another (UTC)."""

    route: ReportRoute
    due_at: datetime
    since: datetime


def due_reports(deps: SyncDeps) -> list[DueReport]:
    """Return the reports that are due and that nobody is at; a new route is remembered.

    Its first report is sent when the next one is due. A route that was taken out of the file is
    forgotten once it has missed a report: put back later, it is a new one.

    Raises:
        ConfigurationError: the reports file is not valid.
    """
    routes = report_routes(deps.settings)
    now, states = deps.clock(), deps.store.report_routes.states()
    named = {route.name for route in routes}
    gone = [key for key, state in states.items() if key not in named and _has_missed(state, now)]
    if gone:
        deps.store.report_routes.forget(gone)
    found = []
    for route in routes:
        due = route.last_due(now, deps.settings.time_zone)
        state = states.get(route.name)
        if state is None:
            deps.store.report_routes.begin(route.name, due)
        elif state.due_at < due and (state.not_before is None or state.not_before <= now):
            found.append(DueReport(route, due, _since(state, due, now)))
    return found


def _has_missed(state: RouteState, now: datetime) -> bool:
    return max(state.due_at, state.until_at or state.due_at) < now - 2 * WEEK


def _since(state: RouteState, due: datetime, now: datetime) -> datetime:
    return max(state.until_at or due - WEEK, now - LONGEST_TIME)
