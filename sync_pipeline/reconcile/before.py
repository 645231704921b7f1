"""What the accounts were before a sync, as they are to be compared with what they are. Pure.

What is seen for the first time was there before, for all that is known. So it is put into the state
of before: what then differs is what somebody changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import ChangeType, KnownAccount, Reconciliation
from sync_pipeline.reconcile.diff import apply, blank
from sync_pipeline.reconcile.scope import Scope


def states_before(known: Iterable[KnownAccount], result: Reconciliation) -> dict[str, AccountState]:
    """Return the accounts that were there, with what only became visible by the sync.

    `known` are those of the store with all of their grants.
    """
    states = {item.state.name: item.state for item in known if item.is_active}
    for name, seen in result.visible.items():
        states[name] = apply(states.get(name) or blank(name), seen)
    return states


def with_left_out(result: Reconciliation, scope: Scope) -> Reconciliation:
    """Return the same, where accounts that the scope of the last sync left out were there already.

    Somebody changed what is looked after, and no account.
    """
    found = {
        change.account: change.diff
        for change in result.changes
        if change.change_type is ChangeType.ADD and not scope.includes(change.account)
    }
    return replace(result, visible={**result.visible, **found}) if found else result
