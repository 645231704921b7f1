"""What a change gives and takes, and whether that is a power. Pure.

It is judged by the change itself: rights and roles that came and went, and what the account became.
A role counts as a power where the engine's own gives one, or where it has one itself on the
instance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sync_pipeline.engines.powers import PowerWords
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import AccountChange, AccountDiff, ChangeType, Effect
from sync_pipeline.model.privilege import Grant, Membership
from sync_pipeline.reconcile.lines import (
    SUPERUSER,
    IsFirst,
    IsVisible,
    never_read_before,
    really_changed,
)

_ATTRIBUTE = "attribute."
_OPTIONS = ("admin", "inherit", "set_role", "default", "grantable")
_GIVEN = Effect.GIVES | Effect.GIVES_POWER
_TAKEN = Effect.TAKES | Effect.TAKES_POWER


def _nothing(_item: Grant | Membership) -> bool:
    return False


def _never(_name: str) -> bool:
    return False


@dataclass(slots=True)
class Powers:
    """What is a power on an instance of these accounts, which are asked for when a role counts."""

    words: PowerWords = field(default_factory=PowerWords)
    states: Callable[[], Sequence[AccountState]] = tuple
    _roles: frozenset[str] | None = None

    @property
    def roles(self) -> frozenset[str]:
        """Return the accounts that have a power, through others too."""
        if self._roles is None:
            self._roles = self._powerful()
        return self._roles

    def _powerful(self) -> frozenset[str]:
        states = self.states()
        members: dict[str, list[str]] = {}
        for state in states:
            for item in state.memberships:
                if self._is_used(item):
                    members.setdefault(item.role, []).append(state.name)
        found: set[str] = set()
        waiting = [role for role in members if self.words.is_role(role)]
        waiting += [state.name for state in states if self._has_itself(state)]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += members.get(name, ())
        return frozenset(found)

    def _has_itself(self, state: AccountState) -> bool:
        return (
            state.is_superuser
            or any(value is True and name in self.words.attributes
                   for name, value in state.attributes)
            or any(item.admin for item in state.memberships)
            or any(self.words.is_power(item) for item in state.grants if not item.deny)
        )  # fmt: skip

    def is_power(self, item: Grant | Membership) -> bool:
        """Return whether a right gives its holder a power."""
        if isinstance(item, Membership):
            # What a role of the engine gives is known without the accounts.
            return item.admin or self._lends(item, ()) or self._lends(item, self.roles)
        return self.words.is_power(item)

    def _lends(self, item: Membership, roles: Container[str]) -> bool:
        """Return whether a role that has a power lends it to this member."""
        return self._is_used(item) and (self.words.is_role(item.role) or item.role in roles)

    @staticmethod
    def _is_used(item: Membership) -> bool:
        """Return whether a member may use anything of its role.

        PostgreSQL, GRANT: with neither INHERIT nor SET there is nothing.
        """
        return item.inherit is not False or item.set_role is not False

    def has(self, state: AccountState) -> bool:
        """Return whether an account has a power by what it is, holds, or is a member of."""
        return self._has_itself(state) or any(map(self.is_power, state.memberships))


def of_coming(state: AccountState, powers: Powers) -> Effect:
    """Return what it means that an account is there, or there again."""
    found = Effect.GIVES if _holds_any(state) else Effect.NONE
    return found | _GIVEN if powers.has(state) else found


def of_going(state: AccountState, powers: Powers) -> Effect:
    """Return what it means that an account is gone."""
    found = Effect.TAKES if _holds_any(state) else Effect.NONE
    return found | _TAKEN if powers.has(state) else found


def of_diff(
    change: AccountDiff,
    powers: Powers,
    is_visible: IsVisible = _nothing,
    is_first: IsFirst = _never,
) -> Effect:
    """Return what the parts of a diff give and take; what only became visible does neither.

    Nor does an attribute that is read for the first time (`is_first`), or reported no more.
    """
    found = Effect.NONE
    for added, removed in really_changed(change):
        now, was = _by_right(item for item in added if not is_visible(item)), _by_right(removed)
        for right in {**was, **now}:
            found |= _of_right(was.get(right, ()), now.get(right, ()), powers)
    for item in change.fields:
        name = item.name.removeprefix(_ATTRIBUTE)
        is_power = item.name != name and name in powers.words.attributes
        is_told = not item.is_absent_after and not is_first(name)
        if (item.name == SUPERUSER or is_power) and is_told:
            found |= _of_flag(item.before is True, item.after is True)
    return found


def judged(change: AccountChange, powers: Powers) -> Effect:
    """Return what an entry of the log says of itself, which another version wrote.

    Of an account that went, its last rights are in its lines alone: none is known to be a power.
    """
    if change.change_type is ChangeType.REMOVE:
        held = any(line.startswith("it held ") for line in change.lines)
        return Effect.TAKES if held else Effect.NONE
    was = frozenset(change.lines)
    is_first = never_read_before(was)
    return of_diff(change.diff, powers, lambda item: f"visible {item}" in was, is_first)


def _holds_any(state: AccountState) -> bool:
    may = any(not grant.deny for grant in state.grants)
    return bool(state.is_superuser or state.memberships or may)


def _by_right(
    items: Iterable[Grant | Membership],
) -> Mapping[Hashable, Sequence[Grant | Membership]]:
    """Return what is the same right, whoever gave it and with whatever options."""
    found: dict[Hashable, list[Grant | Membership]] = defaultdict(list)
    for item in items:
        key: Hashable = (
            item.role
            if isinstance(item, Membership)
            else (item.securable, item.privilege, item.deny)
        )
        found[key].append(item)
    return found


def _of_right(
    was: Sequence[Grant | Membership], now: Sequence[Grant | Membership], powers: Powers
) -> Effect:
    """Return what it means that a right is held otherwise: what is still held was not taken."""
    had, has = any(map(powers.is_power, was)), any(map(powers.is_power, now))
    if was and now:
        old, new = _options(was), _options(now)
        more, less = not new <= old, not old <= new
    else:
        more, less = bool(now), bool(was)
    found = Effect.GIVES if more else Effect.NONE
    found |= Effect.TAKES if less else Effect.NONE
    found |= Effect.GIVES_POWER if has and not had else Effect.NONE
    found |= Effect.TAKES_POWER if had and not has else Effect.NONE
    one = (*was, *now)[0]
    # A denial takes what it denies.
    return _opposite(found) if isinstance(one, Grant) and one.deny else found


def _options(items: Iterable[Grant | Membership]) -> frozenset[str]:
    return frozenset(name for name in _OPTIONS if any(getattr(item, name, None) for item in items))


def _opposite(effect: Effect) -> Effect:
    pairs = ((Effect.GIVES, Effect.TAKES), (Effect.GIVES_POWER, Effect.TAKES_POWER))
    found = Effect.NONE
    for gives, takes in pairs:
        found |= takes if effect & gives else Effect.NONE
        found |= gives if effect & takes else Effect.NONE
    return found


def _of_flag(was: bool, now: bool) -> Effect:  # noqa: FBT001 - before and after
    if was is now:
        return Effect.NONE
    return _GIVEN if now else _TAKEN
