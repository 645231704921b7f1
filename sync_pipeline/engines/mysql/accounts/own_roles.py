"""The roles of the account itself as MySQL shows them, with their grants. Pure.

MySQL 8.4 Reference Manual, The INFORMATION_SCHEMA ROLE_TABLE_GRANTS Table, and the one of
ROLE_COLUMN_GRANTS: what the roles that are active may do on tables and columns, and the roles that
these have. What a role may do on the server or on a database is in no table that the account may
read, and ROLE_ROUTINE_GRANTS does not tell a function from a procedure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sync_pipeline.engines.base import ANYBODY, Query, Variant, Version
from sync_pipeline.engines.mysql_protocol.accounts.names import account_name
from sync_pipeline.engines.mysql_protocol.accounts.own_roles import (
    ENABLED,
    ROLE,
    OwnRoleRow,
    OwnRoles,
    own_account,
    reached,
)
from sync_pipeline.engines.mysql_protocol.accounts.rows import ColumnRow, TableRow, shared_grants
from sync_pipeline.engines.mysql_protocol.accounts.visible import VISIBLE
from sync_pipeline.model.privilege import Grant, Membership

_YES = "YES"
_MANDATORY = "mandatory_roles"


@dataclass(frozen=True, slots=True)
class RoleGrantRow:
    """A row of `own_role_grants.sql`, on a table or (`column_name`) a column; words as stored."""

    user: str
    host: str
    database: str
    table_name: str
    column_name: str
    grantor: str
    privileges: str


def role_grants_query(since: Version) -> Query[RoleGrantRow]:
    """Declare the query, which is asked in the place `VISIBLE` alone, and fills no section."""
    return Query(
        "own_role_grants",
        RoleGrantRow,
        (),
        (Variant(since, "own_role_grants.sql", VISIBLE),),
        ANYBODY,
        count="count_own_role_grants.sql",
    )


def own_roles(
    rows: Sequence[OwnRoleRow], grants: Sequence[RoleGrantRow] | None, *, are_all_active: bool
) -> OwnRoles:
    """Return the roles of the account; `grants` is None where they were not read."""
    held: dict[str, list[Membership]] = defaultdict(list)
    for row in rows:
        if row.kind == ROLE:
            held[account_name(row.grantee, row.grantee_host)].append(
                Membership(
                    account_name(row.role, row.role_host),
                    admin=row.is_grantable == _YES,
                    default=are_all_active or row.is_default == _YES,
                    grantor=_MANDATORY if row.is_mandatory == _YES else "",
                )
            )
    own = own_account(rows)
    enabled = {account_name(row.role, row.role_host) for row in rows if row.kind == ENABLED}
    # The server shows nothing of a role that is active because it is mandatory.
    active = {item.role for item in held[own] if not item.grantor} & enabled
    whole = reached(active, held, lambda item: not item.grantor)
    return OwnRoles(
        own, held, _grants(grants or ()), () if grants is None else whole, are_locked=True
    )


def _grants(rows: Iterable[RoleGrantRow]) -> Mapping[str, Sequence[Grant]]:
    tables = [
        TableRow(row.user, row.host, row.database, row.table_name, row.grantor, row.privileges)
        for row in rows
        if not row.column_name
    ]
    columns = [
        ColumnRow(row.user, row.host, row.database, row.table_name, row.column_name, row.privileges)
        for row in rows
        if row.column_name
    ]
    found = shared_grants((), tables, columns, (), ())
    return {account_name(*principal): grants for principal, grants in found.items()}
