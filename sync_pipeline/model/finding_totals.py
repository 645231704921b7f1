"""What is found on an instance, as numbers that add up over instances. Pure.

A page of the findings of a large fleet is made of these, and of the findings of the few instances
that it shows: all numbers of `model/causes.py` over many instances are sums of those of each.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sync_pipeline.model.causes import Cause, CauseGroup, causes_of
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.finding_count import ALL_RULES, NUMBERS, FindingCount
from sync_pipeline.model.page import InstanceQuestion
from sync_pipeline.model.viewer import Reach

_Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group of causes in numbers: how many of each severity, of how many accounts."""

    name: str
    by_severity: Mapping[Severity, int]
    accounts: int
    instances: int

    @classmethod
    def of(cls, group: CauseGroup) -> GroupLine:
        """Return the numbers of a group that is at hand."""
        found = Counter(item.severity for item in group.causes)
        counts = {severity: found[severity] for severity in Severity if found[severity]}
        return cls(group.name, counts, len(group.accounts), len(group.instances))

    @property
    def causes(self) -> int:
        """Return how many causes there are."""
        return sum(self.by_severity.values())

    @property
    def counts(self) -> str:
        """Return how many causes there are of each severity, for people; see `CauseGroup`."""
        return ", ".join(
            f"{self.by_severity[item]} {item}" for item in Severity if item in self.by_severity
        )

    @property
    def order(self) -> tuple[int, int, str]:
        """Return the place of the group; see `CauseGroup`."""
        worst = min(self.by_severity, key=lambda item: item.rank)
        return worst.rank, -self.by_severity[worst], self.name


@dataclass(frozen=True, slots=True)
class FindingTotals:
    """The numbers of a question: causes of each severity, and what they are of."""

    by_severity: Mapping[Severity, int]
    accepted: int = 0
    findings: int = 0
    accounts: int = 0
    instances: int = 0

    @property
    def causes(self) -> int:
        """Return how many causes there are."""
        return sum(self.by_severity.values())


@dataclass(frozen=True, slots=True)
class CountedRank:
    """How many findings of one rank there are, and on how many instances."""

    findings: int
    instances: int


def counts_of_findings(
    findings: Sequence[Finding], accepted: Iterable[Finding]
) -> tuple[FindingCount, ...]:
    """Return the numbers of one instance; `accepted` findings are none of the others."""
    numbers: dict[_Key, Counter[str]] = defaultdict(Counter)
    told = causes_of(findings)
    _add(numbers, ALL_RULES, "told", told)
    for rule in sorted({item.rule for item in findings}):
        _add(numbers, rule, "told", [item for item in told if item.worst.rule == rule])
        _add(numbers, rule, "alone", causes_of(item for item in findings if item.rule == rule))
    for name, items in (("findings", findings), ("accepted", accepted)):
        for item in items:
            for rule in (ALL_RULES, item.rule):
                numbers[rule, item.severity.rank][name] += 1
    return tuple(
        FindingCount(*key, *map(numbers[key].__getitem__, NUMBERS)) for key in sorted(numbers)
    )


def _add(
    numbers: Mapping[_Key, Counter[str]], rule: str, kind: str, causes: Sequence[Cause]
) -> None:
    seen: set[str] = set()
    for place, (rank, of_rank) in enumerate(_by_rank(causes)):
        own = numbers[rule, rank]
        own[f"is_{kind}_worst"] = int(place == 0)
        accounts = {item.account for cause in of_rank for item in _all(cause) if item.account}
        own[f"{kind}_causes"] += len(of_rank)
        own[f"{kind}_findings"] += sum(len(_all(cause)) for cause in of_rank)
        own[f"{kind}_accounts"] += len(accounts - seen)
        seen |= accounts


def _by_rank(causes: Sequence[Cause]) -> Iterator[tuple[int, list[Cause]]]:
    for severity in Severity:
        found = [item for item in causes if item.severity is severity]
        if found:
            yield severity.rank, found


def _all(cause: Cause) -> tuple[Finding, ...]:
    return (*cause.findings, *cause.folded)


def by_rank(numbers: Mapping[int, int]) -> dict[Severity, int]:
    """Return numbers by severity, of those by its rank; without zeros."""
    return {item: numbers[item.rank] for item in Severity if numbers.get(item.rank)}


class Counted(StrEnum):
    """What instances are looked for by: causes, or findings each by itself, or accepted ones."""

    CAUSES = "causes"
    EACH = "each"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class CountedQuestion:
    """Which findings are meant: of instances within a reach, as they were counted by a basis.

    `rule` empty: of all; `least` is the severity that they have at least. `now` is when what
    depends on the time has to hold: questions are alike where nothing of it turned in between.
    `ids` are those of the instances, where these were looked for before; None: they are too many.
    `without` are those that were counted and are not meant; None: they are too many, or not known.
    """

    reach: Reach
    asked: InstanceQuestion
    basis: str
    now: datetime = field(compare=False)
    turned: datetime
    rule: str = ALL_RULES
    least: Severity | None = None
    account: str = ""
    ids: tuple[int, ...] | None = None
    without: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Covered:
    """Of how many instances a question is, how many of them have no numbers, and some names.

    `ids` are those of the question where it is not of nearly all, and `without` those that have
    numbers and are none of them, or whose numbers do not hold, where these are not too many.
    """

    total: int
    left: int
    names: tuple[str, ...] = ()
    ids: tuple[int, ...] | None = None
    without: tuple[int, ...] | None = None

    def __len__(self) -> int:
        """Return how many ids it holds."""
        return len(self.ids or ()) + len(self.without or ())


@dataclass(frozen=True, slots=True)
class FindingNumbers:
    """The numbers of a question, and its groups by rule."""

    totals: FindingTotals
    rules: tuple[GroupLine, ...] = ()
