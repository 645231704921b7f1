"""Rules about powers: who may do everything, and who may give rights away."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.access.findings.case import Case, listed
from sync_pipeline.access.findings.powerless import without_power
from sync_pipeline.access.findings.rule import Rule, each, rule
from sync_pipeline.model.access import Availability, PowerKind, path_text
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.causes import KEEPERS, SHUT
from sync_pipeline.model.finding import Finding, Severity


@rule(
    "superuser",
    title="Account that may do everything",
    severity=Severity.HIGH,
    rationale="A superuser passes every check, so each one is a whole server to lose. The count "
    "has to be small and known, and a role that leads there is as good as the attribute.",
    sources=(
        "CIS PostgreSQL Benchmark 4.3, excessive administrative privileges",
        "CIS MySQL 8.0 Benchmark 5.1, full database access of administrators only",
        "CIS Oracle Database 19c Benchmark 5.3.3, DBA revoked from unauthorized grantees",
        "SQL Server documentation, Server-level roles: sysadmin",
    ),
)
@each
def superuser(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the accounts that may do everything, by any way."""
    for state in case.states():
        yield from _power(rule, case, state, PowerKind.SUPERUSER)


@rule(
    "service-administrator",
    title="Account that administers a managed service",
    severity=Severity.HIGH,
    rationale="A managed service keeps the superuser to itself and gives its customers a role "
    "that administers the server in its place. Whoever has it is an administrator, whatever the "
    "account is called, and the count has to be small and known.",
    sources=(
        "CIS PostgreSQL Benchmark 4.3, excessive administrative privileges",
        "Amazon RDS User Guide, Understanding the rds_superuser role: for administrators",
        "Cloud SQL for PostgreSQL, About PostgreSQL users and roles: cloudsqlsuperuser",
        "Azure Database for PostgreSQL, Access management: azure_pg_admin",
    ),
)
@each
def administrator(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the accounts with the role that stands in for a superuser."""
    for state in case.states():
        if not case.own_powers(state.name, PowerKind.SUPERUSER):
            yield from _power(rule, case, state, PowerKind.ADMINISTRATOR)


@rule(
    "grant-admin",
    title="Account that can give away rights it does not have",
    severity=Severity.HIGH,
    rationale="Who can give itself or others any right is one statement away from having it, "
    "but is on no list of superusers.",
    sources=(
        "PostgreSQL documentation, Role attributes: CREATEROLE",
        "CIS Oracle Database 19c Benchmark 5.2.15 and 5.2.16, GRANT ANY ROLE, PRIVILEGE",
        "SQL Server documentation, Server-level roles: securityadmin equals sysadmin",
    ),
)
@each
def grant_admin(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the accounts that may give away more than they have."""
    for state in case.states():
        # A superuser or administrator may grant as well: one finding says it.
        if not case.own_powers(state.name, PowerKind.SUPERUSER, PowerKind.ADMINISTRATOR):
            yield from _power(rule, case, state, PowerKind.GRANT_ADMIN)


def _power(rule: Rule, case: Case, state: AccountState, kind: PowerKind) -> Iterator[Finding]:
    # What the server made an account for is nobody's to change; its members have the finding.
    powers = [power for power in case.own_powers(state.name, kind) if not power.is_inherent]
    if not powers:
        return
    best = powers[0]
    holders = {power.path[-1].account for power in powers}
    more = _beside(case, state.name) if kind is PowerKind.ADMINISTRATOR else ""
    way = "after SET ROLE" if best.availability is Availability.AFTER_SET_ROLE else "at login"
    others = f", and by {len(powers) - 1} other ways" if len(powers) > 1 else ""
    remedy = without_power(case, state.name, kind)
    is_in = remedy.fix or case.gets_in(state) or case.is_everyone(state.name)
    is_shut = rule.id in KEEPERS and not is_in
    yield case.finding(
        rule.id,
        severity_of(rule.severity, case, state),
        state.name,
        f"{best.kind} {way} through {best.source}{others}: {path_text(best.path)}.{more}"
        f"{f' {SHUT}' if is_shut else ''}",
        path=best.path,
        remedy=remedy,
        cause=case.whose(holders.pop() if len(holders) == 1 else state.name),
    )


def _beside(case: Case, account: str) -> str:
    """Return what the catalog says an administrator may give away, as a sentence."""
    sources = [power.source for power in case.powers(account, PowerKind.GRANT_ADMIN)]
    return f" It may grant through {listed(sources)}." if sources else ""


def severity_of(plain: Severity, case: Case, state: AccountState) -> Severity:
    """Return how bad a power is in the hands of this account, which is `plain` mostly."""
    if case.is_everyone(state.name):
        return Severity.CRITICAL
    if case.is_expected(state.name) or (state.kind is AccountKind.ROLE and not state.can_login):
        return Severity.INFO
    return plain if case.gets_in(state) else max(plain, Severity.LOW, key=_rank)


def _rank(severity: Severity) -> int:
    return severity.rank
