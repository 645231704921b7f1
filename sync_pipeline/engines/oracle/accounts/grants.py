"""Rows of Oracle's privilege views become grants. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sync_pipeline.engines.oracle.accounts.privileges import (
    ADMINISTRATIVE,
    HIERARCHY,
    OBJECT_PRIVILEGES,
    SCHEMA_PRIVILEGES,
    SYSTEM_PRIVILEGES,
)
from sync_pipeline.engines.oracle.accounts.proxies import ProxyRow, through
from sync_pipeline.model.privilege import Grant, GrantScope, Securable, SecurableKind

UNLIMITED = -1

_KIND_OF_TYPE = {
    "TABLE": SecurableKind.TABLE,
    "VIEW": SecurableKind.VIEW,
    "MATERIALIZED VIEW": SecurableKind.MATERIALIZED_VIEW,
    "SEQUENCE": SecurableKind.SEQUENCE,
    "PROCEDURE": SecurableKind.PROCEDURE,
    "FUNCTION": SecurableKind.FUNCTION,
    "PACKAGE": SecurableKind.PACKAGE,
    "TYPE": SecurableKind.TYPE,
    "DIRECTORY": SecurableKind.DIRECTORY,
    "LIBRARY": SecurableKind.LIBRARY,
    "EDITION": SecurableKind.EDITION,
    "MINING MODEL": SecurableKind.MINING_MODEL,
    "SQL TRANSLATION PROFILE": SecurableKind.TRANSLATION_PROFILE,
}


@dataclass(frozen=True, slots=True)
class SysPrivRow:
    """A row of `sys_privs*.sql`."""

    container: str | None
    grantee: str
    privilege: str
    admin_option: str
    common: str | None = None
    inherited: str | None = None


@dataclass(frozen=True, slots=True)
class AdministratorRow:
    """A row of `pwfile_users*.sql`; the fields of privileges are TRUE or FALSE."""

    container: str | None
    grantee: str
    sysdba: str
    sysoper: str
    sysasm: str
    sysbackup: str
    sysdg: str
    syskm: str
    common: str | None = None
    con_id: int | None = None

    @property
    def is_of_all(self) -> bool:
        """Return whether it holds for every container.

        Database Reference, V$PWFILE_USERS: COMMON is YES where it was granted with
        CONTAINER=ALL; CON_ID 0 is of the entire container database.
        """
        return self.common == "YES" or self.con_id == 0


@dataclass(frozen=True, slots=True)
class SchemaPrivRow:
    """A row of `schema_privs*.sql`."""

    container: str | None
    grantee: str
    privilege: str
    schema_name: str
    admin_option: str
    common: str | None = None
    inherited: str | None = None


@dataclass(frozen=True, slots=True)
class TabPrivRow:
    """A row of `tab_privs*.sql`."""

    container: str | None
    grantee: str
    owner: str
    object_name: str
    object_type: str | None
    grantor: str
    privilege: str
    grantable: str
    hierarchy: str
    common: str | None = None
    inherited: str | None = None


@dataclass(frozen=True, slots=True)
class ColPrivRow:
    """A row of `col_privs*.sql`."""

    container: str | None
    grantee: str
    owner: str
    object_name: str
    column_name: str
    grantor: str
    privilege: str
    grantable: str
    common: str | None = None
    inherited: str | None = None


@dataclass(frozen=True, slots=True)
class QuotaRow:
    """A row of `ts_quotas*.sql`."""

    container: str | None
    grantee: str
    tablespace_name: str
    max_bytes: int


@dataclass(frozen=True, slots=True)
class GrantRows:
    """All privilege views of one server."""

    system: Sequence[SysPrivRow] = ()
    administrators: Sequence[AdministratorRow] = ()
    schemas: Sequence[SchemaPrivRow] = ()
    objects: Sequence[TabPrivRow] = ()
    columns: Sequence[ColPrivRow] = ()
    quotas: Sequence[QuotaRow] = ()
    proxies: Sequence[ProxyRow] = ()


Granted = tuple[str, str, Grant]
"""A container, a grantee in it, and what it was granted."""


def grants_by_holder(rows: GrantRows) -> Mapping[tuple[str, str], Sequence[Grant]]:
    """Return the grants of each account, by container and name."""
    found: dict[tuple[str, str], list[Grant]] = defaultdict(list)
    for kind in (
        map(_system, rows.system),
        (granted for row in rows.administrators for granted in _administrator(row)),
        map(_schema, rows.schemas),
        (granted for row in rows.objects for granted in _object(row)),
        map(_column, rows.columns),
        map(_quota, rows.quotas),
        map(through, rows.proxies),
    ):
        for container, grantee, grant in kind:
            found[(container, grantee)].append(grant)
    return found


def scope_of(common: str | None, inherited: str | None) -> GrantScope:
    """Return where a grant was made (Database Reference, DBA_SYS_PRIVS, COMMON and INHERITED)."""
    if common != "YES":
        return GrantScope.LOCAL
    return GrantScope.INHERITED if inherited == "YES" else GrantScope.COMMON


def _on(container: str, kind: SecurableKind, **parts: str) -> Securable:
    """Return a securable; one of a pluggable database is of that database's catalog."""
    return Securable(kind=kind, database=container, catalog=container, **parts)


def _system(row: SysPrivRow) -> Granted:
    container = row.container or ""
    return (
        container,
        row.grantee,
        Grant(
            _on(container, SecurableKind.SERVER),
            row.privilege,
            grantable=row.admin_option == "YES",
            recognised=row.privilege in SYSTEM_PRIVILEGES,
            scope=scope_of(row.common, row.inherited),
        ),
    )


def _administrator(row: AdministratorRow) -> Iterable[Granted]:
    container = row.container or ""
    scope = scope_of(row.common, "YES" if container else "NO")
    for privilege in ADMINISTRATIVE:
        if getattr(row, privilege.lower()) == "TRUE":
            grant = Grant(_on(container, SecurableKind.SERVER), privilege, scope=scope)
            yield container, row.grantee, grant


def _schema(row: SchemaPrivRow) -> Granted:
    container = row.container or ""
    return (
        container,
        row.grantee,
        Grant(
            _on(container, SecurableKind.SCHEMA, schema=row.schema_name),
            row.privilege,
            grantable=row.admin_option == "YES",
            recognised=row.privilege in SCHEMA_PRIVILEGES,
            scope=scope_of(row.common, row.inherited),
        ),
    )


def _object(row: TabPrivRow) -> Iterable[Granted]:
    container = row.container or ""
    kind = _KIND_OF_TYPE.get(row.object_type or "", SecurableKind.OBJECT)
    securable = _on(container, kind, schema=row.owner, name=row.object_name)
    privileges = [row.privilege]
    if row.hierarchy == "YES":
        privileges.append(f"{row.privilege}{HIERARCHY}")
    for privilege in privileges:
        grant = Grant(
            securable,
            privilege,
            grantable=row.grantable == "YES",
            grantor=row.grantor,
            recognised=privilege in OBJECT_PRIVILEGES,
            scope=scope_of(row.common, row.inherited),
        )
        yield container, row.grantee, grant


def _column(row: ColPrivRow) -> Granted:
    container = row.container or ""
    securable = _on(
        container,
        SecurableKind.COLUMN,
        schema=row.owner,
        name=row.object_name,
        column=row.column_name,
    )
    return (
        container,
        row.grantee,
        Grant(
            securable,
            row.privilege,
            grantable=row.grantable == "YES",
            grantor=row.grantor,
            recognised=row.privilege in OBJECT_PRIVILEGES,
            scope=scope_of(row.common, row.inherited),
        ),
    )


def _quota(row: QuotaRow) -> Granted:
    container = row.container or ""
    size = "UNLIMITED" if row.max_bytes == UNLIMITED else str(int(row.max_bytes))
    securable = _on(container, SecurableKind.TABLESPACE, name=row.tablespace_name)
    return container, row.grantee, Grant(securable, f"QUOTA {size}")
