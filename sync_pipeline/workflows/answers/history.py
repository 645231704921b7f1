"""The state of accounts at a past moment, replayed from the change log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import LoggedChange
from sync_pipeline.model.inventory import ChangeFilter
from sync_pipeline.reconcile.replay import replay
from sync_pipeline.store.store import Store


@dataclass(frozen=True, slots=True)
class AccountAt:
    """One account as it was known at a moment."""

    instance: str
    state: AccountState
    is_active: bool


def accounts_at(store: Store, when: datetime, instance: str | None = None) -> tuple[AccountAt, ...]:
    """Return every account known at `when` (aware), in order of instance and name.

    Accounts that had disappeared by then are returned with their last state and
    `is_active` false.
    """
    changes = store.accounts.changes(
        ChangeFilter(instance=instance, until=when, limit=None, oldest_first=True)
    )
    by_instance = sorted(changes, key=_instance_of)
    return tuple(
        AccountAt(name, known.state, known.is_active)
        for name, logged in groupby(by_instance, key=_instance_of)
        for _, known in sorted(replay(entry.change for entry in logged).items())
    )


def _instance_of(entry: LoggedChange) -> str:
    return entry.instance
