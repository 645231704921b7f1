"""What a sync leaves of who uses the accounts."""

from __future__ import annotations

from sync_pipeline.collect.reading import AccountReading
from sync_pipeline.model.change import Reconciliation
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.use import NewUse
from sync_pipeline.reconcile.use import observed, unsampled
from sync_pipeline.workflows.dependencies import SyncDeps


def use_left(
    deps: SyncDeps,
    instance: Instance,
    reading: AccountReading,
    result: Reconciliation | None = None,
) -> NewUse | None:
    """Return what is written of the use of accounts; None: nothing is.

    `result` is what the sync changed; without, it found nothing changed.
    """
    if reading.use is None:
        return None
    known, at = deps.store.use.known(instance.id), reading.observed_at
    came = (*result.created, *result.reactivated) if result else ()
    have_moved = bool(came or (result and result.deactivated))
    if isinstance(reading.use, str):
        return unsampled(known, reading.use, at, have_moved=have_moved)
    returned = result.reactivated if result else ()
    return observed(known, reading.use, at, returned=returned, have_moved=have_moved)
