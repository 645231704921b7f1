"""Plugins by which an account of MySQL or MariaDB logs in, and what they keep of a password."""

from __future__ import annotations

STORES_PASSWORD = frozenset(
    {
        *("mysql_native_password", "mysql_old_password", "sha256_password"),
        *("caching_sha2_password", "ed25519", "parsec"),
    }
)
"""Plugins that keep a password (as a hash) in the account."""
SET, EMPTY, INVALID = "set", "empty", "invalid"
"""Whether a method has a password. With an invalid one, such as MariaDB's own `root` and
`mysql` have beside unix_socket, nobody logs in: it is no password, and none that is missing."""
