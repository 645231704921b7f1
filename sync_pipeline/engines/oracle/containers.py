"""The pluggable databases of a container database, and what hides them from the root.

Source: Oracle Database Reference, "CDB_* Views": rows come from all open pluggable
databases but those in restricted mode, and a common user sees those of the root alone
until CONTAINER_DATA is set for it. Neither is an error: rows are only missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sync_pipeline.engines.base import DatabaseEntry, Query, Variant
from sync_pipeline.engines.oracle.names import show_containers
from sync_pipeline.engines.oracle.queries import OLDEST, PDBS, ROOT, root_needs_of
from sync_pipeline.errors import Phase, PrivilegeError

SEED = "PDB$SEED"
"""The template of new pluggable databases; every container database has it."""

ROOT_NAME = "CDB$ROOT"


@dataclass(frozen=True, slots=True)
class ContainerRow:
    """A row of `containers_root.sql`; what V$PDBS hides is None."""

    name: str
    status: str | None
    open_mode: str | None
    restricted: str | None
    total_bytes: int | None
    users_seen: int


CONTAINERS = Query(
    "containers",
    ContainerRow,
    (),
    (Variant(OLDEST, "containers_root.sql", ROOT),),
    root_needs_of("V_$PDBS", "DBA_USERS", PDBS),
)


def checked(rows: Iterable[ContainerRow], username: str) -> tuple[ContainerRow, ...]:
    """Return the listing where it is whole.

    Raises:
        PrivilegeError: it lacks what every container database has.
    """
    found = tuple(rows)
    if not any(row.name == SEED for row in found):
        missing = show_containers(username)
        raise PrivilegeError(
            "The list of pluggable databases is not whole.",
            missing=missing,
            phase=Phase.COLLECT,
            hint=f"It needs: {missing}",
        )
    return found


def entry_of(row: ContainerRow, username: str) -> DatabaseEntry:
    """Return whether the root sees rows of a pluggable database, and why where it does not."""
    if row.users_seen:
        return DatabaseEntry(row.name, is_readable=True)
    if row.open_mode is not None and not row.open_mode.startswith("READ"):
        reason = f"it is not open ({row.open_mode}, {row.status})"
        return DatabaseEntry(row.name, is_readable=False, reason=reason)
    if row.restricted == "YES":
        reason = "it is open in restricted mode, in which the root sees none of its rows"
        return DatabaseEntry(row.name, is_readable=False, reason=reason)
    return DatabaseEntry(
        row.name,
        is_readable=False,
        reason="CONTAINER_DATA hides its rows from the account",
        missing=show_containers(username),
    )
