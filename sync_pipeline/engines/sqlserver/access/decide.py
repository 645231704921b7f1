"""Whether an account has a permission on a securable.

The algorithm is that of Permissions (Database Engine), Summary of the permission check
algorithm: a deny on any path and any covering level wins over every grant, except for
members of sysadmin, for dbo and for the owner of the securable (DENY (Transact-SQL)), and
except that a grant on a column wins over a deny on its table (DENY Object Permissions
(Transact-SQL), column). Ownership chains, signed modules and EXECUTE AS are not part of it.
An owner is exempt when the account or its user is the owner itself, not by a role.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sync_pipeline.engines.access.callbacks import weakly
from sync_pipeline.engines.access.links import Link
from sync_pipeline.engines.sqlserver.access.covering_table import SecurableClass
from sync_pipeline.engines.sqlserver.access.entry import Entry
from sync_pipeline.engines.sqlserver.access.fixed_roles import SYSADMIN
from sync_pipeline.engines.sqlserver.access.holdings import CONTROL, Holding, Holdings
from sync_pipeline.engines.sqlserver.access.levels import Level, database_of, level_of, space
from sync_pipeline.engines.sqlserver.access.permissions import Covering, covering
from sync_pipeline.engines.sqlserver.access.principals import Context, Principals
from sync_pipeline.engines.sqlserver.access.unknown import Unknown
from sync_pipeline.model.access import (
    AccessWorld,
    Decision,
    EffectivePrivilege,
    path_text,
)
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.privilege import Securable

COLUMN_OVER_TABLE = Gap(
    "the server option common criteria compliance enabled: with it, the deny on the table wins"
    " over the grant on the column"
)
_SHOWN_EXCEPTIONS = 3
_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class Way:
    """One holding that bears on a question, and the way to who holds it."""

    link: Link
    holding: Holding


@dataclass(frozen=True, slots=True)
class Ways:
    """What speaks for a permission and what against it, denies applied by `decide`."""

    held: tuple[Way, ...]
    denied: tuple[Way, ...]
    column_won: bool = False


class Decider:
    """Answers questions about one world."""

    def __init__(self, world: AccessWorld, principals: Principals, holdings: Holdings) -> None:
        self._principals = principals
        self._holdings = holdings
        self._unknown = Unknown(world, principals)
        self._entry = Entry(principals, weakly(self.allows))

    def decide(self, account: str, permission: str, securable: Securable) -> Decision:
        """Return whether an account has a permission, with every way and every deny."""
        permission = permission.upper()
        context = self._principals.context(account, database_of(securable))
        if not context.identities:
            return Decision(account, permission, securable)
        ways = self.ways(context, permission, securable)
        return Decision(
            account,
            permission,
            securable,
            self._held(account, permission, securable, context, ways),
            tuple(_denial(way) for way in ways.denied),
            self._unknowns(account, securable, context, ways),
        )

    def held(
        self, account: str, permission: str, securable: Securable
    ) -> tuple[EffectivePrivilege, ...]:
        """Return the ways of `decide` alone, for who asks many questions."""
        context = self._principals.context(account, database_of(securable))
        ways = self.ways(context, permission, securable)
        return self._held(account, permission, securable, context, ways)

    def allows(self, account: str, permission: str, securable: Securable) -> bool:
        """Return whether an account has a permission, whatever it may lack to use it."""
        context = self._principals.context(account, database_of(securable))
        if context.is_unlimited:
            return True
        ways = self.ways(context, permission, securable)
        return bool(ways.held) and not ways.denied

    def groups_of(self, account: str) -> tuple[Gap, ...]:
        """Return that an account may be in groups of Windows, where it may."""
        return self._unknown.groups_of(account)

    def unread(self, securable: Securable) -> tuple[Gap, ...]:
        """Return what was not read and could change the answer for any account."""
        levels = space(level_of(securable, self._principals.kind_of))
        return self._unknown.of_all(securable, levels)

    def wanted(self, permission: str, securable: Securable) -> Sequence[tuple[Level, str]]:
        """Return what gives or takes a permission: on what, and which."""
        return _wanted(level_of(securable, self._principals.kind_of), permission)

    def ways(self, context: Context, permission: str, securable: Securable) -> Ways:
        """Return the grants that give a permission and the denies that take it, if any can."""
        levels = space(level_of(securable, self._principals.kind_of))
        wanted = _wanted(levels[0], permission)
        found = sorted(
            (
                Way(link, holding)
                for account, link in context.identities.items()
                if (held_by := self._holdings.of(account))
                for key in self._counting(account, levels[0], permission, wanted)
                for holding in held_by.get(key, ())
            ),
            key=lambda way: way.link.length,
        )
        held = tuple(way for way in found if not way.holding.deny)
        if self._is_exempt(context, levels):
            return Ways(held, ())
        denied = tuple(way for way in found if way.holding.deny)
        return _column_exception(Ways(held, denied), levels[0])

    def _counting(
        self, account: str, asked: Level, permission: str, wanted: Sequence[tuple[Level, str]]
    ) -> Sequence[tuple[Level, str]]:
        """Leave out an account's grant on a table for a column that was taken out of it."""
        is_column = asked.of is SecurableClass.COLUMN
        if not is_column or not self._holdings.is_revoked(account, asked, permission):
            return wanted
        return [
            (level, held)
            for level, held in wanted
            if level.of is not SecurableClass.OBJECT or held != permission
        ]

    def _is_exempt(self, context: Context, levels: tuple[Level, ...]) -> bool:
        owners = self._holdings.owners(levels)
        return context.is_unlimited or not owners.isdisjoint(context.selves)

    def _held(
        self,
        account: str,
        permission: str,
        securable: Securable,
        context: Context,
        ways: Ways,
    ) -> tuple[EffectivePrivilege, ...]:
        if ways.denied or not (ways.held or context.is_unlimited):
            return ()
        lacking = self._entry.lacking(account, database_of(securable))
        active = self._entry.availability(account)
        but = self._exceptions(context, permission, securable)

        def entry(link: Link, source: str, *, grantable: bool) -> EffectivePrivilege:
            return EffectivePrivilege(
                account, permission, securable, source, link.path, grantable, active, lacking
            )

        found = [
            entry(link, source, grantable=True)
            for link, source in ((context.sysadmin, "superuser"), (context.dbo, "dbo"))
            if link
        ]
        found += [
            entry(way.link, way.holding.source + but, grantable=_may_grant(way.holding))
            for way in ways.held
            if not (context.sysadmin and way.link.account == SYSADMIN)
        ]
        found.sort(key=lambda item: len(item.path))
        return tuple(found)

    def _unknowns(
        self, account: str, securable: Securable, context: Context, ways: Ways
    ) -> tuple[Gap, ...]:
        if context.sysadmin:
            return ()
        levels = space(level_of(securable, self._principals.kind_of))
        unknown = self._unknown.of(account, securable, levels)
        return (*unknown, COLUMN_OVER_TABLE) if ways.column_won else unknown

    def _exceptions(self, context: Context, permission: str, securable: Securable) -> str:
        """Return what denies take away of parts of a permission that is held as a whole."""
        denies = [deny for account in context.identities for deny in self._holdings.denies(account)]
        level = level_of(securable, self._principals.kind_of)
        if not denies or self._is_exempt(context, space(level)):
            return ""
        asked = (level.of, permission)
        parts = sorted(
            {
                f"{deny.permission} on {deny.securable}"
                for deny in denies
                if level in space(deny.level) and _takes(deny, asked)
            }
        )
        if not parts:
            return ""
        shown, more = parts[:_SHOWN_EXCEPTIONS], len(parts) - _SHOWN_EXCEPTIONS
        tail = f" and {more} more" if more > 0 else ""
        return f", except {', '.join(shown)}{tail} (denied)"


@lru_cache(maxsize=_REMEMBERED)
def _wanted(level: Level, permission: str) -> Sequence[tuple[Level, str]]:
    by_class = {above.of: above for above in space(level)}
    return [
        (by_class[of], covered_by)
        for of, covered_by in covering(level.of, permission)
        if of in by_class
    ]


def _column_exception(ways: Ways, asked: Level) -> Ways:
    """Let a grant on a column win over denies on its table, and over those alone."""
    granted = any(way.holding.level == asked for way in ways.held)
    if asked.of is not SecurableClass.COLUMN or not granted:
        return ways
    left = tuple(way for way in ways.denied if way.holding.level.of is not SecurableClass.OBJECT)
    return Ways(ways.held, left, column_won=len(left) < len(ways.denied))


def _may_grant(holding: Holding) -> bool:
    return holding.grantable or holding.permission in (CONTROL, "CONTROL SERVER")


def _takes(deny: Holding, asked: Covering) -> bool:
    """Return whether a deny takes away a part that the asked permission would imply."""
    return asked in covering(deny.level.of, deny.permission)


def _denial(way: Way) -> str:
    holding = way.holding
    what = f"DENY {holding.permission} on {holding.securable}"
    if holding.source.startswith("fixed role"):
        what = f"{what} ({holding.source})"
    return f"{what}: {path_text(way.link.path)}"
