"""The roles of the account itself, where a service hides the grant tables. Pure.

MySQL 8.4 Reference Manual, The INFORMATION_SCHEMA APPLICABLE_ROLES Table, and the one of
ENABLED_ROLES; MariaDB Knowledge Base, Information Schema APPLICABLE_ROLES Table: the roles that the
account has, and those that these have, with all ways between them. Nobody else's are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from sync_pipeline.engines.base import ANYBODY, Query, Variant, Version
from sync_pipeline.engines.mysql_protocol.accounts.names import account_name
from sync_pipeline.engines.mysql_protocol.accounts.visible import VISIBLE
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Grant, Membership, SectionName

SELF, ROLE, ENABLED = "self", "role", "enabled"
_LISTED = frozenset(
    {
        *(SectionName.MEMBERSHIPS, SectionName.SERVER, SectionName.DATABASE),
        *(SectionName.TABLE, SectionName.COLUMN),
    }
)
"""What is known of an account whose grants are listed, and whose roles are."""
_OF_ROLE = frozenset({SectionName.MEMBERSHIPS})
_OF_ENABLED = frozenset({SectionName.MEMBERSHIPS, SectionName.TABLE, SectionName.COLUMN})


@dataclass(frozen=True, slots=True)
class OwnRoleRow:
    """A row of `own_roles.sql`: who the account is, a role of somebody, or one that is active."""

    kind: str
    grantee: str
    grantee_host: str
    role: str
    role_host: str
    is_grantable: str
    is_default: str | None
    is_mandatory: str | None


def own_roles_query(since: Version) -> Query[OwnRoleRow]:
    """Declare the query, which is asked in the place `VISIBLE` alone, and fills no section."""
    return Query(
        "own_roles",
        OwnRoleRow,
        (),
        (Variant(since, "own_roles.sql", VISIBLE),),
        ANYBODY,
        count="count_own_roles.sql",
    )


def own_account(rows: Iterable[OwnRoleRow]) -> str:
    """Return the account itself, as CURRENT_USER() says; no host holds an at sign."""
    (text,) = (row.grantee for row in rows if row.kind == SELF)
    user, _, host = text.rpartition("@")
    return account_name(user, host)


@dataclass(frozen=True)
class OwnRoles:
    """The account `own`, and who holds which role on the ways from it.

    `grants` are those of roles on tables and columns, `whole` the roles of which all of these
    are known. `are_locked`: a role is an account that is locked.
    """

    own: str
    held: Mapping[str, Sequence[Membership]]
    grants: Mapping[str, Sequence[Grant]] = field(default_factory=dict)
    whole: Collection[str] = ()
    are_locked: bool = False

    @cached_property
    def _roles(self) -> frozenset[str]:
        return frozenset(item.role for items in self.held.values() for item in items)

    def states(self, seen: Sequence[AccountState]) -> tuple[AccountState, ...]:
        """Return the accounts that are seen with their roles, and the roles that are not seen."""
        listed = {state.name for state in seen}
        return (
            *(replace(state, memberships=tuple(self.held.get(state.name, ()))) for state in seen),
            *(self._role(name) for name in sorted(self._roles - listed)),
        )

    def known_of(self, seen: Iterable[AccountState]) -> Mapping[str, frozenset[SectionName]]:
        """Return what is known of the account itself and of each role on the ways from it."""
        listed = {state.name for state in seen} & {self.own, *self._roles}
        return {
            **{name: _OF_ENABLED if name in self.whole else _OF_ROLE for name in self._roles},
            **dict.fromkeys(listed, _LISTED),
        }

    def _role(self, name: str) -> AccountState:
        return AccountState(
            name=name,
            kind=AccountKind.ROLE,
            can_login=False,
            is_locked=self.are_locked,
            memberships=tuple(self.held.get(name, ())),
            grants=tuple(self.grants.get(name, ())),
        )


def reached(
    names: Iterable[str],
    held: Mapping[str, Sequence[Membership]],
    is_way: Callable[[Membership], bool],
) -> frozenset[str]:
    """Return these roles and all that they have, each by ways that count."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += [item.role for item in held.get(name, ()) if is_way(item)]
    return frozenset(found)
