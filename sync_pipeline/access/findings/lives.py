"""What became of findings day by day, with what was accepted meanwhile. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise

from sync_pipeline.access.findings.accepted import is_meant
from sync_pipeline.model.finding import Severity, Suppression, severity_at
from sync_pipeline.model.finding_life import FindingLife
from sync_pipeline.model.pattern import literal
from sync_pipeline.model.review import FindingDay

DateOf = Callable[[datetime], date]
_DayOf = tuple[date, Severity]


@dataclass(frozen=True, slots=True)
class InForce:
    """A suppression from when it was given until it ended (UTC); None: nobody knows since when."""

    suppression: Suppression
    ends: datetime

    @property
    def begins(self) -> datetime | None:
        """Return when it was given; what the file does not date holds from the beginning on."""
        return self.suppression.given_at if self.suppression.number else None

    def means(self, life: FindingLife) -> bool:
        """Return whether it names a finding."""
        return is_meant(life.rule, life.instance, life.account, life.about, self.suppression)


@dataclass(frozen=True, slots=True)
class AcceptedOverTime:
    """All that was ever accepted, by the only instance that each may mean (None: several)."""

    every: tuple[InForce, ...] = ()
    _by_instance: dict[str | None, list[tuple[int, InForce]]] = field(default_factory=dict)

    @classmethod
    def of(cls, every: Iterable[InForce]) -> AcceptedOverTime:
        """Return it by suppressions in their order."""
        kept = tuple(every)
        found: dict[str | None, list[tuple[int, InForce]]] = defaultdict(list)
        for number, item in enumerate(kept):
            found[literal(item.suppression.instance)].append((number, item))
        return cls(kept, dict(found))

    def meaning(self, life: FindingLife) -> list[InForce]:
        """Return what accepts a finding, or did, in its order."""
        if not self.every:
            return []
        of_several = self._by_instance.get(None, [])
        near = [*self._by_instance.get(life.instance, ()), *of_several]
        return [item for _, item in sorted(near, key=_number) if item.means(life)]


def _number(item: tuple[int, InForce]) -> int:
    return item[0]


@dataclass(frozen=True, slots=True)
class State:
    """How a finding is from a moment (UTC) on; `severity` None: it is not there."""

    at: datetime
    severity: Severity | None
    is_accepted: bool = False


def states(life: FindingLife, accepted: Sequence[InForce] = ()) -> list[State]:
    """Return how a finding was while it was there, and when it went; `accepted` all mean it."""
    steps = life.own_steps
    moments = {item.since for item in steps}
    for item in accepted:
        moments.update(one for one in (item.begins, item.ends) if one is not None)
    end = life.resolved_at
    inside = sorted(
        moment
        for moment in moments
        if moment >= life.first_seen_at and (end is None or moment < end)
    )
    found: list[State] = []
    for moment in inside:
        severity = [item.severity for item in steps if item.since <= moment][-1]
        is_accepted = any(_accepts(item, life, severity, moment) for item in accepted)
        found.append(State(moment, severity, is_accepted))
    if end is not None:
        found.append(State(end, None))
    return found


def _accepts(item: InForce, life: FindingLife, severity: Severity, moment: datetime) -> bool:
    if moment >= item.ends or (item.begins is not None and moment < item.begins):
        return False
    given_at = item.suppression.given_at
    if given_at is None:
        return True
    return severity.rank >= severity_at(life.steps, life.severity, given_at).rank


@dataclass(slots=True)
class Days:
    """Counts of days from a first one on, in the zone of `date_of`; `there` were before it."""

    first: date
    date_of: DateOf
    there: Counter[Severity] = field(default_factory=Counter)
    accepted: Counter[Severity] = field(default_factory=Counter)
    _moves: dict[str, Counter[_DayOf]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, life: FindingLife, accepted: Sequence[InForce] = ()) -> None:
        """Count a finding, of which none is counted in `there`."""
        before = State(life.first_seen_at, None)
        for place, (old, new) in enumerate(pairwise([before, *states(life, accepted)])):
            day = self.date_of(new.at)
            if day < self.first:
                self._carry(old, new)
            else:
                self._move(day, old, new, is_baseline=not place and life.is_first)

    def add_accepted(self, life: FindingLife, accepted: Sequence[InForce]) -> None:
        """Count when a finding was accepted that is counted in `there`."""
        before = State(life.first_seen_at, None)
        for old, new in pairwise([before, *states(life, accepted)]):
            day = self.date_of(new.at)
            for state, more in ((old, -1), (new, 1)):
                if state.severity is None or not state.is_accepted:
                    continue
                if day < self.first:
                    self.accepted[state.severity] += more
                else:
                    self._moves["accepted"][day, state.severity] += more

    def _carry(self, old: State, new: State) -> None:
        for state, more in ((old, -1), (new, 1)):
            if state.severity is not None:
                self.there[state.severity] += more
                self.accepted[state.severity] += more * state.is_accepted

    def _move(self, day: date, old: State, new: State, *, is_baseline: bool) -> None:
        moves = self._moves
        if new.severity is not old.severity:
            for name, severity in _named(old.severity, new.severity, is_baseline=is_baseline):
                moves[name][day, severity] += 1
        for state, more in ((old, -1), (new, 1)):
            if state.severity is not None:
                moves["open"][day, state.severity] += more
                moves["accepted"][day, state.severity] += more * state.is_accepted

    def all(self, last: date) -> Iterator[FindingDay]:
        """Yield every day until the last, of each severity, worst first."""
        there, accepted, moves = Counter(self.there), Counter(self.accepted), self._moves
        for number in range((last - self.first).days + 1):
            day = self.first + timedelta(days=number)
            for severity in Severity:
                key = day, severity
                there[severity] += moves["open"][key]
                accepted[severity] += moves["accepted"][key]
                yield FindingDay(
                    day,
                    severity,
                    *(moves["new"][key], moves["resolved"][key], there[severity]),
                    *(moves["worsened"][key], moves["eased"][key], accepted[severity]),
                    moves["baseline"][key],
                )


def _named(
    old: Severity | None, new: Severity | None, *, is_baseline: bool
) -> Iterator[tuple[str, Severity]]:
    """Yield what it is called that a finding is of another severity, and of which it counts."""
    if old is None and new is not None:
        yield "baseline" if is_baseline else "new", new
    elif new is None and old is not None:
        yield "resolved", old
    elif old is not None and new is not None:
        yield "worsened" if new.rank < old.rank else "eased", new


def eventful(days: Iterable[FindingDay]) -> list[FindingDay]:
    """Return the days on which anything became another, of the severities of which it did."""
    found: list[FindingDay] = []
    before: dict[Severity, int] = {}
    for item in days:
        moved = (item.new, item.resolved, item.worsened, item.eased, item.baseline)
        if any(moved) or item.accepted != before.get(item.severity, item.accepted):
            found.append(item)
        before[item.severity] = item.accepted
    return found
