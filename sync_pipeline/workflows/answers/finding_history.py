"""The life of findings: opened, worsened, accepted, resolved and back, and since when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from sync_pipeline.access.findings.lives import AcceptedOverTime, InForce, states
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.finding_life import FindingLife, by_life
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.pattern import like
from sync_pipeline.workflows.answers.burndown import in_force
from sync_pipeline.workflows.dependencies import SyncDeps


class LifeKind(StrEnum):
    """What happened to a finding."""

    FOUND_FIRST = "found by the first review"
    OPENED = "opened"
    REOPENED = "reopened"
    WORSENED = "worsened"
    EASED = "eased"
    ACCEPTED = "accepted"
    WORSE_THAN_ACCEPTED = "worse than accepted"
    NOT_ACCEPTED = "accepted no more"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """One of these (UTC), with how bad the finding was then; `by` and `reason` of an acceptance."""

    at: datetime
    kind: LifeKind
    severity: Severity
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FindingHistory:
    """All that happened to one finding, the oldest first, however often it went and came.

    `age_seconds` is how long it has been there, or was the last time.
    """

    instance: str
    rule: str
    account: str
    about: str
    severity: Severity
    is_open: bool
    is_accepted: bool
    age_seconds: float
    events: tuple[LifeEvent, ...]


@dataclass(frozen=True, slots=True)
class HistoryQuestion:
    """Which findings: of a rule and an account (empty: all) of which something happened in a time.

    From `since` on and before `until` (UTC).
    """

    since: datetime
    until: datetime
    rule: str = ""
    account: str = ""


def finding_history(
    deps: SyncDeps, instances: Sequence[Instance], asked: HistoryQuestion
) -> Iterator[FindingHistory]:
    """Yield findings of which something happened in a time, with all that is known of each.

    By instance, one after the other; what is read of one is let go before the next.

    Raises:
        ConfigurationError: the findings file is not valid.
    """
    accepted, now = in_force(deps), deps.clock()
    moved = deps.store.finding_lives.moved_instances(asked.since, asked.until)
    said = [item for item in accepted.every if _happened(item, asked)]
    ids = [
        item.id
        for item in instances
        if item.id in moved or any(like(one.suppression.instance, item.name) for one in said)
    ]
    each = deps.store.finding_lives.all_of(ids, rule=asked.rule, account=asked.account)
    for lives in each:
        for spells in by_life(lives):
            found = _history(spells, accepted, now)
            if any(asked.since <= item.at < asked.until for item in found.events):
                yield found


def _happened(item: InForce, asked: HistoryQuestion) -> bool:
    """Return whether an acceptance was given or ended in a time."""
    moments = (item.begins, item.ends)
    return any(one is not None and asked.since <= one < asked.until for one in moments)


def _history(
    spells: Sequence[FindingLife], accepted: AcceptedOverTime, now: datetime
) -> FindingHistory:
    last = spells[-1]
    events: list[LifeEvent] = []
    for place, life in enumerate(spells):
        events += _events(life, accepted.meaning(life), now, is_back=place > 0)
    ended = last.resolved_at or now
    return FindingHistory(
        *(last.instance, last.rule, last.account, last.about, last.severity),
        is_open=last.resolved_at is None,
        is_accepted=last.resolved_at is None and _is_accepted(last, accepted, now),
        age_seconds=max(0.0, (ended - last.first_seen_at).total_seconds()),
        events=tuple(events),
    )


def _is_accepted(life: FindingLife, accepted: AcceptedOverTime, now: datetime) -> bool:
    known = [item for item in states(life, accepted.meaning(life)) if item.at <= now]
    return bool(known) and known[-1].is_accepted


def _events(
    life: FindingLife, accepted: Sequence[InForce], now: datetime, *, is_back: bool
) -> Iterator[LifeEvent]:
    """Yield what happened to a finding while it was there, and when it went."""
    found = [item for item in states(life, accepted) if item.at <= now]
    first = LifeKind.FOUND_FIRST if life.is_first else LifeKind.OPENED
    begin = LifeKind.REOPENED if is_back else first
    yield LifeEvent(life.first_seen_at, begin, found[0].severity or life.severity)
    if found[0].is_accepted:
        yield _of_acceptance(accepted, life.first_seen_at, found[0].severity or life.severity)
    for old, new in pairwise(found):
        severity = new.severity or old.severity or life.severity
        if new.severity is None:
            yield LifeEvent(new.at, LifeKind.RESOLVED, severity)
            continue
        if old.severity is not None and new.severity is not old.severity:
            is_worse = new.severity.rank < old.severity.rank
            yield LifeEvent(new.at, LifeKind.WORSENED if is_worse else LifeKind.EASED, severity)
        if new.is_accepted and not old.is_accepted:
            yield _of_acceptance(accepted, new.at, severity)
        elif old.is_accepted and not new.is_accepted:
            is_over = any(item.ends == new.at for item in accepted)
            kind = LifeKind.NOT_ACCEPTED if is_over else LifeKind.WORSE_THAN_ACCEPTED
            yield LifeEvent(new.at, kind, severity)


def _of_acceptance(accepted: Sequence[InForce], at: datetime, severity: Severity) -> LifeEvent:
    """Return that a finding is accepted from a moment on, by the newest acceptance that holds."""
    holding = [
        item for item in accepted if item.ends > at and (item.begins is None or item.begins <= at)
    ]
    given = holding[-1].suppression if holding else accepted[-1].suppression
    return LifeEvent(at, LifeKind.ACCEPTED, severity, given.given_by, given.reason)
