"""What is read for the outbox: events with their instances, and what a message is about."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select

from sync_pipeline.model.event import EventKind
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.route import Arrived, Outgoing, RouteState
from sync_pipeline.store.events.outbox_schema import outbox_lines as lines
from sync_pipeline.store.events.outbox_schema import outbox_messages as messages
from sync_pipeline.store.events.outbox_schema import outbox_routes as routes
from sync_pipeline.store.events.rows import event_of
from sync_pipeline.store.events.schema import events
from sync_pipeline.store.schema import instances
from sync_pipeline.store.watch.schema import freshness_states

MOST_READ = 5000
"""Events of one message that are read, the worst of them; the others are counted."""
FARTHEST = timedelta(days=15)
"""To the next time of a route, at most: a week, and almost one more of quiet hours."""

DUE = lines.c.message_id.is_(None)
_RANK = case({str(item): item.rank for item in Severity}, value=events.c.severity)


def is_due(now: datetime) -> ColumnElement[bool]:
    """Return whether a line is to be told now.

    So is one of a time that no route could have: the clock was wrong when it was written.
    """
    return and_(DUE, or_(lines.c.due_at <= now, lines.c.due_at > now + FARTHEST))


def arrived(connection: Connection, *where: ColumnElement[bool]) -> list[Arrived]:
    """Return events with what their instances are now, in the order of their ids."""
    return _read(connection, _with_instances().where(*where).order_by(events.c.id))


def noticed(connection: Connection, since: datetime, until: datetime, most: int) -> list[Arrived]:
    """Return the events of a span of time, until it ends, oldest first, so many."""
    between = events.c.occurred_at >= since, events.c.occurred_at < until
    query = _with_instances().where(*between).order_by(events.c.occurred_at, events.c.id)
    return _read(connection, query.limit(most))


def standing_overdue(connection: Connection) -> list[Arrived]:
    """Return the event of everything that is overdue now and was taken, in their order."""
    of_state = and_(
        freshness_states.c.instance_id == events.c.instance_id,
        freshness_states.c.sync_category == events.c.subject,
        freshness_states.c.stale_since.is_not(None),
        freshness_states.c.quiet.is_(None),
    )
    newest = (
        select(func.max(events.c.id))
        .join(freshness_states, of_state)
        .where(events.c.kind == str(EventKind.OVERDUE), events.c.taken_at.is_not(None))
        .group_by(events.c.instance_id, events.c.subject)
    )
    return arrived(connection, events.c.id.in_(newest))


def content_of(connection: Connection, message_id: int) -> Outgoing:
    """Return a message with what it is about."""
    row = connection.execute(select(messages).where(messages.c.id == message_id)).one()
    counts = connection.execute(
        select(
            func.count().filter(lines.c.is_late.is_(False)).label("told"),
            func.count().filter(lines.c.is_late).label("late"),
            func.min(events.c.occurred_at).filter(lines.c.is_late).label("late_since"),
        )
        .join(events, events.c.id == lines.c.event_id)
        .where(lines.c.message_id == message_id)
    ).one()
    query = (
        select(events, instances.c.name, lines.c.id.label("line_id"))
        .join(instances, instances.c.id == events.c.instance_id)
        .join(lines, lines.c.event_id == events.c.id)
        .where(lines.c.message_id == message_id, lines.c.is_late.is_(False))
        .order_by(_RANK, lines.c.id)
        .limit(MOST_READ)
    )
    rows = sorted(connection.execute(query), key=lambda item: item.line_id)
    found = tuple(event_of(item, item.name) for item in rows)
    return Outgoing(
        id=row.id,
        key=row.message_key,
        route=row.route,
        made_at=row.made_at,
        events=found,
        total=counts.told,
        late=counts.late,
        late_since=counts.late_since,
        attempts=row.attempts,
    )


def route_states(connection: Connection, now: datetime) -> dict[str, RouteState]:
    """Return what each route has still to tell, and how it fares."""
    waiting: dict[str, int] = {}
    is_open = select(messages.c.id).where(messages.c.sent_at.is_(None))
    for where in (is_due(now), lines.c.message_id.in_(is_open)):
        query = select(lines.c.route, func.count().label("events")).where(where)
        for row in connection.execute(query.group_by(lines.c.route)):
            waiting[row.route] = waiting.get(row.route, 0) + row.events
    return {
        row.route: RouteState(
            row.route,
            waiting.get(row.route, 0),
            row.failures,
            row.next_try_at,
            row.error,
            row.last_sent_at,
        )
        for row in connection.execute(select(routes).order_by(routes.c.route))
    }


def waiting_events(connection: Connection) -> int:
    """Return of how many events nobody has looked yet whom to tell."""
    query = select(func.count()).select_from(events).where(events.c.taken_at.is_(None))
    return int(connection.scalar(query) or 0)


def _with_instances() -> Select[Any]:
    return select(
        events, instances.c.name, instances.c.engine, instances.c.tags, instances.c.environment
    ).join(instances, instances.c.id == events.c.instance_id)


def _read(connection: Connection, query: Select[Any]) -> list[Arrived]:
    return [
        Arrived(event_of(row, row.name), row.engine, tuple(row.tags), row.environment or "")
        for row in connection.execute(query)
    ]
