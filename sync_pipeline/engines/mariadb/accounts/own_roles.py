"""The roles of the account itself as MariaDB shows them. Pure.

What a role may do is in no table that the account may read: SHOW GRANTS tells it, and prints the
account's own password hash beside it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sync_pipeline.engines.mariadb.accounts.parse import role_name
from sync_pipeline.engines.mysql_protocol.accounts.own_roles import (
    ROLE,
    OwnRoleRow,
    OwnRoles,
    own_account,
)
from sync_pipeline.model.privilege import Membership

_YES = "YES"


def own_roles(rows: Sequence[OwnRoleRow]) -> OwnRoles:
    """Return the roles of the account. Whether one is its default is said of its own alone."""
    own = own_account(rows)
    held: dict[str, list[Membership]] = defaultdict(list)
    for row in rows:
        if row.kind == ROLE:
            holder = role_name(row.grantee) if row.is_default is None else own
            held[holder].append(
                Membership(
                    role_name(row.role),
                    admin=row.is_grantable == _YES,
                    default=row.is_default == _YES,
                )
            )
    return OwnRoles(own, held)
