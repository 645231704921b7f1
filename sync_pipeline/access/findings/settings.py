"""Rules about how a server is set up, where that decides who gets in or what code reaches."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.concerns import told
from sync_pipeline.access.findings.rule import Rule, each, rule
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.privilege import SectionName


@rule(
    "server-option",
    title="Setting of the server that opens more than it has to",
    severity=Severity.MEDIUM,
    rationale="Some settings let whoever has rights in the server out to its host, or let people "
    "in whom another machine has let in. Most servers need none of them.",
    sources=(
        "CIS SQL Server 2022 Benchmark 2.2, 2.5, 2.6 and 2.17, and Microsoft's page on xp_cmdshell",
        "CIS Oracle Database 19c Benchmark 2.2.4 to 2.2.9 and 2.2.14, parameters",
    ),
    reads=(SectionName.SERVER_SETTINGS,),
)
@each
def option(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the settings, each with what it opens."""
    yield from told(rule, case)


@rule(
    "mixed-authentication",
    title="Logins with passwords beside those of the directory",
    severity=Severity.LOW,
    rationale="Accounts of a directory are closed in one place when people leave, and have its "
    "rules for passwords. Logins with passwords of the server's own have neither.",
    sources=(
        "CIS SQL Server 2022 Benchmark 3.1, Windows Authentication Mode",
        "SQL Server documentation, Choose an authentication mode",
    ),
    reads=(SectionName.SERVER_SETTINGS,),
)
@each
def mixed(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield that a server lets in logins with passwords."""
    yield from told(rule, case)


@rule(
    "trustworthy-database",
    title="Database that lends the rights of its owner",
    severity=Severity.MEDIUM,
    rationale="The server believes what a TRUSTWORTHY database says of who runs code in it, so "
    "that who controls the database acts as its owner outside of it. High where the owner is a "
    "superuser and somebody else controls it.",
    sources=(
        "CIS SQL Server 2022 Benchmark 2.9, Trustworthy",
        "SQL Server documentation, TRUSTWORTHY database property",
    ),
    reads=(SectionName.SERVER_SETTINGS, SectionName.ACCOUNTS, SectionName.DATABASE),
)
@each
def trustworthy(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the databases, with who could act as their owners."""
    yield from told(rule, case)


@rule(
    "ownership-chaining",
    title="Objects of one owner that reach each other across databases",
    severity=Severity.MEDIUM,
    rationale="With ownership chaining across databases no permission is asked for where owners "
    "are the same, and most objects of most databases are owned by one login.",
    sources=(
        "CIS SQL Server 2022 Benchmark 2.3, Cross DB Ownership Chaining",
        "SQL Server documentation, cross db ownership chaining (server configuration option)",
    ),
    reads=(SectionName.SERVER_SETTINGS,),
)
@each
def chaining(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the server, and the databases, where it is on."""
    yield from told(rule, case)


@rule(
    "database-link",
    title="Database link that others can use",
    severity=Severity.LOW,
    rationale="A link with a password logs in on another database as one account, whoever uses "
    "the link, and a public one is used by everybody who logs in here.",
    sources=(
        "CIS Oracle Database 19c Benchmark 4.6, no public database links",
        "Oracle DBSAT, CONF.LINKS, database links",
        "Oracle Database Security Guide, guidelines for database links",
    ),
    reads=(SectionName.LINKS,),
)
@each
def link(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the links of a database, those with passwords and those of everybody apart."""
    yield from told(rule, case)
