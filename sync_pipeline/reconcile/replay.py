"""Replay of the change log: the state of every account at any past moment."""

from __future__ import annotations

from collections.abc import Iterable

from sync_pipeline.model.change import AccountChange, ChangeType, KnownAccount
from sync_pipeline.reconcile.diff import apply, blank


def replay(changes: Iterable[AccountChange]) -> dict[str, KnownAccount]:
    """Return the accounts of one instance after its changes, given oldest first.

    A removed account keeps its last state and is not active, as in the store.
    """
    accounts: dict[str, KnownAccount] = {}
    for change in changes:
        last = accounts.get(change.account)
        state = last.state if last else blank(change.account)
        accounts[change.account] = KnownAccount(
            state=apply(state, change.diff), is_active=change.change_type is not ChangeType.REMOVE
        )
    return accounts
