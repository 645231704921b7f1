"""What each line of the monitoring script opens, for the people who run it."""

from __future__ import annotations

from sync_pipeline.engines.base import GrantNote
from sync_pipeline.engines.mysql_protocol.notes import (
    LOGIN_HOOK,
    LOGINS,
    TABLES,
    view_notes,
)

READS_VIEWS = "GRANT SHOW VIEW ON *.* TO {user};"
READS_DEFINERS = "GRANT SHOW_ROUTINE ON *.* TO {user};"

GRANT_NOTES = (
    LOGIN_HOOK,
    *view_notes("user"),
    *TABLES,
    GrantNote(
        "GRANT REPLICATION CLIENT",
        "names and sizes of the binary logs, and the state of replication; what the logs hold "
        "would need REPLICATION SLAVE.",
    ),
    GrantNote(
        "",
        "the text of all stored routines. For findings about whose rights they run with.",
        READS_DEFINERS,
    ),
    LOGINS,
)
