"""Powers over other accounts: who is a superuser, who can become one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from sync_pipeline.engines.mysql_protocol.access_levels import GRANT_OPTION
from sync_pipeline.engines.mysql_protocol.access_sessions import Activation
from sync_pipeline.model.access import (
    EVERYTHING,
    Availability,
    EffectivePrivilege,
    Path,
    Power,
    PowerKind,
)
from sync_pipeline.model.privilege import Securable, SecurableKind

_SERVER = Securable(SecurableKind.SERVER)
_ALL = "ALL PRIVILEGES with GRANT OPTION"


class Rules(Protocol):
    """What is asked of an engine to find powers."""

    superuser_words: tuple[str, ...]
    grant_admin_words: tuple[str, ...]
    grant_tables: tuple[str, ...]

    def to(self, account: str) -> str:
        """Return an account as statements name it."""
        ...

    def activations(self, account: str) -> Sequence[Activation]:
        """Return how sessions of an account may stand."""
        ...

    def held(
        self, account: str, activation: Activation, word: str, on: Securable
    ) -> Iterable[EffectivePrivilege]:
        """Return the ways in which a session of the account has a privilege."""
        ...

    def role_admins(self, account: str) -> Iterable[tuple[Path, Availability, str]]:
        """Return the roles that an account may grant."""
        ...


def powers_of(rules: Rules, account: str) -> tuple[Power, ...]:
    """Return the powers of an account, those of its login first, each by its best path."""
    found: dict[tuple[object, ...], Power] = {}
    for power in (*_by_privileges(rules, account), *_by_roles(rules, account)):
        found.setdefault((power.kind, power.source, power.path[-1].account), power)
    return tuple(found.values())


def _by_privileges(rules: Rules, account: str) -> Iterator[Power]:
    for activation in rules.activations(account):
        for item in rules.held(account, activation, EVERYTHING, _SERVER):
            if item.grantable:
                holder = rules.to(item.path[-1].account)
                fix = (
                    f"REVOKE ALL PRIVILEGES ON *.* FROM {holder};\n"
                    f"REVOKE GRANT OPTION ON *.* FROM {holder};"
                )
                yield replace(_power(PowerKind.SUPERUSER, _ALL, item), fix=fix)
        for word in rules.superuser_words:
            for item in rules.held(account, activation, word, _SERVER):
                yield _power(PowerKind.SUPERUSER, word, item)
        for word in (*rules.grant_admin_words, GRANT_OPTION):
            for item in rules.held(account, activation, word, _SERVER):
                yield _power(PowerKind.GRANT_ADMIN, f"{word} on the server", item)
        yield from _by_tables(rules, account, activation)


def _by_tables(rules: Rules, account: str, activation: Activation) -> Iterator[Power]:
    """Whoever may write the grant tables gives itself any right at the next reload.

    Source: MySQL 8.4 Reference Manual, 8.2.13 When Privilege Changes Take Effect.
    """
    for table in rules.grant_tables:
        on = Securable(SecurableKind.TABLE, "mysql", "", table)
        for word in ("INSERT", "UPDATE"):
            for item in rules.held(account, activation, word, on):
                yield _power(PowerKind.GRANT_ADMIN, f"{word} on mysql.{table}", item)


def _by_roles(rules: Rules, account: str) -> Iterator[Power]:
    for path, availability, role in rules.role_admins(account):
        yield Power(PowerKind.GRANT_ADMIN, f"ADMIN OPTION on role {role}", path, availability)


def _power(kind: PowerKind, source: str, item: EffectivePrivilege) -> Power:
    return Power(kind, source, item.path, item.availability)
