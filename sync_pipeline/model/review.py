"""What is kept of the review of an instance, and what it was made of."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol, Self

from sync_pipeline.model.event import Event
from sync_pipeline.model.finding import Examined, Finding, Namesake, Severity, SeverityStep
from sync_pipeline.model.finding_count import CountedFindings
from sync_pipeline.model.inventory import Databases

FindingKey = tuple[str, str, str, int]
"""A rule, an account, what of it, and which one of several that are alike."""
RemedyKey = tuple[str, str]
"""An account, and a digest of the rights that are taken from it."""
Undone = tuple[str, str, str, str]
"""The fix of a remedy, its undo, what is left, and what breaks."""


class Compared(Protocol):
    """What is compared of an instance's accounts, of which mostly the names alone are looked at."""

    @property
    def names(self) -> Sequence[str]:
        """Return the names of all."""
        ...

    def read(self, wanted: Callable[[str], bool]) -> tuple[Namesake, ...]:
        """Return those accounts whose name is wanted."""
        ...


@dataclass(frozen=True, slots=True)
class ListedDatabases:
    """The databases of an instance (None: never listed), and which rows say so.

    `rows` changes with each listing, and is cheap to ask for.
    """

    databases: Databases | None = None
    rows: str = ""


@dataclass(frozen=True, slots=True)
class ReviewMarks:
    """What a review was made of, beside the accounts: digests (hex), and rows of databases.

    `basis` is of our code, the instance and the settings; `listing` of the names of databases.
    """

    basis: str
    listing: str
    rows: str


@dataclass(frozen=True, slots=True)
class FindingChanges:
    """What a review finds otherwise than the one before it.

    What was found before has its evidence and path where they are still known. `worsened` are
    findings as they were, each with what it is now.
    """

    opened: tuple[Finding, ...] = ()
    resolved: tuple[Finding, ...] = ()
    worsened: tuple[tuple[Finding, Finding], ...] = ()

    @classmethod
    def between(
        cls, before: Mapping[FindingKey, Finding], now: Mapping[FindingKey, Finding]
    ) -> Self:
        """Return what findings are others than those of before, in their order."""
        return cls(
            opened=tuple(item for key, item in now.items() if key not in before),
            resolved=tuple(item for key, item in before.items() if key not in now),
            worsened=tuple(
                (before[key], item)
                for key, item in now.items()
                if key in before and item.severity.rank < before[key].severity.rank
            ),
        )


@dataclass(frozen=True, slots=True)
class Telling:
    """How the change that a review makes is told: `events` are of it.

    `before` is what the accounts of before are found to have by what the review is made with,
    where that is another than what the kept one was made with; None: the kept one says it.
    """

    events: Callable[[FindingChanges], Sequence[Event]]
    before: tuple[Finding, ...] | None = None


@dataclass(frozen=True, slots=True)
class NewReview:
    """A review that is to be kept. `moment` (UTC) is when its accounts were read.

    `accounts` is the mark of those in the store when they were looked at: a sync's review is of
    these and of what it changes. Of others nothing is kept. `counted` is None where nobody could
    say what counts. `telling` is None where nothing is told: a baseline.
    """

    examined: Examined
    accounts: str
    marks: ReviewMarks
    moment: datetime
    counted: CountedFindings | None = None
    telling: Telling | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class SameReview:
    """That a review of what a sync leaves finds what is kept, of this `turn`.

    `accounts` is the mark of those in the store when that was looked at, and `moment` (UTC) when
    those that the sync leaves were read.
    """

    turn: int
    accounts: str
    moment: datetime


@dataclass(frozen=True, slots=True)
class ReviewBasis:
    """What the kept review of an instance was made of; empty where none is kept."""

    basis: str = ""
    accounts: str = ""
    is_unlisted: bool = False


@dataclass(frozen=True, slots=True)
class KeptReview:
    """What is kept of one instance's review, still packed, and what it would be made of now.

    `turn` tells one state of it from another. `counted_by` is the basis of the numbers of its
    findings, and `counted_with` the acceptances by which they were counted; empty: they are not
    counted, and there was none. `accounts` is the mark of those that were looked
    at, `accounts_now` of those that are in the store. `is_compared`: with
    the other instances, once at least. Blobs are None where there is nothing in
    them, or they were not asked for.
    """

    instance_id: int
    turn: int = 0
    marks: ReviewMarks | None = None
    accounts: str = ""
    accounts_now: str = ""
    rows_now: str = ""
    listed_now: datetime | None = None
    listed_at: datetime | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    is_unlisted: bool = False
    is_compared: bool = False
    counted_by: str = ""
    counted_with: str = ""
    notes: bytes | None = None
    providers: bytes | None = None
    findings: bytes | None = None
    namesakes: bytes | None = None

    def holds_at(self, moment: datetime) -> bool:
        """Return whether nothing that the time decides is another way at a moment."""
        is_early = self.valid_from is not None and moment < self.valid_from
        is_late = self.valid_until is not None and moment >= self.valid_until
        return not (is_early or is_late)


@dataclass(frozen=True, slots=True)
class KnownFinding:
    """What the store says of a finding, beside the reviews."""

    instance_id: int
    rule: str
    account: str
    about: str
    severity: Severity
    steps: tuple[SeverityStep, ...] = ()


@dataclass(frozen=True, slots=True)
class FindingDay:
    """What became of findings on a day, by the severity that they had then or got.

    `new` came, or came back; `baseline` is what the first review of an instance found. `worsened`
    and `eased` were of another severity before. `open` are those that were there at the end of the
    day, whatever was said of them, and of these `accepted` were accepted.
    """

    day: date
    severity: Severity
    new: int
    resolved: int
    open: int
    worsened: int = 0
    eased: int = 0
    accepted: int = 0
    baseline: int = 0


def keys_of(items: Iterable[Finding]) -> list[FindingKey]:
    """Return what tells findings of one instance apart, in their order."""
    counts: Counter[tuple[str, str, str]] = Counter()
    found = []
    for item in items:
        key = (item.rule, item.account, about_text(item.about))
        found.append((*key, counts[key]))
        counts[key] += 1
    return found


def about_text(about: str) -> str:
    """Return what a finding is about as a key and a column have it.

    Names in it may be of any text; those of accounts are in columns of text anyway.
    """
    return about.encode("unicode_escape").decode("ascii")


def about_of(text: str) -> str:
    """Return what a finding is about, of its text in a key or a column."""
    return text.encode("ascii").decode("unicode_escape")


def by_key(items: Iterable[Finding]) -> dict[FindingKey, Finding]:
    """Return findings of one instance by what tells them apart, in their order."""
    found = list(items)
    return dict(zip(keys_of(found), found, strict=True))


def more_key(more: Collection[str]) -> str:
    """Return a digest (hex) of rights, whatever their order."""
    return hashlib.sha256(json.dumps(sorted(more)).encode()).hexdigest()[:32]
