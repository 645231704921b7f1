"""Oracle Database Security Assessment Tool: its findings on accounts, privileges and logins.

The ids are those of its releases 2.2 and 3; newer ones call some of them otherwise (PRIV.SYSADMIN
for PRIV.ADMIN, PRIV.ACCESSVERIFIERS for PRIV.PASSWD). The titles are our own words.
"""

from __future__ import annotations

from sync_pipeline.access.benchmarks.reasons import HOST, OTHER_CHAPTER, PEOPLE
from sync_pipeline.model.benchmark import Benchmark, Control
from sync_pipeline.model.instance import EngineName

_LISTED = "It is a list to read, which breaks nothing: see sync-pipeline privileges."
_WIDE = ("superuser", "grant-admin", "dangerous-privilege")
_JAVA = "Permissions of Java are in DBA_JAVA_POLICY, which the sync does not read."

DBSAT = Benchmark(
    "dbsat",
    "Oracle Database Security Assessment Tool 2.2, user accounts, privileges and roles",
    EngineName.ORACLE,
    (
        Control("CONF.DIR", "Directories of the host that accounts may use", not_checked=PEOPLE),
        Control("CONF.EXTAUTH", "External authentication", ("external-authentication",)),
        Control("CONF.LINKS", "Database links", ("database-link",)),
        Control("CONF.NETACL", "Access to the network by packages", not_checked=OTHER_CHAPTER),
        Control("CONF.PWDFILE", "The password file", not_checked=HOST),
        Control(
            "CONF.SYSOBJ",
            "Access to objects of SYS by ANY privileges",
            ("server-option:o7_dictionary_accessibility",),
        ),
        Control(
            "PRIV.ACCT",
            "Who manages accounts",
            ("superuser", "grant-admin", "dangerous-privilege:DROP USER"),
        ),
        Control("PRIV.ADMIN", "Who administers by SYSDBA and its kin", _WIDE),
        Control(
            "PRIV.AUDIT",
            "Who manages the audit",
            ("dangerous-privilege:AUDIT SYSTEM", "dangerous-privilege:AUDIT ANY", "superuser"),
        ),
        Control("PRIV.AUDMGMT", "Who may run the audit's packages", not_checked=PEOPLE),
        Control("PRIV.AUDOBJ", "Who reaches the audit's objects", not_checked=PEOPLE),
        Control("PRIV.BIGROLES", "Who has powerful roles", _WIDE),
        Control(
            "PRIV.CBAC",
            "Roles of procedures",
            not_checked="Oracle shows them in DBA_CODE_ROLE_PRIVS, which the sync does not read.",
        ),
        Control(
            "PRIV.COLPUB",
            "Columns for everybody",
            ("everyone-can-write",),
            limits="Those that everybody may only read are not told of.",
        ),
        Control("PRIV.DATA", "Who reaches all data", _WIDE),
        Control("PRIV.DBA", "Who has the role DBA", ("superuser",)),
        Control("PRIV.DBMGMT", "Who manages the database", _WIDE),
        Control(
            "PRIV.EXEMPT",
            "Who is exempt from policies",
            (
                "dangerous-privilege:EXEMPT ACCESS POLICY",
                "dangerous-privilege:EXEMPT REDACTION POLICY",
                "superuser",
            ),
        ),
        Control("PRIV.EXFIL", "Who may copy data out", _WIDE),
        Control("PRIV.JAVA", "Permissions of Java", not_checked=_JAVA),
        Control("PRIV.MGMT", "Who manages roles and privileges", ("superuser", "grant-admin")),
        Control("PRIV.OBJ", "Who changes objects of SYS", not_checked=PEOPLE),
        Control("PRIV.PASSWD", "Who reads password hashes", ("password-hash-reader",)),
        Control("PRIV.ROLEPUB", "Roles for everybody", ("public-privilege",)),
        Control("PRIV.ROLES", "All roles", not_checked=_LISTED),
        Control(
            "PRIV.SYSPUB",
            "System privileges for everybody",
            ("public-privilege", "everyone-can-write", *(f"{rule}@PUBLIC" for rule in _WIDE)),
        ),
        Control("PRIV.SYSTEM", "All system privileges", not_checked=_LISTED),
        Control("PRIV.USER", "Who may be somebody else", ("superuser", "grant-admin")),
        Control(
            "USER.AUTHVERS",
            "The oldest protocol of logins",
            not_checked="It is in sqlnet.ora on the host of the server.",
        ),
        Control(
            "USER.CASE", "Passwords with their case", ("server-option:sec_case_sensitive_logon",)
        ),
        Control("USER.DEFPWD", "Default passwords", ("default-password",)),
        Control("USER.EXPIRED", "Accounts that have expired", ("expired-active",)),
        Control(
            "USER.INACTIVE",
            "Accounts that nobody uses",
            ("never-used", "inactive-account"),
            limits="Half a year counts.",
        ),
        Control("USER.NOEXPIRE", "Passwords without an end", ("no-password-expiry",)),
        Control("USER.NOLOCK", "Passwords that may be guessed", ("guessed-without-end",)),
        Control("USER.PARAM", "Parameters about logins", ("server-option",)),
        Control("USER.PASSWD", "Passwords that nothing checks", ("no-password-rules",)),
        Control(
            "USER.SAMPLE",
            "Sample schemas",
            not_checked="Their names are short, and taken by schemas of applications as well.",
        ),
        Control("USER.TBLSPACE", "Users in the tablespace SYSTEM", not_checked=OTHER_CHAPTER),
        Control("USER.VERIFIER", "Old versions of password hashes", ("weak-authentication",)),
    ),
)
