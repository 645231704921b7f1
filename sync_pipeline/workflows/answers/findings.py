"""The access review: every rule over the accounts as last synced."""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from sync_pipeline.access.findings.case import Remedy
from sync_pipeline.access.findings.fleet import Uneven, uneven, uneven_finding, unevenness
from sync_pipeline.access.findings.lives import eventful
from sync_pipeline.access.findings.review import gathered
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.causes import KEEPERS
from sync_pipeline.model.finding import Finding, FindingRules, Review, Severity, counts_of
from sync_pipeline.model.finding_life import Seen
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.inventory import ChangeFilter
from sync_pipeline.model.report import FindingChange
from sync_pipeline.model.review import FindingDay, KnownFinding, keys_of
from sync_pipeline.model.session import Session
from sync_pipeline.workflows.answers.burndown import burndown
from sync_pipeline.workflows.answers.finding_rules import Counting, finding_rules, for_team
from sync_pipeline.workflows.answers.kept_reviews import Reviewed, Reviews, with_namesakes
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SessionReview:
    """The review of a session's instances; `changed` counts findings of changed accounts.

    `came` and `went` count what was found, and was found no more, since the session began; the
    first review of an instance counts for neither.
    """

    review: Review
    changed: Mapping[Severity, int]
    came: int = 0
    went: int = 0


def review_of(deps: SyncDeps, instances: Sequence[Instance], *, is_limited: bool = False) -> Review:
    """Return the findings of these instances.

    `is_limited`: for who may know of no others. Of acceptances nothing is said then that may be of
    others than these; see `for_team`. Nor is it said since when namesakes differ: others of the
    fleet may have differed before.

    Raises:
        ConfigurationError: the findings file is not valid.
    """
    chosen = finding_rules(deps)
    if is_limited:
        chosen = for_team(chosen, today(deps))
    reviews = Reviews(deps, chosen.disabled)
    items = list(reviews.of(instances))
    uneven_ones = _uneven(items, chosen)
    remedies = reviews.remedies(items, uneven_ones)
    more = _of_fleet(reviews, items, uneven_ones, remedies)
    if is_limited:
        more = [replace(item, first_seen=None) for item in more]
    return gathered([item.examined for item in items], chosen, today(deps), more)


def review_or_reason(
    deps: SyncDeps, instances: Sequence[Instance], *, is_limited: bool = False
) -> Review:
    """Return the findings, or a review whose note says why there is none.

    For places where the review is an extra: it never costs them their own result.
    """
    try:
        return review_of(deps, instances, is_limited=is_limited)
    except Exception as error:  # noqa: BLE001 - a defect in a rule must not lose a report
        return Review(notes=(_reason(error, is_limited=is_limited),))


def _reason(error: Exception, *, is_limited: bool = False) -> str:
    """Return why there are no findings; the file may name instances that not all may know."""
    if isinstance(error, ConfigurationError):
        if is_limited:
            return "The findings were not evaluated: the findings file is not valid."
        return f"The findings were not evaluated: {error}"
    # Where it happened, without the exception's text: that may quote anything.
    where = "".join(traceback.format_tb(error.__traceback__))
    _LOG.error("findings: unexpected %s\n%s", type(error).__name__, where)
    return f"The findings were not evaluated: an unexpected {type(error).__name__}."


def review_session(deps: SyncDeps, session: Session) -> SessionReview:
    """Return what is found on the instances of a session, counted, and what it changed.

    The findings say whose they are and how bad, and not how they end.
    """
    ids = deps.store.session_reads.instance_ids(session.session_id, session.total)
    instances = deps.store.registry.ever_by_ids(ids)
    try:
        return _review_session(deps, session, instances)
    except Exception as error:  # noqa: BLE001 - a defect in a rule must not lose a run
        return SessionReview(Review(notes=(_reason(error),)), counts_of(()))


def _review_session(
    deps: SyncDeps, session: Session, instances: Sequence[Instance]
) -> SessionReview:
    counting = Counting.of(deps)
    chosen = counting.chosen
    reviews = Reviews(deps, chosen.disabled, with_findings=False)
    items = list(reviews.of(instances))
    uneven_ones = _uneven(items, chosen)
    more = _of_fleet(reviews, items, uneven_ones, [Remedy()] * len(uneven_ones))
    kept = [item.instance for item in items if item.turn is not None]
    by_id = {item.id: item for item in kept}
    known = deps.store.reviews.open(list(by_id))
    counted = (_named(by_id[item.instance_id], item) for item in known)
    examined = [item.examined for item in items]
    found = gathered(examined, chosen, today(deps), chain(more, counted))
    # What a first sync found, or only an upgrade reports, nobody changed.
    wanted = ChangeFilter(
        session_id=session.session_id,
        limit=None,
        with_baselines=False,
        with_silent=False,
        with_damaged=True,
    )
    changes = deps.store.accounts.changes(wanted)
    touched = {(item.instance, item.change.account) for item in changes}
    changed = [item for item in found.findings if (item.instance, item.account) in touched]
    came, went = _turnover(deps, session, by_id, counting)
    return SessionReview(found, counts_of(changed), came, went)


def _turnover(
    deps: SyncDeps, session: Session, by_id: Mapping[int, Instance], counting: Counting
) -> tuple[int, int]:
    """Return how many findings came and how many went since a session began."""
    changes = deps.store.reviews.changes_since(list(by_id), session.started_at)
    counts = Counter(
        is_new
        for item, is_new in changes
        if counting.is_shown(_named(by_id[item.instance_id], item))
    )
    return counts[True], counts[False]


def _named(instance: Instance, known: KnownFinding) -> Finding:
    return Finding(
        instance.name,
        instance.engine,
        known.account,
        known.rule,
        known.severity,
        "",
        about=known.about,
        steps=known.steps,
    )


def _uneven(items: Sequence[Reviewed], chosen: FindingRules) -> list[Uneven]:
    if uneven.id in chosen.disabled or len(items) == 1:
        return []
    return list(unevenness(with_namesakes(items)))


def _of_fleet(
    reviews: Reviews,
    items: Sequence[Reviewed],
    found: Sequence[Uneven],
    remedies: Sequence[Remedy],
) -> list[Finding]:
    """Return the findings of namesakes, with when they were first seen.

    That is kept where all instances of the fleet are compared.
    """
    if uneven.id in reviews.disabled or not (found or reviews.may_keep):
        # Without any, what is known is asked for to keep that there is none.
        return []
    examined = [item.examined for item in items]
    ids = [item.instance.id for item in items]
    by_id: dict[int, list[Finding]] = {item: [] for item in ids}
    for one, remedy in zip(found, remedies, strict=True):
        by_id[ids[one.place]].append(uneven_finding(uneven, examined, one, remedy))
    store = reviews.deps.store
    known = store.reviews.seen(ids, of_fleet=True)
    is_other = any(set(keys_of(own)) != known.get(item, {}).keys() for item, own in by_id.items())
    is_first = any(item.turn is not None and not item.is_compared for item in items)
    if (is_other or is_first) and _is_fleet(reviews.deps, items):
        reviews.keep(lambda: store.reviews.keep_of_fleet(by_id, reviews.now))
        known = store.reviews.seen(ids, of_fleet=True)
    found_ones = []
    for item, own in by_id.items():
        for key, single in zip(keys_of(own), own, strict=True):
            seen = known.get(item, {}).get(key, Seen(reviews.now))
            found_ones.append(replace(single, first_seen=seen.first_seen, steps=seen.steps))
    return found_ones


def _is_fleet(deps: SyncDeps, items: Sequence[Reviewed]) -> bool:
    active = {item.instance.id for item in items if item.instance.is_active}
    if len(active) != len(items):
        return False
    return not deps.store.registry.has_more_active(len(items))


def trend(
    deps: SyncDeps, instances: Sequence[Instance], days: int, *, is_limited: bool = False
) -> list[FindingDay]:
    """Return of the burn-down those days and severities of which anything became another.

    `is_limited`: for who may know of no others, with whom namesakes are compared.

    Raises:
        ConfigurationError: the findings file is not valid.
    """
    return eventful(burndown(deps, instances, days, is_limited=is_limited))


def open_before(
    deps: SyncDeps, instances: Sequence[Instance], days: int, *, is_limited: bool = False
) -> Mapping[Severity, int]:
    """Return how many findings there were when the days of a `trend` began; of none: no number.

    Raises:
        ConfigurationError: the findings file is not valid.
    """
    found = burndown(deps, instances, days + 1, is_limited=is_limited)
    day_before = today(deps) - timedelta(days=days)
    return {item.severity: item.open for item in found if item.day == day_before and item.open}


def changes_since(
    deps: SyncDeps, instances: Sequence[Instance], since: datetime, *, is_limited: bool = False
) -> list[FindingChange]:
    """Return what was found, and was found no more, since a moment (UTC); worst first.

    Not what the first review of an instance found, nor what is accepted now. `is_limited`: for who
    may know of no others, with whom namesakes are compared.

    Raises:
        ConfigurationError: the findings file is not valid.
    """
    counting = Counting.of(deps)
    left_out = uneven.id if is_limited else None
    by_id = {item.id: item for item in instances}
    found = [
        FindingChange(by_id[item.instance_id].name, item.account, item.rule, item.severity, is_new)
        for item, is_new in deps.store.reviews.changes_since(list(by_id), since)
        if item.rule != left_out and counting.is_shown(_named(by_id[item.instance_id], item))
    ]
    return sorted(found, key=_by_severity)


def _by_severity(item: FindingChange) -> tuple[int, bool, str, str, str]:
    return item.severity.rank, not item.is_new, item.instance, item.rule, item.account


def narrowed(found: Review, least: Severity | None, rule: str | None) -> Review:
    """Return a review with findings of one rule, at least as bad as a severity.

    Who administers an instance is known to it as before: of its fixes one leaves somebody.
    """

    def is_asked(item: Finding) -> bool:
        is_bad = least is None or item.severity.rank <= least.rank
        return is_bad and (rule is None or item.rule == rule)

    return _restricted(found, is_asked)


def since(deps: SyncDeps, instances: Sequence[Instance], found: Review, moment: datetime) -> Review:
    """Return a review with the findings that came, or came back, at a moment or later.

    What the first review of an instance found did not come then.
    """
    items = (*found.findings, *found.suppressed)
    new = set(map(id, newer(deps, instances, items, moment)))
    return _restricted(found, lambda item: id(item) in new)


def _restricted(found: Review, is_asked: Callable[[Finding], bool]) -> Review:
    left_out = (item for item in (*found.findings, *found.suppressed) if not is_asked(item))
    return replace(
        found,
        findings=tuple(filter(is_asked, found.findings)),
        suppressed=tuple(filter(is_asked, found.suppressed)),
        unasked=(*found.unasked, *(item for item in left_out if item.rule in KEEPERS)),
    )


def newer(
    deps: SyncDeps, instances: Sequence[Instance], found: Iterable[Finding], moment: datetime
) -> list[Finding]:
    """Return those of findings that came, or came back, at a moment or later.

    What the first review of an instance found did not come then.
    """
    recent = [item for item in found if item.first_seen is not None and item.first_seen >= moment]
    if not recent:
        return []
    names = {item.instance for item in recent}
    ids = {item.id: item.name for item in instances if item.name in names}
    began = deps.store.finding_lives.began(list(ids))
    first = {ids[number]: began_at for number, began_at in began.items()}
    return [
        item
        for item in recent
        if item.first_seen is not None
        and item.instance in first
        and item.first_seen > first[item.instance]
    ]
