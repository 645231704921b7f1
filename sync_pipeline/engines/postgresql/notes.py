"""What each line of the monitoring script opens, for the people who run it."""

from __future__ import annotations

from sync_pipeline.engines.base import GrantNote

READS_LOGIN_RULES = (
    "GRANT SELECT ON pg_catalog.pg_hba_file_rules TO {user}; "
    "GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules() TO {user};"
)

GRANT_NOTES = (
    GrantNote("CREATE ROLE", "a login."),
    GrantNote(
        "GRANT CONNECT",
        "the catalog of one database: names and definitions, no rows; and what PUBLIC may do "
        "there.",
    ),
    GrantNote(
        "GRANT pg_monitor",
        "sizes of databases, tablespaces and logs. Beyond that: the statements of every session "
        "(pg_stat_activity), and settings that superusers alone see, primary_conninfo with its "
        "password among them.",
    ),
    GrantNote(
        "ALTER ROLE",
        "nothing: its sessions are read-only, login triggers and poolers or not.",
    ),
    GrantNote(
        "",
        "sizes and the statements of every session, no settings. Narrower, instead of pg_monitor.",
        "GRANT pg_read_all_stats TO {user};",
    ),
    GrantNote(
        "",
        "names and sizes of the files of the write-ahead log. In the database that the instance "
        "names (postgres), by a superuser.",
        "GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_waldir() TO {user};",
        is_superusers=True,
    ),
    GrantNote(
        "",
        "names and sizes of temporary files. In the same database, by a superuser.",
        "GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_tmpdir(oid) TO {user};",
        is_superusers=True,
    ),
    GrantNote(
        "",
        "the lines of pg_hba.conf, for findings about them; their options, of which some are "
        "passwords, are not asked for. In the same database, by a superuser.",
        READS_LOGIN_RULES,
        is_superusers=True,
    ),
)
