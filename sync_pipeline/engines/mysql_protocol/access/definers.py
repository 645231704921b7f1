"""Routines that run with the rights of their definer, who is gone or may do everything. Pure.

MySQL 8.4 Reference Manual, 27.6 Stored Object Access Control, Orphan Stored Objects. Whoever may
alter a routine can't change what it does: a new one has whoever makes it as its definer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from sync_pipeline.engines.access.contract import DefinerRoutine
from sync_pipeline.engines.mysql_protocol.accounts.names import account_name
from sync_pipeline.model.access import AccessWorld, Decision, Power, PowerKind
from sync_pipeline.model.privilege import Securable, SecurableKind
from sync_pipeline.model.server_fact import ServerFact

NAME = "definer"
_GONE = "It has no account any more: whoever makes one of that name says what they may do."
_POWERFUL = "It may do everything, and whoever calls them does with that what they let him."
_EXECUTE = "EXECUTE"
_COUNT = re.compile("(?!1$)[1-9][0-9]{0,8}")
"""More than one. Python takes far more for a digit, and not each of these for a number."""


class Rules(Protocol):
    """What is asked of an engine to judge definers."""

    @property
    def world(self) -> AccessWorld:
        """Return the world."""
        ...

    def powers(self, account: str) -> Sequence[Power]:
        """Return the powers of an account."""
        ...

    def decide(self, account: str, privilege: str, securable: Securable) -> Decision:
        """Return whether an account has a privilege."""
        ...

    def is_everyone(self, account: str) -> bool:
        """Return whether an account stands for all."""
        ...


def definer_routines(rules: Rules) -> Iterator[DefinerRoutine]:
    """Yield one for each database and definer of whom there is something to say."""
    callers: dict[str, list[str]] = {}
    for fact in rules.world.server.each(NAME):
        owner = _account(fact.subject)
        if owner not in rules.world.accounts:
            yield _of(fact, owner, _GONE, is_for_everyone=False)
        elif _is_superuser(rules, owner):
            if fact.database not in callers:
                callers[fact.database] = list(_callers(rules, fact.database))
            if callers[fact.database]:
                is_open = any(map(rules.is_everyone, callers[fact.database]))
                yield _of(fact, owner, _POWERFUL, is_for_everyone=is_open)


def _of(fact: ServerFact, owner: str, why: str, *, is_for_everyone: bool) -> DefinerRoutine:
    count, _, first = fact.value.partition(" ")
    more = f" and {int(count) - 1} more" if _COUNT.fullmatch(count) else ""
    name = f"{fact.database}.{first}{more}"
    return DefinerRoutine(name, fact.database, owner, is_for_everyone, why)


def _account(definer: str) -> str:
    """Return the account that a catalog writes as `user@host`, or a role."""
    user, at, host = definer.rpartition("@")
    return account_name(user, host) if at and host else definer.removesuffix("@")


def _is_superuser(rules: Rules, account: str) -> bool:
    return any(power.kind is PowerKind.SUPERUSER for power in rules.powers(account))


def _callers(rules: Rules, database: str) -> Iterator[str]:
    """Yield who may run routines of a database and may not do everything anyway."""
    for name, state in rules.world.accounts.items():
        granted = [grant for grant in state.grants if grant.privilege == _EXECUTE]
        if not granted or _is_superuser(rules, name):
            continue
        on = Securable(SecurableKind.DATABASE, database)
        is_single = any(
            grant.securable.name and grant.securable.database == database for grant in granted
        )
        if is_single or rules.decide(name, _EXECUTE, on).is_allowed:
            yield name
