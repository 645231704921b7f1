"""Rules about accounts that more people reach than somebody meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sync_pipeline.access.findings.case import Case, listed
from sync_pipeline.access.findings.rule import Rule, each
from sync_pipeline.model.access import EffectivePrivilege
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.privilege import Securable, SecurableKind

_WIDE = (SecurableKind.SERVER, SecurableKind.DATABASE_PATTERN)
"""Where a privilege is high: an application that writes its own database is not."""
_SYSTEM_SCHEMAS = ("pg_catalog", "information_schema", "sys")


def _anonymous(rule: Rule, case: Case) -> Iterator[Finding]:
    for state in case.states():
        if case.facts(state.name).is_anonymous:
            yield case.finding(
                rule.id,
                rule.severity if case.gets_in(state) or not state.is_locked else Severity.LOW,
                state.name,
                "Anybody may log in with it, under any name that has no account of its own.",
                fix=case.judged.rules.drop(state.name),
            )


def _any_host(rule: Rule, case: Case) -> Iterator[Finding]:
    for state in case.users():
        if not case.facts(state.name).is_any_host:
            continue
        reasons = [str(power.kind) for power in case.powers(state.name)]
        reasons += [
            f"{entry.privilege} on {entry.securable}"
            for entry in case.judged.rules.everything(state.name)
            if entry.securable.kind in _WIDE and case.judged.rules.is_write(entry.privilege)
        ]
        if reasons:
            yield case.finding(
                rule.id,
                rule.severity,
                state.name,
                f"It may log in from any host and has {listed(list(dict.fromkeys(reasons)))}.",
                fix=case.judged.rules.disable(state.name),
            )


def _everyone_writes(rule: Rule, case: Case) -> Iterator[Finding]:
    for state in case.states():
        if not case.is_everyone(state.name):
            continue
        by_database: dict[str, list[EffectivePrivilege]] = defaultdict(list)
        for entry in case.judged.rules.everything(state.name):
            if case.judged.rules.is_write(entry.privilege) and not _is_engines(
                case, entry.securable
            ):
                by_database[entry.securable.database or entry.securable.catalog].append(entry)
        for database, entries in sorted(by_database.items()):
            texts = [f"{entry.privilege} on {entry.securable}" for entry in entries]
            where = f" in database {database}" if database else ""
            yield case.finding(
                rule.id,
                rule.severity,
                state.name,
                f"Every account has {listed(texts)}{where}.",
                path=entries[0].path,
                fix="\n".join(dict.fromkeys(_revokes(case, entries))),
            )


def _is_engines(case: Case, securable: Securable) -> bool:
    """Return whether the engine made an object, and grants on it are its own."""
    schema = securable.schema
    if not schema:
        return False
    return schema in _SYSTEM_SCHEMAS or case.facts(schema).is_system


def _revokes(case: Case, entries: list[EffectivePrivilege]) -> Iterator[str]:
    """Yield the statements that take these privileges from whoever holds the grants.

    What a role holds without a grant, as fixed roles do, goes with the membership.
    """
    wanted = {(entry.path[-1].account, entry.privilege, entry.securable) for entry in entries}
    accounts = case.judged.world.accounts
    for entry in entries:
        yield from _left_roles(case, entry)
    for holder in sorted({account for account, _, _ in wanted}):
        state = accounts.get(holder)
        for grant in state.grants if state else ():
            if not grant.deny and (holder, grant.privilege, grant.securable) in wanted:
                yield case.judged.rules.revoke(holder, grant)


def _left_roles(case: Case, entry: EffectivePrivilege) -> Iterator[str]:
    here, there = entry.path[0].account, entry.path[-1].account
    accounts = case.judged.world.accounts
    granted = accounts[there].grants if there in accounts else ()
    is_granted = any(
        (grant.privilege, grant.securable) == (entry.privilege, entry.securable)
        for grant in granted
    )
    state = accounts.get(here)
    for membership in state.memberships if state and not is_granted else ():
        if len(entry.path) > 1 and membership.role == entry.path[1].account:
            yield case.judged.rules.revoke_role(here, membership)


ANONYMOUS = Rule(
    id="anonymous-account",
    title="Anonymous account",
    severity=Severity.HIGH,
    rationale="An account with an empty user name takes every name that has no account of its "
    "own, and may stand before a named account of a wider host.",
    sources=(
        "CIS MySQL 8.0 Benchmark 7.7, no anonymous accounts exist",
        "MySQL Reference Manual, Access Control, Stage 1: Connection Verification",
    ),
    check=each(_anonymous),
)

ANY_HOST = Rule(
    id="any-host-privileged",
    title="High privileges from any host",
    severity=Severity.HIGH,
    rationale="The host part of an account is a second lock. With `%` it is open, and a stolen "
    "password is enough from anywhere.",
    sources=("CIS MySQL 8.0 Benchmark 7.6, no users have wildcard hostnames",),
    check=each(_any_host),
)

EVERYONE_WRITES = Rule(
    id="everyone-can-write",
    title="PUBLIC or guest may write",
    severity=Severity.HIGH,
    rationale="What PUBLIC or guest may do, every account may do, also those that are made "
    "tomorrow. Writing there is a way around every other grant.",
    sources=(
        "CIS SQL Server Benchmark 3.2 and 3.8, guest and the public role",
        "CIS PostgreSQL Benchmark 4.6, excessive DML privileges",
        "PostgreSQL documentation, Schemas: usage patterns and the public schema before 15",
    ),
    check=each(_everyone_writes),
)
