"""The accounts that MySQL makes for itself."""

from __future__ import annotations

SYSTEM_ACCOUNTS = (
    "'mysql.sys'@'localhost'",
    "'mysql.session'@'localhost'",
    "'mysql.infoschema'@'localhost'",
)
