"""Maintenance windows: times in which an instance is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sync_pipeline.model.instance import Instance


@dataclass(frozen=True, slots=True)
class NewWindow:
    """A window to begin: of one instance, or of all that carry a tag."""

    starts_at: datetime
    ends_at: datetime
    reason: str
    instance_id: int | None = None
    tag: str | None = None
    created_by: str | None = None


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """A window as the store holds it; `ended_at` where somebody ended it early."""

    id: int
    starts_at: datetime
    ends_at: datetime
    reason: str
    instance_id: int | None = None
    instance_name: str | None = None
    tag: str | None = None
    created_by: str | None = None
    ended_at: datetime | None = None

    def is_active(self, now: datetime) -> bool:
        """Return whether the window holds now."""
        return self.ended_at is None and self.starts_at <= now < self.ends_at

    def covers(self, instance: Instance) -> bool:
        """Return whether the window is meant for an instance."""
        return self.instance_id == instance.id or (
            self.tag is not None and self.tag in instance.tags
        )


def window_of(instance: Instance, windows: Sequence[MaintenanceWindow]) -> MaintenanceWindow | None:
    """Return the window that holds an instance longest, None where none does."""
    covering = [window for window in windows if window.covers(instance)]
    return max(covering, key=lambda window: (window.ends_at, window.id), default=None)
