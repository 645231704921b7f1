"""Accounts and databases as the store returns them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import ChangeType
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import SectionKey, Securable, SecurableKind
from sync_pipeline.model.server_fact import ServerFact
from sync_pipeline.model.snapshot import SectionReport


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """Which accounts to list. `name` is a LIKE pattern that matches the whole name.

    `instances` are the ids of those whose accounts are wanted; None: all. `with_own`: also those
    that the engines made for themselves. `since` and `until` (UTC) are of the last change.
    """

    instances: tuple[int, ...] | None = None
    name: str | None = None
    only_active: bool = True
    only_superusers: bool = False
    only_locked: bool = False
    limit: int | None = 1000
    with_own: bool = False
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account with its permissions and dates (UTC), as last synced.

    `platform` is whose service its instance is.
    """

    instance: str
    engine: str
    state: AccountState
    is_active: bool
    first_seen_at: datetime
    last_seen_at: datetime
    deleted_at: datetime | None
    last_sync_at: datetime
    last_change_at: datetime
    session_id: str
    platform: Platform = Platform.SELF_RUN


@dataclass(frozen=True, slots=True)
class Databases:
    """What the size collection knows of an instance's databases.

    `present` were there at `observed_at` (UTC), the last look; `vanished` had been there before.
    LIKE patterns of what is never listed are `excluded`.
    """

    present: frozenset[str]
    vanished: frozenset[str]
    observed_at: datetime
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """What tells where an object may be, beside the accounts: the databases of an instance.

    `databases` are as the size collection listed them, by the account `monitor`; None: never.
    `changed_at` says when each account last changed (UTC). LIKE patterns of accounts that are
    left out of the sync are `excluded_accounts`.
    """

    databases: Databases | None = None
    monitor: str = ""
    changed_at: Mapping[str, datetime] = field(default_factory=dict)
    excluded_accounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Which entries of the change log to list. Times are UTC, `[since, until]`.

    `instances` are the ids of those whose changes are wanted; None: all.
    Without `with_baselines`, those of the first sync of each instance are left out; without
    `with_silent`, those that were written with nothing to tell; without `with_own`, of these only
    that accounts which the engine made for itself came or went. `with_damaged`: an entry that can't
    be read says so in its line, and is no error.
    """

    instances: tuple[int, ...] | None = None
    account: str | None = None
    session_id: str | None = None
    change_types: tuple[ChangeType, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = 200
    oldest_first: bool = False
    with_baselines: bool = True
    with_silent: bool = True
    with_own: bool = True
    with_damaged: bool = False


@dataclass(frozen=True, slots=True)
class StoredAccess:
    """One instance's active accounts, with when each last changed (UTC), and its sections.

    `sections` are those of the last sync; none: it was never synced. `databases` is None
    where sizes were never collected. `is_damaged`: the accounts can't be read, as a section says.
    `mark` tells what the last sync left from what any other one does.
    """

    accounts: Mapping[str, AccountState] = field(default_factory=dict)
    changed_at: Mapping[str, datetime] = field(default_factory=dict)
    sections: Mapping[SectionKey, SectionReport] = field(default_factory=dict)
    databases: Databases | None = None
    is_damaged: bool = False
    server_facts: tuple[ServerFact, ...] = ()
    mark: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class SecurableColumns:
    """Distinct securables as columns of numbers of texts; `kinds` are those of the numbers."""

    texts: Sequence[str]
    kinds: Mapping[int, SecurableKind]
    kind: Sequence[int]
    database: Sequence[int]
    schema: Sequence[int]
    name: Sequence[int]
    column: Sequence[int]
    catalog: Sequence[int]

    def __len__(self) -> int:
        """Return how many securables there are."""
        return len(self.kind)

    @property
    def columns(self) -> tuple[Sequence[int], ...]:
        """Return a column for each part of a securable, in their order."""
        return self.kind, self.database, self.schema, self.name, self.column, self.catalog


def no_securable(_on: Securable) -> bool:
    """Return that nothing is wanted because of what it is on."""
    return False


def no_holder(_name: str) -> bool:
    """Return that nothing is wanted because of its holder."""
    return False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which grants a question needs: on some securables, of some holders, of some privileges.

    All are asked once for each securable, account and privilege, however many grants there are.
    Denies, and grants that are not recognised, come in any case: they can change each answer.
    `of_columns` is asked in the place of `of_securable`, once for all together: zero is "no".
    """

    of_securable: Callable[[Securable], bool]
    of_holder: Callable[[str], bool]
    of_privilege: Callable[[str], bool] = lambda _: False
    of_columns: Callable[[SecurableColumns], Sequence[int]] | None = None


def _each(_item: object) -> bool:
    return True


EVERY_GRANT = Wanted(_each, _each)
