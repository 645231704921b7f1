"""What a change gives and takes, and whether that is a power. Pure.

It is judged by the change itself: rights and roles that came and went, and what the account became.
A role counts as a power where the engine's own gives one, or where it has one itself on the
instance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sync_pipeline.engines.powers import PowerWords
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import AccountChange, AccountDiff, ChangeType, Effect
from sync_pipeline.model.privilege import Grant, Membership
from sync_pipeline.reconcile.lines import IsVisible, really_changed

_ATTRIBUTE = "attribute."
_GIVEN = Effect.GIVES | Effect.GIVES_POWER
_TAKEN = Effect.TAKES | Effect.TAKES_POWER


def _nothing(_item: Grant | Membership) -> bool:
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
                members.setdefault(item.role, []).append(state.name)
        found: set[str] = set()
        waiting = [*self.words.roles, *(state.name for state in states if self._has_itself(state))]
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
            return item.admin or item.role in self.roles
        return self.words.is_power(item)

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


def of_diff(change: AccountDiff, powers: Powers, is_visible: IsVisible = _nothing) -> Effect:
    """Return what the parts of a diff give and take; what only became visible does neither."""
    memberships, grants = really_changed(change)
    found = Effect.NONE
    for added, removed in (memberships, grants):
        found |= _of_items([item for item in added if not is_visible(item)], powers, is_given=True)
        found |= _of_items(removed, powers, is_given=False)
    for item in change.fields:
        name = item.name.removeprefix(_ATTRIBUTE)
        is_superuser = item.name == "is_superuser"
        if is_superuser or (item.name != name and name in powers.words.attributes):
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
    return of_diff(change.diff, powers, lambda item: f"visible {item}" in was)


def _holds_any(state: AccountState) -> bool:
    return bool(state.is_superuser or state.memberships or state.grants)


def _of_items(items: Iterable[Grant | Membership], powers: Powers, *, is_given: bool) -> Effect:
    found = Effect.NONE
    for item in items:
        # A denial takes what it denies.
        gives = is_given is not (isinstance(item, Grant) and item.deny)
        found |= Effect.GIVES if gives else Effect.TAKES
        if powers.is_power(item):
            found |= Effect.GIVES_POWER if gives else Effect.TAKES_POWER
    return found


def _of_flag(was: bool, now: bool) -> Effect:  # noqa: FBT001 - before and after
    if was is now:
        return Effect.NONE
    return _GIVEN if now else _TAKEN
