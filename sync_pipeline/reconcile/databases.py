"""Which databases came, went and came back. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from sync_pipeline.model.size import DatabaseReconciliation, KnownDatabase, SizeSnapshot
from sync_pipeline.reconcile.scope import Scope


def reconcile_databases(
    known: Sequence[KnownDatabase], snapshot: SizeSnapshot, scope: Scope
) -> DatabaseReconciliation:
    """Return what a snapshot changes in the inventory.

    A database vanishes only where the list of databases was whole and not empty: every
    server has one at least. Databases outside the scope neither come nor go.
    """
    active = {item.name: item.is_active for item in known}
    seen = tuple(sorted({item.name for item in snapshot.databases if scope.includes(item.name)}))
    is_whole = snapshot.inventory_is_complete and bool(snapshot.databases)
    present = {item.name for item in snapshot.databases}
    vanished = [
        name
        for name, is_active in active.items()
        if is_whole and is_active and name not in present and scope.includes(name)
    ]
    return DatabaseReconciliation(
        seen=seen,
        created=tuple(name for name in seen if name not in active),
        reactivated=tuple(name for name in seen if active.get(name) is False),
        vanished=tuple(sorted(vanished)),
    )
