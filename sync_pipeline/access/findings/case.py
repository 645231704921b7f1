"""What a rule is given: one instance, its accounts' facts and powers, its databases."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sync_pipeline.access.findings.apart import apart_from_all, own_powers
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.base import ReadsThrough
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import AccountFacts, Path, Power, PowerKind, Step
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.inventory import Databases
from sync_pipeline.model.privilege import SectionKey, SectionName, Securable
from sync_pipeline.model.server_fact import ServerFacts
from sync_pipeline.model.snapshot import SectionStatus
from sync_pipeline.model.use import WatchedUse


@dataclass(frozen=True, slots=True)
class Remedy:
    """What ends a finding, what takes that back, what is left all the same, and what breaks."""

    fix: str = ""
    undo: str = ""
    left: str = ""
    breaks: str = ""


BRANCH = (
    "With this account the instance is read, so no statement is shown that might stop that: give "
    "the work to another one first, made by the script of sync-pipeline grants."
)
"""What is said instead of a fix that would end the sync itself."""


LAST = (
    "No other account of yours administers this service, so no statement is shown that might lock "
    "you out: make a second administrator first."
)
"""What is said instead of a fix against the only administrator that a customer has."""
_ADMINISTERS = (PowerKind.SUPERUSER, PowerKind.ADMINISTRATOR, PowerKind.GRANT_ADMIN)


@dataclass(frozen=True, slots=True)
class Case:
    """One instance under review.

    `changed_at` says when each account last changed (UTC). `databases` is None where sizes
    were never collected. `monitor` is the user name with which the instance is read, and `use`
    who uses its accounts.
    """

    judged: Judged
    databases: Databases | None = None
    changed_at: Mapping[str, datetime] = field(default_factory=dict)
    monitor: str = ""
    use: WatchedUse = field(default_factory=WatchedUse)
    _found: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)
    _listed: list[datetime] = field(default_factory=list, repr=False)
    _members: dict[str, list[str]] = field(default_factory=dict, repr=False)
    _apart: list[Judged | None] = field(default_factory=list, repr=False)

    @property
    def listed_at(self) -> datetime | None:
        """Return the date of the listing of databases that something was decided by, so far."""
        return self._listed[0] if self._listed else None

    def listed_on(self, databases: Databases) -> datetime:
        """Return when the databases were listed, for a finding that depends on it."""
        self._listed[:] = [databases.observed_at]
        return databases.observed_at

    def states(self) -> Iterator[AccountState]:
        """Yield the accounts by name."""
        return self.judged.states()

    def users(self) -> Iterator[AccountState]:
        """Yield the accounts that can log in, now or as soon as a lock ends by itself."""
        return (state for state in self.states() if self.gets_in(state))

    def gets_in(self, state: AccountState) -> bool:
        """Return whether an account can log in, now or as soon as a lock ends by itself."""
        if self.facts(state.name).temporarily_locked:
            return True
        return state.can_login and not state.is_locked

    def facts(self, account: str) -> AccountFacts:
        """Return what the engine knows of an account."""
        return self.judged.facts(account)

    def powers(self, account: str, *kinds: PowerKind) -> tuple[Power, ...]:
        """Return the powers of these kinds, or of all."""
        return self.judged.powers(account, *kinds)

    def own_powers(self, account: str, *kinds: PowerKind) -> tuple[Power, ...]:
        """Return the powers of these kinds that an account has not only as everybody has them."""
        return own_powers(self.judged, self.apart, account, kinds)

    @property
    def apart(self) -> Judged | None:
        """Return the accounts as if everybody had nothing; None: what everybody has is no power."""
        if not self._apart:
            self._apart.append(apart_from_all(self.judged))
        return self._apart[0]

    def is_everyone(self, account: str) -> bool:
        """Return whether the account stands for all others."""
        return self.judged.rules.is_everyone(account)

    def is_monitor(self, account: AccountState) -> bool:
        """Return whether an account is the one with which the instance is read, on any host."""
        if not self.monitor or account.database:
            return False
        return account.name == self.monitor or account.name.startswith(f"'{self.monitor}'@")

    def is_branch(self, account: str) -> bool:
        """Return whether the instance is read with an account, or with a role that it needs.

        One that is a superuser itself needs none of its roles. As one role, a view reads for it.
        """
        if not self.monitor:
            return False
        key = f"branch {self.monitor}"
        if key not in self._found:
            accounts = self.judged.world.accounts.values()
            monitors = [state.name for state in accounts if self.is_monitor(state)]
            needing = (name for name in monitors if not self._is_superuser_itself(name))
            roles = (role for name in needing for role in self.judged.with_roles(name))
            self._found[key] = frozenset((*monitors, *roles, *self.read_through()))
        return account in self._found[key]

    def read_through(self) -> frozenset[str]:
        """Return by whose rights the script lets the monitoring account read."""
        engine = ENGINES[self.judged.world.engine]
        return engine.reads_through if isinstance(engine, ReadsThrough) else frozenset()

    def _is_superuser_itself(self, account: str) -> bool:
        powers = self.powers(account, PowerKind.SUPERUSER)
        return any(len(power.path) == 1 for power in powers)

    @property
    def server(self) -> ServerFacts:
        """Return what the server is set to. A fact that is not there is not known."""
        return self.judged.world.server

    def is_read(self, name: SectionName, database: str = "") -> bool:
        """Return whether all of a section is known: without it, nothing is said of what is in it.

        One that the server does not have is not read.
        """
        report = self.judged.world.sections.get(SectionKey(name, database))
        return report is not None and report.status is SectionStatus.READ

    def always_near(self) -> frozenset[str]:
        """Return the accounts that count for everybody: those of all, and superusers."""
        if "near" not in self._found:
            self._found["near"] = frozenset(
                state.name
                for state in self.states()
                if state.is_superuser or self.is_everyone(state.name)
            )
        return self._found["near"]

    def is_engines(self, securable: Securable) -> bool:
        """Return whether the engine made an object, and grants on it are its own."""
        schema, engine = securable.schema, ENGINES[self.judged.world.engine]
        return bool(schema) and (schema in engine.system_schemas or self.facts(schema).is_system)

    def is_expected(self, account: str) -> bool:
        """Return whether the engine itself made the account: system, or the first superuser."""
        facts = self.facts(account)
        return facts.is_system or facts.is_built_in

    def is_left_to_provider(self, account: str) -> bool:
        """Return whether an account is the provider's, and its findings are nothing of ours.

        A superuser of the provider's that an account of the customer may become is told.
        """
        if not self.facts(account).is_provider:
            return False
        state = self.judged.world.accounts.get(account)
        return not (state and state.is_superuser and account in self._roles_of_customers())

    def _roles_of_customers(self) -> frozenset[str]:
        """Return all roles that an account of the customer has, through any chain."""
        if "roles" not in self._found:
            own = (item.name for item in self.states() if not self.facts(item.name).is_provider)
            roles = (role for name in own for role in self.judged.with_roles(name) if role != name)
            self._found["roles"] = frozenset(roles)
        return self._found["roles"]

    def members(self, account: str) -> frozenset[str]:
        """Return who has an account as a role, through any chain: all others, of one for all."""
        if self.is_everyone(account):
            return frozenset(self.judged.world.accounts) - {account}
        if not self._members:
            for state in self.judged.world.accounts.values():
                for item in state.memberships:
                    self._members.setdefault(item.role, []).append(state.name)
            self._members.setdefault("", [])
        found: set[str] = set()
        waiting = list(self._members.get(account, ()))
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self._members.get(name, ()))
        return frozenset(found - {account})

    def whose(self, account: str) -> str:
        """Return what stands for an account and those of its user on other hosts, in a cause."""
        user = "" if self.is_expected(account) else self.facts(account).user
        return f"the user {user}" if user else account

    def finding(
        self,
        rule: str,
        severity: Severity,
        account: str,
        evidence: str,
        *,
        path: Path = (),
        remedy: Remedy = Remedy(),
        is_harmless: bool = False,
        about: str = "",
        cause: str = "",
        implied: str = "",
    ) -> Finding:
        """Return a finding of this instance; one of the server itself has no account.

        A fix that might end the sync is not shown, unless it `is_harmless` to who reads; nor is
        one against the only administrator that a customer of a service has. Without a `cause` of
        the rule's, it is the account's.
        """
        world = self.judged.world
        own = path or ((Step(account),) if account else ())
        if remedy.fix and self._administrators() == {account}:
            remedy = Remedy(left=LAST)
        if not is_harmless:
            remedy = self.shown(account, remedy)
        return Finding(
            world.instance,
            world.engine,
            account,
            rule,
            severity,
            evidence,
            own,
            remedy.fix,
            remedy.undo,
            remedy.left,
            about,
            breaks=(remedy.breaks or BREAKS) if remedy.fix else "",
            cause=cause_key(rule, cause or account or SERVER, about="" if cause else about),
            implied=implied,
        )

    def shown(self, account: str, remedy: Remedy) -> Remedy:
        """Return what is shown of a remedy that might end the sync."""
        if remedy.fix and self.is_branch(account):
            return Remedy(left=BRANCH)
        return remedy

    def _administrators(self) -> frozenset[str]:
        """Return who of the customer's administers a service; of a self-run server, nobody."""
        if not self.judged.world.platform.is_managed:
            return frozenset()
        if "administrators" not in self._found:
            self._found["administrators"] = frozenset(
                state.name
                for state in self.users()
                if not (self.facts(state.name).is_provider or self.is_expected(state.name))
                and self.powers(state.name, *_ADMINISTERS)
            )
        return self._found["administrators"]

    def by_person(self, account: str, left: str) -> Remedy:
        """Return that a person has to do something, for which no statement is safe."""
        return Remedy(left=BRANCH if self.is_branch(account) else left)


def ending(fix: str, undo: str, left: str, breaks: str) -> Remedy:
    """Return a remedy; where people do it and no statement, what breaks is told with what to do."""
    if fix:
        return Remedy(fix, undo, left, breaks)
    return Remedy(left=f"{left} {breaks}".strip())


BREAKS = "What uses the rights that the statements take, fails after them."
"""What breaks, where a rule does not say more."""
SERVER = "the server itself"
"""The cause of what is said of no account."""
_LONGEST_CAUSE = 200


def cause_key(rule: str, of: str, about: str = "") -> str:
    """Return what findings of one cause on one instance have in common."""
    text = f"{rule}: {of}" + (f" in {about}" if about else "")
    if len(text) <= _LONGEST_CAUSE:
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{text[:_LONGEST_CAUSE]} {digest}"


SHOWN = 5
"""Of many items, so many are told."""


def listed(items: Collection[str], most: int = SHOWN, total: int | None = None) -> str:
    """Return the first items as a list for people, and how many more there are.

    `total` says how many there are where no more than the first ones are at hand.
    """
    shown = list(items)[:most]
    count = len(items) if total is None else total
    more = f" and {count - most} more" if count > most else ""
    return ", ".join(shown) + more
