"""Which privileges there are on which kinds of objects of PostgreSQL. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from sync_pipeline.engines.postgresql.accounts.parse import OWNERSHIP
from sync_pipeline.model.access import EVERYTHING
from sync_pipeline.model.privilege import SecurableKind

K = SecurableKind
MAINTAIN = "MAINTAIN"
MAINTAIN_SINCE = 17

RELATIONS = (K.TABLE, K.PARTITIONED_TABLE, K.VIEW, K.MATERIALIZED_VIEW, K.FOREIGN_TABLE)
ROUTINES = (K.FUNCTION, K.PROCEDURE, K.AGGREGATE, K.ROUTINE)
ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "CREATEROLE": "can_create_roles",
        "CREATEDB": "can_create_databases",
        "REPLICATION": "can_replicate",
        "BYPASSRLS": "bypasses_row_security",
    }
)
"""Role attributes that are privileges on the server, and what an account calls them."""

MEMBER = "MEMBER"
USAGE = "USAGE"
SET = "SET"
_ON_RELATIONS = (
    *("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"),
    MAINTAIN,
)
# Manual, table "Summary of Access Privileges" of the section "Privileges".
_PRIVILEGES: Mapping[SecurableKind, tuple[str, ...]] = MappingProxyType(
    {
        **dict.fromkeys(RELATIONS, _ON_RELATIONS),
        **dict.fromkeys(ROUTINES, ("EXECUTE",)),
        K.SEQUENCE: (USAGE, "SELECT", "UPDATE"),
        K.COLUMN: ("SELECT", "INSERT", "UPDATE", "REFERENCES"),
        K.DATABASE: ("CREATE", "CONNECT", "TEMPORARY"),
        K.SCHEMA: ("CREATE", USAGE),
        K.TYPE: (USAGE,),
        K.LANGUAGE: (USAGE,),
        K.FOREIGN_DATA_WRAPPER: (USAGE,),
        K.FOREIGN_SERVER: (USAGE,),
        K.PROPERTY_GRAPH: ("SELECT",),
        K.LARGE_OBJECT: ("SELECT", "UPDATE"),
        K.TABLESPACE: ("CREATE",),
        K.PARAMETER: (SET, "ALTER SYSTEM"),
        K.PRINCIPAL: (MEMBER, USAGE, SET),
        K.SERVER: (EVERYTHING, *ATTRIBUTES),
    }
)
_WITHOUT_OWNER = (K.PARAMETER, K.SERVER, K.PRINCIPAL, K.DEFAULT_PRIVILEGE)
_OPTIONS = (" WITH GRANT OPTION", " WITH ADMIN OPTION")
# Those that read, or that only let a name be used, are left out; a sequence's USAGE,
# which PUBLIC's many USAGEs look like, too.
_WRITES = frozenset(
    {
        *("INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER", MAINTAIN, "CREATE"),
        *("ALTER SYSTEM", OWNERSHIP, EVERYTHING, "CREATEROLE", "CREATEDB"),
    }
)


def exists(privilege: str, kind: SecurableKind, major: int) -> bool:
    """Return whether a server of a major version has a privilege on a kind of object."""
    if privilege == OWNERSHIP:
        return kind not in _WITHOUT_OWNER
    if privilege == MAINTAIN and major < MAINTAIN_SINCE:
        return False
    return privilege in _PRIVILEGES.get(kind, ())


@lru_cache(maxsize=64)
def parsed(privilege: str) -> tuple[str, bool]:
    """Return a privilege as the catalog spells it, and whether its option is asked for.

    As in `has_table_privilege` and its kin, `SELECT WITH GRANT OPTION` asks whether the
    account may grant it, and TEMP is TEMPORARY (manual, "Access Privilege Inquiry
    Functions").
    """
    text = " ".join(privilege.upper().split())
    bare = text
    for option in _OPTIONS:
        bare = bare.removesuffix(option)
    return ("TEMPORARY" if bare == "TEMP" else bare), bare != text


def is_write(privilege: str) -> bool:
    """Return whether a privilege changes data, objects or accounts by itself."""
    return parsed(privilege)[0] in _WRITES
