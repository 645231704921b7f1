"""Which grants of PostgreSQL no finding depends on. Pure.

A plain privilege on an ordinary table, view or sequence makes nobody powerful: what does is an
attribute, a role, a parameter, ownership, an object of the system, or the option to pass it on.
What everybody has is looked at.
"""

from __future__ import annotations

from sync_pipeline.engines.postgresql.access.kinds import MAINTAIN_SINCE, RELATIONS, exists
from sync_pipeline.engines.postgresql.accounts.parse import OWNERSHIP, PUBLIC
from sync_pipeline.engines.postgresql.accounts.predefined import RESERVED
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Grant, SecurableKind

_ORDINARY = frozenset({*RELATIONS, SecurableKind.COLUMN, SecurableKind.SEQUENCE})
_OF_SYSTEM = "information_schema"


def is_unreviewed(holder: AccountState, grant: Grant) -> bool:
    """Return whether an account with a grant and without it has the same findings."""
    on = grant.securable
    is_plain = grant.recognised and not (grant.grantable or grant.deny)
    is_known = grant.privilege != OWNERSHIP and exists(grant.privilege, on.kind, MAINTAIN_SINCE)
    is_of_system = on.schema.startswith(RESERVED) or on.schema == _OF_SYSTEM
    # That everybody grants something is what no server says; it would be among what is mended.
    is_everyones = holder.kind is AccountKind.PUBLIC or grant.grantor == PUBLIC
    return is_plain and is_known and on.kind in _ORDINARY and not (is_of_system or is_everyones)
