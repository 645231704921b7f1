"""Accepting findings by a command, and taking that back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from sync_pipeline.access.findings.accepted import is_meant
from sync_pipeline.access.findings.fleet import uneven
from sync_pipeline.access.findings.review import RULES
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.acceptance import Acceptance
from sync_pipeline.model.finding import Finding, Severity, Suppression, counts_of
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.pattern import escaped, like
from sync_pipeline.model.text import shortened
from sync_pipeline.workflows.answers.finding_rules import file_rules
from sync_pipeline.workflows.answers.findings import review_of
from sync_pipeline.workflows.answers.kept_reviews import Reviews
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps

LONGEST_TEXT, LONGEST_NAME = 2_000, 255
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to accept: LIKE patterns, or with `is_exact` the names as they are."""

    rule: str
    instance: str
    account: str
    until: date
    reason: str
    about: str = "%"
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """An acceptance that was given, and how many findings it hides now, by severity."""

    acceptance: Suppression
    counts: Mapping[Severity, int]


@dataclass(frozen=True, slots=True)
class AcceptedList:
    """Everything that is accepted: what the file says, and what commands did, as of a day."""

    today: date
    of_file: Sequence[Suppression] = ()
    given: Sequence[Acceptance] = field(default=())


def accept(deps: SyncDeps, wanted: Wanted, by: str, *, is_ahead: bool = False) -> Accepted:
    """Accept findings until the end of a day, and count anew where they are.

    `is_ahead`: also if none of them is there now.

    Raises:
        ConfigurationError: nothing is meant by it, or it would be over already, or the findings
            file is not valid.
    """
    new = _checked(deps, wanted, by)
    instances = _meant(deps, new)
    found = [item for item in _findings(deps, new, instances) if _is_of(item, new)]
    if not found and not is_ahead:
        raise ConfigurationError(
            "Nothing is found now that this would accept.",
            hint="Look at the patterns (\\ takes a % or _ as it is, or give --exact), or give "
            "--ahead for what is not there yet.",
        )
    given = deps.store.acceptances.give(new, deps.clock())
    _count_anew(deps, instances)
    return Accepted(given, counts_of(found))


def take_back(deps: SyncDeps, number: int, by: str) -> Suppression:
    """End an acceptance, and count anew where it held.

    Raises:
        ConfigurationError: there is no such acceptance, or the findings file is not valid.
    """
    ended = deps.store.acceptances.take_back(number, by, deps.clock())
    _count_anew(deps, _meant(deps, ended))
    return ended


def accepted_list(deps: SyncDeps) -> AcceptedList:
    """Return everything that is accepted, and was.

    Raises:
        ConfigurationError: the findings file is not valid.
    """
    of_file = file_rules(deps.settings).suppressions
    return AcceptedList(today(deps), of_file, deps.store.acceptances.ever())


def _checked(deps: SyncDeps, wanted: Wanted, by: str) -> Suppression:
    texts = (wanted.reason, wanted.instance, wanted.account, wanted.about)
    if not all(text.strip() for text in (wanted.reason, wanted.instance, by)):
        raise ConfigurationError("The reason, the instance and who accepts may not be empty.")
    if max(map(len, texts)) > LONGEST_TEXT or len(by) > LONGEST_NAME:
        raise ConfigurationError(f"A text of more than {LONGEST_TEXT} characters is too long.")
    taken = escaped if wanted.is_exact else str
    rule = taken(wanted.rule)
    if not any(like(rule, item.id) for item in RULES):
        raise ConfigurationError(
            f"{shortened(wanted.rule, _SHOWN)!r} matches no rule.",
            hint="See: sync-pipeline findings rules.",
        )
    if wanted.until < today(deps):
        raise ConfigurationError(f"{wanted.until} is over: an acceptance ends with that day.")
    return Suppression(
        rule=rule,
        reason=wanted.reason.strip(),
        until=wanted.until,
        instance=taken(wanted.instance),
        account=taken(wanted.account),
        # Without it all are meant, whatever they are about.
        about=wanted.about if wanted.about == "%" else taken(wanted.about),
        given_by=by,
    )


def _meant(deps: SyncDeps, by: Suppression) -> list[Instance]:
    known = deps.store.registry.instances(include_inactive=False)
    return [item for item in known if like(by.instance, item.name)]


def _findings(deps: SyncDeps, by: Suppression, instances: Sequence[Instance]) -> list[Finding]:
    """Return what is found on instances, whatever was accepted.

    What several say together is found where all of the fleet are looked at.
    """
    if not instances:
        return []
    if like(by.rule, uneven.id):
        instances = deps.store.registry.instances(include_inactive=False)
    review = review_of(deps, instances)
    return [*review.findings, *review.suppressed]


def _is_of(item: Finding, by: Suppression) -> bool:
    return is_meant(item.rule, item.instance, item.account, item.about, by)


def _count_anew(deps: SyncDeps, instances: Sequence[Instance]) -> None:
    """Keep the numbers of instances; what others keep from being written, the next sync does."""
    for _ in Reviews(deps, with_findings=False).of(instances):
        pass
