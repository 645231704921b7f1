"""What was not read and could change an answer about PostgreSQL. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sync_pipeline.engines.postgresql.access.roles import RoleGraph
from sync_pipeline.engines.postgresql.accounts.parse import PUBLIC
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.privilege import SectionKey, SectionName, Securable, SecurableKind

_ON = ("on", "true", "yes", "1")
_LIFTED = Gap("lo_compat_privileges, which lets every session read and write them")


def unread(world: AccessWorld, securable: Securable) -> tuple[Gap, ...]:
    """Return the sections that count for an object and were not read."""
    return world.unread(_needed(securable))


def left_out(graph: RoleGraph, account: str, database: str, on: Securable) -> tuple[Gap, ...]:
    """Return one gap of the roles that the account has and whose grants the world lacks.

    The filter for system accounts leaves such roles out, and their grants with them.
    """
    roles = ", ".join(graph.not_kept(account, database, on))
    found = Gap(f"what was granted to {roles} (left out as system accounts)")
    return (found,) if roles else ()


def lifted(accounts: Mapping[str, AccountState], account: str) -> tuple[Gap, ...]:
    """Return a gap where no privilege on large objects is asked for, or might not be.

    Manual, lo_compat_privileges. A value that is stored for the account alone comes first; that
    it is also one of a database is not looked into.
    """
    stored = [
        item
        for name in (account, PUBLIC)
        for item in (accounts[name].settings if name in accounts else ())
        if item.name == "lo_compat_privileges"
    ]
    is_on = any(item.value.lower() in _ON for item in stored)
    return (_LIFTED,) if is_on else ()


def _needed(securable: Securable) -> Iterator[SectionKey]:
    yield SectionKey(SectionName.ACCOUNTS)
    yield SectionKey(SectionName.MEMBERSHIPS)
    # The role in which a session begins may be stored.
    yield SectionKey(SectionName.SETTINGS)
    if securable.kind in (SecurableKind.SERVER, SecurableKind.PRINCIPAL):
        return
    yield securable.section
    if securable.kind is SecurableKind.COLUMN:
        yield SectionKey(SectionName.TABLE, securable.catalog)
    if securable.database:
        # Its owner has pg_database_owner, and CONNECT is what all else needs.
        yield SectionKey(SectionName.DATABASE)
    if securable.schema:
        yield SectionKey(SectionName.SCHEMA, securable.catalog)
