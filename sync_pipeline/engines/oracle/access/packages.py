"""Packages of Oracle that are no PUBLIC's business, by what they reach. Pure.

CIS Oracle Database 19c Benchmark 5.1.1.1 to 5.1.1.6 (those that Oracle grants to PUBLIC) and
5.1.2.1 (those that it does not); Database PL/SQL Packages and Types Reference, on each.
"""

from __future__ import annotations

GROUPS = {
    "network": (
        *("DBMS_LDAP", "UTL_INADDR", "UTL_TCP", "UTL_MAIL", "UTL_SMTP", "UTL_DBWS"),
        *("UTL_ORAMTS", "UTL_HTTP", "HTTPURITYPE"),
    ),
    "files": ("DBMS_ADVISOR", "DBMS_LOB", "UTL_FILE"),
    "encryption": ("DBMS_CRYPTO", "DBMS_OBFUSCATION_TOOLKIT", "DBMS_RANDOM"),
    "java": ("DBMS_JAVA", "DBMS_JAVA_TEST"),
    "jobs": ("DBMS_SCHEDULER", "DBMS_JOB"),
    "sql": (
        *("DBMS_SQL", "DBMS_XMLGEN", "DBMS_XMLQUERY", "DBMS_XMLSTORE", "DBMS_XMLSAVE"),
        "DBMS_REDACT",
    ),
}
"""By what they reach, what Oracle grants to PUBLIC, or has granted in some release."""

INTERNAL = frozenset(
    {
        *("DBMS_BACKUP_RESTORE", "DBMS_FILE_TRANSFER", "DBMS_SYS_SQL", "DBMS_REPCAT_SQL_UTL"),
        *("INITJVMAUX", "DBMS_AQADM_SYS", "DBMS_STREAMS_RPC", "DBMS_PRVTAQIM", "LTADM"),
        *("DBMS_IJOB", "DBMS_PDB_EXEC_SQL"),
    }
)
"""What runs with the rights of SYS, and is granted to nobody."""


def group_of(package: str) -> str:
    """Return what a package of SYS reaches; empty: it is none of these."""
    if package in INTERNAL:
        return "internal"
    return next((group for group, names in GROUPS.items() if package in names), "")
