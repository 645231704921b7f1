"""The bits of `access` in MariaDB's `mysql.global_priv`, and what a server makes of them.

Source: MariaDB Server, sql/privilege.h (the bits and the sets ALL_KNOWN_ACL_*) and
`User_table_json::get_access` in sql/sql_acl.cc. Seen on 10.11: tests grant one privilege
at a time, and compare random masks of every version with SHOW GRANTS.
"""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.model.privilege import Grant, Securable, SecurableKind

EVERYTHING = 2**64 - 1
"""What `mariadb-install-db` gives root: all privileges, of this version and the next."""

GRANT_BIT = 10
BITS = {
    0: "SELECT",
    1: "INSERT",
    2: "UPDATE",
    3: "DELETE",
    4: "CREATE",
    5: "DROP",
    6: "RELOAD",
    7: "SHUTDOWN",
    8: "PROCESS",
    9: "FILE",
    11: "REFERENCES",
    12: "INDEX",
    13: "ALTER",
    14: "SHOW DATABASES",
    15: "SUPER",
    16: "CREATE TEMPORARY TABLES",
    17: "LOCK TABLES",
    18: "EXECUTE",
    19: "REPLICATION SLAVE",
    20: "BINLOG MONITOR",
    21: "CREATE VIEW",
    22: "SHOW VIEW",
    23: "CREATE ROUTINE",
    24: "ALTER ROUTINE",
    25: "CREATE USER",
    26: "EVENT",
    27: "TRIGGER",
    28: "CREATE TABLESPACE",
    29: "DELETE HISTORY",
    30: "SET USER",
    31: "FEDERATED ADMIN",
    32: "CONNECTION ADMIN",
    33: "READ_ONLY ADMIN",
    34: "REPLICATION SLAVE ADMIN",
    35: "REPLICATION MASTER ADMIN",
    36: "BINLOG ADMIN",
    37: "BINLOG REPLAY",
    38: "SLAVE MONITOR",
    39: "SHOW CREATE ROUTINE",
}
_BIT_OF = {word: bit for bit, word in BITS.items()}

_FIRST_WITH_JSON = 100400
_LAST_SANE = 999999
_SPLIT_OF_SUPER = 100502
_SLAVE_MONITOR_APART = 100509
_READ_ONLY_APART = 101100
_KNOWN_BITS = ((110300, 40), (100508, 39), (_SPLIT_OF_SUPER, 38), (0, 30))
"""The versions that added privileges, newest first, and how many bits each one knows."""

_TAKEN_FROM_SUPER = (
    "SET USER",
    "FEDERATED ADMIN",
    "CONNECTION ADMIN",
    "READ_ONLY ADMIN",
    "REPLICATION SLAVE ADMIN",
    "BINLOG ADMIN",
    "BINLOG REPLAY",
)


def server_grants(access: int, version_id: int, server: tuple[int, ...]) -> Iterator[Grant]:
    """Yield the server-level grants that a mask stands for.

    `version_id` is the version that wrote the mask (101119; 0: before 10.5.2), `server`
    the version that reads it. Bits that count for nothing are kept, flagged.
    """
    honoured, ignored = effective_access(access, version_id, _number(server))
    on = Securable(SecurableKind.SERVER)
    grantable = bool(honoured >> GRANT_BIT & 1)
    granted = [bit for bit in _bits(honoured) if bit != GRANT_BIT]
    if grantable and not granted:
        yield Grant(on, "USAGE", grantable=True)
    for bit in granted:
        yield Grant(on, BITS[bit], grantable=grantable)
    for bit in _bits(ignored):
        yield Grant(on, f"access bit {bit}", recognised=False)


def effective_access(access: int, version_id: int, server: int) -> tuple[int, int]:
    """Return the bits that the server honours and those that it, or we, can't read.

    A server reads a mask by the version that wrote it: one from before 10.5.2 gains what
    was later split from SUPER and REPLICATION SLAVE (10.11 took READ_ONLY ADMIN from
    SUPER at last), and a mask with bits that its own
    version did not have counts for nothing. Bits newer than this table stay unread.
    """
    if access in (EVERYTHING, -1):
        return _mask(server), 0
    if version_id and not _FIRST_WITH_JSON <= version_id <= _LAST_SANE:
        return 0, access
    mask = _mask(min(version_id, server))
    unknown = access & ~mask
    is_newer_than_known = min(version_id, server) >= _KNOWN_BITS[0][0]
    if unknown and not is_newer_than_known:
        return 0, access
    return (access & mask) | _gained(access, version_id, server), unknown


def all_privileges(server: tuple[int, ...]) -> frozenset[str]:
    """Return the privileges that ALL stands for on a server of a version."""
    return frozenset(BITS[bit] for bit in _bits(_mask(_number(server))) if bit != GRANT_BIT)


def _gained(access: int, version_id: int, server: int) -> int:
    """Return the bits that a newer server adds to the mask of an older one."""

    def has(word: str) -> bool:
        return bool(access >> _BIT_OF[word] & 1)

    gained: set[str] = set()
    if version_id < _SPLIT_OF_SUPER:
        if has("SUPER"):
            gained.update(_TAKEN_FROM_SUPER)
        if has("SUPER") and has("REPLICATION SLAVE"):
            gained.add("REPLICATION MASTER ADMIN")
        if has("BINLOG MONITOR") or has("REPLICATION SLAVE"):
            gained.add("SLAVE MONITOR")
    elif version_id < _SLAVE_MONITOR_APART and has("REPLICATION SLAVE ADMIN"):
        gained.add("SLAVE MONITOR")
    if version_id < _READ_ONLY_APART <= server and has("SUPER"):
        gained.add("READ_ONLY ADMIN")
    return sum(1 << _BIT_OF[word] for word in gained)


def _mask(version: int) -> int:
    return (1 << next(count for since, count in _KNOWN_BITS if version >= since)) - 1


def _number(version: tuple[int, ...]) -> int:
    major, minor, patch = (*version, 0, 0, 0)[:3]
    return major * 10000 + minor * 100 + patch


def _bits(access: int) -> Iterator[int]:
    return (bit for bit in range(access.bit_length()) if access >> bit & 1)
