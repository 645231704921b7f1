"""Changes of accounts: what reconciliation yields and the change log keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntFlag, StrEnum

from sync_pipeline.model.account import AccountState, AttributeValue
from sync_pipeline.model.privilege import AccountSetting, Grant, Membership, SectionKey
from sync_pipeline.model.snapshot import SectionReport


class ChangeType(StrEnum):
    """Kinds of entries of the account change log."""

    ADD = "add"
    REMOVE = "remove"
    REACTIVATE = "reactivate"
    MODIFY_PRIVILEGE = "modify_privilege"
    MODIFY_OTHER = "modify_other"


class Effect(IntFlag):
    """What a change does to the rights of its account, as far as the change itself says it.

    A power is what makes a superuser, a grant admin or is dangerous (`engines/powers.py`); it is a
    right, too. `UNKNOWN`: a version wrote the change that did not say it.
    """

    NONE = 0
    GIVES = 1
    TAKES = 2
    GIVES_POWER = 4
    TAKES_POWER = 8
    UNKNOWN = 16


OF_POWER = Effect.GIVES_POWER | Effect.TAKES_POWER


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of an account, before and after; None where it was or is absent."""

    name: str
    before: AttributeValue
    after: AttributeValue
    is_absent_before: bool = False
    is_absent_after: bool = False


@dataclass(frozen=True, slots=True)
class AccountDiff:
    """What must be done to one state to get another; `apply` in reconcile does it."""

    fields: tuple[FieldChange, ...] = ()
    grants_added: tuple[Grant, ...] = ()
    grants_removed: tuple[Grant, ...] = ()
    memberships_added: tuple[Membership, ...] = ()
    memberships_removed: tuple[Membership, ...] = ()
    settings_added: tuple[AccountSetting, ...] = ()
    settings_removed: tuple[AccountSetting, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Return whether the two states were equal."""
        return not (
            self.fields
            or self.grants_added
            or self.grants_removed
            or self.memberships_added
            or self.memberships_removed
            or self.settings_added
            or self.settings_removed
        )


@dataclass(frozen=True, slots=True)
class AccountChange:
    """One entry of the change log, before it is written.

    `lines` is what of it is worth telling, one sentence a line; `diff` is all of it, which
    replay applies.
    """

    account: str
    change_type: ChangeType
    diff: AccountDiff
    lines: tuple[str, ...]
    effect: Effect = field(default=Effect.NONE, compare=False)


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """One entry of the change log, as the store returns it (`changed_at` is UTC).

    `is_baseline`: the first sync of the instance found the account.
    """

    id: int
    instance: str
    session_id: str
    changed_at: datetime
    change: AccountChange
    is_baseline: bool = False


@dataclass(frozen=True, slots=True)
class Baseline:
    """How many accounts the first sync of an instance found (`changed_at` is UTC)."""

    instance: str
    session_id: str
    changed_at: datetime
    accounts: int

    @property
    def line(self) -> str:
        """Return what there is to tell."""
        return f"first sync: {self.accounts} account{'' if self.accounts == 1 else 's'} found"


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """An account as the store knows it, before a sync; `changed_at` (UTC) where it is known."""

    state: AccountState
    is_active: bool
    changed_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class KnownAccounts:
    """All accounts ever seen on an instance; `digest` tells this state of them from others."""

    accounts: tuple[KnownAccount, ...]
    digest: str | None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The outcome of comparing the last state with a new snapshot of one instance.

    Counts: `created`, `reactivated`, `deactivated` are of the inventory; `permissions_*`
    of the permission snapshots. `states` are the accounts to write, active ones, whose
    permissions were created or updated; `seen` names every account that exists.
    `sections` says how reading each section ended. `is_baseline`: no account was known before.
    `own` are those that the engine made for itself: they are written, and not counted for people.
    `visible` is, by account, the part of its change that only became visible, and was so before
    perhaps: all that there is of an account which was there already.
    """

    changes: tuple[AccountChange, ...]
    states: tuple[AccountState, ...]
    seen: tuple[str, ...]
    deactivated: tuple[str, ...]
    created: tuple[str, ...]
    reactivated: tuple[str, ...]
    permissions_created: int
    permissions_updated: int
    permissions_unchanged: int
    sections: Mapping[SectionKey, SectionReport] = field(default_factory=dict)
    is_baseline: bool = False
    own: frozenset[str] = frozenset()
    visible: Mapping[str, AccountDiff] = field(default_factory=dict)

    @property
    def active(self) -> int:
        """Return how many accounts exist beside the engine's own."""
        return len(self.of_people(self.seen))

    def of_people(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return those of some names that are not of the engine's own."""
        return tuple(name for name in names if name not in self.own)
