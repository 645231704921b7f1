"""Events of accounts that came into a class of the classification file, or left it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sync_pipeline.access.classification.classes import AccountClass
from sync_pipeline.access.classification.subject import Population, Subject
from sync_pipeline.access.events.powers import GONE
from sync_pipeline.access.findings.apart import everybody_of, without_everybody
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.event import Event, EventKind, EventOrigin
from sync_pipeline.model.finding import Severity

SubjectOf = Callable[[str], Subject | None]
Accounts = Mapping[str, AccountState]


@dataclass(frozen=True, slots=True)
class ClassChange:
    """The accounts before and after a sync. `appeared` are those that are there or back by it."""

    before: Population
    now: Population
    appeared: frozenset[str]

    def events(
        self, classes: Sequence[AccountClass], changed: Iterable[str], origin: EventOrigin
    ) -> Iterator[Event]:
        """Yield which classes accounts came into and left.

        Those that changed are looked at, and who has one of them as a role through any chain. What
        everybody gets is told of who stands for everybody; of others what they have beside that.
        """
        then, now = self.before.judged.world.accounts, self.now.judged.world.accounts
        everybody = {*everybody_of(self.before.judged), *everybody_of(self.now.judged)}
        of_all: dict[str, bool] = {}
        apart: list[ClassChange] = []
        for name in sorted(concerned(changed, (then, now))):
            for item in classes:
                had, has = self.sides(item, name)
                if (had or has) and name not in everybody:
                    if item.name not in of_all:
                        of_all[item.name] = any(any(self.sides(item, one)) for one in everybody)
                    if of_all[item.name]:
                        apart = apart or [self._apart()]
                        had, has = apart[0].sides(item, name)
                if had is not has:
                    yield self._event(item, name, origin, has=has)

    def sides(self, item: AccountClass, name: str) -> tuple[bool, bool]:
        """Return whether an account was in a class before, and is now."""
        was, subject = _subject(self.before, name), _subject(self.now, name)
        return (
            was is not None and item.matches(was),
            subject is not None and item.matches(subject),
        )

    def _apart(self) -> ClassChange:
        """Return the same accounts as if everybody had nothing."""
        before, now = (
            Population(side.instance, without_everybody(side.judged))
            for side in (self.before, self.now)
        )
        return ClassChange(before, now, self.appeared)

    def _event(self, item: AccountClass, name: str, origin: EventOrigin, *, has: bool) -> Event:
        kind = EventKind.POWER_GAINED if has else EventKind.POWER_LOST
        if has and name in self.appeared:
            kind = EventKind.ACCOUNT_WITH_POWER
        what = item.description or f"in the class {item.name}"
        is_gone = name not in self.now.judged.world.accounts
        return origin.event(
            kind,
            Severity.MEDIUM,
            account=name,
            subject=f"class {item.name}",
            before="" if has else what,
            after=what if has else (GONE if is_gone else ""),
            path=(name,),
        )


def _subject(population: Population, name: str) -> Subject | None:
    state = population.judged.world.accounts.get(name)
    return None if state is None else Subject(population, state)


def concerned(changed: Iterable[str], worlds: Iterable[Accounts]) -> frozenset[str]:
    """Return accounts, and all who have one of them as a role, through any chain."""
    members: dict[str, list[str]] = {}
    for accounts in worlds:
        for state in accounts.values():
            for item in state.memberships:
                members.setdefault(item.role, []).append(state.name)
    found: set[str] = set()
    waiting = list(changed)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += members.get(name, ())
    return frozenset(found)
