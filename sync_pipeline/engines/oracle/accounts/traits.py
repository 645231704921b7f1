"""What few accounts have, and how it is named in their state: attributes and settings."""

from __future__ import annotations

LOCK_TIME = "password_lock_time"
"""PASSWORD_LOCK_TIME of the profile in days, of an account that is LOCKED(TIMED)."""

PROXY_ONLY = "proxy_only_connect"
"""Only others may connect as the account (ALTER USER, PROXY ONLY CONNECT)."""

LOGINS_UNRECORDED = "logins_unrecorded"
"""No login is recorded, but there may have been some before releases recorded them."""

BY_ROOT = "administrator_by_root"
NOT_SEEN = "not seen from inside a pluggable database"
"""Whether the root granted a common user SYSDBA or its kin for all containers."""

PLATFORM = "platform"
"""Of PUBLIC: whose service the database is."""

DATABASE_ROLE = "database_role"
"""Of PUBLIC: what kind of standby the database is."""

READ_ONLY = "READ ONLY"
"""A setting of users who may not write, whatever they were granted (since 23ai)."""

PROTECTED = "DICTIONARY PROTECTED"
"""A setting of PUBLIC for each schema that no ANY privilege reaches (since 23ai)."""

LACKS = "lacks"
"""Of the role DBA: what it lacks of what its name says."""

WHOLE_DBA = frozenset(
    {
        "ALTER DATABASE",
        "ALTER SYSTEM",
        "CREATE ANY DIRECTORY",
        "DROP ANY DIRECTORY",
        "GRANT ANY PRIVILEGE",
        "GRANT ANY ROLE",
    }
)
"""What the role DBA has, but for where a provider keeps it (Amazon RDS User Guide, "Limitations
for Oracle DBA privileges")."""
