"""The bits of `access` in MariaDB's `mysql.global_priv`, and what a server makes of them.

Source: MariaDB Server, sql/privilege.h (the bits and the sets ALL_KNOWN_ACL_*) and
`User_table_json::get_access` in sql/sql_acl.cc. Tests grant one privilege
at a time, and compare random masks of every version with SHOW GRANTS.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sync_pipeline.model.privilege import Grant, Securable, SecurableKind

EVERYTHING = 2**64 - 1
"""What `mariadb-install-db` gives root: all privileges, of this version and the next."""

GRANT_BIT = 10
_GRANT = "GRANT"
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

_WORD_BITS = 64
_FIRST_WITH_JSON = 100400
_LAST_SANE = 999999
NEWEST_TRIED = 110899
"""The newest release line that this table was tried on; a newer one may know more bits."""
_KNOWN_BITS = ((110300, 40), (100508, 39), (100502, 38), (0, 30))
"""The versions that added privileges, newest first, and how many bits each one knows."""
_ALL_STAYS_ALL = 110402
"""Since then, what was ALL for the version that wrote a mask is ALL for the server too."""

_SPLIT_FROM_SUPER = frozenset(
    {
        *("SET USER", "FEDERATED ADMIN", "CONNECTION ADMIN", "READ_ONLY ADMIN"),
        *("REPLICATION SLAVE ADMIN", "BINLOG ADMIN", "BINLOG REPLAY"),
    }
)
_NO_LONGER_IN_SUPER = (_SPLIT_FROM_SUPER - {"READ_ONLY ADMIN"}) | {
    *("REPLICATION MASTER ADMIN", "BINLOG MONITOR", "SLAVE MONITOR"),
}


@dataclass(frozen=True, slots=True)
class Split:
    """What a mask that was written before a version gains, on servers since a version.

    The version that took something out of a privilege gives it, by its own name, to whoever
    holds that privilege in an older mask.
    """

    server_since: int
    written_before: int
    held: frozenset[str]
    gained: frozenset[str]


SPLITS = (
    # 10.5.2 split SUPER and what replication needs (MDEV-21743); all servers from 10.6 on.
    Split(0, 100502, frozenset({"SUPER"}), _SPLIT_FROM_SUPER),
    Split(
        *(0, 100502, frozenset({"SUPER", "REPLICATION SLAVE"})),
        frozenset({"REPLICATION MASTER ADMIN"}),
    ),
    # 10.5.9 gave SHOW SLAVE STATUS a privilege of its own (MDEV-23610).
    Split(0, 100502, frozenset({"BINLOG MONITOR"}), frozenset({"SLAVE MONITOR"})),
    Split(0, 100502, frozenset({"REPLICATION SLAVE"}), frozenset({"SLAVE MONITOR"})),
    Split(0, 100509, frozenset({"REPLICATION SLAVE ADMIN"}), frozenset({"SLAVE MONITOR"})),
    # 10.11 took READ_ONLY ADMIN from SUPER (MDEV-29596, MDEV-29632).
    Split(101100, 101100, frozenset({"SUPER"}), frozenset({"READ_ONLY ADMIN"})),
    # 11.0 took the rest: SUPER allows nothing that has a privilege of its own (MDEV-29668).
    Split(110000, 110000, frozenset({"SUPER"}), _NO_LONGER_IN_SUPER),
)
"""Seen on 10.5.23, 10.11.19 and 11.8.9 (tests), read in the source of 13.1. The lines between
follow their release notes: 10.6 reads as 10.5, 11.4 from 11.4.2 on and 12 as 11.8."""


def server_grants(access: int, version_id: int, server: tuple[int, ...]) -> Iterator[Grant]:
    """Yield the server-level grants that a mask stands for.

    `version_id` is the version that wrote the mask (101119; 0: before 10.5.2), `server`
    the version that reads it. Bits that count for nothing are kept, flagged.
    """
    honoured, ignored = effective_access(access, version_id, number_of(server))
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

    A server reads a mask by the version that wrote it: one that is older gains what was
    split since (`SPLITS`), and a mask with bits that its own version did not have counts
    for nothing. Bits newer than this table stay unread.
    """
    access %= 1 << _WORD_BITS
    if access == EVERYTHING:
        return _mask(server), 0
    if version_id and not _FIRST_WITH_JSON <= version_id <= _LAST_SANE:
        return 0, access
    written = min(version_id, server)
    mask = _mask(written)
    unknown = access & ~mask
    if unknown and not (server > NEWEST_TRIED and written >= _KNOWN_BITS[0][0]):
        return 0, access
    if server >= _ALL_STAYS_ALL and access & mask == mask:
        return _mask(server), unknown
    return (access & mask) | _gained(access, version_id, server), unknown


def all_privileges(server: tuple[int, ...]) -> frozenset[str]:
    """Return the privileges that ALL stands for on a server of a version."""
    return frozenset(words_of(_mask(number_of(server)))) - {_GRANT}


def words_of(bits: int) -> Iterator[str]:
    """Yield the privileges of known bits; `GRANT` is the grant option."""
    return (BITS.get(bit, _GRANT) for bit in _bits(bits) if bit in BITS or bit == GRANT_BIT)


def _gained(access: int, version_id: int, server: int) -> int:
    """Return the bits that a newer server adds to the mask of an older one."""
    held = set(words_of(access))
    gained: set[str] = set()
    for split in SPLITS:
        if server >= split.server_since and version_id < split.written_before:
            gained |= split.gained if split.held <= held else frozenset()
    return sum(1 << _BIT_OF[word] for word in gained)


def _mask(version: int) -> int:
    return (1 << next(count for since, count in _KNOWN_BITS if version >= since)) - 1


def number_of(version: tuple[int, ...]) -> int:
    """Return a version as the server numbers it: 10.11.19 is 101119."""
    major, minor, patch = (*version, 0, 0, 0)[:3]
    return major * 10000 + minor * 100 + patch


def _bits(access: int) -> Iterator[int]:
    return (bit for bit in range(access.bit_length()) if access >> bit & 1)
