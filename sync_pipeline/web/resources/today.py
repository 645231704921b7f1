"""The first page: how the fleet is, what is new since yesterday, and what was done last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sync_pipeline.model.causes import ITSELF, Cause
from sync_pipeline.model.change import ChangeType
from sync_pipeline.model.growth import Growth
from sync_pipeline.model.page import InstanceState
from sync_pipeline.model.session import Session, SyncCategory
from sync_pipeline.web.asked import Asked
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.changes import BASELINE, COLUMNS, GIVEN, TAKEN, change_row
from sync_pipeline.web.resources.links import (
    account_link,
    capacity_link,
    instance_link,
    session_link,
)
from sync_pipeline.web.views import Column, Kind, Layout, Link, Value, View
from sync_pipeline.workflows.console.answers import Answers
from sync_pipeline.workflows.console.capacity import StandingNow
from sync_pipeline.workflows.console.today import TodayAnswer

_STATES = {
    "synced": InstanceState.SYNCED,
    "overdue": InstanceState.OVERDUE,
    "failing": InstanceState.FAILING,
    "held": InstanceState.HELD,
    "in_maintenance": InstanceState.MAINTENANCE,
    "never_reached": InstanceState.NEVER,
}
FACTS = (
    Column("instances", Kind.NUMBER),
    *(Column(name, Kind.NUMBER) for name in _STATES),
    Column("changes", Kind.NUMBER),
    Column("new_findings", Kind.NUMBER),
    Column("since", Kind.MOMENT),
)
KINDS = Layout("kinds_of_change", (Column("change", Kind.STATE), Column("count", Kind.NUMBER)))
CHANGES = Layout("new_changes", COLUMNS)
CAUSES = Layout(
    "new_causes",
    (
        Column("severity", Kind.STATE),
        Column("rule"),
        Column("instance", Kind.NAME),
        Column("account", Kind.NAME),
        Column("evidence", Kind.PROSE),
        Column("since", Kind.MOMENT),
    ),
)
GROWING = Layout(
    "growing",
    (
        Column("instance", Kind.NAME),
        Column("database", Kind.NAME),
        Column("size_bytes", Kind.SIZE),
        Column("grown_bytes", Kind.SIZE),
        Column("grown_since", Kind.DAY),
        Column("measured", Kind.DAY),
    ),
)
LIMITS = Layout(
    "near_limits",
    (
        Column("instance", Kind.NAME),
        Column("database", Kind.NAME),
        Column("size_bytes", Kind.SIZE),
        Column("limit_bytes", Kind.SIZE),
        Column("limit_is"),
        Column("days_left", Kind.NUMBER),
        Column("days_left_at_least", Kind.NUMBER),
    ),
)
SESSIONS = Layout(
    "last_sessions",
    (
        Column("category"),
        Column("session", Kind.NAME),
        Column("status", Kind.STATE),
        Column("started", Kind.MOMENT),
        Column("total", Kind.NUMBER),
        Column("done", Kind.NUMBER),
        Column("failed", Kind.NUMBER),
        Column("skipped", Kind.NUMBER),
        Column("cancelled", Kind.NUMBER),
    ),
)


def every(answers: Answers, _asked: Asked) -> View:
    """Return what there is to look at this morning."""
    found = answers.today.all()
    return View(
        facts=tuple(zip(FACTS, _facts(found), strict=True)),
        notes=tuple(_notes(found)),
        tables=(
            KINDS.of(_kinds(found)),
            CHANGES.of(map(change_row, found.changes), whole=_changes(found, "all")),
            CAUSES.of(map(_cause, found.findings.causes), whole=_link("/causes")),
            GROWING.of(map(_grown, found.growing), whole=_link("/capacity", {"sort": "-growth"})),
            LIMITS.of(map(_limit, found.limits), whole=_link("/capacity", {"sort": "until"})),
            SESSIONS.of(
                (_session(*item) for item in found.sessions) if found.was_synced else (),
                whole=_link("/sessions"),
            ),
        ),
        hint=_hint(found),
    )


def _facts(found: TodayAnswer) -> Iterator[Value]:
    yield _number(found.instances, "/instances")
    for state in _STATES.values():
        yield _number(found.states[state], "/instances", {"state": str(state)})
    counts = found.counts
    total = sum(counts.types.values()) + counts.first_syncs
    yield _number(total, "/changes", {"since": found.since.isoformat()})
    yield _number(found.findings.total, "/causes")
    yield found.since


def _kinds(found: TodayAnswer) -> Iterator[tuple[Value, ...]]:
    """Yield how many changes there were of each kind, the most important first."""
    counts = found.counts
    kinds: tuple[tuple[str, int, Mapping[str, str]], ...] = (
        ("power given", counts.gives_power, {"power": "yes", "effect": GIVEN}),
        ("power taken", counts.takes_power, {"power": "yes", "effect": TAKEN}),
        *((str(kind), counts.types.get(kind, 0), {"type": str(kind)}) for kind in ChangeType),
        (BASELINE, counts.first_syncs, {"type": BASELINE}),
    )
    for name, count, query in kinds:
        if count:
            yield name, _changes(found, f"{count:,}", query, count)


def _changes(
    found: TodayAnswer,
    text: str,
    query: Mapping[str, str] | None = None,
    number: int | None = None,
) -> Link:
    values = {**(query or {}), "since": found.since.isoformat()}
    return Link(text, "/changes", values, number=number)


def _cause(cause: Cause) -> tuple[Value, ...]:
    worst, accounts = cause.worst, cause.accounts
    who: Value = ITSELF if not accounts else cause.named
    if len(accounts) == 1:
        who = account_link(worst.instance, accounts[0])
    return (
        str(cause.severity),
        Link(worst.rule, "/causes", {"instance": worst.instance, "rule": worst.rule}),
        instance_link(worst.instance),
        who,
        cause.evidence,
        cause.since,
    )


def _grown(item: StandingNow) -> tuple[Value, ...]:
    own, newest = item.standing, item.newest
    at = own.aggregation
    return (
        instance_link(own.instance),
        capacity_link(own.database, own.instance, own.database),
        newest.total_bytes if newest else None,
        at.total.change_bytes if at else None,
        at.period_start if at else None,
        newest.collected_date if newest else None,
    )


def _limit(item: Growth) -> tuple[Value, ...]:
    return (
        instance_link(item.instance),
        capacity_link(item.database, item.instance, item.database) if item.database else None,
        item.last_bytes,
        item.limit_bytes,
        str(item.limit_kind) if item.limit_kind else None,
        _days(item.days_until_limit),
        _days(item.earliest_days_until_limit),
    )


def _days(count: float | None) -> float | None:
    return None if count is None else round(count, 1)


def _session(category: SyncCategory, item: Session | None) -> tuple[Value, ...]:
    if item is None:
        return str(category), *(None for _ in SESSIONS.columns[1:])
    return (
        Link(str(category), "/sessions", {"category": str(category)}),
        session_link(item.session_id),
        str(item.status),
        item.started_at,
        item.total,
        item.successful,
        item.failed,
        item.skipped,
        item.cancelled,
    )


def _notes(found: TodayAnswer) -> Iterator[str]:
    yield from found.findings.notes
    if not found.counts.is_whole:
        yield "Not all changes of a version before are counted: an upgrade is less than a day old."
    if not found.findings.is_whole:
        yield f"There are more than {found.findings.total} new findings; the worst are counted."


def _hint(found: TodayAnswer) -> str:
    if not found.instances:
        return "hint.no_instance"
    return "" if found.was_synced else "hint.no_session"


def _number(count: int, address: str, query: Mapping[str, str] | None = None) -> Link:
    return Link(f"{count:,}", address, query or {}, number=count)


def _link(address: str, query: Mapping[str, str] | None = None) -> Link:
    return Link("all", address, query or {})


RESOURCES = (
    Resource(
        "today",
        every,
        (KINDS, CHANGES, CAUSES, GROWING, LIMITS, SESSIONS),
        facts=FACTS,
        kept_empty=("kinds_of_change", "new_causes", "growing"),
    ),
)
