"""Rules about grants and users that nobody looks after."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from sync_pipeline.access.findings.breaking import LOGIN_AGAIN, ORPHANED
from sync_pipeline.access.findings.case import Case, Remedy, listed
from sync_pipeline.access.findings.mending import REFUSED, Mending, dropped, take_all
from sync_pipeline.access.findings.powers import grant_admin
from sync_pipeline.access.findings.rule import Rule, each, rule
from sync_pipeline.engines.access.contract import lists_some
from sync_pipeline.model.access import Hold, PowerKind
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.inventory import Databases
from sync_pipeline.model.pattern import like
from sync_pipeline.model.privilege import Grant, SecurableKind

_VANISHED = "the server no longer has"
_ESCAPED = re.compile(r"\\([_%\\])")


@rule(
    "grant-option",
    title="Rights that can be passed on",
    severity=Severity.MEDIUM,
    rationale="WITH GRANT OPTION lets an account decide who else has a right, so nobody who "
    "looks at the owner's grants sees where it went.",
    sources=(
        "MySQL Reference Manual, Privileges Provided by MySQL: GRANT OPTION",
        "CIS Oracle Database 19c Benchmark 5.2.2, system privileges with ADMIN OPTION",
    ),
)
@each
def grant_option(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the accounts that may pass on what they were granted."""
    for state in case.states():
        grants = [grant for grant in state.grants if _may_grant(case, state, grant)]
        # Superusers need no option, and what the engine gives its own accounts is not spread.
        if (
            not grants
            or case.is_expected(state.name)
            or case.own_powers(state.name, PowerKind.SUPERUSER)
        ):
            continue
        texts = [f"{grant.privilege} on {grant.securable}" for grant in grants]
        yield case.finding(
            rule.id,
            rule.severity,
            state.name,
            f"It may grant on {listed(texts)}.",
            remedy=_without_options(case, state.name),
            is_harmless=True,
            implied=_implied(case, state.name, grants),
        )


def _implied(case: Case, account: str, grants: Sequence[Grant]) -> str:
    """Return the rule that says of the same grants that the account may give more than these."""
    powers = case.powers(account, PowerKind.GRANT_ADMIN)
    told = {hold.grant for power in powers for hold in power.by if hold.account == account}
    is_admin = bool(case.powers(account, PowerKind.ADMINISTRATOR))
    return grant_admin.id if not is_admin and told.issuperset(grants) else ""


def _without_options(case: Case, account: str) -> Remedy:
    mending = Mending(case, account)

    def options() -> Iterator[Hold]:
        state = mending.state(account)
        for grant in state.grants if state else ():
            if _may_grant(case, state, grant):
                yield Hold(account, grant, is_option=True)

    stuck = take_all(options, mending.take)
    return mending.remedy(_kept("It may still grant on ", stuck))


def _kept(begin: str, stuck: Sequence[Hold]) -> str:
    texts = [f"{hold.grant.privilege} on {hold.grant.securable}" for hold in stuck if hold.grant]
    return f"{begin}{listed(texts)}: {REFUSED}." if texts else ""


def _may_grant(case: Case, state: AccountState | None, grant: Grant) -> bool:
    """Return whether an account may pass a grant on; where it has denies, its engine decides."""
    if state is None or grant.deny or not grant.grantable:
        return False
    if not any(item.deny for item in state.grants):
        return True
    ways = case.judged.rules.decide(state.name, grant.privilege, grant.securable).held
    return any(way.grantable for way in ways)


@rule(
    "orphaned-user",
    title="User whose login is gone",
    severity=Severity.MEDIUM,
    rationale="Its rights wait for a login with the same identifier, and nobody owns it.",
    sources=(
        "CIS SQL Server Benchmark 3.3, orphaned users are dropped",
        "SQL Server documentation, Troubleshoot orphaned users",
    ),
)
@each
def orphaned(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the users without their login."""
    for state in case.states():
        facts = case.facts(state.name)
        if facts.orphaned:
            breaks = LOGIN_AGAIN if facts.orphaned_fix else ORPHANED
            remedy = dropped(case, state.name, facts.orphaned_fix, breaks)
            yield case.finding(rule.id, rule.severity, state.name, facts.orphaned, remedy=remedy)


@rule(
    "gone-database",
    title="Rights on a database that is gone",
    severity=Severity.LOW,
    rationale="They are in force again the moment somebody makes a database of that name. "
    "Patterns are no databases, unless one is the name of a database that was there.",
    sources=("MySQL Reference Manual, DROP DATABASE: privileges are not dropped with it",),
    no_control="Benchmarks ask for grants that are needed, not for what they name.",
)
@each
def gone_database(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the grants on databases that the server no longer has."""
    if case.databases is None:
        return
    # Whether the case of a name counts is a setting of the server, by which it keeps grants in
    # lower case (lower_case_table_names), and shows databases as they were made.
    there = frozenset(map(str.casefold, case.databases.present))
    # Who may see some databases alone does not list the others.
    is_whole = not lists_some(case.judged.rules, case.monitor)
    for state in case.states():
        by_database: dict[tuple[bool, str], list[Grant]] = defaultdict(list)
        for grant in state.grants:
            by_database[_where(grant)].append(grant)
        for (is_pattern, database), grants in sorted(by_database.items()):
            why = _why_no_match if is_pattern else _why_gone
            reason = why(case, case.databases, state.name, database)
            is_sure = is_whole or reason == _VANISHED
            if reason and is_sure and _plain(database).casefold() not in there:
                privileges = listed(sorted({grant.privilege for grant in grants}))
                yield case.finding(
                    rule.id,
                    rule.severity,
                    state.name,
                    f"It has {privileges} in the database {database}, which {reason}.",
                    remedy=_without_database(case, state.name, (is_pattern, database)),
                    is_harmless=True,
                    about=f"{'pattern' if is_pattern else 'database'} {database}",
                    cause=f"the {'pattern' if is_pattern else 'database'} {database} is gone",
                )


def _where(grant: Grant) -> tuple[bool, str]:
    """Return whether the name of a grant's database is a pattern, and the name."""
    on = grant.securable
    return on.kind is SecurableKind.DATABASE_PATTERN, on.database


def _without_database(case: Case, account: str, where: tuple[bool, str]) -> Remedy:
    mending = Mending(case, account)

    def grants() -> Iterator[Hold]:
        # The option first: it may outlast the last privilege on an object.
        state = mending.state(account)
        there = [grant for grant in (state.grants if state else ()) if _where(grant) == where]
        yield from (Hold(account, g, is_option=True) for g in there if g.grantable)
        yield from (Hold(account, g) for g in there if not g.grantable)

    stuck = take_all(grants, mending.take_gone)
    return mending.remedy(_kept("It keeps ", stuck))


def _why_gone(case: Case, databases: Databases, account: str, database: str) -> str:
    """Return why a database is gone; empty where it is there, or nobody can tell."""
    # Some catalogs keep the wildcards in a name escaped, as GRANT was told it.
    names = {database, _plain(database)}
    if not database or names & (databases.present | _with_catalogs(case)):
        return ""
    if any(like(pattern, name) for pattern in databases.excluded for name in names):
        return ""
    if names & databases.vanished:
        return _VANISHED
    changed_at, listed_at = case.changed_at.get(account), case.listed_on(databases)
    # A grant that is newer than the listing may be on a database that is newer, too.
    if changed_at is None or changed_at >= listed_at:
        return ""
    return f"was not there on {listed_at:%Y-%m-%d}"


def _plain(database: str) -> str:
    return _ESCAPED.sub(r"\1", database)


def _with_catalogs(case: Case) -> frozenset[str]:
    """Return the databases that the accounts were read from, or that were listed with them.

    Where each has a catalog of its own, what it grants is dropped with it. Sizes are not
    collected of each of them: tempdb has none that counts.
    """
    return frozenset(key.database for key in case.judged.world.sections)


def _why_no_match(_case: Case, databases: Databases, _account: str, pattern: str) -> str:
    """Return why a pattern is the name of a gone database, written without escapes.

    A pattern may wait for databases to come; one that was the name of a database and
    matches no other does not.
    """
    is_name = pattern in databases.vanished
    return _VANISHED if is_name and not any(like(pattern, n) for n in databases.present) else ""
