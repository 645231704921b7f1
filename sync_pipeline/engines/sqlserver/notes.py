"""What each line of the monitoring script opens, for the people who run it."""

from __future__ import annotations

from sync_pipeline.engines.base import GrantNote

GRANT_NOTES = (
    GrantNote(
        "CREATE LOGIN",
        "a login. Logon triggers of the server run at each login: what they do as their caller, "
        "they do as this account.",
    ),
    GrantNote(
        "GRANT CONNECT ANY DATABASE",
        "every database, those to come as well: what public may do there, and no rows of tables.",
    ),
    GrantNote(
        "GRANT VIEW ANY DEFINITION",
        "names and permissions of everything. Beyond that: the text of procedures and "
        "views; no password hash, which needs CONTROL SERVER.",
    ),
    GrantNote(
        "GRANT VIEW SERVER STATE",
        "what tables hold, in pages, whether the connection is encrypted, and who is logged in. "
        "Beyond that: the statements of every session and their plans, with the values in them.",
    ),
    GrantNote(
        "/* in database [master] */ CREATE LOGIN",
        "a login of a logical server (Azure SQL Database). Connect to the database that each line "
        "names, and run it there: there is no USE.",
    ),
    GrantNote(
        "/* in database [master] */ CREATE USER",
        "master: the lists of logins, of roles' members and of databases.",
    ),
    GrantNote(
        "/* in database [master] */ ALTER SERVER ROLE [##MS_DefinitionReader##]",
        "names and permissions of everything, where the account gets in. Beyond that: the text of "
        "procedures and views.",
    ),
    GrantNote(
        "/* in database [master] */ ALTER SERVER ROLE [##MS_ServerStateReader##]",
        "what tables hold, in pages, and whether the connection is encrypted. Beyond that: the "
        "statements of every session and their plans, with the values in them.",
    ),
    GrantNote(
        "/* in database [master] */ ALTER SERVER ROLE [##MS_DatabaseConnector##]",
        "every database, those to come as well: what public may do there, and no rows of tables. "
        "With --database, a user in each of those instead.",
    ),
    GrantNote(
        "",
        "one database where CONNECT ANY DATABASE may not be granted (Amazon RDS, Cloud SQL). Run "
        "it in each database instead of that line, and in model for those to come.",
        optional="CREATE USER {user} FOR LOGIN {user};",
    ),
)
