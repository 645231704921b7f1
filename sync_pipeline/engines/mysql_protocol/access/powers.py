"""Powers over other accounts: who is a superuser, who can become one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from sync_pipeline.engines.mysql_protocol.access.levels import GRANT_OPTION
from sync_pipeline.engines.mysql_protocol.access.sessions import Activation
from sync_pipeline.model.access import (
    EVERYTHING,
    Availability,
    Danger,
    EffectivePrivilege,
    Hold,
    Path,
    Power,
    PowerKind,
)
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind

_SERVER = Securable(SecurableKind.SERVER)
_OWN_DATABASE = "mysql"
_ALL = "ALL PRIVILEGES with GRANT OPTION"


class Rules(Protocol):
    """What is asked of an engine to find powers."""

    superuser_words: tuple[str, ...]
    grant_admin_words: tuple[str, ...]
    grant_tables: tuple[str, ...]

    @property
    def dangers_granted(self) -> Mapping[str, Danger]:
        """Return the dangerous privileges that anybody has on the server, and why they are."""
        ...

    @property
    def stand_in(self) -> str:
        """Return the role that a managed service gives in the place of a superuser."""
        ...

    @property
    def service(self) -> str:
        """Return how the provider of the server calls it."""
        ...

    def roles_reached(self, account: str) -> Iterable[tuple[Path, Availability]]:
        """Return the ways to each role that sessions of an account can stand in."""
        ...

    def to(self, account: str) -> str:
        """Return an account as statements name it."""
        ...

    def activations(self, account: str) -> Sequence[Activation]:
        """Return how sessions of an account may stand."""
        ...

    def gives(self, account: str, activation: Activation, database: str) -> bool:
        """Return whether a session has anything on the server, or on its tables of grants."""
        ...

    def held(
        self, account: str, activation: Activation, word: str, on: Securable
    ) -> Iterable[EffectivePrivilege]:
        """Return the ways in which a session of the account has a privilege."""
        ...

    def role_admins(self, account: str) -> Iterable[tuple[Path, Availability, str]]:
        """Return the roles that an account may grant."""
        ...

    def server_grants(self, account: str) -> Sequence[Grant]:
        """Return what an account itself was granted on the server."""
        ...

    def restore_all(self, account: str, grants: Sequence[Grant]) -> str:
        """Return the statements that give privileges of the server back."""
        ...

    def must_stay(self, account: str) -> str:
        """Return why the server's privileges of an account are not taken away; empty: they are."""
        ...

    def memberships_of(self, account: str, role: str) -> Sequence[Membership]:
        """Return by which memberships an account has a role."""
        ...


def powers_of(rules: Rules, account: str) -> tuple[Power, ...]:
    """Return the powers of an account, those of its login first, each by its best path."""
    found: dict[tuple[object, ...], Power] = {}
    for power in (
        *_by_privileges(rules, account),
        *_by_stand_in(rules, account),
        *_by_roles(rules, account),
    ):
        found.setdefault((power.kind, power.source, power.path[-1].account), power)
    return tuple(found.values())


def dangers_of(rules: Rules, account: str) -> tuple[Power, ...]:
    """Return the dangerous privileges of an account, those of its login first.

    None of a superuser: whoever has all has these, too.
    """
    found: dict[tuple[object, ...], Power] = {}
    for activation in _powerful(rules, account) if rules.dangers_granted else ():
        for word, danger in rules.dangers_granted.items():
            for item in rules.held(account, activation, word, _SERVER):
                power = replace(_power(rules, PowerKind.DANGEROUS, word, item), danger=danger)
                found.setdefault((word, item.path[-1].account), power)
    return tuple(found.values())


def _powerful(rules: Rules, account: str) -> Iterator[Activation]:
    """Yield the sessions that have something of which a power can come."""
    for activation in rules.activations(account):
        if rules.gives(account, activation, _OWN_DATABASE):
            yield activation


def _by_privileges(rules: Rules, account: str) -> Iterator[Power]:
    for activation in _powerful(rules, account):
        for item in rules.held(account, activation, EVERYTHING, _SERVER):
            if item.grantable:
                yield _all(rules, item)
        for word in rules.superuser_words:
            for item in rules.held(account, activation, word, _SERVER):
                yield _power(rules, PowerKind.SUPERUSER, word, item)
        for word in (*rules.grant_admin_words, GRANT_OPTION):
            for item in rules.held(account, activation, word, _SERVER):
                power = _power(rules, PowerKind.GRANT_ADMIN, f"{word} on the server", item)
                yield _by_option(power) if word == GRANT_OPTION else power
        yield from _by_tables(rules, account, activation)


def _by_tables(rules: Rules, account: str, activation: Activation) -> Iterator[Power]:
    """Whoever may write the grant tables gives itself any right at the next reload.

    Source: MySQL 8.4 Reference Manual, 8.2.13 When Privilege Changes Take Effect.
    """
    for table in rules.grant_tables:
        on = Securable(SecurableKind.TABLE, _OWN_DATABASE, "", table)
        for word in ("INSERT", "UPDATE"):
            for item in rules.held(account, activation, word, on):
                yield _power(rules, PowerKind.GRANT_ADMIN, f"{word} on mysql.{table}", item)


def _by_stand_in(rules: Rules, account: str) -> Iterator[Power]:
    for path, availability in rules.roles_reached(account) if rules.stand_in else ():
        if path[-1].account == rules.stand_in:
            source = f"{rules.stand_in}, which {rules.service} gives in the place of a superuser"
            is_itself = len(path) == 1
            yield Power(PowerKind.ADMINISTRATOR, source, path, availability, is_inherent=is_itself)


def _by_roles(rules: Rules, account: str) -> Iterator[Power]:
    for path, availability, role in rules.role_admins(account):
        holder = path[-1].account
        by = tuple(
            Hold(holder, membership=item)
            for item in rules.memberships_of(holder, role)
            if item.admin
        )
        source = f"ADMIN OPTION on role {role}"
        yield Power(PowerKind.GRANT_ADMIN, source, path, availability, by=by)


def _all(rules: Rules, item: EffectivePrivilege) -> Power:
    """Return the power of all privileges with the option, which go by two statements."""
    account = item.path[-1].account
    power = _power(rules, PowerKind.SUPERUSER, _ALL, item)
    if power.kept:
        return power
    holder, grants = rules.to(account), rules.server_grants(account)
    fix = f"REVOKE ALL PRIVILEGES ON *.* FROM {holder};\nREVOKE GRANT OPTION ON *.* FROM {holder};"
    by = tuple(Hold(account, grant) for grant in grants)
    return replace(power, fix=fix, undo=rules.restore_all(account, grants), by=by)


def _by_option(power: Power) -> Power:
    return replace(power, by=tuple(replace(hold, is_option=True) for hold in power.by))


def _power(rules: Rules, kind: PowerKind, source: str, item: EffectivePrivilege) -> Power:
    holder, grant = item.path[-1].account, item.grant
    by = (Hold(holder, grant),) if grant else ()
    is_servers = grant is not None and grant.securable.kind is SecurableKind.SERVER
    kept = rules.must_stay(holder) if is_servers else ""
    return Power(kind, source, item.path, item.availability, by=by, kept=kept)
