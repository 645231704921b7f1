"""Compare the accounts that the store knows with a new snapshot of the instance."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter

from sync_pipeline.engines.powers import PowerWords
from sync_pipeline.errors import Phase, SuspiciousSnapshot
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.change import (
    AccountChange,
    AccountDiff,
    ChangeType,
    Effect,
    KnownAccount,
    Reconciliation,
)
from sync_pipeline.model.ordinary import REMARKABLE
from sync_pipeline.model.privilege import Grant, Membership, SectionKey, SectionName, section_of
from sync_pipeline.model.snapshot import SectionStatus, Snapshot, StateSources
from sync_pipeline.reconcile.diff import blank, diff, only_privileges, without_privileges
from sync_pipeline.reconcile.effects import Powers, of_coming, of_diff, of_going
from sync_pipeline.reconcile.guard import Guard
from sync_pipeline.reconcile.lines import (
    APPEARED,
    ATTRIBUTE,
    BACK,
    FOUND,
    PARTLY,
    SEEN,
    SUPERUSER,
    IsFirst,
    IsVisible,
    describe,
    kept,
)
from sync_pipeline.reconcile.scope import Scope

IsOwn = Callable[[AccountState], bool]
"""Whether the engine made an account for itself."""
AllKnown = Callable[[], Sequence[KnownAccount]]
_IN_PLACE = (ChangeType.MODIFY_PRIVILEGE, ChangeType.MODIFY_OTHER)
_KIND_AND_CATALOG = attrgetter("securable.kind", "securable.catalog")
_Alike = tuple[AccountKind, bool]


def _nobody(_state: AccountState) -> bool:
    return False


def _alike(state: AccountState) -> _Alike:
    """Return what accounts have in common of which the same attributes are read."""
    return state.kind, bool(state.database)


@dataclass(frozen=True, slots=True)
class _Firsts:
    """What is read for the first time: sections, and attributes of accounts that are alike.

    `hidden` are sections that were never read and are not now, but of some accounts perhaps.
    `sources` are the engine's.
    """

    sections: frozenset[SectionKey]
    attributes: Mapping[_Alike, frozenset[str]]
    hidden: frozenset[SectionKey] = frozenset()
    sources: StateSources = field(default_factory=StateSources)

    def of(self, state: AccountState) -> IsFirst:
        """Return what tells that an attribute of an account was never read before."""
        return self.attributes.get(_alike(state), frozenset()).__contains__

    def sections_of(self, old: AccountState, snapshot: Snapshot) -> frozenset[SectionKey]:
        """Return the sections of which an account that was known shows something at last."""
        key = old.section(SectionName.MEMBERSHIPS)
        is_first = key in self.hidden and not old.memberships
        if is_first and snapshot.is_known_of(old.name, key):
            return self.sections | {key}
        return self.sections


@dataclass(frozen=True, slots=True)
class _There:
    """The accounts that there were, and are, with all of their grants: roles are judged by them."""

    known: Sequence[KnownAccount]
    present: Sequence[AccountState]
    snapshot: Snapshot
    all_known: AllKnown
    gone: frozenset[str]
    lost: frozenset[str]

    def before(self) -> Sequence[AccountState]:
        """Return those that there were."""
        return [item.state for item in self.all_known() if item.is_active]

    def now(self) -> Sequence[AccountState]:
        """Return those that there are, as they are known now: what was not read is as it was."""
        old = {item.state.name: item for item in self.all_known()}
        present = {item.name for item in self.present}
        unseen = [
            item.state
            for name, item in old.items()
            if item.is_active and name not in present and name not in self.gone
        ]
        looked = {item.state.name for item in self.known if item.state.grants}
        return [*(self._now(item, old.get(item.name), looked) for item in self.present), *unseen]

    def _now(
        self, reported: AccountState, old: KnownAccount | None, looked: Collection[str]
    ) -> AccountState:
        if old is None:
            return reported
        if not reported.grants and reported.name not in looked:
            reported = replace(reported, grants=old.state.grants)
        is_whole = not self.snapshot.unread and not self.snapshot.known_of
        if is_whole:
            return reported
        return merged(kept_state(old), reported, self.snapshot, self.lost)


@dataclass(slots=True)
class _Outcome:
    """What has been found so far. `before` and `now` say which roles had or have a power."""

    before: Powers
    now: Powers
    changes: list[AccountChange] = field(default_factory=list)
    states: list[AccountState] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    reactivated: list[str] = field(default_factory=list)
    visible: dict[str, AccountDiff] = field(default_factory=dict)
    updated: int = 0


def reconcile(
    known: Sequence[KnownAccount],
    snapshot: Snapshot,
    scope: Scope,
    ever_read: Collection[SectionKey] = (),
    is_own: IsOwn = _nobody,
    words: PowerWords | None = None,
    all_known: AllKnown | None = None,
) -> Reconciliation:
    """Return every change between the known accounts and a snapshot, in canonical order.

    Only sections that the snapshot read are compared; what an unread section held is
    carried over. Accounts outside the scope are neither added nor removed. Accounts
    are only deactivated when the list of accounts that they were on was read whole. `ever_read`
    are the sections that were read at least once before. An attribute that no account had and
    now each of a kind has is new to this program: it changed nothing. That what the engine made
    for itself (`is_own`) comes or goes has nothing to tell, and is not counted. By `words` a change
    says whether it gives or takes a power. `all_known` returns those that are known with all of
    their grants, where `known` lacks some.
    """
    before = {account.state.name: account for account in known}
    is_baseline = not known
    present = sorted(
        (account for account in snapshot.accounts if scope.includes(account.name)),
        key=lambda account: account.name,
    )
    names = tuple(account.name for account in present)
    gone = _gone(before, frozenset(names), snapshot, scope)
    lost = lost_roles(known, gone)
    there = _There(known, present, snapshot, all_known or (lambda: known), frozenset(gone), lost)
    words = words or PowerWords()
    found = _Outcome(Powers(words, there.before), Powers(words, there.now))
    firsts = _Firsts(
        _first_read(snapshot, ever_read),
        _first_attributes(known, present),
        frozenset(snapshot.unread).difference(ever_read) if snapshot.known_of else frozenset(),
        snapshot.sources,
    )
    for account in present:
        _compare(before.get(account.name), account, snapshot, firsts, found, lost, is_baseline)
    found.changes.extend(_removal(before[name].state, found.before) for name in gone)
    own = frozenset(
        item.name for item in (*present, *(before[name].state for name in gone)) if is_own(item)
    )
    new = set(found.created) - own
    written = {state.name for state in found.states} - own
    return Reconciliation(
        changes=tuple(_untold(item) if item.account in own else item for item in found.changes),
        states=tuple(found.states),
        seen=names,
        deactivated=gone,
        created=tuple(found.created),
        reactivated=tuple(found.reactivated),
        permissions_created=len(new),
        permissions_updated=found.updated,
        permissions_unchanged=len(present) - len(own.intersection(names)) - len(new | written),
        sections=dict(snapshot.sections),
        is_baseline=is_baseline,
        own=own,
        visible=found.visible,
    )


def check_guard(
    result: Reconciliation, known: Sequence[KnownAccount], snapshot: Snapshot, guard: Guard
) -> None:
    """Refuse a snapshot that would deactivate too many accounts.

    Raises:
        SuspiciousSnapshot: the listing was empty (no server has no account: even a
            forced sync does not believe it), or it lost more than the guard's share.
    """
    if not snapshot.accounts:
        raise SuspiciousSnapshot(
            "The server listed no account at all, not even the one that asked.",
            phase=Phase.RECONCILE,
            hint="Nothing was changed. Check what the monitoring account may read.",
        )
    # The engine's own are the same on each server: that they are still there says nothing.
    active = sum(item.is_active and item.state.name not in result.own for item in known)
    guard.check(len(result.of_people(result.deactivated)), active, "accounts")


def _first_read(snapshot: Snapshot, ever_read: Collection[SectionKey]) -> frozenset[SectionKey]:
    return frozenset(
        key
        for key, report in snapshot.sections.items()
        if report.status is SectionStatus.READ and key not in ever_read
    )


def _first_attributes(
    known: Sequence[KnownAccount], present: Sequence[AccountState]
) -> Mapping[_Alike, frozenset[str]]:
    had = {name for account in known for name, _ in account.state.attributes}
    of_all: dict[_Alike, set[str]] = {}
    for account in present:
        names = {name for name, _ in account.attributes}
        of_all.setdefault(_alike(account), names).intersection_update(names)
    return {alike: frozenset(names - had - REMARKABLE) for alike, names in of_all.items()}


def _compare(
    before: KnownAccount | None,
    reported: AccountState,
    snapshot: Snapshot,
    firsts: _Firsts,
    found: _Outcome,
    lost: frozenset[str],
    is_baseline: bool,  # noqa: FBT001 - for `reconcile` alone
) -> None:
    old = before.state if before else None
    state = merged(kept_state(before), reported, snapshot, lost)
    change = diff(old or blank(state.name), state)
    if before is None:
        found.created.append(state.name)
        found.states.append(state)
        opening = FOUND if is_baseline else _opening(state, snapshot, firsts)
        if opening != APPEARED:
            found.visible[state.name] = change
        told = _appearance(state, change, firsts, opening)
        # What was there before it was seen was given to nobody now.
        effect = of_coming(state, found.now) if opening == APPEARED else Effect.NONE
        found.changes.append(replace(told, effect=effect))
        return
    sections = firsts.sections_of(before.state, snapshot)
    firsts = replace(firsts, sections=sections)
    if not before.is_active:
        found.reactivated.append(state.name)
        told = _return(before.state, state, change, firsts)
        found.changes.append(replace(told, effect=of_coming(state, found.now)))
    else:
        found.changes.extend(_modifications(state, change, firsts, found))
    if not change.is_empty:
        found.updated += 1
        found.states.append(state)


def _effect(
    change: AccountDiff, found: _Outcome, is_visible: IsVisible, is_first: IsFirst
) -> Effect:
    """Return what a change gives by the roles as they are, and takes by those as they were."""
    given, taken = Effect.GIVES | Effect.GIVES_POWER, Effect.TAKES | Effect.TAKES_POWER
    now = of_diff(change, found.now, is_visible, is_first)
    return (now & given) | (of_diff(change, found.before, is_visible, is_first) & taken)


def kept_state(account: KnownAccount | None) -> AccountState | None:
    """Return the state of which what is not read is still so; None: there is none.

    An account that was gone was made anew: nothing of its former life is its own.
    """
    return account.state if account is not None and account.is_active else None


def lost_roles(known: Iterable[KnownAccount], gone: Iterable[str]) -> frozenset[str]:
    """Return the accounts whose members ended with them: that go now, or had gone before."""
    return frozenset((*gone, *(item.state.name for item in known if not item.is_active)))


def merged(
    old: AccountState | None,
    reported: AccountState,
    snapshot: Snapshot,
    lost: Container[str] = frozenset(),
) -> AccountState:
    """Return what is now known of an account: read sections new, unread ones carried.

    What is carried are no memberships in roles that are `lost`.
    """

    def holds(key: SectionKey) -> bool:
        return snapshot.is_known_of(reported.name, key)

    base = old or blank(reported.name)
    sources = snapshot.sources
    may_hide_powers = any(
        key in snapshot.sections and not holds(key)
        for key in map(reported.section, sources.superuser)
    )
    has_kind = all(map(holds, map(reported.section, sources.kind)))
    has_memberships = holds(reported.section(SectionName.MEMBERSHIPS))
    if old is not None and not holds(reported.section(SectionName.ACCOUNTS)):
        reported = _with_what_is_hidden(reported, old)
    state = replace(
        reported,
        is_superuser=reported.is_superuser or (may_hide_powers and base.is_superuser),
        kind=reported.kind if has_kind or old is None else old.kind,
        memberships=(
            reported.memberships
            if has_memberships
            else tuple(item for item in base.memberships if item.role not in lost)
        ),
        settings=(
            reported.settings if holds(reported.section(SectionName.SETTINGS)) else base.settings
        ),
        grants=_merged_grants(base.grants, reported, snapshot),
    )
    # Mostly nothing is carried over, and what was reported is canonical already.
    return reported.canonical() if state == reported else state.canonical()


def _with_what_is_hidden(reported: AccountState, old: AccountState) -> AccountState:
    """Return an account as it was before but for its grants.

    Some services show the grants of accounts, without who gave them, and not what they are.
    """
    grantors = {replace(grant, grantor=""): grant for grant in old.grants}
    return replace(
        reported,
        attributes=old.attributes,
        can_login=old.can_login,
        is_locked=old.is_locked,
        kind=old.kind,
        grants=tuple(grantors.get(grant, grant) for grant in reported.grants),
    )


def _merged_grants(
    base: tuple[Grant, ...], state: AccountState, snapshot: Snapshot
) -> tuple[Grant, ...]:
    """Return the grants of read sections as reported, and of the others as they were.

    Each section is asked about once: there are few, and of grants there may be thousands.
    """
    reported = state.grants
    is_known = {
        parts: snapshot.is_known_of(state.name, section_of(*parts))
        for parts in {*map(_KIND_AND_CATALOG, base), *map(_KIND_AND_CATALOG, reported)}
    }
    if all(is_known.values()):
        return reported
    return (
        *(grant for grant in reported if is_known[_KIND_AND_CATALOG(grant)]),
        *(grant for grant in base if not is_known[_KIND_AND_CATALOG(grant)]),
    )


def _modifications(
    state: AccountState, change: AccountDiff, firsts: _Firsts, found: _Outcome
) -> Iterator[AccountChange]:
    if change.is_empty:
        return
    visible, is_first = _visible(state, firsts.sections), firsts.of(state)
    is_superuser_seen = _is_superuser_seen(change, visible, found.now, firsts.sources)
    only_seen = _only_seen(state, change, firsts, is_superuser_seen=is_superuser_seen)
    if not only_seen.is_empty:
        found.visible[state.name] = only_seen
    if is_superuser_seen:
        is_first = frozenset((SUPERUSER,)).__contains__
    parts = (
        (ChangeType.MODIFY_PRIVILEGE, only_privileges(change), is_first),
        (ChangeType.MODIFY_OTHER, without_privileges(change), firsts.of(state)),
    )
    for change_type, part, is_first_of in parts:
        if not part.is_empty:
            told = _change(state, change_type, part, visible, is_first_of)
            yield replace(told, effect=_effect(part, found, visible, is_first_of))


def _only_seen(
    state: AccountState, change: AccountDiff, firsts: _Firsts, *, is_superuser_seen: bool
) -> AccountDiff:
    """Return the part of a change that is of what was never read before."""
    visible, is_first = _visible(state, firsts.sections), firsts.of(state)
    return AccountDiff(
        fields=tuple(
            item
            for item in change.fields
            if (item.is_absent_before and is_first(item.name.removeprefix(ATTRIBUTE)))
            or (is_superuser_seen and item.name == SUPERUSER)
        ),
        grants_added=tuple(filter(visible, change.grants_added)),
        memberships_added=tuple(filter(visible, change.memberships_added)),
        settings_added=(
            change.settings_added if state.section(SectionName.SETTINGS) in firsts.sections else ()
        ),
    )


def _is_superuser_seen(
    change: AccountDiff, is_visible: IsVisible, powers: Powers, sources: StateSources
) -> bool:
    """Return whether what makes a superuser only became visible, and was there before perhaps."""
    is_one = any(item.name == SUPERUSER and item.after for item in change.fields)
    added: tuple[Grant | Membership, ...] = (
        *(item for item in change.grants_added if item.section.name in sources.superuser),
        *(change.memberships_added if SectionName.MEMBERSHIPS in sources.superuser else ()),
    )
    return is_one and any(is_visible(item) and powers.is_power(item) for item in added)


def _change(
    state: AccountState,
    change_type: ChangeType,
    change: AccountDiff,
    is_visible: IsVisible,
    is_first: IsFirst,
) -> AccountChange:
    lines = describe(change_type, change, is_visible, is_first)
    return AccountChange(state.name, change_type, change, lines)


def _visible(state: AccountState, first_read: Collection[SectionKey]) -> IsVisible:
    """Return what tells that something is of a section that was never read before.

    It was not necessarily granted now.
    """
    memberships = state.section(SectionName.MEMBERSHIPS) in first_read
    return lambda item: item.section in first_read if isinstance(item, Grant) else memberships


def _opening(state: AccountState, snapshot: Snapshot, firsts: _Firsts) -> str:
    """Return how an account that was not known came to be: where all are listed, it is new."""
    key = state.section(SectionName.ACCOUNTS)
    if not snapshot.is_known(key):
        return PARTLY
    return SEEN if key in firsts.sections else APPEARED


def _appearance(
    state: AccountState, change: AccountDiff, firsts: _Firsts, opening: str
) -> AccountChange:
    # What an account has that is new was granted to it, whenever that is read for the first time.
    visible = _visible(state, firsts.sections if opening == SEEN else ())
    is_old = opening in (FOUND, PARTLY)
    lines = describe(ChangeType.ADD, change, lambda item: is_old or visible(item))
    return AccountChange(state.name, ChangeType.ADD, change, (opening, *lines))


def _return(
    old: AccountState,
    state: AccountState,
    change: AccountDiff,
    firsts: _Firsts,
) -> AccountChange:
    visible = _visible(state, firsts.sections)
    told = _change(state, ChangeType.REACTIVATE, change, visible, firsts.of(state))
    return replace(told, lines=(BACK, *told.lines, *kept(old, state)))


def _untold(change: AccountChange) -> AccountChange:
    """Return a change of what the engine made for itself: what somebody granted to it is told."""
    return change if change.change_type in _IN_PLACE else replace(change, lines=())


def _removal(state: AccountState, powers: Powers) -> AccountChange:
    """Say what went with an account; its last state stays in the store, so no diff."""
    held = (*state.memberships, *state.grants)
    lines = ("account disappeared", *(f"it held {item}" for item in held))
    effect = of_going(state, powers)
    return AccountChange(state.name, ChangeType.REMOVE, AccountDiff(), lines, effect)


def _gone(
    before: Mapping[str, KnownAccount],
    present: frozenset[str],
    snapshot: Snapshot,
    scope: Scope,
) -> tuple[str, ...]:
    return tuple(
        name
        for name, account in sorted(before.items())
        if account.is_active
        and name not in present
        and scope.includes(name)
        and snapshot.is_known(account.state.section(SectionName.ACCOUNTS))
    )
