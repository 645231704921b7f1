"""CIS PostgreSQL Benchmark: its chapters 4 and 5, on access and logins, and 7.1.

The numbers are those of the benchmark for PostgreSQL 17; the titles are our own words.
"""

from __future__ import annotations

from sync_pipeline.access.benchmarks.reasons import CLIENTS, HOST, OTHER_CHAPTER, PEOPLE
from sync_pipeline.model.benchmark import Benchmark, Control
from sync_pipeline.model.instance import EngineName

_BROKEN = "login-file-error"
"""With a line that can't be read, nobody knows which are in force."""
CIS_POSTGRESQL = Benchmark(
    "cis-postgresql",
    "CIS PostgreSQL 17 Benchmark 1.0.0, chapters 4, 5 and 7",
    EngineName.POSTGRESQL,
    (
        Control("4.1", "No interactive login of the server's system user", not_checked=HOST),
        Control("4.2", "sudo in place of the system user's password", not_checked=HOST),
        Control(
            "4.3",
            "Administrative privileges of administrators only",
            ("superuser", "service-administrator", "grant-admin", "dangerous-privilege"),
        ),
        Control(
            "4.4",
            "Accounts that are not in use are closed",
            ("expired-active",),
            limits="PostgreSQL keeps no date of a last login.",
        ),
        Control(
            "4.5",
            "Functions with others' rights run for those only who need them",
            ("definer-routine",),
            limits="Told of are those whose callers say what the names in them mean.",
        ),
        Control(
            "4.6",
            "Rights to change data of those only who need them",
            ("everyone-can-write", "grant-option"),
            limits=PEOPLE,
        ),
        Control("4.7", "Row security where rows differ in who may see them", not_checked=PEOPLE),
        Control(
            "4.8",
            "Sessions become superusers by an extension that logs it",
            not_checked="Whether people use set_user is in no catalog.",
        ),
        Control("4.9", "Predefined roles in place of superusers", not_checked=PEOPLE),
        Control(
            "4.10", "Nobody but its owner creates in the schema public", ("everyone-can-write",)
        ),
        Control("5.1", "No passwords on command lines", not_checked=CLIENTS),
        Control("5.2", "The server listens on chosen addresses", not_checked=OTHER_CHAPTER),
        Control("5.3", "Logins over the socket ask who it is", ("login-without-password", _BROKEN)),
        Control(
            "5.4",
            "Logins over the network ask who it is",
            ("login-without-password", "weak-login-method", _BROKEN),
        ),
        Control("5.5", "Limits on the sessions of each account", not_checked=PEOPLE),
        Control(
            "5.6",
            "Passwords are checked when they are set",
            not_checked="A module of the server checks them, and none says which rules it has.",
        ),
        Control("5.7", "Time limits and delays at login", not_checked=OTHER_CHAPTER),
        Control("5.8", "Clients connect by TLS", ("login-rule-without-tls", _BROKEN)),
        Control(
            "5.9",
            "Logins from few addresses",
            ("login-from-anywhere", _BROKEN),
            limits="Networks that are less than everything are not told of.",
        ),
        Control(
            "5.10",
            "Logins to named databases, of named accounts",
            ("login-from-anywhere", _BROKEN),
            limits="A line for all accounts of a small network is not told of.",
        ),
        Control(
            "5.11",
            "No superuser logs in from elsewhere",
            ("login-from-anywhere", "superuser-from-elsewhere", _BROKEN),
        ),
        Control(
            "5.12",
            "New passwords are kept as SCRAM",
            ("weak-password-storage",),
            limits="How a password is kept that was set before is in no list of roles.",
        ),
        Control("7.1", "Replicas log in with accounts of their own", not_checked=PEOPLE),
    ),
)
