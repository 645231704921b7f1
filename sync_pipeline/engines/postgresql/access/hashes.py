"""Where PostgreSQL shows password hashes. Pure.

Manual, "pg_authid" and "pg_shadow"; "Predefined Roles" (pg_read_all_data reads pg_authid too,
tried on 15 and 18); "Generic File Access Functions" (EXECUTE opens the files of the data
directory, those of pg_authid among them); "CREATE ROLE", REPLICATION (a base backup has every
file). Whoever acts as the server's own system user is a superuser, of which powers tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from sync_pipeline.engines.access.contract import HashPlace
from sync_pipeline.engines.postgresql.access.catalogs import SCHEMA
from sync_pipeline.model.privilege import Securable, SecurableKind

_COLUMNS = {"pg_authid": "rolpassword", "pg_shadow": "passwd"}
_READS_FILES = ("pg_read_file(", "pg_read_binary_file(", "lo_import(")
_ALL_TABLES = HashPlace("SELECT", Securable(SecurableKind.TABLE), "pg_authid of every database")
_BASE_BACKUP = HashPlace(
    "REPLICATION",
    Securable(SecurableKind.SERVER),
    "base backups (where pg_hba.conf has a line for its replication)",
)


def places(known: Iterable[Securable]) -> Sequence[HashPlace]:
    """Return the places: those on which somebody was granted something, and all at once."""
    return (*dict.fromkeys(_granted(known)), _ALL_TABLES, _BASE_BACKUP)


def _granted(known: Iterable[Securable]) -> Iterator[HashPlace]:
    for on in known:
        if on.schema != SCHEMA:
            continue
        name = f"{on.name} of database {on.catalog}"
        column = _COLUMNS.get(on.name)
        if column and on.column in ("", column):
            asked = replace(on, kind=SecurableKind.COLUMN, column=column)
            yield HashPlace("SELECT", asked, name)
        elif on.kind is SecurableKind.FUNCTION and on.name.startswith(_READS_FILES):
            yield HashPlace("EXECUTE", on, name)
