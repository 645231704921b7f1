"""Who is logged in to SQL Server. Pure.

Nothing counts logins by principal: a session that began and ended between two samples is not seen.
A Windows user who comes in as a member of a group is seen by his own name, which may be no
principal; the group is not seen. On a logical server of Azure SQL Database each database shows its
own sessions, so that those in `master` alone are seen, or those of the one database.
Source: SQL Server documentation, sys.dm_exec_sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sync_pipeline.engines.base import Asks, Query, Variant
from sync_pipeline.engines.sqlserver.accounts.azure import (
    LOGICAL_SERVER,
    ONE_DATABASE,
    OWN_STATE,
    PLACES,
)
from sync_pipeline.engines.sqlserver.accounts.azure import STATE as AZURE_STATE
from sync_pipeline.engines.sqlserver.accounts.queries import OLDEST, STATE
from sync_pipeline.engines.sqlserver.names import login_name, principal_name
from sync_pipeline.model.snapshot import ServerIdentity
from sync_pipeline.model.use import Sighting, UseMeans, UseSample

_OF_ONE = "Each database of a logical server shows its own sessions: those in others are not seen."


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A row of `sessions.sql`: a principal with sessions; of a database where it is named."""

    database_name: str | None
    name: str


SESSIONS = Query(
    "sessions",
    SessionRow,
    (),
    (Variant(OLDEST, "sessions.sql"),),
    STATE,
    check="check_sessions.sql",
)
AZURE_SESSIONS = Query(
    "azure_sessions",
    SessionRow,
    (),
    (
        Variant(OLDEST, "azure_sessions.sql", LOGICAL_SERVER, AZURE_STATE),
        Variant(OLDEST, "azure_sessions.sql", ONE_DATABASE, OWN_STATE),
    ),
    OWN_STATE,
    check="azure_check_sessions.sql",
)


def use(ask: Asks, server: ServerIdentity, username: str) -> UseSample:
    """Return who is logged in now.

    Raises:
        SyncError: the sessions of others are hidden, or could not be read.
    """
    rows: Sequence[SessionRow] = ask(AZURE_SESSIONS if server.place in PLACES else SESSIONS)
    names = sorted({_name(row) for row in rows})
    return UseSample(
        UseMeans.SESSION,
        tuple(Sighting(name, name, is_open=True) for name in names),
        own=login_name(username),
        note=_OF_ONE if server.place in PLACES else "",
    )


def _name(row: SessionRow) -> str:
    if row.database_name is None:
        return login_name(row.name)
    return principal_name(row.database_name, row.name)
