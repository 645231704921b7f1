"""The rule about privileges that reach further than data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sync_pipeline.access.findings.case import Case, listed
from sync_pipeline.access.findings.powerless import without_power
from sync_pipeline.access.findings.powers import severity_of
from sync_pipeline.access.findings.rule import Rule, each, rule
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import Availability, Danger, Gravity, Power, PowerKind, path_text
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.privilege import SectionName

_SEVERITY = {
    Gravity.HIGH: Severity.HIGH,
    Gravity.MEDIUM: Severity.MEDIUM,
    Gravity.LOW: Severity.LOW,
}
_MOST_TOLD = 4


@rule(
    "dangerous-privilege",
    title="Account with a dangerous privilege on the server",
    severity=Severity.HIGH,
    rationale="Some privileges on a server reach its files, its settings, its replicas or the "
    "sessions of others. They make no superuser, stand on no list of them, and are seldom meant "
    "for an application.",
    sources=(
        "CIS MySQL 8.0 Benchmark 5.2 to 5.8, privileges of administrators only",
        "CIS PostgreSQL 16 Benchmark 4.3, excessive administrative privileges",
        "MySQL Reference Manual, Privileges Provided by MySQL",
        "PostgreSQL documentation, Predefined Roles; Role Attributes; GRANT, on parameters",
        "SQL Server documentation, Permissions (Database Engine); xp_cmdshell",
        "CIS Oracle Database 19c Benchmark 5.2.1 to 5.2.13, system privileges",
    ),
    reads=(
        SectionName.ACCOUNTS,
        SectionName.MEMBERSHIPS,
        SectionName.SERVER,
        SectionName.PARAMETER,
    ),
)
@each
def dangerous(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield who has one, but for superusers and administrators, who have all."""
    for state in case.states():
        found = _told(case, state)
        if found:
            yield _finding(rule, case, state, found)


def _told(case: Case, state: AccountState) -> list[tuple[Power, Danger]]:
    """Return what is to be said of an account, the worst first."""
    is_engines = case.is_expected(state.name) and not case.is_everyone(state.name)
    if is_engines or case.own_powers(state.name, PowerKind.SUPERUSER, PowerKind.ADMINISTRATOR):
        return []
    own = _own_grants(case) if case.is_branch(state.name) else ""
    found = [
        (power, power.danger)
        for power in case.own_powers(state.name, PowerKind.DANGEROUS)
        if power.danger
        and not power.is_inherent
        # What the script of sync-pipeline grants gives the account is needed.
        and f" {power.source} " not in own
    ]
    return sorted(found, key=lambda item: _SEVERITY[item[1].gravity].rank)


def _own_grants(case: Case) -> str:
    """Return the statements by which the monitoring account has what it needs."""
    engine = ENGINES[case.judged.world.engine]
    chosen = "\n".join(note.optional for note in engine.grant_notes)
    return f"{engine.grants_script('monitor', '%', ())}\n{chosen}"


def _finding(
    rule: Rule, case: Case, state: AccountState, found: Sequence[tuple[Power, Danger]]
) -> Finding:
    best, danger = found[0]
    names = list(dict.fromkeys(power.source for power, _ in found))
    after = " after SET ROLE" if best.availability is Availability.AFTER_SET_ROLE else ""
    others = f" It also has {listed(names[1:], _MOST_TOLD)}." if names[1:] else ""
    return case.finding(
        rule.id,
        severity_of(_SEVERITY[danger.gravity], case, state),
        state.name,
        f"{best.source}{after} {danger.why}: {path_text(best.path)}.{others}",
        path=best.path,
        remedy=without_power(case, state.name, PowerKind.DANGEROUS),
        about=", ".join(sorted(names)),
    )
