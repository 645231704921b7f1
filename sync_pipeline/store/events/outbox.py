"""The outbox: events that wait are taken, made into messages, sent, and that is noted.

Each step is one transaction. Whatever ends the process between two of them, the next one goes on
from what is written: an event is taken once, and a message that may be on its way is sent again as
it was. The row of a route is locked while its message is made or noted, so that two processes never
have the same one; while one is sent, the time of the next try keeps others from it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    false,
    insert,
    or_,
    select,
    update,
)

from sync_pipeline.model.event import EventKind
from sync_pipeline.model.route import Arrived, OutboxLine, Outgoing, RouteState, RouteTimes
from sync_pipeline.store.database import Database, among, insert_rows, inserting
from sync_pipeline.store.events.outbox_reads import (
    DUE,
    arrived,
    content_of,
    is_due,
    route_states,
    standing_overdue,
)
from sync_pipeline.store.events.outbox_schema import outbox_lines as lines
from sync_pipeline.store.events.outbox_schema import outbox_messages as messages
from sync_pipeline.store.events.outbox_schema import outbox_routes as routes
from sync_pipeline.store.events.schema import events
from sync_pipeline.store.schema import instances

TAKEN_AT_ONCE = 1000
"""Events that one transaction takes."""
LONGEST_ERROR = 500
LONGEST_ALONE = timedelta(days=1)
"""No channel is left alone for longer: a next try after that is of a clock that was wrong."""

Decide = Callable[[Sequence[Arrived]], Iterable[OutboxLine]]
"""Says which routes tell of events, and when."""


class OutboxStore:
    """The tables of the outbox."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_idle(
        self, names: Sequence[str], now: datetime, quiet: Collection[str] = frozenset()
    ) -> bool:
        """Return whether nothing is to be taken or sent, and no route is new: a cheap look.

        What a `quiet` route has to tell waits.
        """
        of_route = messages.c.route == routes.c.route, messages.c.sent_at.is_(None)
        due = is_due(now), lines.c.route == routes.c.route
        is_on_its_way = select(messages.c.id).where(*of_route).exists()
        has_more = select(lines.c.id).where(*due).exists()
        query = select(routes, or_(is_on_its_way, has_more).label("has_work"))
        with self._database.read() as connection:
            waits = select(events.c.id).where(events.c.taken_at.is_(None)).limit(1)
            if connection.execute(waits).first() is not None:
                return False
            known = {row.route: row for row in connection.execute(query)}
        return set(names) <= known.keys() and not any(
            known[name].has_work and not _is_left_alone(known[name], now)
            for name in names
            if name not in quiet
        )

    def keep_times(self, times: Iterable[RouteTimes], now: datetime, *, oldest: timedelta) -> None:
        """Let what was due wait for the end of quiet hours, and nothing for longer than it may.

        The first is of what a channel or the daemon was away for, and no older than `oldest`: it
        is counted else. What has waited for quiet hours before is as old as it was then. The second
        is of a clock that was wrong, and of a route that has other times now.
        """
        moves = [move for item in times for move in _moves(item, now, now - oldest)]
        is_any = or_(false(), *(where for where, _ in moves))
        with self._database.read() as connection:
            if connection.execute(select(lines.c.id).where(is_any).limit(1)).first() is None:
                return
        with self._database.write() as connection:
            for where, moment in moves:
                connection.execute(update(lines).where(where).values(due_at=moment))

    def introduce(self, names: Sequence[str], decide: Decide) -> None:
        """Remember new routes, which are told first of what is overdue."""
        with self._database.write() as connection:
            new = {name for name in names if _is_new(connection, name)}
            if new:
                found = decide(standing_overdue(connection))
                _insert(connection, (item for item in found if item.route in new))

    def take(self, decide: Decide, now: datetime) -> int:
        """Take events that nobody took and write who is to tell them; return how many."""
        with self._database.write() as connection:
            query = select(events.c.id).where(events.c.taken_at.is_(None)).order_by(events.c.id)
            chosen = query.limit(TAKEN_AT_ONCE).with_for_update()
            ids = list(connection.scalars(chosen))
            if not ids:
                return 0
            _insert(connection, decide(arrived(connection, among(connection, events.c.id, ids))))
            connection.execute(
                update(events).where(among(connection, events.c.id, ids)).values(taken_at=now)
            )
            return len(ids)

    def claim(
        self, names: Sequence[str], now: datetime, *, oldest: timedelta, pause: timedelta
    ) -> list[Outgoing]:
        """Return the message of each route that is to be sent now, which no other process has.

        What was due longer ago than `oldest` is counted only. A message may be claimed again after
        `pause`, unless it was noted before.
        """
        found = []
        for name in names:
            with self._database.write() as connection:
                message_id = self._next_message(connection, name, now, now - oldest)
                if message_id is None:
                    continue
                bump = messages.c.attempts + 1
                where = messages.c.id == message_id
                connection.execute(update(messages).where(where).values(attempts=bump))
                _note_route(connection, name, next_try_at=now + pause)
                found.append(content_of(connection, message_id))
        return found

    def note_sent(self, message: Outgoing, now: datetime) -> None:
        """Note that a message was taken: it is never sent again."""
        with self._database.write() as connection:
            # The route first, as everywhere: two that wait for each other would lose this.
            self._lock(connection, message.route)
            done = connection.execute(
                update(messages)
                .where(messages.c.id == message.id, messages.c.sent_at.is_(None))
                .values(sent_at=now)
            )
            if done.rowcount:
                ended = {"failures": 0, "next_try_at": None, "error": "", "last_sent_at": now}
                _note_route(connection, message.route, **ended)

    def note_failed(
        self,
        message: Outgoing,
        now: datetime,
        error: str,
        *,
        is_refused: bool,
        wait: Callable[[int], timedelta],
    ) -> None:
        """Note that a message was not taken, or that nobody knows whether it was.

        `is_refused`: it is certain that nobody has it, so that it may be made anew with what comes
        until then. `wait` says how long its channel is left alone after so many failures in a row.
        """
        with self._database.write() as connection:
            route = self._lock(connection, message.route)
            # Another process may have it by now, where this one took too long.
            query = select(messages.c.attempts, messages.c.sent_at)
            row = connection.execute(query.where(messages.c.id == message.id)).first()
            is_ours = row is not None and row.sent_at is None and row.attempts == message.attempts
            if route is None or not is_ours:
                return
            failures = route.failures + 1
            _note_route(
                connection,
                message.route,
                failures=failures,
                next_try_at=now + wait(failures),
                error=error[:LONGEST_ERROR],
            )
            # Whoever may have it already has to get the same one again, to know it by its key.
            if is_refused and message.attempts == 1:
                _release(connection, message.id)

    def states(self, now: datetime) -> dict[str, RouteState]:
        """Return what each route has still to tell, and how it fares."""
        with self._database.read() as connection:
            return route_states(connection, now)

    def _next_message(
        self, connection: Connection, name: str, now: datetime, oldest: datetime
    ) -> int | None:
        route = self._lock(connection, name)
        if route is None or _is_left_alone(route, now):
            return None
        query = select(messages).where(messages.c.route == name, messages.c.sent_at.is_(None))
        on_its_way = connection.execute(query).first()
        if on_its_way is not None:
            if on_its_way.made_at >= oldest:
                return int(on_its_way.id)
            _release(connection, on_its_way.id)
        return _made(connection, name, now, oldest)

    def _lock(self, connection: Connection, name: str) -> Row[Any] | None:
        query = select(routes).where(routes.c.route == name)
        return connection.execute(query.with_for_update()).first()


def _moves(
    times: RouteTimes, now: datetime, oldest: datetime
) -> Iterator[tuple[ColumnElement[bool], datetime]]:
    """Yield which lines of a route are to have another time, and which."""
    own = lines.c.route == times.name
    if times.tells_from > now:
        unsent = select(messages.c.id).where(
            messages.c.route == times.name, messages.c.sent_at.is_(None)
        )
        is_due_now = lines.c.due_at.between(oldest, now), *_waits_first(times)
        yield and_(own, *is_due_now, or_(DUE, lines.c.message_id.in_(unsent))), times.tells_from
    yield and_(own, DUE, lines.c.due_at > times.tells_by), times.tells_by


def _waits_first(times: RouteTimes) -> Iterator[ColumnElement[bool]]:
    """Yield that a line was due after the last quiet hours, or is of what happened in these."""
    if times.last_quiet is not None:
        begin, end = times.last_quiet
        is_newer = select(events.c.id).where(events.c.occurred_at >= begin)
        yield or_(lines.c.due_at > end, lines.c.event_id.in_(is_newer))


def _is_left_alone(route: Row[Any], now: datetime) -> bool:
    return route.next_try_at is not None and now < route.next_try_at <= now + LONGEST_ALONE


def _is_new(connection: Connection, name: str) -> bool:
    """Write the row of a route, and return whether there was none."""
    row = {"route": name, "failures": 0, "error": ""}
    statement = inserting(connection, routes).values(row).on_conflict_do_nothing()
    return bool(connection.execute(statement.returning(routes.c.route)).first())


def _made(connection: Connection, name: str, now: datetime, oldest: datetime) -> int | None:
    """Make a message of everything that a route has to tell; None: there is nothing."""
    due = is_due(now), lines.c.route == name
    _forget_gone(connection, name)
    if connection.execute(select(lines.c.id).where(*due).limit(1)).first() is None:
        return None
    new = {"message_key": uuid.uuid4().hex, "route": name, "made_at": now, "attempts": 0}
    made = insert(messages).values(new).returning(messages.c.id)
    message_id = int(connection.scalars(made).one())
    is_late = lines.c.due_at < oldest
    connection.execute(update(lines).where(*due).values(message_id=message_id, is_late=is_late))
    return message_id


def _forget_gone(connection: Connection, name: str) -> None:
    """Say nothing of how fresh an instance was that left the fleet."""
    gone = (
        select(events.c.id)
        .join(instances, instances.c.id == events.c.instance_id)
        .where(
            events.c.kind.in_([str(EventKind.OVERDUE), str(EventKind.UP_TO_DATE)]),
            instances.c.is_active.is_(False) | instances.c.deleted_at.is_not(None),
            events.c.id == lines.c.event_id,
        )
    )
    connection.execute(delete(lines).where(DUE, lines.c.route == name, gone.exists()))


def _release(connection: Connection, message_id: int) -> None:
    """Let the events of a message wait again."""
    where = lines.c.message_id == message_id
    connection.execute(update(lines).where(where).values(message_id=None, is_late=false()))
    connection.execute(delete(messages).where(messages.c.id == message_id))


def _note_route(connection: Connection, name: str, **values: Any) -> None:
    connection.execute(update(routes).where(routes.c.route == name).values(values))


def _insert(connection: Connection, found: Iterable[OutboxLine]) -> None:
    rows: list[Mapping[str, Any]] = [
        {
            "route": item.route,
            "event_id": item.event_id,
            "due_at": item.due_at,
            "message_id": None,
            "is_late": False,
        }
        for item in found
    ]
    insert_rows(connection, lines, rows)
