"""A small engine's access rules in memory, and worlds for them.

These are no rules of a real engine, but whole and honest ones: grants reach through roles
(those that are not `default` after SET ROLE), `public` stands for all, a superuser may do
everything also through a role, a deny on the way takes a privilege away, the owner of a
database may grant on it, and a section that was not read is named as unknown. Facts are
read from the account's attributes, under the names of the fields of `AccountFacts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from hypothesis import strategies as st

from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.access.contract import split_kind
from sync_pipeline.engines.access.links import reach
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.access import (
    EVERYTHING,
    AccessWorld,
    AccountFacts,
    Availability,
    Decision,
    EffectivePrivilege,
    Path,
    Power,
    PowerKind,
)
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import (
    Grant,
    Membership,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.snapshot import SectionReport, SectionStatus

PUBLIC = "public"
SERVER = Securable(SecurableKind.SERVER)
READ = SectionReport(SectionStatus.READ)
ALL_READ = {SectionKey(name): READ for name in SectionName}
_FACTS = {item.name for item in fields(AccountFacts)}


@dataclass(frozen=True)
class SimpleAccess:
    """The rules over one world."""

    world: AccessWorld

    def decide(self, account: str, privilege: str, securable: Securable) -> Decision:
        if account not in self.world.accounts:
            return Decision(account, privilege, securable)
        ways = self._ways(account)
        held = [
            entry
            for path in ways.values()
            for entry in self._held_at(account, path, privilege, securable)
        ]
        denied = tuple(
            f"{grant} to {name}"
            for name in ways
            for grant in self._grants(name)
            if grant.deny and (grant.privilege, grant.securable) == (privilege, securable)
        )
        if denied and not any(entry.source == "superuser" for entry in held):
            held = []
        unknown = self.world.unread([securable.section])
        held.sort(key=lambda item: (item.availability != Availability.AT_LOGIN, len(item.path)))
        return Decision(account, privilege, securable, tuple(held), denied, unknown)

    def everything(self, account: str) -> Sequence[EffectivePrivilege]:
        if any(power.kind is PowerKind.SUPERUSER for power in self.powers(account)):
            return self.decide(account, EVERYTHING, SERVER).held[:1]
        items = dict.fromkeys(
            (grant.privilege, grant.securable)
            for name in self._ways(account)
            for grant in self._grants(name)
        )
        decisions = (self.decide(account, *item) for item in items)
        return [found.held[0] for found in decisions if found.held]

    def securables(self, text: str) -> Sequence[Securable]:
        try:
            kind, parts = split_kind(text)
        except ValueError as error:
            raise ConfigurationError(f"{error}.") from None
        known = {grant.securable for name in self.world.accounts for grant in self._grants(name)}
        found = [
            item
            for item in sorted(known)
            if kind in ("", item.kind)
            and parts == tuple(filter(None, (item.database, item.schema, item.name, item.column)))
        ]
        if not found:
            raise ConfigurationError(f"{text!r} names nothing on {self.world.instance}.")
        return found

    def powers(self, account: str) -> Sequence[Power]:
        found = []
        for name, path in self._ways(account).items():
            state = self.world.accounts.get(name)
            when = self._availability(path)
            if state and state.is_superuser:
                found.append(Power(PowerKind.SUPERUSER, "superuser", path, when))
            if any(item.privilege == "CREATE USER" for item in self._grants(name)):
                found.append(Power(PowerKind.GRANT_ADMIN, "CREATE USER", path, when))
        return found

    def facts(self, account: str) -> AccountFacts:
        state = self.world.accounts.get(account)
        known: dict[str, Any] = dict(state.attributes) if state else {}
        return AccountFacts(**{name: known[name] for name in known if name in _FACTS})

    def is_everyone(self, account: str) -> bool:
        return account == PUBLIC

    def is_write(self, privilege: str) -> bool:
        return privilege not in ("SELECT", "CONNECT", "USAGE")

    def revoke(self, account: str, grant: Grant) -> str:
        return f"REVOKE {grant.privilege} ON {grant.securable} FROM {account};"

    def revoke_option(self, account: str, grant: Grant) -> str:
        return f"REVOKE GRANT OPTION FOR {grant.privilege} ON {grant.securable} FROM {account};"

    def revoke_role(self, account: str, membership: Membership) -> str:
        return f"REVOKE {membership.role} FROM {account};"

    def disable(self, account: str) -> str:
        return f"DISABLE {account};"

    def drop(self, account: str) -> str:
        return f"DROP {account};"

    def expire(self, account: str) -> str:
        return f"EXPIRE {account};"

    def _ways(self, account: str) -> dict[str, Path]:
        found = {name: link.path for name, link in reach(account, self._roles).items()}
        if account != PUBLIC and PUBLIC in self.world.accounts:
            found.update(
                {
                    name: (*found[account][:1], *link.path)
                    for name, link in reach(PUBLIC, self._roles).items()
                    if name not in found
                }
            )
        return found

    def _roles(self, account: str) -> Iterable[tuple[str, str]]:
        state = self.world.accounts.get(account)
        for item in state.memberships if state else ():
            yield item.role, "set role" if item.default is False else "member"

    def _grants(self, account: str) -> tuple[Grant, ...]:
        state = self.world.accounts.get(account)
        return state.grants if state else ()

    def _availability(self, path: Path) -> Availability:
        needs_set = any(step.how == "set role" for step in path)
        return Availability.AFTER_SET_ROLE if needs_set else Availability.AT_LOGIN

    def _held_at(
        self, account: str, path: Path, privilege: str, securable: Securable
    ) -> Iterable[EffectivePrivilege]:
        name, when = path[-1].account, self._availability(path)
        state = self.world.accounts.get(name)
        if state and state.is_superuser:
            yield EffectivePrivilege(account, privilege, securable, "superuser", path, True, when)
        for grant in self._grants(name):
            if not grant.deny and (grant.privilege, grant.securable) == (privilege, securable):
                yield EffectivePrivilege(
                    account, privilege, securable, str(grant), path, grant.grantable, when
                )


def access_rules(_engine: object, world: AccessWorld) -> SimpleAccess:
    """Stand in for a method of an engine."""
    return SimpleAccess(world)


def table(name: str, database: str = "shop") -> Securable:
    return Securable(SecurableKind.TABLE, database, "", name)


def account(
    name: str,
    *grants: Grant,
    roles: Sequence[str | Membership] = (),
    kind: AccountKind = AccountKind.USER,
    can_login: bool = True,
    locked: bool = False,
    superuser: bool = False,
    database: str = "",
    **facts: Any,
) -> AccountState:
    memberships = [Membership(item) if isinstance(item, str) else item for item in roles]
    return AccountState(
        name,
        kind,
        can_login,
        locked,
        superuser,
        database,
        tuple(facts.items()),
        tuple(memberships),
        (),
        grants,
    ).canonical()


def judged(
    *accounts: AccountState,
    instance: str = "db",
    engine: EngineName = EngineName.POSTGRESQL,
    sections: Mapping[SectionKey, SectionReport] = ALL_READ,
) -> Judged:
    by_name = {item.name: item for item in accounts}
    world = AccessWorld(instance, engine, "1.0", by_name, sections)
    return Judged(world, SimpleAccess(world))


NAMES = ("alice", "bob", "carol", "readers", "writers", PUBLIC)
securables = st.sampled_from([table("orders"), table("items"), table("orders", "old"), SERVER])
privileges = st.sampled_from(["SELECT", "INSERT", "CREATE USER"])
grants = st.builds(
    Grant,
    securables,
    privileges,
    grantable=st.booleans(),
    deny=st.sampled_from([False] * 4 + [True]),
)


_FLAGS = ("never_expires", "never_used", "is_expired", "is_any_host", "is_anonymous", "is_system")
_names = st.lists(st.sampled_from(NAMES), unique=True, min_size=1)
_statuses = st.sampled_from([SectionStatus.READ] * 3 + [SectionStatus.DENIED])
_grants = st.lists(grants, max_size=4)
_seldom = st.sampled_from([False] * 5 + [True])
_weakness = st.sampled_from(["", "It has no password."])


@cache
def _memberships(names: tuple[str, ...]) -> st.SearchStrategy[list[Membership]]:
    defaults = st.sampled_from([None, True, False])
    one = st.builds(Membership, role=st.sampled_from(names), default=defaults)
    return st.lists(one, max_size=2)


@st.composite
def worlds(draw: st.DrawFn, instance: str = "db") -> Judged:
    """A world in which anybody may be a member of anybody."""
    names = draw(_names)
    memberships = _memberships(tuple(names))
    sections = {key: SectionReport(draw(_statuses), "no right") for key in ALL_READ}
    states = [
        account(
            name,
            *draw(_grants),
            roles=draw(memberships),
            can_login=draw(st.booleans()),
            locked=draw(st.booleans()),
            superuser=draw(_seldom),
            **{flag: draw(st.booleans()) for flag in _FLAGS},
            weak_authentication=draw(_weakness),
        )
        for name in names
    ]
    return judged(*states, instance=instance, sections=sections)
