"""Replay of the change log: the state of every account at any moment that it reaches back to."""

from __future__ import annotations

from collections.abc import Iterable

from sync_pipeline.model.change import AccountChange, ChangeType, KnownAccount
from sync_pipeline.reconcile.diff import apply, blank, reversed_diff


def replay(changes: Iterable[AccountChange]) -> dict[str, KnownAccount]:
    """Return the accounts of one instance after all its changes, given oldest first.

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


def taken_back(
    present: Iterable[KnownAccount], changes: Iterable[AccountChange]
) -> dict[str, KnownAccount]:
    """Return the accounts of one instance before its last changes, given newest first.

    `present` are all there ever were. It is what `replay` returns of the changes before these,
    which need not be there any more.
    """
    accounts = {account.state.name: account for account in present}
    for change in changes:
        if change.change_type is ChangeType.ADD:
            del accounts[change.account]
            continue
        state = accounts[change.account].state
        accounts[change.account] = KnownAccount(
            state=apply(state, reversed_diff(change.diff)),
            is_active=change.change_type is not ChangeType.REACTIVATE,
        )
    return accounts
