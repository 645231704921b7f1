"""CIS MariaDB Benchmark: what its chapters 2, 4, 5, 7, 8 and 9 say of accounts and privileges.

The numbers are those of the benchmark for MariaDB 10.6; the titles are our own words.
"""

from __future__ import annotations

from sync_pipeline.access.benchmarks.reasons import CLIENTS, HOST, NOT_READ, OPTIONAL_TLS, PEOPLE
from sync_pipeline.model.benchmark import Benchmark, Control
from sync_pipeline.model.instance import EngineName

CIS_MARIADB = Benchmark(
    "cis-mariadb",
    "CIS MariaDB 10.6 Benchmark 1.1.0, on accounts and privileges",
    EngineName.MARIADB,
    (
        Control("2.3", "No passwords on command lines", not_checked=CLIENTS),
        Control("2.4", "One account for one purpose", not_checked=PEOPLE),
        Control("2.6", "Passwords end within a year", ("no-password-expiry", "old-password")),
        Control(
            "2.7",
            "Accounts that are not in use are locked",
            ("expired-active", "unused-account"),
            limits="MariaDB keeps no date of a last login: who is unused is known where it counts "
            "logins, and since syncs have watched that without a break.",
        ),
        Control("2.8", "Logins by the system's user where they are meant", not_checked=PEOPLE),
        Control(
            "2.11",
            "Clients log in with certificates",
            ("tls-not-required",),
            limits="That TLS is required is seen, and no certificate of the client is asked for.",
        ),
        Control(
            "4.2",
            "No databases for tests",
            ("open-database", "everyone-can-write"),
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
            limits="Views and triggers are not read.",
        ),
        Control("7.1", "No logins by the old password hash", ("weak-authentication",)),
        Control("7.2", "No passwords in the server's configuration", not_checked=HOST),
        Control("7.3", "Every account logs in by a strong method", ("weak-authentication",)),
        Control("7.4", "Passwords are checked when they are set", ("no-password-rules",)),
        Control(
            "7.5",
            "No account is open to every host",
            ("any-host-privileged",),
            limits="Accounts of low privileges are not told of.",
        ),
        Control("7.6", "No anonymous accounts", ("anonymous-account",)),
        Control(
            "8.1",
            "The server, or each account that logs in from elsewhere, requires TLS",
            ("tls-not-required",),
            limits=OPTIONAL_TLS,
        ),
        Control("8.2", "Accounts that log in from elsewhere require TLS", ("tls-not-required",)),
        Control("8.3", "Limits on the sessions of each account", not_checked=PEOPLE),
        Control("9.3", "No SUPER for accounts of replicas", ("superuser",)),
    ),
)
