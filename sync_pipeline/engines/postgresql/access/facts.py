"""What a review asks of a PostgreSQL account. Pure.

How an account proves who it is, is written in pg_hba.conf and not in the catalogs, and
password hashes are never read: authentication, password rules and hosts are not known.
Nor does the server keep when an account was last used. Manual, CREATE ROLE: VALID UNTIL
ends a password, not the role; other ways to authenticate do not ask for it.
"""

from __future__ import annotations

from datetime import datetime

from sync_pipeline.engines.postgresql.access.roles import RoleGraph
from sync_pipeline.engines.postgresql.accounts.predefined import RESERVED, is_predefined
from sync_pipeline.engines.postgresql.platform import provider_accounts
from sync_pipeline.model.access import AccessWorld, AccountFacts

_NEVER = (None, "infinity")
_ALWAYS = "-infinity"
_BEFORE_CHRIST = " BC"


def facts(graph: RoleGraph, account: str, world: AccessWorld) -> AccountFacts:
    """Return what is known; expiry of those alone that can log in."""
    state = graph.accounts.get(account)
    is_provider = account in provider_accounts(graph.platform)
    is_system = account.startswith(RESERVED) if state is None else is_predefined(state)
    if state is None or not state.can_login:
        return AccountFacts(is_system=is_system, is_provider=is_provider)
    return AccountFacts(
        is_system=is_system,
        is_built_in=graph.is_bootstrap(account),
        is_provider=is_provider,
        never_expires=graph.attribute(account, "valid_until") in _NEVER,
        is_expired=is_expired(graph, account, world),
    )


def is_expired(graph: RoleGraph, account: str, world: AccessWorld) -> bool | None:
    """Return whether an account's password is past its end; None: there is no clock."""
    text = graph.attribute(account, "valid_until")
    if text in _NEVER:
        return False
    if text == _ALWAYS or str(text).endswith(_BEFORE_CHRIST):
        return True
    try:
        return world.has_come(datetime.fromisoformat(str(text)))
    except ValueError:
        # The server's years go on after 9999, where Python's end.
        return False
