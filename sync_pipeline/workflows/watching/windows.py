"""Beginning maintenance of an instance, or of all instances with a tag."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.maintenance import NewWindow, window_of
from sync_pipeline.workflows.dependencies import SyncDeps

LONGEST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Started:
    """A window that has begun, and how many instances it holds now."""

    window_id: int
    instances: int


def start_maintenance(
    deps: SyncDeps,
    *,
    instance: str | None,
    tag: str | None,
    ends_at: datetime,
    reason: str,
    created_by: str,
) -> Started:
    """Leave an instance, or all that carry a tag, alone from now until a moment.

    Raises:
        ConfigurationError: not exactly one of both is given, there is no such instance,
            the reason is empty, or the end is past or more than a year away.
    """
    if (instance is None) == (tag is None):
        raise ConfigurationError("Give an instance or a tag, and not both.")
    if tag is not None and not tag.strip():
        raise ConfigurationError("The tag is empty.", hint="Write it as instances have it.")
    if not reason.strip():
        raise ConfigurationError(
            "The reason is empty.", hint="Say in a few words why, for those who see the skips."
        )
    now = deps.clock()
    _require_future(ends_at, now)
    everything = deps.store.registry.instances()
    covered = [item for item in everything if item.name == instance or (tag and tag in item.tags)]
    if instance is not None and not covered:
        raise ConfigurationError(
            f"The instance {instance!r} does not exist.", hint="See: sync-pipeline instances list."
        )
    new = NewWindow(
        starts_at=now,
        ends_at=ends_at,
        reason=reason.strip(),
        instance_id=covered[0].id if instance is not None else None,
        tag=tag,
        created_by=created_by,
    )
    return Started(deps.store.maintenance.start(new), len(covered))


def in_maintenance(deps: SyncDeps) -> frozenset[int]:
    """Return the ids of the instances that are in maintenance now."""
    windows = deps.store.maintenance.active(deps.clock())
    if not windows:
        return frozenset()
    everything = deps.store.registry.instances()
    return frozenset(item.id for item in everything if window_of(item, windows) is not None)


def _require_future(ends_at: datetime, now: datetime) -> None:
    if ends_at <= now:
        raise ConfigurationError(
            f"The end {ends_at:%Y-%m-%d %H:%M:%S} UTC is past.",
            hint="Give a time to come; without a zone it is UTC.",
        )
    if ends_at > now + timedelta(days=LONGEST_DAYS):
        raise ConfigurationError(
            f"The end {ends_at:%Y-%m-%d %H:%M:%S} UTC is more than {LONGEST_DAYS} days away.",
            hint="For good: sync-pipeline instances edit NAME --inactive.",
        )
