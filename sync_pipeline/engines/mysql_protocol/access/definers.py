"""Stored objects that run with the rights of their definer, and who could misuse that. Pure.

MySQL 8.4 Reference Manual, 27.6 Stored Object Access Control, Orphan Stored Objects; ALTER
PROCEDURE Statement. Whoever alters a view has to be its definer or to be allowed to name any, and
an event has who altered it as its definer, so that neither lends its definer's rights to another
text. A routine keeps its definer: ALTER ROUTINE is enough to have it run with the definer's rights
instead of the caller's (seen on MariaDB 10.11 and 11.8, and on MySQL 9.7, which wants SYSTEM_USER
where the definer has it).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from sync_pipeline.engines.access.contract import DefinerRoutine
from sync_pipeline.engines.mysql_protocol.access.names import user_and_host
from sync_pipeline.engines.mysql_protocol.accounts.hosts import covers, matches
from sync_pipeline.engines.mysql_protocol.accounts.names import account_name, quoted
from sync_pipeline.model.access import AccessWorld, Decision, Power, PowerKind
from sync_pipeline.model.privilege import (
    Grant,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.server_fact import ServerFact

_GONE = "It has no account any more: whoever makes one of that name says what they may do."
_POWERFUL = "It may do everything, and whoever calls them does with that what they let him."
_POWERFUL_VIEW = "It may do everything, and whoever reads them sees with that what they show."
_ALTERED = (
    "They run with the rights of who calls them, until somebody who may alter them has them run "
    "with its rights: {}."
)
_ALTERS = "They can't alter or drop routines there any more."
_EXECUTE, _ALTER_ROUTINE = "EXECUTE", "ALTER ROUTINE"
_OF_VIEWS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_MOST_NAMED = 5
_COUNT = re.compile("(?!1$)[1-9][0-9]{0,8}")
"""More than one. Python takes far more for a digit, and not each of these for a number."""
_Alters = dict[str, list[tuple[str, Grant]]]


class Rules(Protocol):
    """What is asked of an engine to judge definers."""

    knows_cidr: bool

    @property
    def system_accounts(self) -> Collection[str]:
        """Return the server's own accounts."""
        ...

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

    def may_alter_of(self, account: str, definer: str) -> bool:
        """Return whether who may alter routines may alter those of this definer."""
        ...

    def revoke(self, account: str, grant: Grant) -> str:
        """Return the statement that takes a grant away."""
        ...

    def give(self, account: str, grant: Grant) -> str:
        """Return the statement that gives a grant."""
        ...


@dataclass(frozen=True, slots=True)
class _Stored:
    """Stored objects of one definer in one database: how many, and the name of one."""

    database: str
    definer: str
    first: str
    count: int

    @classmethod
    def of(cls, fact: ServerFact) -> _Stored:
        count, _, first = fact.value.partition(" ")
        is_more = _COUNT.fullmatch(count)
        return cls(fact.database, fact.subject, first, int(count) if is_more else 1)

    def told(self, noun: str, owner: str) -> str:
        """Return how they are called, with the definer where the server takes another for it."""
        noun = f"{noun} " if noun else ""
        more = f" and {self.count - 1} more" if self.count > 1 else ""
        of = "" if owner in _names(self.definer) else f", of {_named(self.definer)}"
        return f"{noun}{self.database}.{self.first}{more}{of}"


def definer_routines(rules: Rules) -> Iterator[DefinerRoutine]:
    """Yield one for each kind, database and definer of whom there is something to say."""
    found = _Definers(rules)
    yield from found.routines()
    yield from found.alterable()
    yield from found.views()
    yield from found.events()


@dataclass
class _Definers:
    """The definers of one world. Whom a database lets in is asked once for each."""

    rules: Rules
    _users: dict[tuple[str, tuple[str, ...], str], list[str]] = field(default_factory=dict)

    def routines(self) -> Iterator[DefinerRoutine]:
        """Yield routines with the rights of who is gone, or may do everything and is not alone."""
        for item in self._each("definer"):
            owner = self._owner(item.definer)
            if not owner:
                yield from self._gone(item, "")
            elif self._is_superuser(owner):
                # Which of the database's routines may be run by name is not told apart.
                yield from self._lent(item, "", owner, _POWERFUL, self._callers(item.database))

    def views(self) -> Iterator[DefinerRoutine]:
        """Yield views that show what their definer may see: nobody, or everything."""
        for item in self._each("view_definer"):
            owner = self._owner(item.definer)
            if not owner:
                yield from self._gone(item, "view")
            elif self._is_superuser(owner):
                readers = self._who(item.database, _OF_VIEWS, item.first)
                yield from self._lent(item, "view", owner, _POWERFUL_VIEW, readers, is_code=False)

    def events(self) -> Iterator[DefinerRoutine]:
        """Yield events of nobody. What one of a superuser does is up to superusers alone."""
        for item in self._each("event_definer"):
            if not self._owner(item.definer):
                yield from self._gone(item, "event")

    def alterable(self) -> Iterator[DefinerRoutine]:
        """Yield routines that others can make run with the rights of who may do everything."""
        for item in self._each("invoker"):
            owner = self._owner(item.definer)
            if owner and self._is_superuser(owner):
                who = self._alters(item, owner)
                if who:
                    yield self._altered(item, owner, who)

    def _gone(self, item: _Stored, noun: str) -> Iterator[DefinerRoutine]:
        """Yield what is nobody's, where all accounts are known but the server's own."""
        are_known = not self.rules.world.is_unread(SectionKey(SectionName.ACCOUNTS))
        if are_known and _named(item.definer) not in self.rules.system_accounts:
            yield _of(item, noun, _named(item.definer), _GONE, is_code=noun != "view")

    def _altered(self, item: _Stored, owner: str, who: _Alters) -> DefinerRoutine:
        """Return them with the statements that take ALTER ROUTINE from all who have it."""
        holds = list(dict.fromkeys(hold for holds in who.values() for hold in holds))
        fixes = [self.rules.revoke(*hold) for hold in holds]
        is_whole = all(fixes)
        more = f" and {len(who) - _MOST_NAMED} more" if len(who) > _MOST_NAMED else ""
        names = f"{', '.join(sorted(who)[:_MOST_NAMED])}{more}"
        return DefinerRoutine(
            item.told("", owner),
            item.database,
            owner,
            any(map(self.rules.is_everyone, who)),
            _ALTERED.format(names),
            "\n".join(fixes) if is_whole else "",
            "\n".join(self.rules.give(*hold) for hold in holds) if is_whole else "",
            _ALTERS if is_whole else "",
            how="can be made to run with its rights",
            part="by ALTER ROUTINE",
        )

    def _alters(self, item: _Stored, owner: str) -> _Alters:
        """Return who may alter them by a grant, and by which."""
        found: _Alters = {}
        for name in self._who(item.database, (_ALTER_ROUTINE,), item.first):
            if name == owner or not self.rules.may_alter_of(name, owner):
                continue
            on = Securable(SecurableKind.DATABASE, item.database)
            ways = [
                (way.path[-1].account, way.grant)
                for way in self.rules.decide(name, _ALTER_ROUTINE, on).held
                if way.grant is not None
            ]
            ways += [
                (name, grant)
                for grant in self.rules.world.accounts[name].grants
                if _is_on(grant, (_ALTER_ROUTINE,), item.database, item.first)
            ]
            found[name] = ways
        return found

    def _lent(
        self,
        item: _Stored,
        noun: str,
        owner: str,
        why: str,
        users: Sequence[str],
        *,
        is_code: bool = True,
    ) -> Iterator[DefinerRoutine]:
        if users:
            is_open = any(map(self.rules.is_everyone, users))
            yield _of(item, noun, owner, why, is_open=is_open, is_code=is_code)

    def _callers(self, database: str) -> Sequence[str]:
        return self._who(database, (_EXECUTE,), "")

    def _who(self, database: str, words: tuple[str, ...], only: str) -> Sequence[str]:
        """Return who may do one of these in a database and may not do everything anyway.

        Who may by a role alone is told by that role. A grant on a single object counts where it is
        on `only`; empty: on any.
        """
        key = (database, words, only)
        if key not in self._users:
            self._users[key] = list(self._found(database, words, only))
        return self._users[key]

    def _found(self, database: str, words: tuple[str, ...], only: str) -> Iterator[str]:
        on = Securable(SecurableKind.DATABASE, database)
        for name, state in self.rules.world.accounts.items():
            granted = [grant for grant in state.grants if grant.privilege in words]
            if not granted or self._is_superuser(name) or name in self.rules.system_accounts:
                continue
            is_single = any(_is_on(grant, words, database, only) for grant in granted)
            if is_single or any(self.rules.decide(name, word, on).is_allowed for word in words):
                yield name

    def _is_superuser(self, account: str) -> bool:
        return account in self._superusers

    @cached_property
    def _superusers(self) -> frozenset[str]:
        kind = PowerKind.SUPERUSER
        accounts = self.rules.world.accounts
        return frozenset(
            name for name in accounts if any(p.kind is kind for p in self.rules.powers(name))
        )

    def _each(self, name: str) -> Iterator[_Stored]:
        return map(_Stored.of, self.rules.world.server.each(name))

    def _owner(self, definer: str) -> str:
        """Return the account whose rights a definer has; empty: nobody's.

        It is the one of that name, or else the one of that user that a client of that host would
        log in as; never an anonymous one (seen on both servers).
        """
        for name in _names(definer):
            if name in self.rules.world.accounts:
                return name
        user, at, host = definer.rpartition("@")
        return self._of_user(user, host) if at and user and host else ""

    def _of_user(self, user: str, host: str) -> str:
        cidr = self.rules.knows_cidr
        fitting = [
            (name, its)
            for name, its in self._hosts.get(user, ())
            if matches(its, host, host, knows_cidr=cidr)
        ]
        for name, its in fitting:
            if not any(other != its and covers(its, other) for _, other in fitting):
                return name
        return ""

    @cached_property
    def _hosts(self) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for name in self.rules.world.accounts:
            user, host = user_and_host(name) or ("", "")
            if user:
                found.setdefault(user, []).append((name, host))
        return found


def _is_on(grant: Grant, words: Iterable[str], database: str, only: str) -> bool:
    on = grant.securable
    is_it = bool(on.name) and (not only or on.name == only)
    return grant.privilege in words and is_it and on.database == database and not grant.deny


def _of(
    item: _Stored,
    noun: str,
    owner: str,
    why: str,
    *,
    is_open: bool = False,
    is_code: bool = True,
) -> DefinerRoutine:
    return DefinerRoutine(
        item.told(noun, owner), item.database, owner, is_open, why, part=noun, is_code=is_code
    )


def _names(definer: str) -> tuple[str, ...]:
    """Return how the account of a definer may be called: as one with a host, or as a role."""
    role = definer.removesuffix("@")
    return _named(definer), role, quoted(role)


def _named(definer: str) -> str:
    """Return the account that a catalog writes as `user@host`, or a role."""
    user, at, host = definer.rpartition("@")
    return account_name(user, host) if at and host else definer.removesuffix("@")
