"""Comparing those accounts alone whose rows are others than those that the store was written of.

The accounts of a large instance hold hundreds of thousands of grants, and mostly one of them is
new. Of an account whose rows are the same, its grants are the same: they are neither made nor
loaded, on both sides, so that comparing finds none changed. Whatever else it has (attributes,
memberships, settings) is made and compared as always.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from sync_pipeline.collect.holders import HolderKeys, of_holders
from sync_pipeline.collect.reading import AccountReading
from sync_pipeline.collect.unknown import newest_warning
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import KnownAccount, KnownAccounts
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.inventory import Wanted, no_securable
from sync_pipeline.model.reads import HolderMarks, Reads
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline.reconcile.accounts import lost_roles, merged
from sync_pipeline.reconcile.scope import Scope
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.mended import known_or_mended

ScopeOf = Callable[[Snapshot], Scope]


@dataclass(frozen=True, slots=True)
class Sides:
    """What is compared: the accounts as they were, and as they are now.

    `all_known` returns those that were with all of their grants. `warnings` are about what is
    stored of them.
    """

    stored: KnownAccounts
    snapshot: Snapshot
    all_known: Callable[[], Sequence[KnownAccount]]
    warnings: tuple[str, ...] = ()

    @property
    def known(self) -> Sequence[KnownAccount]:
        """Return the accounts as they were."""
        return self.stored.accounts


def whole_sides(deps: SyncDeps, instance: Instance, reading: AccountReading) -> Sides:
    """Return all accounts with all of their grants.

    Raises:
        SyncError: what was read can't be understood, or what is stored is damaged.
    """
    stored, warnings = known_or_mended(deps, instance)
    return Sides(stored, reading.snapshot(), lambda: stored.accounts, warnings)


def narrowed_sides(
    deps: SyncDeps,
    instance: Instance,
    reading: AccountReading,
    before: Reads,
    marks: HolderMarks,
    scope_of: ScopeOf,
) -> Sides | None:
    """Return all accounts, of which those lack their grants that have the same as before.

    `before` is of the same basis, and `marks` are those of the reading. None: which these are is
    not known, or what is not looked at may have something to tell.

    Raises:
        SyncError: what was read can't be understood, or what is stored is damaged.
    """
    then = deps.store.holders.of(instance.id)
    told = (*reading.warnings, *newest_warning(reading.engine, reading.server))
    # A warning about grants names their holders, which may be any: now only of changed ones.
    if then is None or then.basis != before.marks.basis or before.derived.warnings != told:
        return None
    world = deps.store.accounts.world(instance.id)
    if world.digest != then.world:
        return None

    def known_of(is_wanted: Callable[[str], bool]) -> tuple[KnownAccount, ...]:
        return world.known(Wanted(no_securable, is_wanted))

    changed = {key for key, _ in then.marks.items() ^ marks.items()}
    keys = HolderKeys()
    sides = _Sides(reading, known_of, lambda name: keys[name] in changed)
    others = sides.others(scope_of(sides.snapshot))
    if others:
        sides = _Sides(reading, known_of, lambda name: keys[name] in changed or name in others)
    return Sides(
        KnownAccounts(sides.known, world.digest),
        sides.with_same_grants(),
        cache(world.known),
    )


class _Sides:
    """Both sides, with the grants of the accounts that are wanted."""

    def __init__(
        self,
        reading: AccountReading,
        known_of: Callable[[Callable[[str], bool]], tuple[KnownAccount, ...]],
        is_wanted: Callable[[str], bool],
    ) -> None:
        self._is_wanted = is_wanted
        self.snapshot = of_holders(reading, is_wanted).snapshot()
        self.known = known_of(is_wanted)
        self._before: Mapping[str, KnownAccount] = {item.state.name: item for item in self.known}

    def others(self, scope: Scope) -> frozenset[str]:
        """Return the accounts that have changed, and are not among the wanted ones.

        What is written of them, and said, is about their grants too.
        """
        present = {state.name: state for state in self.snapshot.accounts}
        lost = lost_roles(self.known, self._before.keys() - present.keys())
        changed = {
            name
            for name, state in present.items()
            if not self._is_wanted(name) and scope.includes(name) and self._is_other(state, lost)
        }
        gone = {
            name
            for name, item in self._before.items()
            if item.is_active and name not in present and not self._is_wanted(name)
        }
        return frozenset(changed | gone)

    def with_same_grants(self) -> Snapshot:
        """Return the snapshot, in which those that are not wanted have the grants they had."""
        return replace(self.snapshot, accounts=tuple(map(self._same, self.snapshot.accounts)))

    def _is_other(self, state: AccountState, lost: frozenset[str]) -> bool:
        before = self._before.get(state.name)
        if before is None or not before.is_active:
            return True
        return merged(before.state, self._same(state), self.snapshot, lost) != before.state

    def _same(self, state: AccountState) -> AccountState:
        before = self._before.get(state.name)
        if before is None or self._is_wanted(state.name):
            return state
        return replace(state, grants=before.state.grants)
