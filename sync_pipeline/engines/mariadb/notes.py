"""What each line of the monitoring script opens, for the people who run it."""

from __future__ import annotations

from sync_pipeline.engines.base import GrantNote
from sync_pipeline.engines.mariadb.sizes import BINARY_LOGS
from sync_pipeline.engines.mysql_protocol.notes import (
    LOGIN_HOOK,
    LOGINS,
    TABLES,
    view_notes,
)

READS_EVENTS = "GRANT SELECT (db, name, definer) ON mysql.event TO {user};"
READS_DEFINERS = "GRANT SELECT (db, name, definer, security_type) ON mysql.proc TO {user};"

GRANT_NOTES = (
    LOGIN_HOOK,
    *view_notes("global_priv"),
    *TABLES,
    GrantNote(
        "",
        f"{BINARY_LOGS.opens}. For the size of the binary logs; without it the size of the "
        "logs is not known.",
        BINARY_LOGS.needs,
    ),
    GrantNote(
        "",
        "the names and definers of all stored routines, not their text. For findings about whose "
        "rights they run with.",
        READS_DEFINERS,
    ),
    GrantNote(
        "",
        "the names and definers of all events, not their text. For findings about events whose "
        "definer is gone.",
        READS_EVENTS,
    ),
    LOGINS,
)
