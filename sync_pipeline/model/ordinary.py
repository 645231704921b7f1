"""What is ordinary of an account: values of its attributes that are no news.

The one table for all engines: attributes of the same name mean the same. What is not in it is
ordinary where it is absent, false or empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sync_pipeline.model.account import AccountKind, AttributeValue

NOTHING: tuple[AttributeValue, ...] = (None, False, "")

ORDINARY: Mapping[str, tuple[AttributeValue, ...]] = MappingProxyType(
    {
        # MySQL, CREATE USER: without an option. MariaDB, CREATE USER: the same, and a lifetime
        # of -1 is that of the server.
        "plugin": ("caching_sha2_password",),
        "plugins": ("mysql_native_password",),
        "has_authentication_string": (True,),
        "password_lifetime": (None, -1),
        # A number of Oracle is of the profile.
        "failed_login_attempts": (None, 0, "10"),
        "max_questions": (0,),
        "max_updates": (0,),
        "max_connections": (0,),
        "max_user_connections": (0,),
        "max_statement_time": (0,),
        # PostgreSQL, CREATE ROLE.
        "inherits": (True,),
        "connection_limit": (-1,),
        "valid_until": (None, "infinity"),
        # SQL Server, CREATE LOGIN, CREATE USER, CREATE ROLE, CREATE APPLICATION ROLE.
        "type": ("SQL_LOGIN", "SQL_USER", "SERVER_ROLE", "DATABASE_ROLE", "APPLICATION_ROLE"),
        "default_database": (None, "master"),
        "default_schema": (None, "dbo"),
        "is_policy_checked": (None, True),
        # Also Oracle, CREATE USER and CREATE ROLE: a role has mostly none.
        "authentication_type": (None, "INSTANCE", "NONE", "PASSWORD"),
        "account_status": ("OPEN",),
        "profile": ("DEFAULT",),
        "password_versions": (None, "12C", "11G 12C"),
        "default_tablespace": (None, "USERS"),
    }
)

ELSEWHERE = frozenset(
    {
        # Of the server, or of the account's profile: the same for each account that is new.
        "default_password_lifetime",
        "validates_passwords",
        "lower_case_table_names",
        "partial_revokes",
        "platform",
        "predefined_holders",
        "database_role",
        "password_life_time",
        "password_verify_function",
        # That the account is new says these moments.
        "password_last_changed",
        "password_set_at",
        "password_changed_at",
        "expiry_date",
        "last_login",
    }
)
"""Attributes of which nothing is news where the account itself is new."""

REMARKABLE = frozenset(
    {
        # MySQL and MariaDB.
        "unknown_keys",
        "passwords",
        "further_plugins",
        "failed_login_attempts",
        "password_lifetime",
        "password_last_changed",
        "default_password_lifetime",
        "lower_case_table_names",
        "partial_revokes",
        "max_questions",
        "max_updates",
        "max_connections",
        "max_user_connections",
        "max_statement_time",
        "ssl_type",
        "ssl_cipher",
        "x509_issuer",
        "x509_subject",
        # PostgreSQL.
        "is_bootstrap",
        # SQL Server.
        "is_policy_checked",
        "is_expiration_checked",
        "is_expired",
        "must_change",
        "password_set_at",
        "well_known",
        "login",
        "is_trustworthy_on",
        "is_db_chaining_on",
        # Oracle.
        "password_lock_time",
        "proxy_only_connect",
        "logins_unrecorded",
        "administrator_by_root",
        "platform",
        "database_role",
        "lacks",
    }
)
"""Attributes that an account has only where there is something to say: that it has one is news,
also where no account of its instance had one before."""

ENTERING = frozenset({AccountKind.USER, AccountKind.LOGIN})
"""The kinds of accounts that can mostly log in."""


def is_ordinary(name: str, value: AttributeValue) -> bool:
    """Return whether an attribute has a value that accounts have without anybody's doing."""
    return any(
        value == ordinary and isinstance(value, bool) is isinstance(ordinary, bool)
        for ordinary in ORDINARY.get(name, NOTHING)
    )
