"""The rule about who reads password hashes. It never sees one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sync_pipeline.access.findings.case import Case, Remedy, listed
from sync_pipeline.access.findings.dangers import dangerous
from sync_pipeline.access.findings.mending import REFUSED, Mending, memberships_in
from sync_pipeline.access.findings.rule import Rule, each, rule
from sync_pipeline.engines.access.contract import AccessRules, HashPlace, hash_places
from sync_pipeline.model.access import Availability, EffectivePrivilege, Hold, PowerKind, path_text
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.privilege import Grant, SecurableKind


@dataclass(frozen=True, slots=True)
class _Reader:
    """One way in which an account reads the hashes of one place."""

    place: HashPlace
    way: EffectivePrivilege
    grants: tuple[Grant, ...]

    @property
    def is_meant(self) -> bool:
        """Return whether somebody granted this place, and not only all there is."""
        return bool(self.grants) or self.place.is_own


@rule(
    "password-hash-reader",
    title="Account that reads password hashes",
    severity=Severity.HIGH,
    rationale="A hash can be guessed at elsewhere, without a log and without a lock, and some are "
    "as good as the password. Backup and monitoring accounts seldom need them: let backups read "
    "by database, and run the script of sync-pipeline grants for the monitoring account.",
    sources=(
        "PostgreSQL documentation, pg_authid: it holds passwords and must not be readable by all",
        "CIS MySQL 8.0 Benchmark 5.1, full access to the database mysql of administrators only",
        "CIS Oracle Database Benchmarks, ALL is revoked on sensitive tables: SYS.USER$ and its kin",
        "SQL Server documentation, sys.sql_logins, Permissions: password_hash",
    ),
)
@each
def hash_reader(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield who reads what the engine calls a place of hashes, superusers apart."""
    places = hash_places(case.judged.rules)
    for state in case.states() if places else ():
        if _is_left_out(case, state):
            continue
        readers = list(_readers(case, case.judged.rules, state.name, places))
        if readers:
            remedy = _without_reading(case, state.name, places)
            yield _finding(rule, case, state, readers, remedy)


def _is_left_out(case: Case, state: AccountState) -> bool:
    """Return whether nothing is to be said: superusers read all, and have a rule of their own.

    As the role of the script's view nobody logs in; who has it as a role is told himself.
    """
    is_engines = case.is_expected(state.name) and not case.is_everyone(state.name)
    if state.name in case.read_through() and not case.gets_in(state):
        return True
    return is_engines or bool(case.own_powers(state.name, PowerKind.SUPERUSER))


def _readers(
    case: Case,
    rules: AccessRules,
    account: str,
    places: Sequence[HashPlace],
    accounts: Mapping[str, AccountState] | None = None,
) -> Iterator[_Reader]:
    accounts = case.judged.world.accounts if accounts is None else accounts
    for place in places:
        for way in rules.decide(account, place.privilege, place.securable).held:
            last = way.path[-1].account
            # What everyone may, is one finding: that of PUBLIC.
            if last != account and case.is_everyone(last):
                continue
            holder = accounts.get(last)
            grants = tuple(g for g in (holder.grants if holder else ()) if _gives(g, place))
            yield _Reader(place, way, grants)


def _gives(grant: Grant, place: HashPlace) -> bool:
    """Return whether a grant is on the place itself, or on the database of the server's own."""
    on, asked = grant.securable, place.securable
    if grant.deny or grant.privilege not in (place.privilege, "ALL PRIVILEGES"):
        return False
    if asked.kind is SecurableKind.SERVER:
        return on.kind is SecurableKind.SERVER
    if on.kind is SecurableKind.DATABASE:
        return on.database == asked.database and not asked.schema
    same = (on.catalog, on.database, on.schema, on.name) == (
        *(asked.catalog, asked.database, asked.schema, asked.name),
    )
    return same and on.column in ("", asked.column)


def _finding(
    rule: Rule, case: Case, state: AccountState, readers: Sequence[_Reader], remedy: Remedy
) -> Finding:
    readers = sorted(readers, key=_rank)
    holders = {reader.way.path[-1].account for reader in readers}
    best = readers[0].way
    what = listed(list(dict.fromkeys(reader.place.name for reader in readers)), most=3)
    after = "" if best.availability is Availability.AT_LOGIN else " after SET ROLE"
    lacking = f" It lacks {'; '.join(best.lacking)}." if best.lacking else ""
    return case.finding(
        rule.id,
        _severity(rule, case, state, readers[0]),
        state.name,
        f"It may read password hashes{after}, in {what}, through {best.source}: "
        f"{path_text(best.path)}.{lacking}",
        path=best.path,
        remedy=remedy,
        cause=case.whose(holders.pop() if len(holders) == 1 else state.name),
        implied=dangerous.id if _is_dangerous(case, state.name, readers) else "",
    )


def _is_dangerous(case: Case, account: str, readers: Sequence[_Reader]) -> bool:
    """Return whether each way is a dangerous privilege, which is told with what it reaches."""
    known = {power.source for power in case.powers(account, PowerKind.DANGEROUS)}
    return all(not known.isdisjoint((r.place.privilege, r.way.path[-1].account)) for r in readers)


def _rank(reader: _Reader) -> tuple[bool, bool, bool, int]:
    way = reader.way
    at_login = way.availability is Availability.AT_LOGIN
    return (bool(way.lacking), not at_login, not reader.is_meant, len(way.path))


def _severity(rule: Rule, case: Case, state: AccountState, reader: _Reader) -> Severity:
    """Return how bad it is: a right to read everything, as for backups, is a lesser surprise."""
    if case.is_everyone(state.name):
        return Severity.CRITICAL
    if not state.can_login:
        return Severity.INFO
    if state.is_locked or reader.way.lacking:
        return Severity.LOW
    return rule.severity if reader.is_meant else Severity.MEDIUM


def _without_reading(case: Case, account: str, places: Sequence[HashPlace]) -> Remedy:
    """Return what takes the reading away, and not more than the account was meant to read.

    A role is taken from the account; a grant on the place from who holds it. A right to read
    everything on the server is left to people: what stands in its place is theirs to say.
    """
    mending, tried = Mending(case, account), set[Hold]()
    while True:
        accounts = mending.world.accounts
        readers = list(_readers(case, mending.rules, account, places, accounts))
        meant = (reader for reader in readers if reader.is_meant)
        holds = [hold for reader in meant for hold in _holds(mending, reader)]
        hold = next((item for item in holds if item not in tried), None)
        if hold is None:
            return mending.remedy(_left(readers))
        tried.add(hold)
        if hold.account == account:
            mending.take(hold)


def _holds(mending: Mending, reader: _Reader) -> Iterator[Hold]:
    path = reader.way.path
    for here, there in pairwise(path):
        holds = list(memberships_in(mending.state(here.account), there.account))
        if holds:
            yield from holds
            return
    for grant in reader.grants:
        yield Hold(path[-1].account, grant)


def _left(readers: Sequence[_Reader]) -> str:
    if not readers:
        return ""
    reader = min(readers, key=_rank)
    what = f"It still reads {reader.place.name} through {reader.way.source}"
    if reader.is_meant:
        return f"{what}: that goes with {reader.way.path[-1].account}, or {REFUSED}."
    return f"{what}, which is a right to read everything: what stands in its place is yours to say."
