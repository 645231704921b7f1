"""Rows of PostgreSQL's catalogs become account states. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sync_pipeline.engines.postgresql.accounts.predefined import (
    PREDEFINED_ROLES,
    Holding,
    holders_among,
    is_predefined,
)
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import (
    AccountSetting,
    Grant,
    Membership,
    Securable,
    SecurableKind,
)

PUBLIC = "public"
"""The account that stands for every role; PostgreSQL reserves this role name."""

OWNERSHIP = "OWNER"
"""What the queries report for the owner of an object, beside its access control list."""

ROW_SECURITY = "ROW SECURITY"
FORCED_ROW_SECURITY = "FORCED ROW SECURITY"
"""What the queries report of PUBLIC where policies decide which rows it sees and changes; of
a forced one they decide that for the owner, too (ALTER TABLE, FORCE ROW LEVEL SECURITY)."""
RESTRICTIONS = frozenset({ROW_SECURITY, FORCED_ROW_SECURITY})

# PostgreSQL manual, table 5.1 (ACL privilege abbreviations); MAINTAIN since 17.
PRIVILEGES = frozenset(
    {
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "TRUNCATE",
        "REFERENCES",
        "TRIGGER",
        "MAINTAIN",
        "CREATE",
        "CONNECT",
        "TEMPORARY",
        "EXECUTE",
        "USAGE",
        "SET",
        "ALTER SYSTEM",
        OWNERSHIP,
        *RESTRICTIONS,
    }
)


UNKNOWN_KINDS = frozenset({SecurableKind.RELATION, SecurableKind.ROUTINE})
_UNKNOWN_DEFAULTS = "objects of kind "
"""How `default_privileges.sql` names objects whose kind it does not know."""


BOOTSTRAP_NAME = "postgres"
"""How packages call the role that initdb makes."""


@dataclass(frozen=True, slots=True)
class RoleRow:
    """A row of `roles.sql`."""

    name: str
    is_superuser: bool
    inherits: bool
    can_create_roles: bool
    can_create_databases: bool
    can_login: bool
    can_replicate: bool
    bypasses_row_security: bool
    connection_limit: int
    valid_until: str | None
    is_bootstrap: bool = False


@dataclass(frozen=True, slots=True)
class MembershipRow:
    """A row of `memberships_*.sql`."""

    role: str
    member: str
    grantor: str
    admin: bool
    inherit: bool | None
    set_role: bool | None


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A row of `settings.sql`: `setting` is `name=value`."""

    database: str
    role: str
    setting: str


@dataclass(frozen=True, slots=True)
class AclRow:
    """One exploded ACL item of any kind of object."""

    kind: str
    database: str
    schema: str
    name: str
    column_name: str
    grantee: str
    grantor: str
    privilege: str
    grantable: bool


@dataclass(frozen=True, slots=True)
class AclItem:
    """An ACL row and the database whose catalog holds it (empty: the server's)."""

    catalog: str
    row: AclRow


def account_states(
    roles: Iterable[RoleRow],
    memberships: Iterable[MembershipRow],
    settings: Iterable[SettingRow],
    items: Iterable[AclItem],
) -> tuple[AccountState, ...]:
    """Join the rows into one state for each role, and one for PUBLIC."""
    members: dict[str, list[Membership]] = defaultdict(list)
    for row in memberships:
        members[row.member].append(
            Membership(row.role, row.admin, row.inherit, row.set_role, None, row.grantor)
        )
    parameters: dict[str, list[AccountSetting]] = defaultdict(list)
    for setting in settings:
        name, _, value = setting.setting.partition("=")
        parameters[setting.role or PUBLIC].append(AccountSetting(setting.database, name, value))
    grants: dict[str, list[Grant]] = defaultdict(list)
    known: dict[_Parts, _Known] = {}
    for item in items:
        grants[item.row.grantee].append(_grant(item, known))
    roles = tuple(roles)
    holding = Holding(members, parameters, grants)
    everyone = AccountState(
        name=PUBLIC,
        kind=AccountKind.PUBLIC,
        can_login=False,
        attributes=(holders_among(holding, {role.name for role in roles}),),
        settings=tuple(parameters[PUBLIC]),
        grants=tuple(grants[PUBLIC]),
    )
    return (
        everyone,
        *(
            _account(
                role,
                tuple(members[role.name]),
                tuple(parameters[role.name]),
                tuple(grants[role.name]),
            )
            for role in roles
        ),
    )


def _account(
    role: RoleRow,
    memberships: tuple[Membership, ...],
    settings: tuple[AccountSetting, ...],
    grants: tuple[Grant, ...],
) -> AccountState:
    state = AccountState(
        name=role.name,
        kind=AccountKind.USER if role.can_login else AccountKind.ROLE,
        can_login=role.can_login,
        is_superuser=role.is_superuser,
        attributes=(
            ("inherits", role.inherits),
            ("can_create_roles", role.can_create_roles),
            ("can_create_databases", role.can_create_databases),
            ("can_replicate", role.can_replicate),
            ("bypasses_row_security", role.bypasses_row_security),
            ("connection_limit", role.connection_limit),
            ("valid_until", role.valid_until),
            *_bootstrap(role),
        ),
        memberships=memberships,
        settings=settings,
        grants=grants,
    )
    # Of a newer release: nobody knows what it may do, so a sync does not keep what it holds.
    is_newer = is_predefined(state) and role.name not in PREDEFINED_ROLES
    return replace(state, is_system=is_newer)


def _bootstrap(role: RoleRow) -> tuple[tuple[str, bool], ...]:
    """Return whether a role is the one that initdb made, where its name says otherwise."""
    if role.is_bootstrap == (role.name == BOOTSTRAP_NAME):
        return ()
    return (("is_bootstrap", role.is_bootstrap),)


_Parts = tuple[str, str, str, str, str, str]
_Known = tuple[Securable, bool]
"""A securable, and whether its kind is known: one for all grants on it."""


def _grant(item: AclItem, known: dict[_Parts, _Known]) -> Grant:
    row, catalog = item.row, item.catalog
    parts = row.kind, row.database or catalog, row.schema, row.name, row.column_name, catalog
    found = known.get(parts)
    if found is None:
        found = known[parts] = _securable(*parts)
    securable, is_kind_known = found
    return Grant(
        securable=securable,
        privilege=row.privilege,
        grantable=row.grantable,
        grantor=row.grantor,
        deny=row.privilege in RESTRICTIONS,
        recognised=is_kind_known and row.privilege in PRIVILEGES,
    )


def _securable(
    kind_name: str, database: str, schema: str, name: str, column: str, catalog: str
) -> _Known:
    kind = SecurableKind(kind_name)
    is_kind_known = kind not in UNKNOWN_KINDS and not (
        kind is SecurableKind.DEFAULT_PRIVILEGE and name.startswith(_UNKNOWN_DEFAULTS)
    )
    return Securable(kind, database, schema, name, column, catalog), is_kind_known
