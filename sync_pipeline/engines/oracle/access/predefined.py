"""What roles and administrative privileges that Oracle itself defines contain.

A filter may keep Oracle's own roles out of a snapshot. What the manuals say of them is
then what an account has by them.
"""

from __future__ import annotations

from dataclasses import dataclass

DBA = "DBA"
"""The role with all system privileges (Database Security Guide, "Predefined Roles")."""

SYSDBA = "SYSDBA"


@dataclass(frozen=True, slots=True)
class PredefinedRole:
    """A role's documented contents, of which the manual names a part.

    They are never all: a DBA may grant to any of these roles.
    """

    privileges: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


_CATALOG = ("SELECT_CATALOG_ROLE", "EXECUTE_CATALOG_ROLE")

# Database Security Guide, "Predefined Roles in an Oracle Database Installation".
PREDEFINED_ROLES = {
    "CONNECT": PredefinedRole(("CREATE SESSION", "SET CONTAINER")),
    "RESOURCE": PredefinedRole(
        (
            "CREATE CLUSTER",
            "CREATE INDEXTYPE",
            "CREATE OPERATOR",
            "CREATE PROCEDURE",
            "CREATE SEQUENCE",
            "CREATE TABLE",
            "CREATE TRIGGER",
            "CREATE TYPE",
        )
    ),
    "EXP_FULL_DATABASE": PredefinedRole(
        ("BACKUP ANY TABLE", "EXECUTE ANY PROCEDURE", "EXECUTE ANY TYPE", "SELECT ANY TABLE"),
        _CATALOG,
    ),
    "IMP_FULL_DATABASE": PredefinedRole(
        (
            "ALTER ANY TABLE",
            "ALTER USER",
            "BECOME USER",
            "CREATE ANY PROCEDURE",
            "CREATE ANY TABLE",
            "CREATE ANY TRIGGER",
            "CREATE USER",
            "DELETE ANY TABLE",
            "DROP ANY TABLE",
            "EXECUTE ANY PROCEDURE",
            "GRANT ANY OBJECT PRIVILEGE",
            "GRANT ANY PRIVILEGE",
            "GRANT ANY ROLE",
            "INSERT ANY TABLE",
            "SELECT ANY TABLE",
            "UPDATE ANY TABLE",
        ),
        _CATALOG,
    ),
    "DATAPUMP_EXP_FULL_DATABASE": PredefinedRole(roles=("EXP_FULL_DATABASE",)),
    "DATAPUMP_IMP_FULL_DATABASE": PredefinedRole(roles=("EXP_FULL_DATABASE", "IMP_FULL_DATABASE")),
    "SCHEDULER_ADMIN": PredefinedRole(
        (
            "CREATE ANY JOB",
            "CREATE EXTERNAL JOB",
            "CREATE JOB",
            "EXECUTE ANY CLASS",
            "EXECUTE ANY PROGRAM",
            "MANAGE SCHEDULER",
        )
    ),
    # Holds nothing by itself: what is granted to it in its container counts.
    "PDB_DBA": PredefinedRole(),
    "CDB_DBA": PredefinedRole(("SET CONTAINER",)),
    DBA: PredefinedRole(),
}

# SQL Language Reference, GRANT, table of administrative privileges (since 23ai; before, the
# section "Managing Administrative Privileges" of the Database Security Guide). SYSDBA is
# not here: it is everything.
ADMINISTRATIVE = {
    "SYSOPER": ("ALTER DATABASE", "CREATE SESSION", "RESTRICTED SESSION"),
    "SYSBACKUP": (
        "ALTER DATABASE",
        "ALTER SESSION",
        "ALTER SYSTEM",
        "ALTER TABLESPACE",
        "CREATE ANY CLUSTER",
        "CREATE ANY DIRECTORY",
        "CREATE ANY TABLE",
        "CREATE SESSION",
        "DROP TABLESPACE",
        "RESUMABLE",
        "SELECT ANY DICTIONARY",
        "SELECT ANY TRANSACTION",
        "UNLIMITED TABLESPACE",
    ),
    "SYSDG": (
        "ALTER DATABASE",
        "ALTER SESSION",
        "ALTER SYSTEM",
        "CREATE SESSION",
        "SELECT ANY DICTIONARY",
    ),
    "SYSKM": ("ADMINISTER KEY MANAGEMENT", "CREATE SESSION"),
    "SYSRAC": ("ALTER DATABASE", "ALTER SESSION", "ALTER SYSTEM", "CREATE SESSION"),
}


def connecting_as(privilege: str) -> str:
    """Return what an account needs before an administrative privilege is in force."""
    return f"a connection AS {privilege}"
