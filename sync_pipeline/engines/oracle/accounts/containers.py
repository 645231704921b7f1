"""The pluggable databases of a container database, and what hides them from the root.

Source: Oracle Database Reference, "CDB_* Views": rows come from all open pluggable
databases but those in restricted mode, and a common user sees those of the root alone
until CONTAINER_DATA is set for it. Neither is an error: rows are only missing. In a cluster
(RAC) they depend on the node: what is open on another one alone has none here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sync_pipeline.engines.base import DatabaseEntry, Query, Variant
from sync_pipeline.engines.oracle.accounts.queries import OLDEST, PDBS, root_needs_of
from sync_pipeline.engines.oracle.names import show_containers
from sync_pipeline.engines.oracle.platform import ROOT
from sync_pipeline.errors import Phase, PrivilegeError
from sync_pipeline.model.gap import it_needs

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
            hint=it_needs(missing),
        )
    return found


def is_closed(row: ContainerRow) -> bool:
    """Return whether a pluggable database is not open on the node that was connected to."""
    is_open = row.open_mode is None or row.open_mode.startswith("READ")
    return not row.users_seen and not is_open


def entry_of(
    row: ContainerRow, username: str, nodes: Mapping[str, int] | None = None
) -> DatabaseEntry:
    """Return whether the root sees rows of a pluggable database, and why where it does not.

    `nodes` are those on which databases are open, where that could be read.
    """
    if row.users_seen:
        return DatabaseEntry(row.name, is_readable=True)
    if is_closed(row):
        reason = _closed(row, nodes)
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


def _closed(row: ContainerRow, nodes: Mapping[str, int] | None) -> str:
    where = f"it is not open ({row.open_mode}, {row.status})"
    if nodes is None:
        return f"{where}; a node of a cluster on which it is closed does not show its rows"
    node = nodes.get(row.name)
    if node is None:
        return where
    return (
        f"not read from this node, on which {where}: it is open on node {node}, and a node shows "
        "the rows of what is open on it. Connect to the root by a service that runs there, or "
        "register the database as an instance of its own by its own service"
    )
