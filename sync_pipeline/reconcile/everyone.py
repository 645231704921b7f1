"""What was granted to everybody: to PUBLIC, guest, an account that anybody logs in with. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import AccountChange, AccountDiff, ChangeType, Reconciliation
from sync_pipeline.model.event import Event, EventKind, EventOrigin
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind
from sync_pipeline.reconcile.lines import really_changed

_MOST_NAMED = 4
_OF_EVERYBODY: dict[SecurableKind, frozenset[str]] = {
    SecurableKind.DATABASE: frozenset(("CONNECT", "TEMPORARY")),
    SecurableKind.FUNCTION: frozenset(("EXECUTE",)),
    SecurableKind.PROCEDURE: frozenset(("EXECUTE",)),
    SecurableKind.AGGREGATE: frozenset(("EXECUTE",)),
    SecurableKind.ROUTINE: frozenset(("EXECUTE",)),
    SecurableKind.LANGUAGE: frozenset(("USAGE",)),
    SecurableKind.TYPE: frozenset(("USAGE",)),
}
"""What PUBLIC has on each new object by itself (PostgreSQL, Privileges, table 5.2)."""
_READS = frozenset(("SELECT", "CONNECT", "USAGE", "EXECUTE", "TEMPORARY", "REFERENCES"))
_Group = tuple[str, SecurableKind, str]


def granted_to_everybody(
    result: Reconciliation,
    states: Mapping[str, AccountState],
    is_everybody: Callable[[str], bool],
    is_write: Callable[[str], bool],
    new_databases: Collection[str],
    origin: EventOrigin,
) -> Iterator[Event]:
    """Yield an event for each privilege or role that an account of everybody was granted.

    `states` are the accounts that changed, as they are now. What everybody has on what was made in
    the meantime, because it was made, is not told, nor what lies in `new_databases`.
    """
    changes = [change for change in result.changes if is_everybody(change.account)]
    if not changes or result.is_baseline:
        return
    names = {change.account for change in changes}
    made = {
        grant.securable
        for change in result.changes
        if change.account not in names
        for grant in change.diff.grants_added
    }
    for change in changes:
        roles, grants = _given(change, states, result)
        for role in roles:
            yield _event(origin, change.account, Severity.HIGH, f"role {role.role}", (role,))
        told = (
            grant
            for grant in grants
            if not (grant.securable in made and _is_by_itself(grant))
            and grant.securable.database not in new_databases
            and grant.securable.catalog not in new_databases
        )
        for subject, some in _grouped(told):
            severity = _severity(some, is_write)
            yield _event(origin, change.account, severity, subject, some)


def _given(
    change: AccountChange, states: Mapping[str, AccountState], result: Reconciliation
) -> tuple[Sequence[Membership], Sequence[Grant]]:
    """Return what an account was really given, that it had not in another way before."""
    if change.account in result.own and change.account in result.created:
        return (), ()
    seen = result.visible.get(change.account, AccountDiff())
    (roles, left), (grants, revoked) = really_changed(change.diff)
    if change.change_type is ChangeType.REACTIVATE:
        # What it had when it went is given to it again, and is no part of the difference.
        state = states[change.account]
        (roles, left), (grants, revoked) = (state.memberships, ()), (state.grants, ())
    had = {(item.securable, item.privilege) for item in revoked if not item.deny}
    had_roles = {item.role for item in left}
    old_roles, old_grants = frozenset(seen.memberships_added), frozenset(seen.grants_added)
    return (
        [item for item in roles if item not in old_roles and item.role not in had_roles],
        [
            item
            for item in grants
            if not (item.deny or item in old_grants) and (item.securable, item.privilege) not in had
        ],
    )


def _is_by_itself(grant: Grant) -> bool:
    return grant.privilege in _OF_EVERYBODY.get(grant.securable.kind, ()) and not grant.grantable


def _grouped(grants: Iterable[Grant]) -> Iterator[tuple[str, Sequence[Grant]]]:
    """Yield the grants of a privilege on things of one kind and database, and what they are."""
    found: dict[_Group, dict[Securable, Grant]] = defaultdict(dict)
    for grant in grants:
        on = grant.securable
        found[grant.privilege, on.kind, on.catalog or on.database][on] = grant
    for (privilege, kind, database), some in found.items():
        items = list(some.values())
        where = f" of {database}" if database else ""
        yield (
            f"{privilege} on {items[0].securable}"
            if len(items) == 1
            else f"{privilege} on {len(items)} things ({kind}){where}",
            items,
        )


def _severity(grants: Sequence[Grant], is_write: Callable[[str], bool]) -> Severity:
    one = grants[0]
    if one.securable.kind is SecurableKind.SERVER and one.privilege not in _READS:
        return Severity.HIGH
    if is_write(one.privilege) and one.privilege not in _READS:
        return Severity.HIGH
    return (
        Severity.LOW
        if one.privilege in _OF_EVERYBODY.get(one.securable.kind, ())
        else (Severity.MEDIUM)
    )


def _event(
    origin: EventOrigin,
    account: str,
    severity: Severity,
    subject: str,
    given: Sequence[Grant | Membership],
) -> Event:
    more = len(given) - _MOST_NAMED
    named = "; ".join(map(str, given[:_MOST_NAMED]))
    return origin.event(
        EventKind.GRANTED_TO_EVERYONE,
        severity,
        account=account,
        subject=subject,
        after=f"{named}; and {more} more" if more > 0 else named,
    )
