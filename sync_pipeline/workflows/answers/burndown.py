"""Findings day by day: what came, got worse, went and was accepted, and what was left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sync_pipeline.access.findings.fleet import uneven
from sync_pipeline.access.findings.lives import AcceptedOverTime, Days, InForce
from sync_pipeline.access.findings.review import RULES
from sync_pipeline.model.finding_life import FindingLife
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.pattern import like
from sync_pipeline.model.review import FindingDay
from sync_pipeline.workflows.answers.finding_rules import end_of, file_rules
from sync_pipeline.workflows.dates import date_of, today
from sync_pipeline.workflows.dependencies import SyncDeps


def burndown(
    deps: SyncDeps, instances: Sequence[Instance], days: int, *, is_limited: bool = False
) -> list[FindingDay]:
    """Return the findings of each of the last `days`, today included, by severity, worst first.

    By day in the fleet's time zone. Findings of rules that are switched off do not count. What was
    accepted counts among those that are `open`, too. What the findings file accepts as it is now,
    is taken for accepted as long as it was there: the file does not say since when. `is_limited`:
    for who may know of no others, with whom namesakes are compared.

    Raises:
        ConfigurationError: the findings file is not valid.
    """
    last = today(deps)
    first = last - timedelta(days=days - 1)
    since = datetime.combine(first, time(), ZoneInfo(deps.settings.time_zone)).astimezone(UTC)
    accepted, disabled = in_force(deps), list(file_rules(deps.settings).disabled)
    disabled += [uneven.id] if is_limited else []
    ids = [item.id for item in instances]
    same, moved = deps.store.finding_lives.moved(ids, since, disabled)
    found = Days(first, lambda moment: date_of(moment, deps.settings), Counter(same))
    for life in moved:
        found.add(life, accepted.meaning(life))
    for life in _accepted_ones(deps, instances, accepted, since, disabled):
        found.add_accepted(life, accepted.meaning(life))
    return list(found.all(last))


def in_force(deps: SyncDeps) -> AcceptedOverTime:
    """Return everything that was ever accepted, with when it ended or will.

    Raises:
        ConfigurationError: the findings file is not valid.
    """
    found = [
        InForce(item, end_of(item.until, deps.settings))
        for item in file_rules(deps.settings).suppressions
    ]
    for item in deps.store.acceptances.ever():
        ends = end_of(item.suppression.until, deps.settings)
        found.append(InForce(item.suppression, min(ends, item.removed_at or ends)))
    return AcceptedOverTime.of(found)


def _accepted_ones(
    deps: SyncDeps,
    instances: Sequence[Instance],
    accepted: AcceptedOverTime,
    since: datetime,
    disabled: Sequence[str],
) -> list[FindingLife]:
    """Return the findings that may have been accepted, and are as they were at a moment."""
    live = [item for item in accepted.every if item.ends > since]
    rules = [
        rule.id
        for rule in RULES
        if rule.id not in disabled and any(like(item.suppression.rule, rule.id) for item in live)
    ]
    patterns = {item.suppression.instance for item in live}
    ids = [one.id for one in instances if any(like(item, one.name) for item in patterns)]
    lives = deps.store.finding_lives.stayed(ids, since, rules) if ids and rules else ()
    return [life for life in lives if accepted.meaning(life)]
