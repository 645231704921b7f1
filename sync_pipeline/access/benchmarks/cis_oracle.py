"""CIS Oracle Database Benchmark: chapters 3 to 5, and what chapter 2 says of logins.

The numbers are those of the benchmark for Oracle Database 19c, 1.0 to 1.2; the titles are our own
words.
"""

from __future__ import annotations

from sync_pipeline.access.benchmarks.reasons import OTHER_CHAPTER, PEOPLE
from sync_pipeline.model.benchmark import Benchmark, Control
from sync_pipeline.model.instance import EngineName

_PROFILE = "The limit is in DBA_PROFILES, of which the sync keeps others."
_NO_FILE = (
    "Without a password file nobody administers from another machine: whether that is meant is for"
    " people to say."
)
_DANGEROUS = ("superuser", "grant-admin")


def _any(privilege: str) -> tuple[str, ...]:
    return (*_DANGEROUS, f"dangerous-privilege:{privilege}")


CIS_ORACLE = Benchmark(
    "cis-oracle",
    "CIS Oracle Database 19c Benchmark 1.2, chapters 2.2 to 5",
    EngineName.ORACLE,
    (
        Control("2.2.4", "Roles are granted in the database", ("server-option:os_roles",)),
        Control("2.2.6", "No password file", not_checked=_NO_FILE),
        Control(
            "2.2.7", "No other machine vouches for accounts", ("server-option:remote_os_authent",)
        ),
        Control("2.2.8", "No other machine vouches for roles", ("server-option:remote_os_roles",)),
        Control(
            "2.2.9",
            "Passwords are compared with their case",
            ("server-option:sec_case_sensitive_logon",),
        ),
        Control("2.2.10", "Few wrong passwords a connection", not_checked=OTHER_CHAPTER),
        Control(
            "2.2.14",
            "Who changes rows by conditions may read them",
            ("server-option:sql92_security",),
        ),
        Control(
            "3.1",
            "Wrong passwords lock an account",
            ("guessed-without-end",),
            limits="That five are enough is not looked at.",
        ),
        Control("3.2", "A lock lasts a day", not_checked=_PROFILE),
        Control(
            "3.3",
            "Passwords end",
            ("no-password-expiry",),
            limits="That they end after 90 days is not looked at.",
        ),
        Control("3.4", "Passwords are not used again", not_checked=_PROFILE),
        Control("3.5", "Passwords are not used again for a year", not_checked=_PROFILE),
        Control("3.6", "Few days of grace", not_checked=_PROFILE),
        Control("3.7", "Passwords are checked when they are set", ("no-password-rules",)),
        Control("3.8", "Few sessions of each account", not_checked=_PROFILE),
        Control(
            "3.9",
            "Accounts that nobody uses are closed",
            ("inactive-account", "never-used"),
            limits="Half a year counts, and not the limit of the profile.",
        ),
        Control("4.1", "No default passwords", ("default-password",)),
        Control(
            "4.2",
            "No sample schemas",
            not_checked="Their names are short, and taken by schemas of applications as well.",
        ),
        Control("4.3", "Nobody is let in on another's word", ("external-authentication",)),
        Control(
            "4.4",
            "Nobody has the profile DEFAULT",
            not_checked="What a profile limits is looked at by its limits, whatever its name.",
        ),
        Control(
            "4.5",
            "No table of migrated accounts",
            not_checked="SYS.USER$MIG is left by upgrades from 11g: no account is read from it.",
        ),
        Control("4.6", "No public database links", ("database-link:public",)),
        Control("5.1.1.1", "No network packages for everybody", ("public-package:network",)),
        Control("5.1.1.2", "No file packages for everybody", ("public-package:files",)),
        Control("5.1.1.3", "No encryption packages for everybody", ("public-package:encryption",)),
        Control("5.1.1.4", "No Java packages for everybody", ("public-package:java",)),
        Control("5.1.1.5", "No job packages for everybody", ("public-package:jobs",)),
        Control(
            "5.1.1.6", "No packages that help inject SQL for everybody", ("public-package:sql",)
        ),
        Control("5.1.2.1", "No internal packages for everybody", ("public-package:internal",)),
        Control("5.1.3.1", "Nobody may change the audit trail", not_checked=PEOPLE),
        Control("5.1.3.2", "Views of the dictionary for administrators only", not_checked=PEOPLE),
        Control(
            "5.1.3.3",
            "No tables with password hashes for others",
            ("password-hash-reader",),
            limits="Those of password hashes alone are looked at.",
        ),
        Control(
            "5.2.1",
            "ANY privileges of administrators only",
            (*_DANGEROUS, "dangerous-privilege"),
            limits="Those that change no data of others, such as CREATE ANY VIEW, are not told of.",
        ),
        Control("5.2.2", "No admin options on system privileges", ("grant-option",)),
        Control(
            "5.2.3",
            "OUTLN may execute no procedures of others",
            not_checked="OUTLN is Oracle's own account, which the sync leaves out.",
        ),
        Control(
            "5.2.4",
            "DBSNMP may execute no procedures of others",
            not_checked="DBSNMP is Oracle's own account, which the sync leaves out.",
        ),
        Control(
            "5.2.5", "SELECT ANY DICTIONARY of administrators only", _any("SELECT ANY DICTIONARY")
        ),
        Control("5.2.6", "SELECT ANY TABLE of administrators only", _any("SELECT ANY TABLE")),
        Control("5.2.7", "AUDIT SYSTEM of administrators only", _any("AUDIT SYSTEM")),
        Control(
            "5.2.8", "EXEMPT ACCESS POLICY of administrators only", _any("EXEMPT ACCESS POLICY")
        ),
        Control("5.2.9", "BECOME USER of administrators only", _DANGEROUS),
        Control("5.2.10", "CREATE PROCEDURE of those who need it", not_checked=PEOPLE),
        Control("5.2.11", "ALTER SYSTEM of administrators only", _DANGEROUS),
        Control("5.2.12", "CREATE ANY LIBRARY of administrators only", _DANGEROUS),
        Control("5.2.13", "CREATE LIBRARY of administrators only", _DANGEROUS),
        Control("5.2.14", "GRANT ANY OBJECT PRIVILEGE of administrators only", _DANGEROUS),
        Control("5.2.15", "GRANT ANY ROLE of administrators only", _DANGEROUS),
        Control("5.2.16", "GRANT ANY PRIVILEGE of administrators only", _DANGEROUS),
        Control("5.3.1", "SELECT_CATALOG_ROLE of administrators only", not_checked=PEOPLE),
        Control("5.3.2", "EXECUTE_CATALOG_ROLE of administrators only", not_checked=PEOPLE),
        Control("5.3.3", "DBA of administrators only", ("superuser",)),
    ),
)
