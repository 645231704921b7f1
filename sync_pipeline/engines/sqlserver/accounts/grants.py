"""Rows of permissions and ownership become grants. Pure.

Sources: SQL Server documentation, sys.server_permissions, sys.database_permissions (classes
and states) and sys.objects (types).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from sync_pipeline.engines.sqlserver.accounts.permissions import OWNER, PERMISSIONS
from sync_pipeline.engines.sqlserver.accounts.rows import (
    DatabaseOwnerRow,
    ObjectOwnerRow,
    OwnerRow,
    PermissionRow,
    ServerOwnerRow,
    ServerPermissionRow,
)
from sync_pipeline.engines.sqlserver.names import login_name, principal_name
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind

Grants = dict[str, list[Grant]]

_K = SecurableKind
_OBJECT_TYPES: Mapping[str, SecurableKind] = {
    "U": _K.TABLE,
    "S": _K.TABLE,
    "IT": _K.TABLE,
    "ET": _K.TABLE,
    "V": _K.VIEW,
    "P": _K.PROCEDURE,
    "PC": _K.PROCEDURE,
    "X": _K.PROCEDURE,
    "RF": _K.PROCEDURE,
    "FN": _K.FUNCTION,
    "IF": _K.FUNCTION,
    "TF": _K.FUNCTION,
    "FS": _K.FUNCTION,
    "FT": _K.FUNCTION,
    "AF": _K.AGGREGATE,
    "SO": _K.SEQUENCE,
    "SN": _K.SYNONYM,
    "SQ": _K.QUEUE,
}
_SERVER_CLASSES: Mapping[str, SecurableKind] = {
    "SERVER_PRINCIPAL": _K.PRINCIPAL,
    "ENDPOINT": _K.ENDPOINT,
    "AVAILABILITY GROUP": _K.AVAILABILITY_GROUP,
    "AVAILABILITY_GROUP": _K.AVAILABILITY_GROUP,
}
_DATABASE_CLASSES: Mapping[str, SecurableKind] = {
    "SCHEMA": _K.SCHEMA,
    "DATABASE_PRINCIPAL": _K.PRINCIPAL,
    "ASSEMBLY": _K.ASSEMBLY,
    "TYPE": _K.TYPE,
    "XML_SCHEMA_COLLECTION": _K.XML_SCHEMA_COLLECTION,
    "SERVICE": _K.SERVICE,
    "FULLTEXT_CATALOG": _K.FULLTEXT,
    "FULLTEXT_STOPLIST": _K.FULLTEXT,
    "SYMMETRIC_KEYS": _K.KEY,
    "SYMMETRIC_KEY": _K.KEY,
    "ASYMMETRIC_KEY": _K.KEY,
    "CERTIFICATE": _K.CERTIFICATE,
}


def server_grants(
    permissions: Iterable[ServerPermissionRow],
    owners: Iterable[ServerOwnerRow],
    databases: Iterable[DatabaseOwnerRow],
) -> Grants:
    """Return the grants on the server and on what it owns, by account name."""
    found: Grants = defaultdict(list)
    for row in permissions:
        on, is_known = _on_server(row)
        grantor = login_name(row.grantor) if row.grantor else ""
        found[login_name(row.grantee)].append(
            _grant(on, row.permission_name, row.state, grantor, is_known=is_known)
        )
    for owner in owners:
        on = Securable(_SERVER_CLASSES[owner.class_desc], name=owner.item_name)
        found[login_name(owner.owner)].append(Grant(on, OWNER))
    for database in databases:
        found[login_name(database.owner)].append(
            Grant(Securable(_K.DATABASE, database=database.database_name), OWNER)
        )
    return found


def database_grants(
    database: str,
    permissions: Iterable[PermissionRow],
    schemas: Iterable[OwnerRow],
    objects: Iterable[ObjectOwnerRow],
    roles: Iterable[OwnerRow],
) -> Grants:
    """Return the grants in one database, by account name."""
    found: Grants = defaultdict(list)

    def own(owner: str, on: Securable) -> None:
        found[principal_name(database, owner)].append(Grant(on, OWNER))

    for row in permissions:
        on, is_known = _in_database(database, row)
        grantor = principal_name(database, row.grantor) if row.grantor else ""
        found[principal_name(database, row.grantee)].append(
            _grant(on, row.permission_name, row.state, grantor, is_known=is_known)
        )
    for schema in schemas:
        own(schema.owner, Securable(_K.SCHEMA, database, schema.item_name, catalog=database))
    for item in objects:
        own(item.owner, _owned(database, item))
    for role in roles:
        own(role.owner, Securable(_K.PRINCIPAL, database, name=role.item_name, catalog=database))
    return found


def _grant(on: Securable, permission: str, state: str, grantor: str, *, is_known: bool) -> Grant:
    """Return a grant or a deny.

    State R takes a column out of a grant on its table. It is neither a grant nor a deny,
    and so it is kept under a name of its own, flagged.
    """
    name = " ".join(permission.split())
    if state == "R":
        return Grant(on, f"{name} (revoked)", grantor=grantor, recognised=False)
    return Grant(
        securable=on,
        privilege=name,
        grantable=state == "W",
        deny=state == "D",
        grantor=grantor,
        recognised=is_known and name in PERMISSIONS and state in ("G", "W", "D"),
    )


def _on_server(row: ServerPermissionRow) -> tuple[Securable, bool]:
    if row.class_desc == "SERVER":
        return Securable(_K.SERVER), True
    kind = _SERVER_CLASSES.get(row.class_desc)
    if kind is not None and row.item_name is not None:
        return Securable(kind, name=row.item_name), True
    return Securable(_K.OBJECT, name=_raw(row.class_desc, row.major_id)), False


def _in_database(database: str, row: PermissionRow) -> tuple[Securable, bool]:
    if row.class_desc == "DATABASE":
        return Securable(_K.DATABASE, database, catalog=database), True
    if row.item_name is None or (row.minor_id > 0 and row.column_name is None):
        raw = _raw(row.class_desc, row.major_id)
        return Securable(_K.OBJECT, database, name=raw, catalog=database), False
    if row.class_desc == "OBJECT_OR_COLUMN":
        return _object(database, row, row.item_name), True
    return _of_class(database, row.class_desc, row.schema_name, row.item_name), True


def _owned(database: str, row: ObjectOwnerRow) -> Securable:
    if row.class_desc != "OBJECT_OR_COLUMN":
        return _of_class(database, row.class_desc, row.schema_name, row.item_name)
    kind = _object_kind(row.object_type)
    return Securable(kind, database, row.schema_name or "", row.item_name, catalog=database)


def _of_class(database: str, class_desc: str, schema: str | None, name: str) -> Securable:
    """Return what has a class of its own, by the names that the catalog gives it."""
    kind = _DATABASE_CLASSES.get(class_desc)
    if kind is None:
        # Message types, contracts, routes, ...: named by their class as well.
        text = f"{class_desc.replace('_', ' ')}::{name}"
        return Securable(_K.OBJECT, database, name=text, catalog=database)
    if kind is _K.SCHEMA:
        return Securable(kind, database, name, catalog=database)
    return Securable(kind, database, schema or "", name, catalog=database)


def _object(database: str, row: PermissionRow, name: str) -> Securable:
    schema = row.schema_name or ""
    if row.column_name is not None:
        return Securable(_K.COLUMN, database, schema, name, row.column_name, database)
    return Securable(_object_kind(row.object_type), database, schema, name, catalog=database)


def _object_kind(object_type: str | None) -> SecurableKind:
    return _OBJECT_TYPES.get((object_type or "").strip(), _K.OBJECT)


def _raw(class_desc: str, major_id: int) -> str:
    """Return how something is written whose name the catalog does not have."""
    return f"{class_desc.replace('_', ' ')} id {major_id}"
