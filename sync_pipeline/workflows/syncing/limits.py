"""Connections within the limits of this machine, and within the time of the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sync_pipeline.connect import Deadline, run_deadline
from sync_pipeline.errors import ConnectionLimit, Phase
from sync_pipeline.fleet.slots import Limit, NoSlotInTime, Slots
from sync_pipeline.model.instance import Instance, host_of
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.dependencies import SyncDeps

HOST, CREDENTIAL, ALL = "host", "credential", "all"
_SETTING = {
    HOST: "SYNC_PIPELINE_CONNECTIONS_PER_HOST",
    CREDENTIAL: "SYNC_PIPELINE_CONNECTIONS_PER_CREDENTIAL",
    ALL: "SYNC_PIPELINE_CONNECTIONS_IN_ALL",
}


@contextmanager
def connections_held(
    deps: SyncDeps, instance: Instance, count: int, ends_at: datetime | None = None
) -> Iterator[None]:
    """Hold the right to so many connections at once, for as long as the block takes.

    Raises:
        ConnectionLimit: no limit had room within the time of waiting.
        RunDeadline: the run's deadline, `ends_at`, passed meanwhile.
    """
    wait = deps.settings.connection_wait_seconds
    left = seconds_left(deps, ends_at)
    slots = Slots(deps.settings.home.absolute() / "limits")
    try:
        with slots.held(
            limits_of(deps.settings, instance), count, wait if left is None else min(wait, left)
        ):
            yield
    except NoSlotInTime as full:
        require_time(deps, instance, ends_at)
        raise _no_connection(full.limit, instance, wait) from None


def limits_of(settings: Settings, instance: Instance) -> list[Limit]:
    """Return the limits of an instance, in the order in which all are taken.

    The narrowest comes first: whoever waits for the host holds nothing of what the rest of
    the fleet needs.
    """
    limits = (
        Limit(HOST, host_of(instance), settings.connections_per_host),
        Limit(CREDENTIAL, instance.credential, settings.connections_per_credential),
        Limit(ALL, ALL, settings.connections_in_all),
    )
    return [limit for limit in limits if limit.most]


def deadline_of(deps: SyncDeps, instance: Instance, ends_at: datetime | None) -> Deadline:
    """Return when the work on an instance must end: by its own limit, or the run's if sooner."""
    own = instance.timeouts.total_seconds
    left = seconds_left(deps, ends_at)
    return Deadline(own) if left is None or own <= left else Deadline(left, is_of_run=True)


def require_time(
    deps: SyncDeps, instance: Instance, ends_at: datetime | None, done: str = "begun"
) -> None:
    """Raise RunDeadline where the run's deadline has passed."""
    if seconds_left(deps, ends_at) == 0:
        raise run_deadline(done).at(instance.name, Phase.CONNECT)


def seconds_left(deps: SyncDeps, ends_at: datetime | None) -> float | None:
    """Return the seconds until the run's deadline, never below 0; None: it has none."""
    return None if ends_at is None else max(0.0, (ends_at - deps.clock()).total_seconds())


def _no_connection(limit: Limit, instance: Instance, waited: float) -> ConnectionLimit:
    where = {
        HOST: f"to {limit.name}",
        CREDENTIAL: f"with the credential {limit.name}",
        ALL: "from this machine",
    }[limit.kind]
    return ConnectionLimit(
        f"No connection {where} was free within {waited:g} seconds: all {limit.most} are taken.",
        instance=instance.name,
        phase=Phase.CONNECT,
        hint=f"Raise {_SETTING[limit.kind]} or SYNC_PIPELINE_CONNECTION_WAIT_SECONDS.",
    )
