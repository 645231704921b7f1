"""A fix that ends its finding, with what takes it back: tried on a copy of the world. Pure.

A fix changes the account that was found and nobody else: what it has through PUBLIC or through
another account is left, and said. Whoever was given something by the account keeps that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

from sync_pipeline.access.findings.apart import with_nothing_for_all
from sync_pipeline.access.findings.breaking import CLOSED, DROPPED, GONE, lost
from sync_pipeline.access.findings.case import Case, Remedy
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.access.cautious import plain
from sync_pipeline.engines.access.contract import AccessRules, bare, dangers, mends
from sync_pipeline.model.access import AccessWorld, Hold, Path, Power, PowerKind
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.privilege import Grant
from sync_pipeline.model.statements import first_of, joined

REFUSED = "the server refuses that, or nobody would be left who could take it back"
_SMALL = 8
"""Up to how many accounts the whole world is tried on."""


@dataclass(frozen=True, slots=True)
class _Step:
    fix: tuple[str, ...]
    undo: tuple[str, ...]


@dataclass(slots=True)
class _Tried:
    """The part of the world on which statements are tried.

    `writing` are the rules that make them, `current` those over the world as it is (None: not
    made yet).
    """

    world: AccessWorld
    writing: AccessRules
    current: AccessRules | None


class Mending:
    """What is taken from one account, statement by statement, and the world after it.

    With `is_apart` its powers are those that it has beside everybody.
    """

    def __init__(self, case: Case, account: str, *, is_apart: bool = False) -> None:
        self.account = account
        self._case = case
        self._apart = case.apart if is_apart else None
        self._taken: list[Hold] = []
        self._steps: list[_Step] = []
        self._breaks: dict[str, None] = {}
        self._is_gone = False

    @cached_property
    def _tried(self) -> _Tried:
        """Return the part of the world; made when it is looked at, for closing needs none of it."""
        world, rules = _around(self._case, self.account, self._apart)
        return _Tried(world, rules, rules)

    @property
    def world(self) -> AccessWorld:
        """Return the part of the world that counts for the account, as it is now."""
        return self._tried.world

    @property
    def is_empty(self) -> bool:
        """Return whether nothing was taken yet."""
        return not self._steps

    @property
    def taken(self) -> Sequence[Hold]:
        """Return what was taken so far, in its order."""
        return self._taken

    @property
    def rules(self) -> AccessRules:
        """Return the rules over the world as it is now."""
        tried = self._tried
        if tried.current is None:
            tried.current = _over(tried.writing, tried.world)
        return tried.current

    def is_everyone(self, account: str) -> bool:
        """Return whether an account stands for all others."""
        return self._case.is_everyone(account)

    def lost_by_all(self) -> str:
        """Return that all accounts lose what was taken from who stands for them; else empty."""
        others = (hold.account for hold in self._taken if hold.account != self.account)
        everyone = next(filter(self.is_everyone, others), "")
        return f"{everyone} has it: with this statement all accounts lose it." if everyone else ""

    def state(self, account: str) -> AccountState | None:
        """Return an account as it is now."""
        return self.world.accounts.get(account)

    def powers(self, kind: PowerKind) -> Sequence[Power]:
        """Return the powers of a kind that the account has now."""
        rules = self.rules
        if self._apart is not None:
            rules = _over(rules, with_nothing_for_all(self.world, self.is_everyone))
        return _powers_of(rules, self.account, kind)

    def powers_as_all(self, kind: PowerKind) -> Sequence[Power]:
        """Return the powers of a kind that the account has now, what everybody has among them."""
        return _powers_of(self.rules, self.account, kind)

    def shared(self, hold: Hold) -> str:
        """Return why others lose a hold by the same statement; empty: they don't."""
        known = mends(self._tried.writing)
        return known.shared(hold) if known else ""

    def take_gone(self, hold: Hold) -> bool:
        """Take what is held on something that is gone: it can't be given before that is back."""
        on = hold.grant.securable if hold.grant else None
        undo = _restored(self._tried.writing, hold) if on and (on.name or on.schema) else ""
        lines = (f"-- Once it is there again: {line}" for line in undo.split("\n") if line)
        self._is_gone = True
        return self.take(hold, undo="\n".join(lines))

    def take(self, *holds: Hold, fix: str = "", undo: str = "") -> bool:
        """Take what goes by one statement, and return whether there is one that takes no more.

        What others were given by the account is given to them anew before it goes.
        """
        self._refresh(holds)
        rules = self._tried.writing
        statement = fix or _against(rules, holds[0])
        was_taken = all(hold in self._taken for hold in holds)
        if not statement or was_taken or any(map(self.shared, holds)):
            return False
        before, after, accounts = [], [], dict(self.world.accounts)
        for hold in holds:
            for other in self._dependents(hold):
                kept = self._keep(accounts, other, hold.account)
                before += [_restored(rules, kept)] if kept else []
                after += [_restored(rules, other), *([_against(rules, kept)] if kept else [])]
                after += [_restored(rules, item) for item in self._lesser(kept)]
            accounts[hold.account] = self._without(accounts[hold.account], hold, holds)
        undo = undo or "\n".join(_restored(rules, hold) for hold in holds)
        self._steps.append(_Step((*before, statement), (undo, *after)))
        self._taken.extend(holds)
        self._tried.world = replace(self.world, accounts=accounts)
        self._tried.current = None
        return True

    def run(self, statement: str, undo: str = "", *, breaks: str) -> bool:
        """Add a statement that takes nothing which the rules look at, and what it breaks."""
        if statement:
            self._steps.append(_Step((statement,), (undo,)))
            self._breaks[breaks] = None
        return bool(statement)

    def close(self, breaks: str = CLOSED) -> bool:
        """Add the statement that closes the account, and return whether there is one."""
        return self.run(*closing(self._case, self.account), breaks=breaks)

    def remedy(self, left: str = "") -> Remedy:
        """Return all of it."""
        fix = joined(self._fixes())
        undo = joined(text for step in reversed(self._steps) for text in step.undo)
        return Remedy(fix, undo, left, " ".join(self._broken()) if fix else "")

    def _fixes(self) -> Iterator[str]:
        """Yield the statements of all steps.

        Where a server takes a whole and is to give a part again, a later step that takes the same
        whole says all of it.
        """
        firsts = [first_of(step.fix[-1]) for step in self._steps]
        for number, step in enumerate(self._steps):
            yield from step.fix[:-1]
            if firsts[number] is None or firsts[number] not in firsts[number + 1 :]:
                yield step.fix[-1]

    def _broken(self) -> dict[str, None]:
        """Return what breaks, each sentence once."""
        taken = [GONE] if self._is_gone else lost(self._case, self._taken)
        return dict.fromkeys([*taken, *self._breaks])

    def _refresh(self, holds: Sequence[Hold]) -> None:
        """Write statements by the world as it is where they depend on what was taken."""
        if any(_is_near(one, other) for one in holds for other in self._taken):
            self._tried.writing = self.rules

    def _dependents(self, hold: Hold) -> Sequence[Hold]:
        known = mends(self._tried.writing)
        return known.dependents(hold) if known else ()

    def _without(self, state: AccountState, hold: Hold, holds: Sequence[Hold]) -> AccountState:
        known = mends(self._tried.writing)
        return known.without(state, hold) if known and len(holds) == 1 else bare(state, hold)

    def _keep(self, accounts: dict[str, AccountState], lost: Hold, giver: str) -> Hold | None:
        """Give somebody anew what it would lose, in the world; None: it has it otherwise too."""
        state = accounts[lost.account]
        if lost.membership is not None:
            role = replace(lost.membership, grantor="")
            others = [item for item in state.memberships if item != lost.membership]
            if any(replace(item, grantor="") == role for item in others):
                return None
            accounts[lost.account] = replace(state, memberships=(*others, role))
            return replace(lost, membership=role)
        grant = cast("Grant", lost.grant)
        again = replace(grant, grantor="")
        rest = [item for item in state.grants if item != grant]
        if any(_includes(item, again) and item.grantor != giver for item in rest):
            return None
        accounts[lost.account] = replace(state, grants=(*rest, again))
        return replace(lost, grant=again)

    def _lesser(self, kept: Hold | None) -> Iterator[Hold]:
        """Yield what an account had of a grant without its option: who takes one takes both."""
        grant = kept.grant if kept else None
        if kept is None or grant is None or not grant.grantable:
            return
        state = self.world.accounts[kept.account]
        for item in state.grants:
            if _includes(grant, item) and not item.grantable:
                yield Hold(kept.account, item)


def take_all(holds: Callable[[], Iterable[Hold]], take: Callable[[Hold], bool]) -> tuple[Hold, ...]:
    """Take holds until none is left that was not tried, and return those that stay.

    `holds` is asked again after each one, for one statement may take several.
    """
    tried: set[Hold] = set()
    while hold := next((item for item in holds() if item not in tried), None):
        tried.add(hold)
        take(hold)
    return tuple(holds())


def closing(case: Case, account: str) -> tuple[str, str]:
    """Return the statement that closes an account, and the one that opens it again."""
    rules = plain(case.judged.rules)
    statement = rules.disable(account)
    known = mends(rules)
    return statement, known.enable(account) if statement and known else ""


def closed(case: Case, account: str, otherwise: str = "", breaks: str = CLOSED) -> Remedy:
    """Return what closes an account; without such a statement, what is to be done `otherwise`."""
    mending = Mending(case, account)
    if mending.close(breaks):
        return mending.remedy()
    return Remedy(left=f"No statement closes it: {REFUSED}. {otherwise}".strip())


def dropped(case: Case, account: str, fix: str = "", breaks: str = DROPPED) -> Remedy:
    """Return what removes an account, or the statement that does instead."""
    rules = plain(case.judged.rules)
    mending = Mending(case, account)
    known = mends(rules)
    undo = known.create(account) if known else ""
    if mending.run(fix or rules.drop(account), undo, breaks=breaks):
        return mending.remedy()
    return Remedy(left=f"No statement removes it: {REFUSED}.")


def memberships_in(state: AccountState | None, role: str) -> Iterator[Hold]:
    """Yield the memberships of an account in a role: one by each of its grantors."""
    for item in state.memberships if state else ():
        if state and item.role == role:
            yield Hold(state.name, membership=item)


def _against(rules: AccessRules, hold: Hold) -> str:
    if hold.membership is not None:
        return rules.revoke_role(hold.account, hold.membership)
    if hold.grant is None:
        return ""
    if hold.is_option:
        return rules.revoke_option(hold.account, hold.grant)
    return rules.revoke(hold.account, hold.grant)


def _restored(rules: AccessRules, hold: Hold) -> str:
    known = mends(rules)
    return known.restore(hold) if known else ""


def _includes(one: Grant, other: Grant) -> bool:
    """Return whether a grant gives what another one does, and its option where that has one."""
    again = replace(other, grantor=one.grantor, grantable=one.grantable)
    return one == again and one.grantable >= other.grantable


def _is_near(one: Hold, other: Hold) -> bool:
    """Return whether a statement against one may say something of the other."""
    if one.account != other.account:
        return False
    if one.grant is None or other.grant is None:
        return one.membership is not None and other.membership is not None
    if one.grant.privilege != other.grant.privilege:
        return False
    here, there = one.grant.securable, other.grant.securable
    return (here.name, here.schema, here.database) == (there.name, there.schema, there.database)


def _over(rules: AccessRules, world: AccessWorld) -> AccessRules:
    """Return the rules of the same engine over another world."""
    build = cast("Callable[[AccessWorld], AccessRules]", type(plain(rules)))
    return build(world)


def _powers_of(rules: AccessRules, account: str, kind: PowerKind) -> Sequence[Power]:
    if kind is PowerKind.DANGEROUS:
        return dangers(rules, account)
    return [power for power in rules.powers(account) if power.kind is kind]


def _around(case: Case, account: str, apart: Judged | None) -> tuple[AccessWorld, AccessRules]:
    """Return the part of a world that counts for one account, for the rest only costs time.

    Where the account's powers are not the same there, the whole world is needed.
    """
    world, rules = case.judged.world, plain(case.judged.rules)
    known = mends(rules)
    if len(world.accounts) <= _SMALL or known is None:
        return world, rules
    powers = case.powers(account)
    own = apart.powers(account) if apart else ()
    named = {step.account for power in (*powers, *own) for step in power.path}
    waiting = [account, *named, *case.always_near(), *known.related(account)]
    near: dict[str, AccountState] = {}
    while waiting:
        state = world.accounts.get(waiting.pop())
        if state is not None and state.name not in near:
            near[state.name] = state
            waiting.extend(item.role for item in state.memberships)
    small = replace(world, accounts=near)
    those = _over(rules, small)
    is_same = _ways(those.powers(account)) == _ways(powers)
    if is_same and apart:
        emptied = _over(rules, with_nothing_for_all(small, case.is_everyone))
        is_same = _ways(emptied.powers(account)) == _ways(own)
    return (small, those) if is_same else (world, rules)


def _ways(powers: Sequence[Power]) -> list[tuple[str, Path]]:
    return [(power.source, power.path) for power in powers]
