"""Which privileges exist on which kind of object, in MySQL and MariaDB alike.

Sources: MySQL 8.4 Reference Manual, 8.2.2 Privileges Provided by MySQL (tables 8.2 and
8.3) and 15.7.1.6 GRANT Statement (privilege levels); MariaDB Knowledge Base, GRANT.
"""

from __future__ import annotations

from dataclasses import dataclass

from sync_pipeline.model.access import EVERYTHING
from sync_pipeline.model.privilege import SecurableKind

GRANT_OPTION = "GRANT OPTION"
USAGE = "USAGE"
"""No privilege at all: it only carries options."""

ROUTINES = frozenset(
    {
        SecurableKind.PROCEDURE,
        SecurableKind.FUNCTION,
        SecurableKind.PACKAGE,
        SecurableKind.PACKAGE_BODY,
        SecurableKind.LIBRARY,
    }
)
DATABASES = frozenset({SecurableKind.DATABASE, SecurableKind.DATABASE_PATTERN})

ON_COLUMN = frozenset({"SELECT", "INSERT", "UPDATE", "REFERENCES"})
ON_TABLE = ON_COLUMN | {
    *("DELETE", "CREATE", "DROP", "INDEX", "ALTER", "CREATE VIEW", "SHOW VIEW", "TRIGGER"),
}
ON_ROUTINE = frozenset({"EXECUTE", "ALTER ROUTINE"})
ON_DATABASE = (
    ON_TABLE | ON_ROUTINE | {"CREATE TEMPORARY TABLES", "LOCK TABLES", "CREATE ROUTINE", "EVENT"}
)

_READS = frozenset(
    {
        *(USAGE, "SELECT", "SHOW VIEW", "SHOW DATABASES", "SHOW CREATE ROUTINE", "SHOW_ROUTINE"),
        *("PROCESS", "REPLICATION CLIENT", "REPLICATION SLAVE", "BINLOG MONITOR", "SLAVE MONITOR"),
        *("EXECUTE", "REFERENCES", "LOCK TABLES", "CREATE TEMPORARY TABLES"),
        *("BACKUP_ADMIN", "XA_RECOVER_ADMIN", "GROUP_REPLICATION_STREAM"),
        *("AUDIT_ABORT_EXEMPT", "FIREWALL_EXEMPT", "SENSITIVE_VARIABLES_OBSERVER"),
    }
)


@dataclass(frozen=True, slots=True)
class Levels:
    """The privileges of one engine: on the server (static ones), and below it."""

    server: frozenset[str]
    database: frozenset[str] = ON_DATABASE
    table: frozenset[str] = ON_TABLE
    column: frozenset[str] = ON_COLUMN
    routine: frozenset[str] = ON_ROUTINE

    def of(self, kind: SecurableKind) -> frozenset[str]:
        """Return the privileges that an object of this kind can have."""
        if kind is SecurableKind.SERVER:
            return self.server
        if kind in DATABASES:
            return self.database
        if kind in ROUTINES:
            return self.routine
        if kind is SecurableKind.COLUMN:
            return self.column
        return self.table if kind is SecurableKind.TABLE else frozenset()

    def is_inherited(self, word: str, kind: SecurableKind) -> bool:
        """Return whether having it on a larger object counts for one of this kind.

        The global level covers databases, a database its tables and routines, a table its
        columns; what an object of this kind can't have, it does not get from above.
        """
        known = self.of(kind)
        return word in known or (word == GRANT_OPTION and bool(known))


def canonical_word(privilege: str) -> str:
    """Return a privilege as the grants of a snapshot write it."""
    word = " ".join(privilege.upper().split())
    return {"ALL PRIVILEGES": EVERYTHING, "GRANT": GRANT_OPTION}.get(word, word)


def is_write(privilege: str) -> bool:
    """Return whether a privilege changes data, objects or accounts.

    EXECUTE runs what others wrote, with rights that its definer has: not a write by itself.
    """
    return canonical_word(privilege) not in _READS
