"""Rules about what everybody has, or whoever somebody else lets in."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.concerns import told
from sync_pipeline.access.findings.rule import Rule, each, rule
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.privilege import SectionName


@rule(
    "guest-enters",
    title="Database that every login enters as guest",
    severity=Severity.MEDIUM,
    rationale="guest stands for each login without a user of its own, so that nobody is kept out "
    "of a database where it may connect.",
    sources=(
        "CIS SQL Server 2022 Benchmark 3.2, CONNECT revoked from guest",
        "SQL Server documentation, Principals (Database Engine): the guest user",
    ),
    reads=(SectionName.ACCOUNTS, SectionName.DATABASE),
)
@each
def guest(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the databases that are not the system's own."""
    yield from told(rule, case)


@rule(
    "machine-group",
    title="Group of the machine that logs in",
    severity=Severity.MEDIUM,
    rationale="Who is in a group of the machine is decided by its administrators, and the server "
    "neither shows the members nor is told when there are more.",
    sources=(
        "CIS SQL Server 2022 Benchmark 3.9 and 3.10, BUILTIN and local groups",
        "SQL Server documentation, Principals (Database Engine): Windows groups as logins",
    ),
    reads=(SectionName.ACCOUNTS, SectionName.SERVER_SETTINGS),
)
@each
def machine_group(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the groups that every machine has, and those of this one."""
    yield from told(rule, case)


@rule(
    "public-privilege",
    title="More for everybody than a new server gives",
    severity=Severity.MEDIUM,
    rationale="What is granted to everybody is granted to accounts that are made tomorrow as well, "
    "and stands on no account's own list. What lets everybody write has a rule of its own.",
    sources=(
        "CIS SQL Server 2022 Benchmark 3.8, default permissions of the public server role",
        "Oracle DBSAT, PRIV.SYSPUB and PRIV.ROLEPUB, what PUBLIC was granted",
    ),
    reads=(SectionName.ACCOUNTS, SectionName.MEMBERSHIPS, SectionName.SERVER),
)
@each
def public(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield what everybody has on the server beyond what setup grants."""
    yield from told(rule, case)


@rule(
    "public-package",
    title="Packages for everybody that reach out of the database",
    severity=Severity.LOW,
    rationale="Packages that read files, open connections or run jobs are of more use to who "
    "broke into an account than to most applications. Oracle grants many of them to PUBLIC.",
    sources=(
        "CIS Oracle Database 19c Benchmark 5.1.1.1 to 5.1.2.1, EXECUTE revoked from PUBLIC",
        "Oracle Database Security Guide, guidelines on privileges of PUBLIC",
    ),
    reads=(SectionName.ACCOUNTS, SectionName.ROUTINE),
)
@each
def package(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the packages: those that Oracle grants, and high, those that it grants to nobody."""
    yield from told(rule, case)
