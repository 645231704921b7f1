"""System privileges of Oracle that reach further than a schema, which make no superuser. Pure.

SQL Language Reference, GRANT, "Listings of System and Object Privileges"; Database Security Guide,
"Guidelines for Securing User Accounts and Privileges". What gives further rights, such as BECOME
USER and CREATE ANY PROCEDURE, is in `powers`.
"""

from __future__ import annotations

from sync_pipeline.model.access import Danger, Gravity

_WRITES = Danger(Gravity.HIGH, "changes the tables of every schema")
_READS = Danger(Gravity.MEDIUM, "reads the tables of every schema")
_DEBUGS = Danger(Gravity.MEDIUM, "stops the code of others as it runs, and changes what it does")
_POLICIES = Danger(Gravity.MEDIUM, "changes the policies that keep rows or columns from others")
_RECORDS = Danger(Gravity.LOW, "stops what is recorded of everybody")
DANGERS = {
    "INSERT ANY TABLE": _WRITES,
    "UPDATE ANY TABLE": _WRITES,
    "DELETE ANY TABLE": _WRITES,
    "ALTER ANY TABLE": _WRITES,
    "DROP ANY TABLE": _WRITES,
    "EXEMPT ACCESS POLICY": Danger(
        Gravity.MEDIUM, "sees and changes rows that policies keep from others"
    ),
    "EXEMPT REDACTION POLICY": Danger(Gravity.MEDIUM, "sees values that are redacted for others"),
    "SELECT ANY TABLE": _READS,
    "READ ANY TABLE": _READS,
    "SELECT ANY DICTIONARY": Danger(
        Gravity.MEDIUM, "reads the whole dictionary, with the statements of others"
    ),
    "EXPORT FULL DATABASE": Danger(Gravity.MEDIUM, "copies all data out of the database"),
    "LOGMINING": Danger(Gravity.MEDIUM, "reads every change of every schema out of the redo log"),
    "ALTER DATABASE": Danger(Gravity.MEDIUM, "changes the files and the mode of the database"),
    "ADMINISTER KEY MANAGEMENT": Danger(
        Gravity.MEDIUM, "changes and exports the keys with which data is encrypted"
    ),
    "DROP USER": Danger(Gravity.MEDIUM, "removes accounts, with all that they own"),
    "DEBUG ANY PROCEDURE": _DEBUGS,
    "DEBUG CONNECT ANY": _DEBUGS,
    "ADMINISTER ROW LEVEL SECURITY POLICY": _POLICIES,
    "ADMINISTER REDACTION POLICY": _POLICIES,
    "ALTER PROFILE": Danger(Gravity.LOW, "loosens what passwords have to be"),
    "AUDIT SYSTEM": _RECORDS,
    "AUDIT ANY": _RECORDS,
}
"""By their name in DBA_SYS_PRIVS: why."""
