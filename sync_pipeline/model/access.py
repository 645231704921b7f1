"""What an account can really do, by which path, and what a review asks of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from threading import Lock

from sync_pipeline.model.account import AccountState
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import Grant, Membership, SectionKey, SectionName, Securable
from sync_pipeline.model.server_fact import ServerFacts
from sync_pipeline.model.snapshot import SectionReport

EVERYTHING = "ALL"
"""The privilege of an account that may do anything."""
_ALWAYS = (SectionName.ACCOUNTS, SectionName.MEMBERSHIPS)
"""The sections of the server that are read on every engine."""
_NOTING = Lock()


@dataclass(slots=True)
class Turns:
    """The moments (aware) by which something was decided: until the next, all stays as it is.

    `last` is the latest of those that had come, `next` the earliest of those that had not.
    """

    last: datetime | None = None
    next: datetime | None = None

    @property
    def is_any(self) -> bool:
        """Return whether anything was decided by the time."""
        return self.last is not None or self.next is not None

    def note(self, moment: datetime, *, has_come: bool) -> None:
        """Remember that something was decided by whether a moment had come."""
        # Threads may ask one world: a moment that one of them notes must not be lost.
        with _NOTING:
            if has_come:
                self.last = moment if self.last is None else max(self.last, moment)
            else:
                self.next = moment if self.next is None else min(self.next, moment)


@dataclass(frozen=True, slots=True)
class AccessWorld:
    """One instance's active accounts as last synced, and how well each section was read.

    `asked_at` (UTC) is the moment at which dates such as a password's end are judged;
    without it they are not. It is asked through `has_come` alone, so that `turns` says for how
    long what was found holds. `platform` says whose the accounts are that a provider makes; what
    an account may do does not depend on it, nor on `server`, which is what the server is set to.
    """

    instance: str
    engine: EngineName
    version: str
    accounts: Mapping[str, AccountState]
    sections: Mapping[SectionKey, SectionReport] = field(default_factory=dict)
    asked_at: datetime | None = None
    platform: Platform = Platform.SELF_RUN
    server: ServerFacts = field(default_factory=ServerFacts, compare=False, repr=False)
    turns: Turns = field(default_factory=Turns, compare=False, repr=False)

    def has_come(self, moment: datetime) -> bool | None:
        """Return whether a moment (aware) has come; None: there is no clock."""
        if self.asked_at is None:
            return None
        found = moment <= self.asked_at
        self.turns.note(moment, has_come=found)
        return found

    @property
    def is_of_a_sync(self) -> bool:
        """Return whether a sync read the world: each says how it went with these, at least."""
        return any(SectionKey(name) in self.sections for name in _ALWAYS)

    def is_unread(self, key: SectionKey) -> bool:
        """Return whether a section was not read, or was left out by the sync that read others.

        Asked of sections that the engine reads. What was never synced is said as a whole.
        """
        report = self.sections.get(key)
        return self.is_of_a_sync if report is None else not report.is_known

    def unread(self, keys: Iterable[SectionKey]) -> tuple[Gap, ...]:
        """Return what is not known of sections, each once."""
        return tuple(
            Gap.of_section(key, self.sections.get(key))
            for key in dict.fromkeys(keys)
            if self.is_unread(key)
        )


class Availability(StrEnum):
    """Whether a privilege is in force at once, or after the account activates a role."""

    AT_LOGIN = "at login"
    AFTER_SET_ROLE = "after set role"


@dataclass(frozen=True, slots=True)
class Step:
    """One account on a path; `how` says how the one before it gets there (first: empty)."""

    account: str
    how: str = ""

    def __str__(self) -> str:
        return f"{self.account} ({self.how})" if self.how else self.account


Path = tuple[Step, ...]
"""From the account in question to the one that holds the privilege."""


def path_text(path: Path) -> str:
    """Return a path as people read it: `alice → reporting (member)`."""
    return " → ".join(map(str, path))


@dataclass(frozen=True, slots=True)
class EffectivePrivilege:
    """One privilege that an account has on one securable, by one path.

    `source` is what gives it at the path's end: the grant, `superuser`, `owner`, a fixed
    role, a covering privilege. A securable whose parts are empty stands for all of its
    kind. `lacking` says what else the account needs before it can use the privilege.
    """

    account: str
    privilege: str
    securable: Securable
    source: str
    path: Path
    grantable: bool = False
    availability: Availability = Availability.AT_LOGIN
    lacking: tuple[str, ...] = ()
    grant: Grant | None = field(default=None, compare=False, repr=False)
    """The grant at the path's end, where one gives it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether an account has a privilege on a securable.

    `held` are the ways in which it has it, those in force at login first, then shortest
    first. `denied` says what takes it away. `unknown` is what is not known and could change
    the answer: with any, a decision is not certain, held or not.
    """

    account: str
    privilege: str
    securable: Securable
    held: tuple[EffectivePrivilege, ...] = ()
    denied: tuple[str, ...] = ()
    unknown: tuple[Gap, ...] = ()

    @property
    def is_allowed(self) -> bool:
        """Return whether the account has it at login or after activating a role."""
        return bool(self.held)

    @property
    def is_allowed_at_login(self) -> bool:
        """Return whether the account has it without doing anything first."""
        return any(item.availability is Availability.AT_LOGIN for item in self.held)


class Effect(StrEnum):
    """What a rule of the server that no answer takes in changes."""

    LOGIN = "who logs in"
    WRITE = "who may write"
    ANY = "any privilege"


@dataclass(frozen=True, slots=True)
class ServerRule:
    """A rule of a product that stands beside its grants and that no answer takes in.

    `rule` is its name there, `text` what it does, as the end of a sentence.
    """

    product: str
    rule: str
    effect: Effect
    text: str

    def __str__(self) -> str:
        return f"{self.rule} ({self.text})"


class PowerKind(StrEnum):
    """Powers over other accounts and over everything, the greatest first."""

    SUPERUSER = "superuser"
    ADMINISTRATOR = "administrator"
    GRANT_ADMIN = "grant admin"
    DANGEROUS = "dangerous privilege"


class Gravity(StrEnum):
    """How much a dangerous privilege is worth to who should not have it.

    High: it leads to everything, or out to the host. Medium: it reads, changes or stops more
    than any grant on data does. Low: it hinders others, or hides what was done.
    """

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Danger:
    """Why a privilege is dangerous: `why` is the end of a sentence that begins with its name."""

    gravity: Gravity
    why: str


@dataclass(frozen=True, slots=True)
class Hold:
    """What an account has and one could take from it: a role, a grant, or an attribute.

    `is_option`: of the grant, the grant option alone. An attribute is named as the state has it.
    """

    account: str
    grant: Grant | None = None
    membership: Membership | None = None
    attribute: str = ""
    is_option: bool = False

    def __str__(self) -> str:
        if self.membership is not None:
            return f"the role {self.membership.role}"
        option = "the grant option of " if self.is_option else ""
        if self.grant is None:
            return self.attribute
        return f"{option}{self.grant.privilege} on {self.grant.securable}"


@dataclass(frozen=True, slots=True)
class Power:
    """A power that an account has, or can get by itself, with its path.

    A superuser may do everything. An administrator has the role that a managed service gives its
    customers in the place of a superuser. A grant admin may give itself or others privileges or
    roles that it does not have. A dangerous privilege (`danger` says why) is one on the server that
    reaches further than data; `source` is its bare name. `fix` is the statement that takes the
    power away where it is a property of an account and neither a grant nor a role that could be
    revoked; `undo` gives it back. `by` is what has to go for this way to end, where its path has
    no role that could be left. `kept` says why it can't be taken away. An inherent power is what
    the account was made for by the server, and nobody's to change.
    """

    kind: PowerKind
    source: str
    path: Path
    availability: Availability = Availability.AT_LOGIN
    fix: str = ""
    undo: str = field(default="", compare=False, repr=False)
    by: tuple[Hold, ...] = field(default=(), compare=False, repr=False)
    kept: str = field(default="", compare=False, repr=False)
    is_inherent: bool = field(default=False, compare=False, repr=False)
    danger: Danger | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What a review asks of any account. None: the engine does not know or has no such thing.

    `has_no_password`: an empty password lets one in, the worst of weak authentications.
    `is_system` accounts are the engine's own; `is_built_in` is the superuser that a new server
    begins with; `is_provider` marks those by which a managed service runs the server. Reasons
    (`weak_authentication`, `orphaned`) are sentences, empty where all is well; they never hold a
    password or a hash. `password_fix` is the statement that ends a weak authentication and leaves
    the account open, `password_undo` the one that takes it back, `orphaned_fix` the one that gives
    an orphan its login again; empty: nothing but closing it, or removing it, does. `unknown` is
    what no catalog says of the account, and could let it do more or less. `temporarily_locked`
    says how an account is locked whose lock ends by itself. `user` is what an account is called
    that has a host too. `has_no_account`: there are grants of the name, which others have, and
    nobody logs in with it. `login_advice` says by which statement a person gives the account a
    password that is kept by a better method. `requires_tls` says whether the account
    itself may log in by TLS alone, and `is_from_elsewhere` whether it may from another host.
    `unused_since` is the day from which on no login can have been missed (`last_used_at` may be
    older than a login that no catalog keeps).
    """

    is_system: bool = False
    is_built_in: bool = False
    is_provider: bool = False
    is_anonymous: bool = False
    is_any_host: bool = False
    authentication: str = ""
    weak_authentication: str = ""
    password_fix: str = ""
    password_undo: str = ""
    has_no_password: bool = False
    never_expires: bool | None = None
    is_expired: bool | None = None
    has_password_rules: bool | None = None
    never_used: bool | None = None
    last_used_at: datetime | None = None
    orphaned: str = ""
    orphaned_fix: str = ""
    unknown: tuple[Gap, ...] = ()
    temporarily_locked: str = ""
    user: str = ""
    login_advice: str = ""
    password_changed_at: datetime | None = None
    unused_since: datetime | None = None
    has_no_account: bool = False
    requires_tls: bool | None = None
    is_from_elsewhere: bool | None = None
