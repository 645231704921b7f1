"""What is asked of past moments, and an instance as the store knows it of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sync_pipeline.model.change import AccountChange, KnownAccount, LoggedChange
from sync_pipeline.model.inventory import Databases
from sync_pipeline.model.privilege import SectionKey
from sync_pipeline.model.snapshot import SectionReport

TakeBack = Callable[[Iterable[KnownAccount], Iterable[AccountChange]], dict[str, KnownAccount]]
"""Takes changes, given newest first, back from the accounts that there are."""


@dataclass(frozen=True, slots=True)
class LastSync:
    """The last account sync that completed until a moment: when, and what its record tells."""

    completed_at: datetime
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredPast:
    """One instance at a moment.

    `accounts` are all that were known then, with their states of then. `sections` are those of
    now, and of databases that are gone. `is_latest`: no sync has completed since, so that these
    are those of then. `sync` is None where no record of a sync before is kept; `is_synced` says
    whether there was one. `databases` is what the size collection knew. `damage` says why the
    accounts of then can't be told; empty: they can.
    """

    accounts: Mapping[str, KnownAccount] = field(default_factory=dict)
    sections: Mapping[SectionKey, SectionReport] = field(default_factory=dict)
    is_latest: bool = False
    is_synced: bool = False
    sync: LastSync | None = None
    databases: Databases | None = None
    damage: str = ""


@dataclass(frozen=True, slots=True)
class StoredSince:
    """One instance now, and what changed on it since a moment, newest first.

    `known` are all accounts that are or were there, `sections` how the last sync read each. `then`
    is the instance at that moment but for its accounts, which follow from the changes. `first_sync`
    is what its first sync tells, where that came later and its record is kept.
    """

    known: Sequence[KnownAccount]
    sections: Mapping[SectionKey, SectionReport]
    changes: Sequence[LoggedChange]
    then: StoredPast
    sections_ever: Mapping[SectionKey, SectionReport]
    first_sync: LastSync | None = None


@dataclass(frozen=True, slots=True)
class Which:
    """An account: its name, its instance's, and the moment (UTC) of which is asked; None: now."""

    instance: str
    account: str
    at: datetime | None = None
