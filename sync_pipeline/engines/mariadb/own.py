"""The accounts that MariaDB makes for itself."""

from __future__ import annotations

SYSTEM_ACCOUNTS = ("'mariadb.sys'@'localhost'",)
