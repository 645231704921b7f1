"""What an account has beside what everybody has. Pure.

What everybody has is a finding of who stands for them all. What somebody has of his own is one of
his also while everybody has as much: it is there still when everybody has it no more. An engine
tells one way to a power, which may be that of everybody, so the accounts are judged a second time,
as if those that stand for all had nothing. Where these have no power, which is so mostly, nothing
is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import AccessWorld, Power, PowerKind
from sync_pipeline.model.account import AccountState

_ORDER = tuple(PowerKind)


def apart_from_all(judged: Judged) -> Judged | None:
    """Return the accounts as if everybody had nothing; None: what everybody has is no power."""
    if not any(judged.powers(name, *PowerKind) for name in everybody_of(judged)):
        return None
    return without_everybody(judged)


def everybody_of(judged: Judged) -> tuple[str, ...]:
    """Return the accounts that stand for all others."""
    return tuple(name for name in judged.world.accounts if judged.rules.is_everyone(name))


def without_everybody(judged: Judged) -> Judged:
    """Return the accounts as if everybody had nothing; what is denied to everybody still is."""
    world = with_nothing_for_all(judged.world, judged.rules.is_everyone)
    return Judged(world, ENGINES[world.engine].access_rules(world))


def with_nothing_for_all(world: AccessWorld, is_everyone: Callable[[str], bool]) -> AccessWorld:
    """Return a world in which those that stand for all have nothing but what is denied to them."""
    accounts = world.accounts
    emptied = {name: _emptied(accounts, name) for name in accounts if is_everyone(name)}
    return replace(world, accounts={**accounts, **emptied})


def _emptied(accounts: Mapping[str, AccountState], name: str) -> AccountState:
    """Return an account without what it has; what its roles are denied is denied to it, too."""
    state = accounts[name]
    holders = [state, *(accounts[i.role] for i in state.memberships if i.role in accounts)]
    denied = dict.fromkeys(grant for held in holders for grant in held.grants if grant.deny)
    return replace(state, grants=tuple(denied), memberships=(), is_superuser=False)


def own_powers(
    judged: Judged, apart: Judged | None, account: str, kinds: Sequence[PowerKind]
) -> tuple[Power, ...]:
    """Return the powers of an account, of these kinds, that it has not as everybody does.

    What it has together with what everybody has, and everybody alone has not, is its own.
    """
    found = judged.powers(account, *kinds)
    if apart is None:
        return found
    own = apart.powers(account, *kinds)
    more = (power for power in found if power not in own and not _is_of_all(judged, power))
    return (*own, *more)


def _is_of_all(judged: Judged, power: Power) -> bool:
    as_great = _ORDER[: _ORDER.index(power.kind) + 1]
    return any(
        judged.rules.is_everyone(step.account) and judged.powers(step.account, *as_great)
        for step in power.path[1:]
    )
