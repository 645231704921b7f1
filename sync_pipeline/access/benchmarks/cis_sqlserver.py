"""CIS SQL Server Benchmark: chapters 3 and 4, and what chapters 2, 6 and 7 say of accounts.

The numbers are those of the benchmark for SQL Server 2022, which are those for 2019; the titles are
our own words.
"""

from __future__ import annotations

from sync_pipeline.access.benchmarks.reasons import HOST, OTHER_CHAPTER, PEOPLE
from sync_pipeline.model.benchmark import Benchmark, Control
from sync_pipeline.model.instance import EngineName

_PROXIES = (
    "Who may use the proxies of SQL Server Agent is in msdb.dbo.sysproxylogin, which the monitoring"
    " account may not read: it would need GRANT SELECT on it."
)

CIS_SQLSERVER = Benchmark(
    "cis-sqlserver",
    "CIS Microsoft SQL Server 2022 Benchmark, chapters 2 to 4, 6 and 7",
    EngineName.SQLSERVER,
    (
        Control("2.1", "No ad hoc queries to other data sources", not_checked=OTHER_CHAPTER),
        Control("2.2", "No code of assemblies", ("server-option:clr enabled",)),
        Control(
            "2.3", "No ownership chaining between all databases", ("ownership-chaining:server",)
        ),
        Control("2.4", "No mail from the server", not_checked=OTHER_CHAPTER),
        Control(
            "2.5", "No OLE objects from Transact-SQL", ("server-option:Ole Automation Procedures",)
        ),
        Control("2.6", "No remote logins of other servers", ("server-option:remote access",)),
        Control("2.7", "No administrator's connection from afar", not_checked=OTHER_CHAPTER),
        Control("2.8", "No procedures at start-up", not_checked=OTHER_CHAPTER),
        Control("2.9", "No TRUSTWORTHY databases", ("trustworthy-database",)),
        Control("2.10", "No protocols that nobody uses", not_checked=HOST),
        Control("2.11", "Another port than the known one", not_checked=OTHER_CHAPTER),
        Control("2.12", "The instance is not announced", not_checked=HOST),
        Control("2.13", "sa is closed", ("known-administrator:open",)),
        Control("2.14", "sa has another name", ("known-administrator:name",)),
        Control("2.15", "Contained databases stay open", not_checked=OTHER_CHAPTER),
        Control("2.16", "No login is called sa", ("known-administrator",)),
        Control("2.17", "Assemblies are signed", ("server-option:clr strict security",)),
        Control("3.1", "Logins of Windows alone", ("mixed-authentication",)),
        Control("3.2", "guest enters no database of users", ("guest-enters",)),
        Control("3.3", "No users in databases whose login is gone", ("orphaned-user",)),
        Control(
            "3.4", "No passwords of users that a database keeps itself", ("contained-password",)
        ),
        Control("3.5", "The server's service is no administrator", not_checked=HOST),
        Control("3.6", "The agent's service is no administrator", not_checked=HOST),
        Control("3.7", "The full-text service is no administrator", not_checked=HOST),
        Control(
            "3.8",
            "public has on the server what setup gives it",
            (
                "public-privilege",
                *(f"{rule}@public" for rule in ("everyone-can-write", "dangerous-privilege")),
                *(f"{rule}@public" for rule in ("grant-admin", "superuser")),
            ),
        ),
        Control("3.9", "No BUILTIN groups log in", ("machine-group:built in",)),
        Control("3.10", "No groups of the machine log in", ("machine-group:local",)),
        Control("3.11", "public may use no proxies of the agent", not_checked=_PROXIES),
        Control("3.12", "sysadmin of administrators only", ("superuser",)),
        Control("3.13", "Administrative roles of msdb of few", not_checked=PEOPLE),
        Control(
            "4.1",
            "New logins have to change their passwords",
            not_checked="Whether a password was to be changed is gone once it has been.",
        ),
        Control("4.2", "Passwords of sysadmins end", ("no-password-expiry",)),
        Control("4.3", "Passwords are held to the policy of Windows", ("no-password-rules",)),
        Control("6.1", "What people enter is checked by programs", not_checked=PEOPLE),
        Control(
            "6.2",
            "Assemblies may do no more than SAFE",
            not_checked="What an assembly may do is for who made it: no grant tells it.",
        ),
        Control("7.1", "Symmetric keys of AES", not_checked=OTHER_CHAPTER),
        Control("7.2", "Asymmetric keys of 2048 bits", not_checked=OTHER_CHAPTER),
        Control("7.3", "Backups are encrypted", not_checked=OTHER_CHAPTER),
        Control(
            "7.4",
            "Connections are encrypted",
            not_checked="Whether the server insists on it is in the registry of its host.",
        ),
        Control("7.5", "Databases are encrypted", not_checked=OTHER_CHAPTER),
    ),
)
