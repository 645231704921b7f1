"""The predefined roles, which a sync leaves out by default: what is known of them. Pure.

Which of them hold something of their own is an attribute of PUBLIC. Of all others it is known,
without their states, that nobody has anything by them but what the manual says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sync_pipeline.model.account import AccountState, AttributeValue
from sync_pipeline.model.privilege import AccountSetting, Grant, Membership, SecurableKind

RESERVED = "pg_"
"""How the names of the server's own roles begin (manual, CREATE ROLE)."""
PREDEFINED_ROLES = frozenset(
    {
        *("pg_read_all_data", "pg_write_all_data", "pg_read_all_settings", "pg_read_all_stats"),
        *("pg_stat_scan_tables", "pg_monitor", "pg_database_owner", "pg_signal_backend"),
        *("pg_read_server_files", "pg_write_server_files", "pg_execute_server_program"),
        *("pg_checkpoint", "pg_use_reserved_connections", "pg_create_subscription"),
        *("pg_maintain", "pg_signal_autovacuum_worker"),
    }
)
"""Manual, "Predefined Roles", of 14 to 19: what they may do is in no catalog."""
BUILT_IN = {
    "pg_monitor": frozenset({"pg_read_all_settings", "pg_read_all_stats", "pg_stat_scan_tables"})
}
"""Memberships that initdb makes, by the role that has them."""
DATABASE_OWNER = "pg_database_owner"
PUBLIC_SCHEMA = "public"
HOLDERS = "predefined_holders"
"""Of PUBLIC: the predefined roles that have more than initdb gave them."""


def is_predefined(state: AccountState) -> bool:
    """Return whether a role is one of the server's own: none of them logs in, or is a superuser.

    A superuser may write such a name, or such a right, into pg_authid all the same.
    """
    return state.name.startswith(RESERVED) and not (state.can_login or state.is_superuser)


@dataclass(frozen=True, slots=True)
class Holding:
    """What each role has: roles, settings, grants."""

    members: Mapping[str, Sequence[Membership]]
    parameters: Mapping[str, Sequence[AccountSetting]]
    grants: Mapping[str, Sequence[Grant]]


def holders_among(holding: Holding, names: Collection[str]) -> tuple[str, AttributeValue]:
    """Return the attribute that names which of the predefined roles hold something of their own.

    Of roles of a newer release nothing is said, as nothing is known of them otherwise.
    """
    known = sorted(PREDEFINED_ROLES.intersection(names))
    return HOLDERS, ", ".join(name for name in known if _holds(name, holding))


def empty_roles(attributes: Mapping[str, AttributeValue]) -> frozenset[str]:
    """Return the predefined roles that hold nothing of their own, by the attributes of PUBLIC.

    The owner of the schema public, from 15 on, is among them: pg_database_owner.
    """
    if HOLDERS not in attributes:
        return frozenset()
    return PREDEFINED_ROLES.difference(str(attributes[HOLDERS] or "").split(", "))


def _holds(name: str, holding: Holding) -> bool:
    held = {item.role for item in holding.members.get(name, ())}
    if holding.parameters.get(name) or not held <= BUILT_IN.get(name, frozenset()):
        return True
    return not all(_is_of_owner(name, grant) for grant in holding.grants.get(name, ()))


def _is_of_owner(name: str, grant: Grant) -> bool:
    """Return whether a grant is what pg_database_owner has on the schema public as its owner."""
    on = grant.securable
    is_schema = on.kind is SecurableKind.SCHEMA and on.schema == PUBLIC_SCHEMA
    return name == DATABASE_OWNER and is_schema and grant.grantor in ("", name)
