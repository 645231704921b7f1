"""Who is logged in to PostgreSQL. Pure.

PostgreSQL counts no logins by role: a session that began and ended between two samples is not seen.
What a session does after SET ROLE is done by another role, which has not logged in.
Source: PostgreSQL 18 manual, 27.2.3, pg_stat_activity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sync_pipeline.engines.base import ANYBODY, Asks, Query, Variant
from sync_pipeline.model.use import Sighting, UseMarks, UseMeans, UseSample

READS_SESSIONS = "GRANT pg_read_all_stats TO {user};"


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A row of `sessions.sql`: a role with open sessions."""

    name: str
    is_shown: bool
    started: str


SESSIONS = Query("sessions", SessionRow, (), (Variant((14,), "sessions.sql"),), ANYBODY)


def use(ask: Asks, username: str, needs: str) -> UseSample:
    """Return who is logged in now; `needs` is the statement that lets all of it be seen."""
    rows: Sequence[SessionRow] = ask(SESSIONS)
    is_shown = all(row.is_shown for row in rows)
    return UseSample(
        UseMeans.SESSION,
        tuple(Sighting(row.name, row.name, is_open=True) for row in rows),
        own=username,
        marks=UseMarks(started=str(rows[0].started) if rows else ""),
        note="" if is_shown else f"Sessions in no database are not seen. It needs: {needs}",
    )
