"""What an access review finds, how bad it is, and what was left out on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from itertools import pairwise

from sync_pipeline.model.access import Path
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.platform import Platform


class Severity(StrEnum):
    """How bad a finding is, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """Return the place in the order of severities, 0 the worst."""
        return _ORDER.index(self)


_ORDER = tuple(Severity)


@dataclass(frozen=True, slots=True)
class SeverityStep:
    """How bad a finding is from a moment (UTC) on."""

    since: datetime
    severity: Severity


def severity_at(steps: Sequence[SeverityStep], now: Severity, moment: datetime) -> Severity:
    """Return how bad a finding was at a moment, or first; without steps it always was as now."""
    known = [item.severity for item in steps if item.since <= moment]
    if known:
        return known[-1]
    return steps[0].severity if steps else now


@dataclass(frozen=True, slots=True)
class Suppression:
    """Findings that somebody accepted: LIKE patterns, a reason, and the last day (included).

    `given_at` (UTC) is when: a finding that got worse later is not meant. None: the file does not
    say it. `given_by` did it by a command, and `number` is that of the store; 0: it is in the file.
    """

    rule: str
    reason: str
    until: date
    instance: str = "%"
    account: str = "%"
    about: str = "%"
    given_at: datetime | None = None
    given_by: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a review should look at.

    `evidence` is a sentence that names what was seen, never a password or a hash. `path` is
    how the account comes by it, empty where it is the account's own property. `fix` are the
    statements that would end it, one a line and in the order in which they are run; `undo` those
    that bring the state before them back. `left` says what the fix does not end, and why; empty:
    the finding is gone after it.

    `about` tells apart what a rule finds of one account several times: the database. `first_seen`
    (UTC) is when it was found first, and since then each time that its instance was reviewed.
    `account` is empty where it is said of the instance itself.

    `breaks` says what the fix breaks, and who uses it: there is one wherever there is a fix, and
    it says so where nothing breaks. Findings of an instance that have one `cause` come from one
    thing: a role, the server, a user on each of its hosts. `implied` is the rule that says the same
    of the account already, and worse.

    `steps` are how bad it was and when that changed, the oldest first, also before it was gone for
    a while; empty: it was always as it is. `acceptance` is by what it is accepted, or was before it
    got worse: then it `is_worse`, and told.
    """

    instance: str
    engine: EngineName
    account: str
    rule: str
    severity: Severity
    evidence: str
    path: Path = ()
    fix: str = ""
    undo: str = ""
    left: str = ""
    about: str = ""
    first_seen: datetime | None = field(default=None, compare=False)
    breaks: str = ""
    cause: str = ""
    implied: str = ""
    steps: tuple[SeverityStep, ...] = field(default=(), compare=False)
    acceptance: Suppression | None = field(default=None, compare=False)
    is_worse: bool = field(default=False, compare=False)

    def severity_at(self, moment: datetime) -> Severity:
        """Return how bad it was at a moment, or when it was first found if that was later."""
        return severity_at(self.steps, self.severity, moment)

    @property
    def worsened(self) -> SeverityStep | None:
        """Return when it got worse last, and how bad it was before; None: it never did."""
        for before, after in reversed(list(pairwise(self.steps))):
            if after.severity.rank < before.severity.rank:
                return SeverityStep(after.since, before.severity)
        return None


@dataclass(frozen=True, slots=True)
class Namesake:
    """An account, with what is compared of it with accounts of its name on other instances."""

    account: str
    rights: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found on one instance by looking at it alone.

    `findings` are in the order of the rules. `is_unlisted`: its databases were never listed, so
    that nobody looked for rights on gone ones. `valid_from` and `valid_until` (UTC) bound the time
    in which all of it is so, the first included; None: there is no such bound. `listed_at` is
    the listing of the databases on whose date something depends; None: nothing does.
    `of_provider` are the accounts that the provider of the platform made: nothing is said of them.
    """

    instance: str
    engine: EngineName
    findings: tuple[Finding, ...] = ()
    namesakes: tuple[Namesake, ...] = ()
    notes: tuple[str, ...] = ()
    of_provider: tuple[str, ...] = ()
    platform: Platform = Platform.SELF_RUN
    is_unlisted: bool = False
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    listed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FindingRules:
    """Rules that are switched off, and what was accepted, in the file and by commands."""

    disabled: tuple[str, ...] = ()
    suppressions: tuple[Suppression, ...] = ()

    def in_force(self, today: date) -> list[Suppression]:
        """Return the suppressions that hold until today or later."""
        return [item for item in self.suppressions if today <= item.until]


@dataclass(frozen=True, slots=True)
class Review:
    """The findings of some instances.

    `findings` are sorted, worst first. `suppressed` were accepted. `notes` say what this
    review does not know or did not look at: sections that were not read, suppressions that
    have expired, rules switched off. `unasked` say who administers an instance, and are shown
    to nobody: their rules are switched off, or others are asked for.
    """

    findings: tuple[Finding, ...] = ()
    suppressed: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    unasked: tuple[Finding, ...] = ()

    @property
    def others(self) -> tuple[Finding, ...]:
        """Return what is not shown, and says who is left to administer an instance."""
        return (*self.suppressed, *self.unasked)

    @property
    def counts(self) -> Mapping[Severity, int]:
        """Return how many findings there are of each severity, zeros too."""
        return counts_of(self.findings)


def counts_of(findings: Sequence[Finding]) -> dict[Severity, int]:
    """Return how many findings there are of each severity, zeros too, worst first."""
    counts = dict.fromkeys(Severity, 0)
    for finding in findings:
        counts[finding.severity] += 1
    return counts
