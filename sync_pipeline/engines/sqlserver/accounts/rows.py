"""The rows of SQL Server's queries, one data class a query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MissingRow:
    """A row of `check_*.sql`: a permission that is missing."""

    missing: str


@dataclass(frozen=True, slots=True)
class DeniedRow:
    """A row of `denied_on_server.sql` and of `denied_in_database.sql`."""

    grantee: str


@dataclass(frozen=True, slots=True)
class DatabaseRow:
    """A row of `databases.sql`; `state` 0 is ONLINE."""

    database_id: int
    name: str
    state: int
    state_desc: str
    user_access_desc: str
    is_replicated: int
    is_snapshot: int
    is_auto_close_on: int
    is_in_standby: int
    has_access: int
    may_connect_any: int


@dataclass(frozen=True, slots=True)
class LoginRow:
    """A row of `server_principals.sql`; `password_set_at` is a day at midnight, without a zone."""

    name: str
    sid: bytes | None
    type: str
    type_desc: str
    is_disabled: bool
    is_fixed_role: bool
    default_database_name: str | None
    is_policy_checked: bool | None
    is_expiration_checked: bool | None
    is_expired: int | None
    must_change: int | None
    is_locked: int | None
    password_set_at: datetime | None
    is_sysadmin: int


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A row of `server_role_members.sql` and of `database_role_members.sql`."""

    role: str
    member: str


@dataclass(frozen=True, slots=True)
class ServerPermissionRow:
    """A row of `server_permissions.sql`."""

    # "class" is no name of a field in Python, so the class is kept by its description.
    class_desc: str
    major_id: int
    grantee: str
    grantor: str | None
    permission_name: str
    state: str
    item_name: str | None


@dataclass(frozen=True, slots=True)
class ServerOwnerRow:
    """A row of `server_owners.sql`; the class is named as in `server_permissions.sql`."""

    class_desc: str
    item_name: str
    owner: str


@dataclass(frozen=True, slots=True)
class OwnerRow:
    """A row of `schema_owners.sql` and of `role_owners.sql`."""

    item_name: str
    owner: str


@dataclass(frozen=True, slots=True)
class DatabaseOwnerRow:
    """A row of `database_owners.sql`."""

    database_name: str
    owner: str


@dataclass(frozen=True, slots=True)
class ObjectOwnerRow:
    """A row of `object_owners.sql`; the class is named as in `database_permissions.sql`."""

    class_desc: str
    object_type: str | None
    schema_name: str | None
    item_name: str
    owner: str


@dataclass(frozen=True, slots=True)
class UserRow:
    """A row of `database_principals.sql`; `login` has the same security identifier.

    Of a logical server (`azure_database_principals.sql`) it is that identifier.
    """

    name: str
    principal_id: int
    type: str
    type_desc: str
    is_fixed_role: bool
    authentication_type: int
    authentication_type_desc: str | None
    default_schema_name: str | None
    login: str | bytes | None
    containment: int
    is_trustworthy_on: int
    is_db_chaining_on: int


@dataclass(frozen=True, slots=True)
class PermissionRow:
    """A row of `database_permissions.sql`; a column has a `minor_id`."""

    class_desc: str
    major_id: int
    minor_id: int
    grantee: str
    grantor: str | None
    permission_name: str
    state: str
    object_type: str | None
    schema_name: str | None
    item_name: str | None
    column_name: str | None
