"""Rules about accounts that more people reach than somebody meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sync_pipeline.access.findings.case import Case, Remedy, listed
from sync_pipeline.access.findings.mending import (
    REFUSED,
    Mending,
    dropped,
    memberships_in,
)
from sync_pipeline.access.findings.powers import administrator, grant_admin, superuser
from sync_pipeline.access.findings.rule import Rule, each, rule
from sync_pipeline.engines.access.contract import AccessRules
from sync_pipeline.model.access import EVERYTHING, EffectivePrivilege, Hold, PowerKind
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.privilege import Grant, SectionName, SecurableKind

_WIDE = (SecurableKind.SERVER, SecurableKind.DATABASE_PATTERN)
"""Where a privilege is high: an application that writes its own database is not."""


@rule(
    "anonymous-account",
    title="Anonymous account",
    severity=Severity.HIGH,
    rationale="An account with an empty user name takes every name that has no account of its "
    "own, and may stand before a named account of a wider host.",
    sources=(
        "CIS MySQL 8.0 Benchmark 7.7, no anonymous accounts exist",
        "MySQL Reference Manual, Access Control, Stage 1: Connection Verification",
    ),
    reads=(SectionName.ACCOUNTS,),
)
@each
def anonymous(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the accounts without a user name."""
    for state in case.states():
        facts = case.facts(state.name)
        if facts.is_anonymous and not facts.has_no_account:
            yield case.finding(
                rule.id,
                rule.severity if case.gets_in(state) or not state.is_locked else Severity.LOW,
                state.name,
                "Anybody may log in with it, under any name that has no account of its own.",
                remedy=_dropped(case, state),
                cause="accounts without a user name",
            )


_ANONYMOUS = "Clients that come in under a name that has no account of its own no longer do."


def _dropped(case: Case, state: AccountState) -> Remedy:
    remedy = dropped(case, state.name, breaks=_ANONYMOUS)
    if remedy.fix and any(grant.securable.database for grant in state.grants):
        return replace(remedy, left="What its grants on databases give to others ends with it.")
    return remedy


@rule(
    "open-database",
    title="Database that is open to every account",
    severity=Severity.HIGH,
    rationale="What the grant tables hold for users without a name, every account has that was "
    "granted nothing on the same database, also each that is made tomorrow. SHOW GRANTS hides it.",
    sources=(
        "CIS MySQL 8.0 Benchmark 4.2, example or test databases",
        "MySQL 5.7 Reference Manual, Securing the Initial MySQL Account",
        "MariaDB Knowledge Base, mariadb-secure-installation",
    ),
    reads=(SectionName.ACCOUNTS, SectionName.DATABASE),
)
@each
def open_database(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield what is granted to users without a name, and to no account."""
    for state in case.states():
        if not case.facts(state.name).has_no_account:
            continue
        texts = [f"{grant.privilege} on {grant.securable}" for grant in state.grants]
        is_write = any(case.judged.rules.is_write(grant.privilege) for grant in state.grants)
        mending = Mending(case, state.name)
        is_ended = mending.run(case.judged.rules.drop(state.name), "", breaks=_OPEN)
        yield case.finding(
            rule.id,
            rule.severity if is_write else Severity.MEDIUM,
            state.name,
            f"Every account without grants of its own on it has {listed(texts)}.",
            remedy=mending.remedy()
            if is_ended
            else Remedy(left=f"No statement ends it: {REFUSED}."),
        )


_OPEN = (
    "Accounts that use it by nothing else no longer do: grant it to them by name. There is no "
    "account, the statement removes the rows, and only one against mysql.db brings them back."
)


@rule(
    "any-host-privileged",
    title="High privileges from any host",
    severity=Severity.HIGH,
    rationale="The host part of an account is a second lock. With `%` it is open, and a stolen "
    "password is enough from anywhere.",
    sources=("CIS MySQL 8.0 Benchmark 7.6, no users have wildcard hostnames",),
)
@each
def any_host(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the accounts with powers, or wide rights to write, that log in from any host."""
    for state in case.users():
        if not case.facts(state.name).is_any_host:
            continue
        powers = case.powers(state.name)
        kinds = {power.kind for power in powers}
        reasons = [str(power.kind) for power in powers]
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
                remedy=case.by_person(state.name, _HOSTS),
                cause=state.name,
                implied=next((rule for kind, rule in _RULES.items() if kind in kinds), ""),
            )


# The greatest first: it is told alone.
_RULES = {
    PowerKind.SUPERUSER: superuser.id,
    PowerKind.ADMINISTRATOR: administrator.id,
    PowerKind.GRANT_ADMIN: grant_admin.id,
}
_HOSTS = (
    "No statement is shown: only you know from where it has to log in, and closing it would stop "
    "that too. RENAME USER gives it another host, and leaves its password and its grants."
)


@rule(
    "everyone-can-write",
    title="PUBLIC or guest may write",
    severity=Severity.HIGH,
    rationale="What PUBLIC or guest may do, every account may do, also those that are made "
    "tomorrow. Writing there is a way around every other grant.",
    sources=(
        "CIS SQL Server Benchmark 3.2 and 3.8, guest and the public role",
        "CIS PostgreSQL Benchmark 4.6, excessive DML privileges",
        "PostgreSQL documentation, Schemas: usage patterns and the public schema before 15",
    ),
)
@each
def everyone_writes(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield what accounts that stand for all may write, by database."""
    for state in case.states():
        if not case.is_everyone(state.name):
            continue
        for database, entries in sorted(_written(case, case.judged.rules, state.name).items()):
            texts = [f"{entry.privilege} on {entry.securable}" for entry in entries]
            where = f" in database {database}" if database else ""
            yield case.finding(
                rule.id,
                rule.severity,
                state.name,
                f"Every account has {listed(texts)}{where}.",
                path=entries[0].path,
                remedy=_unwritten(case, state.name, database),
                about=f"database {database}" if database else "",
                cause=_cause(state.name, entries),
            )


def _cause(everyone: str, entries: Sequence[EffectivePrivilege]) -> str:
    """Return what is the same in databases that have the same rights of all, by the same roles."""
    found = {
        f"{entry.privilege} on {replace(entry.securable, database='', catalog='')}"
        + (f" of {entry.path[-1].account}" if entry.path[-1].account != everyone else "")
        for entry in entries
    }
    return f"all accounts have {', '.join(sorted(found))}"


def _written(case: Case, rules: AccessRules, everyone: str) -> dict[str, list[EffectivePrivilege]]:
    """Return what everyone may write, by database."""
    found: dict[str, list[EffectivePrivilege]] = defaultdict(list)
    for entry in rules.everything(everyone):
        if rules.is_write(entry.privilege) and not case.is_engines(entry.securable):
            found[entry.securable.database or entry.securable.catalog].append(entry)
    return found


def _unwritten(case: Case, everyone: str, database: str) -> Remedy:
    """Return what takes these privileges from whoever holds the grants.

    What a role holds without a grant, as fixed roles do, goes with the membership.
    """
    mending = Mending(case, everyone)
    tried: set[Hold] = set()
    entries = _written(case, mending.rules, everyone).get(database, [])
    while holds := [item for item in _holds(mending, entries) if item not in tried]:
        tried.update(holds)
        for hold in holds:
            mending.take(hold)
        entries = _written(case, mending.rules, everyone).get(database, [])
    texts = [f"{entry.privilege} on {entry.securable}" for entry in entries]
    kept = f"It keeps {listed(texts)}: {REFUSED}." if texts else ""
    return mending.remedy(f"{mending.lost_by_all()} {kept}".strip())


def _holds(mending: Mending, entries: Sequence[EffectivePrivilege]) -> list[Hold]:
    """Return the roles to leave, then the grants to take.

    Where the engine says which grant counts, a role is left and keeps it for its members.
    """
    roles: dict[Hold, None] = {}
    grants: dict[Hold, None] = {}
    for entry in entries:
        here, last = entry.path[0].account, entry.path[-1].account
        is_roles = entry.grant is not None and last != here
        granted = [] if is_roles else _granted(mending.state(last), entry)
        found = [_hold(last, entry, grant) for grant in granted]
        grants.update(dict.fromkeys(found))
        if not found and len(entry.path) > 1:
            roles.update(dict.fromkeys(memberships_in(mending.state(here), entry.path[1].account)))
    return [*roles, *sorted(grants, key=lambda hold: (hold.account, str(hold)))]


def _hold(account: str, entry: EffectivePrivilege, grant: Grant) -> Hold:
    is_option = entry.grant is not None and entry.privilege not in (grant.privilege, EVERYTHING)
    return Hold(account, grant, is_option=is_option and grant.grantable)


def _granted(state: AccountState | None, entry: EffectivePrivilege) -> list[Grant]:
    if entry.grant is not None:
        return [entry.grant]
    wanted = (entry.privilege, entry.securable)
    grants = state.grants if state else ()
    return [item for item in grants if not item.deny and (item.privilege, item.securable) == wanted]
