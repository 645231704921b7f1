"""Dates in the fleet's time zone."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from sync_pipeline.settings import Settings
from sync_pipeline.workflows.dependencies import SyncDeps


def date_of(moment: datetime, settings: Settings) -> date:
    """Return the date of a moment (aware) where the fleet is."""
    return moment.astimezone(ZoneInfo(settings.time_zone)).date()


def today(deps: SyncDeps) -> date:
    """Return today's date where the fleet is."""
    return date_of(deps.clock(), deps.settings)
