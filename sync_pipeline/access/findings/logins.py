"""Rules about the lines by which a server lets clients in, whatever account they name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sync_pipeline.access.findings.case import Case, Remedy, listed
from sync_pipeline.access.findings.concerns import told
from sync_pipeline.access.findings.rule import Rule, each, rule
from sync_pipeline.engines.access.contract import LoginRule, login_rules
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.privilege import SectionName

_MOST_TOLD = 4
_IN_FILE = "Change it in pg_hba.conf, then SELECT pg_reload_conf();. No statement changes the file."
_HBA = "PostgreSQL documentation, The pg_hba.conf File"


@rule(
    "login-without-password",
    title="Logins without a password",
    severity=Severity.HIGH,
    rationale="A line that trusts whoever comes lets each client in as any account that it names, "
    "superusers among them.",
    sources=("CIS PostgreSQL 17 Benchmark 5.3 and 5.4, login methods", f"{_HBA}: trust"),
    reads=(SectionName.LOGIN_RULES,),
)
@each
def without_password(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the lines that ask for nothing; from the server's own host it is less bad."""
    found = _chosen(case, lambda item: item.is_without_password)
    severity = rule.severity if any(not item.is_local for item in found) else Severity.MEDIUM
    yield from _finding(rule, case, severity, found, "let clients in without a password")


@rule(
    "weak-login-method",
    title="Logins by a method that others can use",
    severity=Severity.MEDIUM,
    rationale="A password that is sent as it is can be read on the way, and what a client's own "
    "machine says of its user is what its owner wants it to say.",
    sources=("CIS PostgreSQL 17 Benchmark 5.4, login methods", f"{_HBA}: password, ident"),
    reads=(SectionName.LOGIN_RULES,),
)
@each
def weak_method(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the lines whose method protects nobody."""
    found = _chosen(case, lambda item: bool(item.weakness))
    what = "; ".join(dict.fromkeys(item.weakness for item in found))
    yield from _finding(rule, case, rule.severity, found, f"have a method that {what}")


@rule(
    "login-from-anywhere",
    title="Logins of everybody from everywhere",
    severity=Severity.MEDIUM,
    rationale="A line for all accounts, all databases and all addresses leaves the password as "
    "the only thing between anybody and the data.",
    sources=("CIS PostgreSQL 17 Benchmark 5.9 and 5.10, addresses, databases, users", _HBA),
    reads=(SectionName.LOGIN_RULES,),
)
@each
def from_anywhere(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the lines that limit neither who comes nor from where."""
    found = _chosen(case, _is_open)
    yield from _finding(rule, case, rule.severity, found, "let all accounts in from any address")


@rule(
    "superuser-from-elsewhere",
    title="Superusers who log in from other hosts",
    severity=Severity.LOW,
    rationale="A superuser who can only log in on the server's own host needs that host to be "
    "lost first.",
    sources=("CIS PostgreSQL 17 Benchmark 5.11, superusers from elsewhere", _HBA),
    reads=(SectionName.ACCOUNTS, SectionName.LOGIN_RULES),
)
@each
def superuser_from_elsewhere(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the lines that fit superusers of other hosts, and are not open to all already."""
    found = _chosen(
        case, lambda item: item.lets_superusers and not item.is_local and not _is_open(item)
    )
    yield from _finding(rule, case, rule.severity, found, "let superusers in from other hosts")


@rule(
    "login-rule-without-tls",
    title="Logins from elsewhere without TLS",
    severity=Severity.MEDIUM,
    rationale="Without TLS everything that a session sends and reads can be read and changed on "
    "the way, and most clients fall back to it when nobody insists.",
    sources=("CIS PostgreSQL 17 Benchmark 5.8, TLS of clients", f"{_HBA}: hostssl"),
    reads=(SectionName.LOGIN_RULES,),
)
@each
def without_tls(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the lines that fit connections of other hosts whether they have TLS or not."""
    found = _chosen(case, lambda item: not (item.is_by_tls or item.is_local))
    yield from _finding(rule, case, rule.severity, found, "let other hosts in without TLS")


@rule(
    "login-file-error",
    title="Login rules that the server can't read",
    severity=Severity.MEDIUM,
    rationale="While one line can't be read, the server goes on by the lines that it had before, "
    "so that nothing that was tightened since is in force, and a restart fails.",
    sources=(_HBA, "PostgreSQL documentation, pg_hba_file_rules: error"),
    reads=(SectionName.LOGIN_RULES,),
)
@each
def file_error(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield that there are lines which can't be read."""
    yield from told(rule, case)


def _is_open(item: LoginRule) -> bool:
    return item.is_wide and item.is_of_all


def _chosen(case: Case, is_wanted: Callable[[LoginRule], bool]) -> list[LoginRule]:
    """Return lines of the customer's: on a managed service the file is the provider's."""
    if case.judged.world.platform.is_managed:
        return []
    return [item for item in login_rules(case.judged.rules) if is_wanted(item)]


def _finding(
    rule: Rule, case: Case, severity: Severity, found: Sequence[LoginRule], what: str
) -> Iterator[Finding]:
    if found:
        lines = listed([f"{item.place} ({item.text})" for item in found], _MOST_TOLD)
        yield case.finding(
            rule.id,
            severity,
            "",
            f"{len(found)} of its login rules {what}: {lines}.",
            remedy=Remedy(left=_IN_FILE),
        )
