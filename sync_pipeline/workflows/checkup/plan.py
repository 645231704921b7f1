"""What is looked at, in the order in which it is told."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.checkup import Check
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.checkup.known import Asked
from sync_pipeline.workflows.checkup.running import Look, look_at_all, told

_LOOKS = (
    ("settings", "configured", "look"),
    ("home", "places", "look_at_home"),
    ("store", "stored", "look_at_store"),
    ("key", "stored", "look_at_key"),
    ("daemon", "scheduled", "look_at_daemon"),
    ("schedules", "scheduled", "look_at_dagster"),
    ("UI", "scheduled", "look_at_ui"),
    ("disk", "places", "look_at_disks"),
    ("drivers", "drivers", "look"),
    ("clock", "stored", "look_at_clock"),
    ("secrets", "places_of_secrets", "look"),
    ("instances", "servers", "look"),
    ("alerts", "told_people", "look"),
)
"""The name of each, and the function that looks: imported by its own thread, so that a package
that is missing or broken is told by the looks that need it, and no others."""


def look_at_everything(clock: Callable[[], datetime], seconds: float, each: int) -> Sequence[Check]:
    """Look at all there is, for so many seconds at most, at `each` instances of each engine.

    Nothing is raised, and nothing is changed.
    """
    ends_at = time.monotonic() + seconds
    try:
        settings = Settings.load()
    except ConfigurationError as error:
        return [told("settings", error)]
    asked = Asked(settings, clock, ends_at, each)
    return look_at_all([_look(asked, *row) for row in _LOOKS], ends_at)


def _look(asked: Asked, name: str, module: str, function: str) -> Look:
    def looking() -> Iterable[Check]:
        found = importlib.import_module(f"{__package__}.{module}")
        checks: Iterable[Check] = getattr(found, function)(asked)
        return checks

    return Look(name, looking)
