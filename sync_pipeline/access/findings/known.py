"""Rules about accounts that are known from outside, or let in by what the server can't check."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.concerns import told
from sync_pipeline.access.findings.rule import Rule, each, rule
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.privilege import SectionName


@rule(
    "known-administrator",
    title="The first administrator, open or under its known name",
    severity=Severity.MEDIUM,
    rationale="Every server has the account, it may do everything, and its name is the one that "
    "is guessed. People who administer have accounts of their own, which tell who did what.",
    sources=(
        "CIS SQL Server 2022 Benchmark 2.13, 2.14 and 2.16, sa",
        "SQL Server documentation, Principals (Database Engine): sa",
    ),
    reads=(SectionName.ACCOUNTS,),
)
@each
def first(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the first administrator, where it can log in, and who has its name."""
    yield from told(rule, case)


@rule(
    "default-password",
    title="Account with the password that it was made with",
    severity=Severity.HIGH,
    rationale="The passwords with which a vendor makes accounts are in its manuals and in every "
    "list that attackers try. Critical where the account may do everything.",
    sources=(
        "CIS Oracle Database 19c Benchmark 4.1, default passwords are changed",
        "Oracle Database Reference, DBA_USERS_WITH_DEFPWD",
        "Oracle DBSAT, USER.DEFPWD",
    ),
    reads=(SectionName.DEFAULT_PASSWORDS,),
)
@each
def default_password(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the accounts that can log in with it; Oracle's own are one finding."""
    yield from told(rule, case)


@rule(
    "guessed-without-end",
    title="Passwords that may be guessed without end",
    severity=Severity.LOW,
    rationale="Where no number of wrong passwords locks an account, a program can try as many as "
    "it has time for, and nobody is told.",
    sources=(
        "CIS Oracle Database 19c Benchmark 3.1, FAILED_LOGIN_ATTEMPTS",
        "Oracle DBSAT, USER.NOLOCK, account locking after failed login attempts",
    ),
    reads=(SectionName.ACCOUNTS,),
)
@each
def guessed(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the profiles, with who logs in by them."""
    yield from told(rule, case)


@rule(
    "external-authentication",
    title="Account that the server lets in on another's word",
    severity=Severity.LOW,
    rationale="The operating system or a service of the network says who it is, and the server "
    "asks for no password: its rules for passwords and locks hold for nothing here.",
    sources=(
        "CIS Oracle Database 19c Benchmark 4.3, AUTHENTICATION_TYPE is not EXTERNAL",
        "Oracle Database Security Guide, external authentication of users",
    ),
    reads=(SectionName.ACCOUNTS,),
)
@each
def external(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the accounts; high where any client may say that it is one of them."""
    yield from told(rule, case)


@rule(
    "contained-password",
    title="Database that lets users in with passwords of its own",
    severity=Severity.LOW,
    rationale="A user with a password in a database is on no list of logins, is not closed with "
    "the login of a person who left, and moves to other servers with the database.",
    sources=(
        "CIS SQL Server 2022 Benchmark 3.4, no SQL authentication in contained databases",
        "SQL Server documentation, Security best practices with contained databases",
    ),
    reads=(SectionName.ACCOUNTS,),
)
@each
def contained(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the databases, with the users."""
    yield from told(rule, case)
