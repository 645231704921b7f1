"""What people are told about access, as records."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sync_pipeline.model.access import (
    AccountFacts,
    Decision,
    EffectivePrivilege,
    Power,
    ServerRule,
)
from sync_pipeline.model.account import AccountState, AttributeValue
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.privilege import Securable


class Verdict(StrEnum):
    """Whether an account has a privilege."""

    AT_LOGIN = "yes"
    AFTER_SET_ROLE = "after set role"
    DENIED = "denied"
    UNKNOWN = "unknown"


class Existence(StrEnum):
    """Whether an object is on an instance, as far as is known."""

    YES = "yes"
    LIKELY = "likely"
    """What it would lie in is there, and nothing names it."""
    MAY_BE = "may be"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Holder:
    """One account that has a privilege, would have it without a deny, or might have it.

    `stands_for_all` marks PUBLIC and guest: every account has it then. `is_own` marks what the
    engine made for itself, such as a predefined role, and `is_anonymous` who logs in without a
    name.
    """

    instance: str
    state: AccountState
    decision: Decision
    verdict: Verdict
    stands_for_all: bool = False
    is_own: bool = False
    existence: Existence = Existence.YES
    is_anonymous: bool = False


@dataclass(frozen=True, slots=True)
class Absence:
    """On which instances an object is not, and what is not there (`database shop`).

    Empty: nothing is known there by its name. `listed_at` (UTC) is when the oldest listing was made
    that says so; None: the last syncs of these accounts say it.
    """

    missing: str
    instances: tuple[str, ...]
    listed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WhoCan:
    """Who has a privilege on what a text names.

    `gaps` are sentences about what is not known: with none, all that the answer is made from
    was read. `not_modelled` are rules of the servers that it does not take in at all. `absent` says
    where the object is not, `unsure` are the instances on which it may be.
    """

    privilege: str
    text: str
    holders: tuple[Holder, ...]
    gaps: tuple[str, ...] = ()
    not_modelled: tuple[ServerRule, ...] = ()
    absent: tuple[Absence, ...] = ()
    unsure: tuple[str, ...] = ()
    is_found: bool = False
    """Whether the object is known to be on an instance."""
    alike: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """The gaps once more: what each says behind the names of the instances that it is said of."""

    @property
    def is_complete(self) -> bool:
        """Return whether nothing that was not read could change the answer."""
        return not self.gaps


@dataclass(frozen=True, slots=True)
class AccountAccess:
    """All that one account may do. `denied` says what takes something away, and from whom.

    `not_modelled` are rules of the server that stand beside all this.
    """

    instance: str
    state: AccountState
    facts: AccountFacts
    powers: tuple[Power, ...]
    privileges: tuple[EffectivePrivilege, ...]
    gaps: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    not_modelled: tuple[ServerRule, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessDifference:
    """One privilege that two accounts do not have alike; None: it does not have it.

    `unknown` is what is not known and could make the two equal.
    """

    privilege: str
    securable: Securable
    first: EffectivePrivilege | None
    second: EffectivePrivilege | None
    unknown: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class AttributeDifference:
    """A property that two accounts do not have alike; None: one has no such property."""

    name: str
    first: AttributeValue
    second: AttributeValue


@dataclass(frozen=True, slots=True)
class Alike:
    """How many of each two accounts have alike."""

    privileges: int = 0
    attributes: int = 0
    roles: int = 0


@dataclass(frozen=True, slots=True)
class AccessComparison:
    """How two accounts differ in what they may do, and beside it in what they are.

    Roles are those through any chain that the other has not. `everywhere` is what could change any
    answer about one of the instances: each difference names it among what is unknown, and so does
    `gaps`, once.
    """

    first: AccountAccess
    second: AccountAccess
    differences: tuple[AccessDifference, ...]
    powers_of_first: tuple[Power, ...] = ()
    powers_of_second: tuple[Power, ...] = ()
    everywhere: tuple[Gap, ...] = ()
    attributes: tuple[AttributeDifference, ...] = ()
    roles_of_first: tuple[str, ...] = ()
    roles_of_second: tuple[str, ...] = ()
    alike: Alike = field(default_factory=Alike)

    @property
    def gaps(self) -> tuple[str, ...]:
        """Return what is not known of either, once."""
        return tuple(dict.fromkeys((*self.first.gaps, *self.second.gaps)))

    @property
    def not_modelled(self) -> tuple[ServerRule, ...]:
        """Return the rules of either server that no answer takes in, once."""
        return tuple(dict.fromkeys((*self.first.not_modelled, *self.second.not_modelled)))

    @property
    def is_equal(self) -> bool:
        """Return whether the two may do the same, as far as is known."""
        return not (self.differences or self.powers_of_first or self.powers_of_second)
