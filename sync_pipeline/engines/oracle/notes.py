"""What each line of the monitoring script opens, for the people who run it."""

from __future__ import annotations

from sync_pipeline.engines.base import GrantNote

GRANT_NOTES = (
    GrantNote("CREATE USER", "an account."),
    GrantNote(
        "GRANT CREATE SESSION",
        "a login. Triggers AFTER LOGON run before the transaction is made read-only; they run "
        "with the rights of their owner, not of this account.",
    ),
    GrantNote("ALTER USER", "the rows of all pluggable databases in the views that it may read."),
    GrantNote(
        "GRANT READ ON SYS.V_$PWFILE_USERS",
        "who has SYSDBA and its kin.",
    ),
    GrantNote(
        "GRANT READ ON SYS.V_$PARAMETER",
        "how the database is set up: its parameters, with names of files and of other servers. "
        "Findings about the server need it, and nothing else does.",
    ),
    GrantNote(
        "GRANT READ ON SYS.DBA_USERS_WITH_DEFPWD",
        "which accounts still have the password that Oracle made them with, and no password.",
    ),
    GrantNote(
        "GRANT READ ON SYS.CDB_USERS_WITH_DEFPWD",
        "which accounts still have the password that Oracle made them with, and no password.",
    ),
    GrantNote(
        "GRANT SELECT_CATALOG_ROLE",
        "all views of the dictionary, the only way on Autonomous Database; no table with a hash. "
        "It also opens the text of statements and what monitoring views keep of them.",
    ),
    GrantNote(
        "EXECUTE rdsadmin",
        "one view of the dictionary, by the procedure of Amazon RDS, which knows SELECT and not "
        "READ.",
    ),
    GrantNote(
        "GRANT READ",
        "one view of the dictionary: names, privileges or sizes. None of them holds a password "
        "hash (SYS.USER$ does) or rows of tables.",
    ),
    GrantNote(
        "",
        "who is logged in, from where and with which program, on every node; of the statements "
        "that run their identifiers alone. For when accounts were last used: with it and their "
        "last logins it is also known of whom nobody made use.",
        "GRANT READ ON SYS.GV_$SESSION TO {user};",
    ),
)
