"""Findings for one viewer: of few instances as the command finds them, of many by kept numbers.

Of many instances the numbers that are kept with each review are added up, and what is found is
read of those instances alone that a page shows. Both give the same rows, but for what all
instances together say.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from sync_pipeline.access.findings.fleet import uneven
from sync_pipeline.access.findings.review import gathered, notes_of, worse_notes
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.causes import (
    NO_TAG,
    Cause,
    all_of,
    at_least,
    causes_of,
    counts_of_causes,
    grouped,
    under,
)
from sync_pipeline.model.finding import (
    Examined,
    Finding,
    FindingRules,
    Review,
    Severity,
    Suppression,
)
from sync_pipeline.model.finding_totals import (
    Counted,
    CountedQuestion,
    Covered,
    FindingNumbers,
    FindingTotals,
    GroupLine,
)
from sync_pipeline.model.grouping import By
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.looked import SeenOn
from sync_pipeline.model.page import (
    InstanceQuestion,
    Key,
    Page,
    Place,
    checked_key,
    page_of_list,
    page_of_stream,
)
from sync_pipeline.model.pattern import like, literal
from sync_pipeline.model.viewer import Reach
from sync_pipeline.workflows.answers.finding_rules import Counting, for_team
from sync_pipeline.workflows.answers.findings import narrowed, newer, review_of
from sync_pipeline.workflows.dependencies import SyncDeps

MOST_AT_ONCE = 50
"""Instances of which all is read for a page; of more, their numbers, and what it shows."""
MOST_GROUPS = 40
_LOT, _AT_ONCE = 60, 20
"""Instances that are looked for together, and those whose findings are read: a page needs few."""
_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class GroupedCause:
    """A cause, and the group in which it stands."""

    group: GroupLine
    cause: Cause


@dataclass(frozen=True, slots=True)
class CausesAnswer:
    """A page of causes by group, with the first groups, how many there are, and all numbers."""

    page: Page[GroupedCause]
    groups: tuple[GroupLine, ...]
    group_count: int
    totals: FindingTotals
    notes: tuple[str, ...] = ()

    def rows(self) -> int:
        """Return how many causes, findings of theirs and groups it has."""
        causes = sum(1 + len(item.cause.findings) for item in self.page.items)
        return 1 + causes + len(self.groups)


@dataclass(frozen=True, slots=True)
class FindingsAnswer:
    """A page of findings, worst first, as of a moment (UTC)."""

    page: Page[Finding]
    now: datetime
    notes: tuple[str, ...] = ()

    def rows(self) -> int:
        """Return how many findings it has."""
        return 1 + len(self.page.items)


@dataclass(frozen=True, slots=True)
class FindingsQuestion:
    """Findings of instances: at least so bad (None: all), of one rule, of accounts of a name.

    Of those that came since a moment (UTC; None: any time), without what the first review of an
    instance found. `is_accepted`: those that were accepted, and no others.
    """

    instances: InstanceQuestion
    least: Severity | None = None
    rule: str = ""
    account: str = ""
    since: datetime | None = None
    is_accepted: bool = False

    @property
    def is_counted(self) -> bool:
        """Return whether the numbers that are kept are of all that is asked for."""
        return not self.account and self.since is None

    @property
    def counted(self) -> Counted:
        """Return which of these numbers it is."""
        return Counted.ACCEPTED if self.is_accepted else Counted.EACH


class FindingAnswers:
    """Answers about findings."""

    def __init__(self, deps: SyncDeps, reach: Reach) -> None:
        self._deps = deps
        self._reach = reach

    def review(self, instances: Sequence[Instance]) -> Review:
        """Return what is found on some instances, together."""
        return review_of(self._deps, instances, is_limited=not self._reach.is_everything)

    def each(self, asked: FindingsQuestion, place: Place) -> FindingsAnswer:
        """Return a page of findings, worst first."""
        chosen = self._few(asked.instances)
        place = Place(place.limit, checked_key(place.after, int, str, str, str, int))
        if chosen is None:
            counted = _Counted.of(self._deps, self._reach, asked)
            kept = self._deps.store.remember(
                ("findings", counted.key, place), lambda: counted.each(place), FindingsAnswer.rows
            )
            return replace(kept, now=self._deps.clock())
        found = narrowed(self.review(chosen), asked.least, asked.rule or None)
        rows: Iterable[Finding] = found.suppressed if asked.is_accepted else found.findings
        rows = [item for item in rows if asked.account in ("", item.account)]
        if asked.since is not None:
            rows = newer(self._deps, chosen, rows, asked.since)
        page = page_of_list(rows, place, _finding_key)
        return FindingsAnswer(page, self._deps.clock(), found.notes)

    def causes(self, asked: FindingsQuestion, by: By, place: Place) -> CausesAnswer:
        """Return a page of the causes of findings, by groups, the worst first.

        Raises:
            ConfigurationError: causes of so many instances are not grouped so.
        """
        chosen = self._few(asked.instances)
        kinds = (int, int, str, int, str, str, str, int)
        place = Place(place.limit, checked_key(place.after, *kinds))
        if chosen is None:
            counted = _Counted.of(self._deps, self._reach, asked)
            return self._deps.store.remember(
                ("causes", counted.key, by, place),
                lambda: counted.causes(by, place),
                CausesAnswer.rows,
            )
        review = narrowed(self.review(chosen), None, asked.rule or None)
        found = at_least(causes_of(review.findings, review.others), asked.least)
        groups = grouped(found, under(by, {item.name: item.tags for item in chosen}))
        each = [
            GroupedCause(line, cause)
            for line, group in ((GroupLine.of(item), item) for item in groups)
            for cause in group.causes
        ]
        each.sort(key=_cause_key)
        lines = tuple(map(GroupLine.of, groups[:MOST_GROUPS]))
        totals = _totals(found, len(review.suppressed))
        page = page_of_list(each, place, _cause_key)
        return CausesAnswer(page, lines, len(groups), totals, review.notes)

    def _few(self, asked: InstanceQuestion) -> list[Instance] | None:
        """Return the instances of a question; None: they are many."""
        return self._deps.store.instance_pages.few(self._reach, asked, MOST_AT_ONCE)


@dataclass(frozen=True, slots=True)
class _Accepted:
    """What was accepted, by the instance that it names; None: by a pattern."""

    by_name: Mapping[str | None, Sequence[Suppression]]

    @classmethod
    def by(cls, suppressions: Iterable[Suppression]) -> _Accepted:
        """Return it of those that hold."""
        found: dict[str | None, list[Suppression]] = {}
        for item in suppressions:
            found.setdefault(literal(item.instance), []).append(item)
        return cls(found)

    def on(self, instance: str) -> tuple[Suppression, ...]:
        """Return what may be accepted on an instance, as who asks may know it."""
        by_pattern = (item for item in self.by_name.get(None, ()) if like(item.instance, instance))
        return (*self.by_name.get(instance, ()), *by_pattern)


@dataclass(frozen=True, slots=True)
class _Counted:
    """Answers of many instances, by the rules of now."""

    deps: SyncDeps
    question: CountedQuestion
    covered: Covered
    chosen: FindingRules
    day: date
    asked: FindingsQuestion
    new: Mapping[str, datetime]
    accepted: _Accepted

    @classmethod
    def of(cls, deps: SyncDeps, reach: Reach, asked: FindingsQuestion) -> _Counted:
        counting, now = Counting.of(deps), deps.clock()
        pages, basis = deps.store.finding_pages, counting.basis
        question = CountedQuestion(
            reach,
            asked.instances,
            basis,
            now,
            pages.turned(basis, now),
            asked.rule,
            asked.least,
            asked.account,
        )
        covered = pages.covered(question)
        question = replace(question, ids=covered.ids, without=covered.without)
        new: Mapping[str, datetime] = {}
        if asked.since is not None:
            found = pages.with_new(question, asked.since)
            question = replace(question, ids=tuple(found), without=None)
            new = dict(found.values())
        chosen = counting.chosen
        if not reach.is_everything:
            chosen = for_team(chosen, counting.day)
        accepted = _Accepted.by(chosen.in_force(counting.day))
        return cls(deps, question, covered, chosen, counting.day, asked, new, accepted)

    @property
    def key(self) -> Hashable:
        """Return all that answers depend on beside what is stored."""
        return self.question, self.asked, self.chosen, self.day

    def each(self, place: Place) -> FindingsAnswer:
        """Return a page of findings, worst first."""
        asked, pages = self.asked, self.deps.store.finding_pages
        reading = _Reading(self.deps, rounds=None if asked.is_counted else _ROUNDS)
        ranks = pages.ranks(self.question, asked.counted) if asked.is_counted else None
        page = page_of_stream(self._each(place.after, reading, ranks), place, _finding_key)
        total = sum(ranks.values()) if ranks is not None else None
        following = page.next or reading.stopped
        notes = self._notes(reading.shown(item.instance for item in page.items))
        notes = (*worse_notes(page.items), *notes)
        return FindingsAnswer(Page(page.items, following, total), self.deps.clock(), notes)

    def _each(
        self, known: Key | None, reading: _Reading, ranks: Container[int] | None
    ) -> Iterator[Finding]:
        """Yield findings in the order of the pages, from the instance of a key on.

        `ranks` are those that there are; None: that was not counted.
        """
        first, since = (int(known[0]), str(known[1])) if known else (0, "")
        for rank in range(first, _worst_to(self.question.least)):
            if ranks is not None and rank not in ranks:
                continue
            begin = since if rank == first else ""
            for some in self._some(self.asked.counted, rank, begin):
                if reading.is_over():
                    # Few of those that were looked at have any of the account.
                    reading.stopped = (rank, some[0].name, "", "", 0)
                    return
                for seen in reading.of(some):
                    own = (item for item in self._findings(seen) if item.severity.rank == rank)
                    yield from filter(self._is_new, own)

    def _is_new(self, item: Finding) -> bool:
        """Return whether a finding came since what is asked for, and not with a first review."""
        since = self.asked.since
        if since is None:
            return True
        began_at = self.new.get(item.instance)
        return (
            began_at is not None
            and item.first_seen is not None
            and item.first_seen >= since
            and item.first_seen > began_at
        )

    def _some(
        self, counted: Counted, rank: int, since: str, **of: str | None
    ) -> Iterator[list[Instance]]:
        """Yield instances that have some of a number, a few at a time."""
        pages, is_after = self.deps.store.finding_pages, False
        while True:
            some = pages.on(self.question, counted, rank, since, _LOT, is_after=is_after, **of)
            yield from (some[begin : begin + _AT_ONCE] for begin in range(0, len(some), _AT_ONCE))
            if len(some) < _LOT:
                return
            since, is_after = some[-1].name, True

    def causes(self, by: By, place: Place) -> CausesAnswer:
        asked, pages = self.question, self.deps.store.finding_pages
        if by is By.ACCOUNT:
            raise ConfigurationError(
                f"Causes of more than {MOST_AT_ONCE} instances are not grouped by account.",
                hint="Choose fewer instances, or ask `sync-pipeline findings --by account`.",
            )
        numbers = pages.numbers(asked, with_rules=by is By.RULE)
        totals = numbers.totals
        groups, count = self._groups(by, numbers)
        reading = _Reading(self.deps)
        placed = self._placed(by, groups, place, reading)
        page = page_of_stream(placed, place, _cause_key)
        total = totals.causes if by is not By.TAG else sum(item.causes for item in groups)
        notes = self._notes(reading.shown(item.cause.worst.instance for item in page.items))
        page = Page(page.items, page.next, total)
        return CausesAnswer(page, tuple(groups[:MOST_GROUPS]), count, totals, notes)

    def _groups(self, by: By, numbers: FindingNumbers) -> tuple[Sequence[GroupLine], int]:
        pages = self.deps.store.finding_pages
        if by is By.INSTANCE:
            return pages.instances(self.question, MOST_GROUPS), numbers.totals.instances
        found = numbers.rules if by is By.RULE else pages.tags(self.question, NO_TAG)
        return found, len(found)

    def _placed(
        self, by: By, groups: Sequence[GroupLine], place: Place, reading: _Reading
    ) -> Iterator[GroupedCause]:
        """Yield causes in the order of the pages, from the instance of a key on."""
        known = place.after
        order = (int(known[0]), int(known[1]), str(known[2])) if known else None
        if by is By.INSTANCE:
            # Each has a cause at least.
            groups = self.deps.store.finding_pages.instances(self.question, place.limit + 2, order)
        for number, line in enumerate(groups):
            if by is By.INSTANCE and number % _AT_ONCE == 0:
                some = groups[number : number + _AT_ONCE]
                reading.read(self.question.reach, [item.name for item in some])
            if order is not None and line.order < order:
                continue
            first, since = (0, "")
            if known is not None and line.order == order:
                first, since = int(known[3]), str(known[4])
            for rank in (item.rank for item in line.by_severity if item.rank >= first):
                yield from self._of_rank(by, line, rank, since if rank == first else "", reading)

    def _of_rank(
        self, by: By, line: GroupLine, rank: int, since: str, reading: _Reading
    ) -> Iterator[GroupedCause]:
        """Yield the causes of a group that are so bad, by instance."""
        for some in self._instances(by, line, rank, since, reading):
            for seen in reading.of(some):
                own = (
                    GroupedCause(line, cause)
                    for cause in self._causes(seen)
                    if cause.severity.rank == rank
                    and (by is not By.RULE or cause.worst.rule == line.name)
                )
                yield from sorted(own, key=_cause_key)

    def _instances(
        self, by: By, line: GroupLine, rank: int, since: str, reading: _Reading
    ) -> Iterator[Sequence[Instance]]:
        """Yield the instances on which a group has causes that are so bad, by name."""
        if by is By.INSTANCE:
            named = reading.named.get(line.name)
            if named is not None:
                yield [named]
        elif by is By.RULE:
            yield from self._some(Counted.CAUSES, rank, since, rule=line.name)
        else:
            yield from self._some(
                Counted.CAUSES, rank, since, tag="" if line.name == NO_TAG else line.name
            )

    def _key(self, seen: _Seen) -> SeenOn:
        """Return all that a review of an instance depends on, as the question sees it."""
        item, asked = seen.instance, self.question
        return SeenOn(
            *(item.id, item.name, item.engine, item.runs_on),
            *(seen.turn, asked.basis, asked.rule),
            self.accepted.on(item.name),
        )

    def _review(self, seen: _Seen) -> Review:
        """Return what is found on one instance, which is gathered once; without notes."""

        def made(keys: Sequence[SeenOn]) -> dict[SeenOn, Review]:
            found = gathered([seen.examined], self.chosen, self.day, ())
            review = narrowed(found, None, self.question.rule or None)
            return dict.fromkeys(keys, replace(review, notes=()))

        key = self._key(seen)
        return self.deps.store.looked_through.reviews.all_of([key], made)[key]

    def _findings(self, seen: _Seen) -> Iterable[Finding]:
        account = self.question.account
        review = self._review(seen)
        own = review.suppressed if self.asked.is_accepted else review.findings
        return (item for item in own if account in ("", item.account))

    def _causes(self, seen: _Seen) -> list[Cause]:
        """Return the causes of one instance, which are made once of each turn of its review."""

        def made(keys: Sequence[SeenOn]) -> dict[SeenOn, tuple[Cause, ...]]:
            review = self._review(seen)
            found = tuple(causes_of(review.findings, review.others))
            return dict.fromkeys(keys, found)

        key = self._key(seen)
        kept = self.deps.store.looked_through.causes.all_of([key], made)
        return at_least(kept[key], self.question.least)

    def _notes(self, shown: Sequence[Examined]) -> tuple[str, ...]:
        """Return what a page does not know: of its own instances, and of all that it left out."""
        chosen = self.chosen
        found = list(notes_of(shown, chosen, self.day))
        if uneven.id not in chosen.disabled:
            found.insert(
                0,
                f"Accounts of one name are compared ({uneven.id}) where at most {MOST_AT_ONCE} "
                "instances are asked for; `sync-pipeline findings` compares all.",
            )
        found += _of_uncounted(self.covered)
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was found on an instance, and the turn of its review."""

    instance: Instance
    turn: int
    examined: Examined


@dataclass(slots=True)
class _Reading:
    """What was read for a page, of so many lots of instances and no more (None: of any)."""

    deps: SyncDeps
    rounds: int | None = None
    seen: dict[str, _Seen] = field(default_factory=dict)
    named: dict[str, Instance] = field(default_factory=dict)
    stopped: Key | None = None

    def is_over(self) -> bool:
        """Take a lot more; return whether that were too many."""
        if self.rounds is None:
            return False
        self.rounds -= 1
        return self.rounds < 0

    def of(self, some: Sequence[Instance]) -> Iterator[_Seen]:
        """Yield what was found on instances, each by itself; what is damaged is left out."""
        unread = [item for item in some if item.name not in self.seen]
        found = self.deps.store.reviews.examined(unread)
        for item in unread:
            if item.id in found:
                turn, examined = found[item.id]
                examined = replace(examined, platform=item.runs_on)
                self.seen[item.name] = _Seen(item, turn, examined)
        yield from (self.seen[item.name] for item in some if item.name in self.seen)

    def read(self, reach: Reach, names: Sequence[str]) -> None:
        """Read what was found on the instances of some names, together."""
        asked = InstanceQuestion(names=tuple(names))
        some = self.deps.store.instance_pages.chosen(reach, asked, None)
        self.named.update((item.name, item) for item in some)
        list(self.of(some))

    def shown(self, names: Iterable[str]) -> list[Examined]:
        """Return what was found on instances that were read."""
        return [self.seen[name].examined for name in names]


def _of_uncounted(found: Covered) -> Iterator[str]:
    if found.left:
        names = ", ".join(found.names) + (", ..." if found.left > len(found.names) else "")
        yield (
            f"What is found on {found.left} of {found.total} instances is not in these numbers "
            f"({names}): it was not counted since they, a rule or this program changed. The next "
            "account sync counts it, or `sync-pipeline findings` does."
        )


def _worst_to(least: Severity | None) -> int:
    return len(Severity) if least is None else least.rank + 1


def _totals(causes: Sequence[Cause], accepted: int) -> FindingTotals:
    findings = all_of(causes)
    counts = {item: count for item, count in counts_of_causes(causes).items() if count}
    return FindingTotals(
        counts,
        accepted,
        len(findings),
        len({(item.instance, item.account) for item in findings if item.account}),
        len({item.instance for item in findings}),
    )


def _cause_key(item: GroupedCause) -> tuple[int, int, str, int, str, str, str]:
    worst = item.cause.worst
    return (*item.group.order, worst.severity.rank, worst.instance, worst.rule, worst.account)


def _finding_key(item: Finding) -> tuple[int, str, str, str]:
    return item.severity.rank, item.instance, item.account, item.rule
