"""What was not read and could change an answer about PostgreSQL. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sync_pipeline.engines.postgresql.access.roles import RoleGraph
from sync_pipeline.engines.postgresql.accounts.parse import PUBLIC
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.privilege import SectionKey, SectionName, Securable, SecurableKind

_ON = ("on", "true", "yes", "1")


def unread(world: AccessWorld, securable: Securable) -> tuple[str, ...]:
    """Return the sections that count for an object and were not read, or never were."""
    names = dict.fromkeys(map(str, filter(lambda key: is_unread(world, key), _needed(securable))))
    return tuple(names)


def left_out(graph: RoleGraph, account: str, database: str) -> tuple[str, ...]:
    """Return one text of the roles that the account has and whose grants the world lacks.

    The filter for system accounts leaves such roles out, and their grants with them.
    """
    roles = ", ".join(graph.not_kept(account, database))
    return (f"what was granted to {roles} (left out as system accounts)",) if roles else ()


def lifted(accounts: Mapping[str, AccountState], account: str) -> tuple[str, ...]:
    """Return a text where no privilege on large objects is asked for, or might not be.

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
    return ("lo_compat_privileges, which lets every session read and write them",) if is_on else ()


def is_unread(world: AccessWorld, key: SectionKey) -> bool:
    """Return whether a section exists and was not read, or nothing is known of it."""
    report = world.sections.get(key)
    return report is None or not report.is_known


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
