"""What is known of an instance's accounts, made again of the change log where it is damaged."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sync_pipeline.errors import StoreDamaged
from sync_pipeline.model.change import ChangeType, KnownAccounts, LoggedChange
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.inventory import ChangeFilter
from sync_pipeline.reconcile.replay import replay
from sync_pipeline.workflows.dependencies import SyncDeps

MENDED = (
    "What the store kept of its accounts was not what was written. It was made again of the "
    "change log."
)
_LOG = logging.getLogger(__name__)


def known_or_mended(deps: SyncDeps, instance: Instance) -> tuple[KnownAccounts, tuple[str, ...]]:
    """Return every account that was ever seen on an instance, and a warning where it was mended.

    Raises:
        StoreDamaged: what is stored is not what was written, and the change log does not go back
            to the first sight of each account.
    """
    store = deps.store.accounts
    try:
        return store.all_known(instance.id), ()
    except StoreDamaged as error:
        whole = ChangeFilter(instances=(instance.id,), limit=None, oldest_first=True)
        entries = store.changes(whole)
        if not _is_whole(entries):
            raise
        _LOG.warning("%s", error)
    store.put_again(instance.id, replay(entry.change for entry in entries), deps.clock())
    return store.all_known(instance.id), (MENDED,)


def _is_whole(entries: Sequence[LoggedChange]) -> bool:
    """Return whether entries tell of each account from when it was seen first."""
    first: dict[str, ChangeType] = {}
    for entry in entries:
        first.setdefault(entry.change.account, entry.change.change_type)
    return bool(first) and set(first.values()) == {ChangeType.ADD}
