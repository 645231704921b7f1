"""Which system privileges reach which operations on objects of other schemas.

SQL Language Reference, GRANT, "Listings of System and Object Privileges". A schema
privilege (since 23ai) has the name of a system privilege and reaches the same within one
schema.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from sync_pipeline.engines.oracle.accounts.proxies import THROUGH
from sync_pipeline.model.privilege import SecurableKind as Kind

TABLES = frozenset({Kind.TABLE})
TABLES_AND_VIEWS = TABLES | {Kind.VIEW}
RELATIONS = TABLES_AND_VIEWS | {Kind.MATERIALIZED_VIEW}
PROGRAMS = frozenset({Kind.PROCEDURE, Kind.FUNCTION, Kind.PACKAGE})

_ANY: dict[str, tuple[tuple[str, ...], frozenset[Kind]]] = {
    "SELECT ANY TABLE": (("SELECT", "READ"), RELATIONS),
    "READ ANY TABLE": (("READ",), RELATIONS),
    "FLASHBACK ANY TABLE": (("FLASHBACK",), RELATIONS),
    "INSERT ANY TABLE": (("INSERT",), TABLES_AND_VIEWS),
    "UPDATE ANY TABLE": (("UPDATE",), TABLES_AND_VIEWS),
    "DELETE ANY TABLE": (("DELETE",), TABLES_AND_VIEWS),
    "ALTER ANY TABLE": (("ALTER",), TABLES_AND_VIEWS),
    "LOCK ANY TABLE": (("LOCK",), TABLES_AND_VIEWS),
    "COMMENT ANY TABLE": (("COMMENT",), RELATIONS),
    "DROP ANY TABLE": (("DROP", "TRUNCATE"), TABLES),
    "CREATE ANY INDEX": (("INDEX",), TABLES),
    "DROP ANY VIEW": (("DROP",), frozenset({Kind.VIEW})),
    "UNDER ANY VIEW": (("UNDER",), frozenset({Kind.VIEW})),
    "MERGE ANY VIEW": (("MERGE VIEW",), frozenset({Kind.VIEW})),
    "ALTER ANY MATERIALIZED VIEW": (("ALTER",), frozenset({Kind.MATERIALIZED_VIEW})),
    "DROP ANY MATERIALIZED VIEW": (("DROP",), frozenset({Kind.MATERIALIZED_VIEW})),
    "SELECT ANY SEQUENCE": (("SELECT",), frozenset({Kind.SEQUENCE})),
    "ALTER ANY SEQUENCE": (("ALTER",), frozenset({Kind.SEQUENCE})),
    "DROP ANY SEQUENCE": (("DROP",), frozenset({Kind.SEQUENCE})),
    "EXECUTE ANY PROCEDURE": (("EXECUTE",), PROGRAMS),
    "ALTER ANY PROCEDURE": (("ALTER",), PROGRAMS),
    "DROP ANY PROCEDURE": (("DROP",), PROGRAMS),
    # Stands for DEBUG on everything that has this object privilege.
    "DEBUG ANY PROCEDURE": (("DEBUG",), PROGRAMS | TABLES_AND_VIEWS | {Kind.TYPE}),
    "EXECUTE ANY TYPE": (("EXECUTE",), frozenset({Kind.TYPE})),
    "ALTER ANY TYPE": (("ALTER",), frozenset({Kind.TYPE})),
    "DROP ANY TYPE": (("DROP",), frozenset({Kind.TYPE})),
    "UNDER ANY TYPE": (("UNDER",), frozenset({Kind.TYPE})),
    "EXECUTE ANY LIBRARY": (("EXECUTE",), frozenset({Kind.LIBRARY})),
    "ALTER ANY LIBRARY": (("ALTER",), frozenset({Kind.LIBRARY})),
    "DROP ANY LIBRARY": (("DROP",), frozenset({Kind.LIBRARY})),
    "DROP ANY SYNONYM": (("DROP",), frozenset({Kind.SYNONYM})),
    "DROP ANY DIRECTORY": (("DROP",), frozenset({Kind.DIRECTORY})),
}

# What can be created in a schema: `CREATE x` for one's own, `CREATE ANY x` for another's.
CREATABLE = frozenset(
    {
        "CLUSTER",
        "DIMENSION",
        "INDEXTYPE",
        "JOB",
        "LIBRARY",
        "MATERIALIZED VIEW",
        "OPERATOR",
        "PROCEDURE",
        "SEQUENCE",
        "SYNONYM",
        "TABLE",
        "TRIGGER",
        "TYPE",
        "VIEW",
    }
)

# Operations that are meant for one column as well as for the table it belongs to.
COLUMN_OPERATIONS = frozenset({"SELECT", "READ", "INSERT", "UPDATE", "REFERENCES", "COMMENT"})

# Table of object privileges; SIGN, UNDER and KEEP SEQUENCE are not part of ALL.
OBJECT_PRIVILEGES: Mapping[Kind, tuple[str, ...]] = {
    Kind.TABLE: (
        "ALTER",
        "DEBUG",
        "DELETE",
        "FLASHBACK",
        "INDEX",
        "INSERT",
        "READ",
        "REFERENCES",
        "SELECT",
        "UPDATE",
    ),
    Kind.VIEW: (
        "DEBUG",
        "DELETE",
        "FLASHBACK",
        "INSERT",
        "MERGE VIEW",
        "READ",
        "REFERENCES",
        "SELECT",
        "UPDATE",
    ),
    Kind.MATERIALIZED_VIEW: ("READ", "SELECT"),
    Kind.SEQUENCE: ("ALTER", "SELECT"),
    **dict.fromkeys(PROGRAMS, ("DEBUG", "EXECUTE")),
    Kind.TYPE: ("DEBUG", "EXECUTE"),
    Kind.LIBRARY: ("EXECUTE",),
    Kind.DIRECTORY: ("EXECUTE", "READ", "WRITE"),
}

# Object privileges and operations that only some kinds have, beside those above.
_FURTHER: Mapping[Kind, tuple[str, ...]] = {
    Kind.TABLE: (
        "COMMENT",
        "DROP",
        "LOCK",
        "ON COMMIT REFRESH",
        "QUERY REWRITE",
        "SIGN",
        "TRUNCATE",
    ),
    Kind.VIEW: ("ALTER", "COMMENT", "DROP", "LOCK", "UNDER"),
    Kind.MATERIALIZED_VIEW: (
        "ALTER",
        "COMMENT",
        "DELETE",
        "DROP",
        "FLASHBACK",
        "INSERT",
        "ON COMMIT REFRESH",
        "QUERY REWRITE",
        "UPDATE",
    ),
    Kind.SEQUENCE: ("DROP", "KEEP SEQUENCE"),
    **dict.fromkeys(PROGRAMS, ("ALTER", "DROP")),
    Kind.TYPE: ("ALTER", "DROP", "UNDER"),
    Kind.LIBRARY: ("ALTER", "DROP"),
    Kind.SYNONYM: ("DROP",),
}

# Any object privilege on a table or a view but READ lets its holder lock it.
LOCKING = ("ALTER", "DEBUG", "DELETE", "FLASHBACK", "INDEX", "INSERT", "REFERENCES", "SELECT")

# The tables with passwords and keys, which SELECT ANY DICTIONARY does not reach.
SECRET_TABLES = frozenset(
    {
        "CDB_LOCAL_ADMINAUTH$",
        "DEFAULT_PWD$",
        "ENC$",
        "LINK$",
        "USER$",
        "USER_HISTORY$",
        "XS$VERIFIERS",
    }
)

VERIFIER_TABLES = ("USER$", "USER_HISTORY$", "XS$VERIFIERS")
"""Those of them that hold what a password is checked against."""

SELECT_ANY_DICTIONARY = "SELECT ANY DICTIONARY"
_AUDSYS_PROTECTED_SINCE = 23


def _covering() -> dict[tuple[str, Kind], tuple[str, ...]]:
    found: dict[tuple[str, Kind], list[str]] = defaultdict(list)
    for privilege, (operations, kinds) in _ANY.items():
        for operation in operations:
            for kind in kinds:
                found[operation, kind].append(privilege)
            if kinds & TABLES_AND_VIEWS and operation in COLUMN_OPERATIONS:
                found[operation, Kind.COLUMN].append(privilege)
    return {question: tuple(privileges) for question, privileges in found.items()}


_COVERING = _covering()


def covering(operation: str, kind: Kind) -> tuple[str, ...]:
    """Return the system privileges that allow an operation on any object of a kind."""
    if kind is Kind.SCHEMA:
        return _covering_in_schema(operation)
    return _COVERING.get((operation, kind), ())


def created(operation: str) -> str:
    """Return what `CREATE x` or `CREATE ANY x` creates in a schema; empty: something else."""
    thing = operation.removeprefix("CREATE ").removeprefix("ANY ")
    return thing if operation.startswith("CREATE ") and thing in CREATABLE else ""


def _covering_in_schema(operation: str) -> tuple[str, ...]:
    if thing := created(operation):
        return (f"CREATE ANY {thing}",)
    return (operation,) if operation in _ANY else ()


def covered_by(operation: str, kind: Kind) -> tuple[str, ...]:
    """Return the object privileges that allow an operation on an object, itself first.

    SELECT allows what READ does, and FOR UPDATE beside it. A hierarchy option stands beside
    the privilege that it extends to subviews, and is none by itself.
    """
    queries = kind in RELATIONS or kind in {Kind.COLUMN, Kind.OBJECT}
    if operation == "READ" and queries:
        return ("READ", "SELECT")
    if operation == "LOCK" and kind in TABLES_AND_VIEWS:
        return ("LOCK", *LOCKING, "UPDATE")
    return (operation,)


def owner_may(operation: str, kind: Kind) -> bool:
    """Return whether owning an object is enough for an operation on it."""
    if kind is Kind.COLUMN:
        return operation in COLUMN_OPERATIONS
    if kind is Kind.OBJECT:
        return True
    return operation in OBJECT_PRIVILEGES.get(kind, ()) or operation in _FURTHER.get(kind, ())


def protected_schemas(major: int) -> frozenset[str]:
    """Return the schemas that ANY privileges do not reach in a major version.

    SYS, as long as O7_DICTIONARY_ACCESSIBILITY has its default FALSE (deprecated in 12.2,
    gone in 19c); from 23ai on AUDSYS too.
    """
    return frozenset({"SYS", "AUDSYS"} if major >= _AUDSYS_PROTECTED_SINCE else {"SYS"})


def dictionary_operations(major: int) -> frozenset[str]:
    """Return what SELECT ANY DICTIONARY allows: from 23ai on the manual says READ only."""
    return frozenset({"READ"} if major >= _AUDSYS_PROTECTED_SINCE else {"READ", "SELECT"})


_READS = frozenset({"DEBUG", "EXECUTE", "FLASHBACK", "INHERIT", "READ", "SELECT", "USE"})
_READS_WHOLE = frozenset(
    {
        "ADVISOR",
        "ALTER SESSION",
        "ANALYZE ANY",
        "CHANGE NOTIFICATION",
        "CREATE SESSION",
        "EXEMPT ACCESS POLICY",
        "EXEMPT REDACTION POLICY",
        "GLOBAL QUERY REWRITE",
        "KEEP DATE TIME",
        "KEEP SEQUENCE",
        "KEEP SYSGUID",
        "LOCK",
        "LOCK ANY TABLE",
        "LOGMINING",
        "MERGE ANY VIEW",
        "MERGE VIEW",
        "ON COMMIT REFRESH",
        "QUERY REWRITE",
        "QUOTA",
        "REFERENCES",
        "RESTRICTED SESSION",
        "RESUMABLE",
        "SET CONTAINER",
        "TRANSLATE SQL",
        "UNDER",
        "UNLIMITED TABLESPACE",
    }
)


def is_write(privilege: str) -> bool:
    """Return whether a privilege changes data, objects or accounts; unknown ones are said to.

    To execute is not to write: PUBLIC has EXECUTE on hundreds of Oracle's own packages, and
    the power to run the code of others is told apart (see `access_powers`). To connect as
    another account is not either: what it has by that is asked apart.
    """
    text = " ".join(privilege.upper().split())
    first = text.split(" ", maxsplit=1)[0]
    is_entry = text.startswith(THROUGH)
    return text not in _READS_WHOLE and first not in _READS and first != "QUOTA" and not is_entry
