"""Gathering what the metrics show."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.metrics import FleetMetrics
from sync_pipeline.workflows.answers.capacity import RECENT_DAYS
from sync_pipeline.workflows.answers.finding_metrics import finding_metrics
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.news.rules import alerting_of


def fleet_metrics(deps: SyncDeps) -> FleetMetrics:
    """Return the metrics as of now, in as many statements for any number of instances.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    stored = deps.store.metrics.read(today(deps) - timedelta(days=RECENT_DAYS), deps.clock())
    names = _routes(deps)
    return replace(
        stored,
        undelivered={name: stored.undelivered.get(name, 0) for name in names},
        alert_failures={name: stored.alert_failures.get(name, 0) for name in names},
        findings=finding_metrics(deps),
    )


def _routes(deps: SyncDeps) -> list[str]:
    """Return the names of the routes; a file that is not valid costs their numbers alone."""
    try:
        return [item.name for item in alerting_of(deps.settings).routes]
    except ConfigurationError:
        return []
