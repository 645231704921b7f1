"""Accounts by what they can do: an instance is looked at once for what its last sync left.

To find out what each account can do is the dearest that a page asks for. What a rule takes is kept
in the process by all that it depends on, and made anew where the time decides another way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sync_pipeline.model.account import AccountState
from sync_pipeline.model.classification import AccountRule
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.looked import LeftBySync, LookedAt, LookedFor, Span
from sync_pipeline.model.page import AccountLine
from sync_pipeline.workflows.answers.access import LoadedInstance
from sync_pipeline.workflows.answers.accounts import Found
from sync_pipeline.workflows.dependencies import SyncDeps

_AT_ONCE = 32
"""Instances whose marks are asked for together."""


def looked_through(
    deps: SyncDeps,
    instances: Sequence[Instance],
    rule: AccountRule,
    anew: Callable[[Sequence[Instance]], Iterator[Found]],
) -> Iterator[tuple[str, LookedAt]]:
    """Yield the name of each instance, and what a rule takes there; what is not kept is `anew`."""
    now, store = deps.clock(), deps.store.looked_through
    for begin in range(0, len(instances), _AT_ONCE):
        some = instances[begin : begin + _AT_ONCE]
        marks = store.marks([item.id for item in some])
        left = (LeftBySync.of(item, marks.get(item.id, "")) for item in some)
        known = {of.instance_id: store.accounts.get(LookedFor(of, rule), now) for of in left}
        fresh = anew([item for item in some if known[item.id] is None])
        for item in some:
            looked = known[item.id]
            if looked is None:
                found = next(fresh)
                looked, stored = looked_at(found), found.loaded.stored
                if not stored.is_damaged:
                    # As it is now: it may have been written since the marks were asked for.
                    store.accounts.put(LookedFor(LeftBySync.of(item, stored.mark), rule), looked)
            yield item.name, looked


def looked_at(found: Found) -> LookedAt:
    """Return what was found on an instance, as pages show it."""
    turns = found.loaded.judged.world.turns
    lines = tuple(_line(found.loaded, state) for state in found.states)
    return LookedAt(lines, found.loaded.judged.gaps(), Span(turns.last, turns.next))


def _line(loaded: LoadedInstance, state: AccountState) -> AccountLine:
    return AccountLine(
        loaded.instance.name,
        str(loaded.instance.engine),
        state.name,
        str(state.kind),
        is_active=True,
        is_superuser=state.is_superuser,
        is_locked=state.is_locked,
        can_login=state.can_login,
        last_change_at=loaded.stored.changed_at.get(state.name),
    )
