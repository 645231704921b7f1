"""What each line of the monitoring script opens, where MySQL and MariaDB agree."""

from __future__ import annotations

from sync_pipeline.engines.base import GrantNote
from sync_pipeline.engines.mysql_protocol.accounts.use import READS_LOGINS
from sync_pipeline.engines.mysql_protocol.accounts.views import DEFINER, SCHEMA

LOGIN_HOOK = GrantNote(
    "CREATE USER",
    "a login. The server runs init_connect for it before the session is made read-only: what "
    "that writes, this account writes.",
)


def view_notes(table: str) -> tuple[GrantNote, ...]:
    """Return the notes on the view of the accounts."""
    return (
        GrantNote(f"CREATE DATABASE IF NOT EXISTS {SCHEMA}", "nothing: a place for the view."),
        GrantNote("CREATE ROLE", "nothing: the role as whom the view reads; nobody needs it."),
        GrantNote(
            f"GRANT SELECT ON mysql.{table} TO {DEFINER}",
            "to the view alone, every account with its password hash.",
        ),
        GrantNote(
            "CREATE OR REPLACE",
            "the accounts and their privileges; of a password, whether there is one.",
        ),
        GrantNote(f"GRANT SELECT ON {SCHEMA}.{table}", "what the view shows, and no hash."),
        GrantNote(
            "",
            "every password hash. Only where the view can't be made, instead of its lines.",
            f"GRANT SELECT ON mysql.{table} TO {{user}};",
        ),
    )


TABLES = (
    GrantNote("GRANT SELECT ON mysql.", "who has which grants, in one table of the catalog."),
    GrantNote(
        "GRANT SHOW VIEW",
        "the names of all databases and tables, their sizes, and the text of views; no rows.",
    ),
    GrantNote(
        "GRANT PROCESS",
        "sizes of files. Beyond that: the statements that run now, of every account, with the "
        "values in them (SHOW PROCESSLIST), and the state of InnoDB.",
    ),
)
LOGINS = GrantNote(
    "",
    "who has connected since the server started, from where and how often. For when accounts were "
    "last used: without it only those are seen who are connected during a sync, and of nobody it "
    "is known that he did not log in. MariaDB counts where performance_schema is on.",
    READS_LOGINS,
)
