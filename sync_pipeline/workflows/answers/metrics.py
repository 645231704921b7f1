"""Gathering what the metrics show."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sync_pipeline.model.metrics import FleetMetrics
from sync_pipeline.notify.channels import channels_of
from sync_pipeline.reconcile.freshness import untold
from sync_pipeline.workflows.answers.capacity import RECENT_DAYS
from sync_pipeline.workflows.answers.finding_metrics import finding_metrics
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps


def fleet_metrics(deps: SyncDeps) -> FleetMetrics:
    """Return the metrics as of now, in as many statements for any number of instances.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    stored = deps.store.metrics.read(today(deps) - timedelta(days=RECENT_DAYS), deps.clock())
    undelivered = {
        channel.name: untold(stored.states, stored.told.get(channel.name, frozenset()))
        for channel in channels_of(deps.settings)
    }
    findings = finding_metrics(deps)
    return replace(stored.metrics, undelivered=undelivered, findings=findings)
