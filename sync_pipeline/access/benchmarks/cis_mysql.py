"""CIS MySQL Benchmark: what its chapters 2, 4, 5, 7, 8 and 9 say of accounts and privileges.

The numbers are those of the benchmark for MySQL Community Server 9.7; the titles are our words.
"""

from __future__ import annotations

from sync_pipeline.access.benchmarks.reasons import CLIENTS, HOST, NOT_READ, OPTIONAL_TLS, PEOPLE
from sync_pipeline.model.benchmark import Benchmark, Control
from sync_pipeline.model.instance import EngineName

CIS_MYSQL = Benchmark(
    "cis-mysql",
    "CIS Oracle MySQL Community Server 9.7 Benchmark 1.0.0, on accounts and privileges",
    EngineName.MYSQL,
    (
        Control("2.4", "No passwords on command lines", not_checked=CLIENTS),
        Control("2.5", "One account for one purpose", not_checked=PEOPLE),
        Control(
            "2.7", "No password lives for more than a year", ("no-password-expiry", "old-password")
        ),
        Control("2.8", "A password is not used again", not_checked=NOT_READ),
        Control("2.9", "A new password needs the old one", not_checked=NOT_READ),
        Control("2.10", "Passwords are changed by way of second ones", not_checked=PEOPLE),
        Control(
            "2.11",
            "Accounts that are not in use are locked",
            ("expired-active", "unused-account"),
            limits="MySQL keeps no date of a last login: who is unused is known where it counts "
            "logins, and since syncs have watched that without a break.",
        ),
        Control("2.13", "Logins by the system's user where they are meant", not_checked=PEOPLE),
        Control(
            "2.16",
            "Clients log in with certificates",
            ("tls-not-required",),
            limits="That TLS is required is seen, and no certificate of the client is asked for.",
        ),
        Control(
            "4.2",
            "No databases for tests",
            ("open-database",),
            limits="One that is open to every account is seen, whatever it is called.",
        ),
        Control("4.5", "The server reads its grant tables", not_checked=NOT_READ),
        Control(
            "5.1",
            "All privileges, and those on the grant tables, of administrators only",
            ("superuser", "grant-admin", "password-hash-reader"),
        ),
        Control("5.2", "FILE of administrators only", ("superuser", "dangerous-privilege:FILE")),
        Control(
            "5.3", "PROCESS of administrators only", ("superuser", "dangerous-privilege:PROCESS")
        ),
        Control("5.4", "SUPER of administrators only", ("superuser",)),
        Control(
            "5.5", "SHUTDOWN of administrators only", ("superuser", "dangerous-privilege:SHUTDOWN")
        ),
        Control("5.6", "CREATE USER of administrators only", ("superuser", "grant-admin")),
        Control(
            "5.7",
            "GRANT OPTION of administrators only",
            ("superuser", "grant-admin", "grant-option"),
        ),
        Control(
            "5.8",
            "REPLICATION SLAVE of replicas only",
            ("superuser", "dangerous-privilege:REPLICATION SLAVE"),
        ),
        Control(
            "5.9",
            "Rights on data for single databases and accounts",
            ("everyone-can-write", "any-host-privileged"),
            limits=PEOPLE,
        ),
        Control(
            "5.10",
            "Stored routines run with the rights that they need",
            ("definer-routine",),
            limits="Triggers and events are not read.",
        ),
        Control("5.11", "Who may name another definer", ("superuser", "grant-admin")),
        Control(
            "5.12",
            "Who may leave a definer that does not exist",
            not_checked="ALLOW_NONEXISTENT_DEFINER gives nobody anything by itself.",
        ),
        Control(
            "7.1",
            "New accounts log in by a strong method",
            ("weak-authentication",),
            limits="The accounts that there are are seen, and not the default of new ones.",
        ),
        Control("7.2", "No passwords in the server's configuration", not_checked=HOST),
        Control("7.3", "Every account has a password", ("weak-authentication",)),
        Control("7.4", "Passwords end within a year", ("no-password-expiry", "old-password")),
        Control("7.5", "Passwords are checked when they are set", ("no-password-rules",)),
        Control(
            "7.6",
            "No account is open to every host",
            ("any-host-privileged",),
            limits="Accounts of low privileges are not told of.",
        ),
        Control("7.7", "No anonymous accounts", ("anonymous-account",)),
        Control("7.8", "Passwords are kept by the stronger hash", not_checked=NOT_READ),
        Control(
            "7.9",
            "Roles are made active on purpose",
            not_checked="Which roles are active decides no right: each may be made so.",
        ),
        Control(
            "8.1",
            "The server, or each account that logs in from elsewhere, requires TLS",
            ("tls-not-required",),
            limits=OPTIONAL_TLS,
        ),
        Control(
            "8.2",
            "Accounts that log in from elsewhere have a certificate",
            ("tls-not-required",),
            limits="That TLS is required is seen, and no certificate of the client is asked for.",
        ),
        Control("8.3", "Limits on the sessions of each account", not_checked=PEOPLE),
    ),
)
