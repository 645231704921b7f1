"""The state machine of records, within a caller's transaction.

A record is written by its own row's lock alone; the session's row, which all workers
share, is locked last, to move the counts: see session_runs.py for the order of locks.
The transaction that ends the last record closes the session.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    and_,
    bindparam,
    func,
    or_,
    select,
    update,
)

from sync_pipeline.categories import reading_categories
from sync_pipeline.errors import ConfigurationError, Phase, StaleClaim
from sync_pipeline.model.breaker import RUN_DIED, Reach, Streak, reach_of
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.session import (
    NewSession,
    RecordClaim,
    RecordOutcome,
    RecordStatus,
    SessionRun,
    SessionStatus,
    SyncCategory,
)
from sync_pipeline.model.shard import slices
from sync_pipeline.store.database import among, insert_rows
from sync_pipeline.store.leases import release_of_run
from sync_pipeline.store.schema import sync_instance_records as records
from sync_pipeline.store.sessions.attempts import keep_standing
from sync_pipeline.store.sessions.counts import count, required
from sync_pipeline.store.sessions.runs import (
    begin_run,
    deciding,
    lock_runs,
    note_end,
    note_error,
    runs_of,
    working,
)
from sync_pipeline.store.watch.streaks import lengthen

UNFINISHED = (str(RecordStatus.PENDING), str(RecordStatus.RUNNING))
_CLEAN: dict[str, Any] = {
    "items_synced": 0,
    "items_created": 0,
    "items_updated": 0,
    "items_deleted": 0,
    "error_kind": None,
    "error_message": None,
    "completed_at": None,
    "sync_details": {},
}

_IS_RECORD = and_(
    records.c.session_id == bindparam("of_session"),
    records.c.instance_id == bindparam("of_instance"),
)
_TAKE = (
    update(records)
    .where(_IS_RECORD)
    .values(attempt=records.c.attempt + 1)
    .returning(records.c.instance_name, records.c.attempt)
)
_TAKE_WAITING = _TAKE.where(
    records.c.status == str(RecordStatus.PENDING),
    records.c.run_id == bindparam("of_run"),
)
_WRITE_FENCED = update(records).where(
    _IS_RECORD,
    records.c.attempt == bindparam("of_attempt"),
    records.c.status == str(RecordStatus.RUNNING),
)


def take_record(
    connection: Connection, session_id: str, instance_id: int, run_id: str, now: datetime
) -> RecordClaim:
    """Give a record to a worker; see `SessionStore.claim`."""
    run = working(connection, session_id, run_id)
    if run is None:  # nothing of it is locked yet, so that its runs come first
        return _take_over(connection, session_id, instance_id, run_id, now)
    claim = _take(connection, session_id, instance_id, run_id, now, only_waiting=True)
    if claim is None:
        return _take_over(connection, session_id, instance_id, run_id, now)
    if run.session_status != str(SessionStatus.RUNNING):
        count(connection, session_id, {RecordStatus.RUNNING: 1}, now)
    return claim


@contextmanager
def ended_record(
    connection: Connection, claim: RecordClaim, outcome: RecordOutcome, now: datetime
) -> Iterator[None]:
    """End a record around the writes of its work; see `SessionStore.finish`.

    The record is written first, so that a worker that is late writes nothing; the session
    last, so that no other worker waits for this one's writes.

    Raises:
        StaleClaim: a newer attempt or the end of the run was faster.
    """
    values = {
        "status": str(outcome.status),
        "items_synced": outcome.counters.items_synced,
        "items_created": outcome.counters.items_created,
        "items_updated": outcome.counters.items_updated,
        "items_deleted": outcome.counters.items_deleted,
        "error_kind": outcome.error_kind,
        "error_message": outcome.error_message,
        "sync_details": dict(outcome.details),
        "completed_at": now,
    }
    write_fenced(connection, claim, values)
    yield
    count(connection, claim.session_id, {outcome.status: 1}, now)


def write_fenced(connection: Connection, claim: RecordClaim, values: dict[str, Any]) -> None:
    """Change a record only for the newest attempt, and only while it runs.

    Raises:
        StaleClaim: a newer attempt or the end of the run was faster.
    """
    of_claim = {**_of_record(claim.session_id, claim.instance_id), "of_attempt": claim.attempt}
    done = connection.execute(_WRITE_FENCED, {**values, **of_claim})
    if done.rowcount != 1:
        raise StaleClaim(
            f"Attempt {claim.attempt} no longer holds the record; nothing was written.",
            instance=claim.instance_name,
            phase=Phase.STORE,
        )


def open_run(
    connection: Connection,
    new: NewSession,
    chosen: Sequence[Instance],
    now: datetime,
    nothing: str,
) -> None:
    """Note a run and give it its records; see `SessionStore.open`."""
    session_id = new.session_id
    rows = lock_runs(connection, session_id)
    ended = [run for run in deciding(rows) if run.ended_at]
    begin_run(connection, session_id, new.shard.number, new.run_id, now)
    working(connection, session_id, new.run_id)
    changes: Counter[RecordStatus] = Counter()
    added = 0
    if required(connection, session_id).total_instances:
        live = {run.run_id for run in rows if run.ended_at is None and run.run_id != new.run_id}
        changes.update(_reopen(connection, new, chosen, live))
    else:
        added = _plan(connection, new, chosen)
        for run in ended:
            changes.update(_end_records(connection, run, now))
        if not added:
            note_error(connection, session_id, new.run_id, nothing)
    count(connection, session_id, changes, now, added=added, must_settle=True)


def end_run(connection: Connection, run: SessionRun, now: datetime) -> None:
    """End what a run left open; see `SessionStore.close_run`."""
    rows = lock_runs(connection, run.session_id)
    known = next((row for row in rows if row.run_id == run.run_id), None)
    if known is not None and known.ended_at is not None:
        return
    note_end(connection, known, run)
    changes = _end_records(connection, run, now)
    if run.run_id is not None:
        release_of_run(connection, run.run_id)
    count(connection, run.session_id, changes, now, must_settle=True)


def fail_record(
    connection: Connection,
    session_id: str,
    instance_id: int,
    run_id: str,
    kind: str,
    message: str,
    now: datetime,
) -> bool:
    """Fail a record that its run left open; see `SessionStore.fail_unfinished`."""
    category = connection.scalar(
        update(records)
        .where(
            _IS_RECORD,
            records.c.run_id == run_id,
            records.c.status.in_(UNFINISHED),
        )
        .values(
            status=str(RecordStatus.FAILED),
            error_kind=kind,
            error_message=message,
            completed_at=now,
        )
        .returning(records.c.sync_category),
        _of_record(session_id, instance_id),
    )
    if category is None:
        return False
    if category in reading_categories() and reach_of(kind) is Reach.NOT_REACHED:
        failed = Streak(instance_id, SyncCategory(category), 1, now, kind, message)
        lengthen(connection, failed, session_id)
    count(connection, session_id, {RecordStatus.FAILED: 1}, now)
    return True


def _plan(connection: Connection, new: NewSession, chosen: Sequence[Instance]) -> int:
    """Write the records of every shard; return how many there are."""
    numbers = slices(chosen, new.shard.count)
    rows = [
        {
            **_CLEAN,
            "session_id": new.session_id,
            "instance_id": item.id,
            "instance_name": item.name,
            "sync_category": str(new.category),
            "status": str(RecordStatus.PENDING),
            "attempt": 0,
            "shard": numbers[item.id],
            "run_id": new.run_id if numbers[item.id] == new.shard.number else None,
        }
        for item in chosen
    ]
    insert_rows(connection, records, rows)
    return len(rows)


def _reopen(
    connection: Connection, new: NewSession, chosen: Sequence[Instance], live: Collection[str]
) -> dict[RecordStatus, int]:
    """Give a run the records of its shard that no run had, and those of `chosen` again.

    Not those that are completed, nor those that one of the `live` runs is at work on.
    """
    chosen_ids, at_work = {item.id for item in chosen}, str(RecordStatus.RUNNING)
    query = (
        select(records.c.id, records.c.instance_id, records.c.status, records.c.run_id)
        .where(
            records.c.session_id == new.session_id,
            records.c.shard == new.shard.number,
            records.c.status != str(RecordStatus.COMPLETED),
        )
        .order_by(records.c.id)
        .with_for_update()
    )
    found = [
        row
        for row in connection.execute(query)
        if row.run_id is None
        or (row.instance_id in chosen_ids and not (row.status == at_work and row.run_id in live))
    ]
    ids = [row.id for row in found]
    keep_standing(connection, ids)
    connection.execute(
        update(records)
        .where(among(connection, records.c.id, ids))
        .values(**_CLEAN, status=str(RecordStatus.PENDING), run_id=new.run_id)
    )
    before = Counter(RecordStatus(row.status) for row in found)
    return {status: -number for status, number in before.items()}


def _end_records(
    connection: Connection, run: SessionRun | Row[Any], now: datetime
) -> dict[RecordStatus, int]:
    """End the records that a run has, and those of its shard that no run had."""
    is_cancelled = run.status == SessionStatus.CANCELLED
    ended = RecordStatus.CANCELLED if is_cancelled else RecordStatus.FAILED
    reason = run.error or (
        "The run was cancelled." if is_cancelled else "The run ended without an outcome."
    )
    at_work = [] if is_cancelled else _at_work(connection, run)
    nobodys = and_(records.c.run_id.is_(None), records.c.shard == run.shard)
    done = connection.execute(
        update(records)
        .where(
            records.c.session_id == run.session_id,
            records.c.status.in_(UNFINISHED),
            or_(records.c.run_id == run.run_id, nobodys) if run.run_id else nobodys,
        )
        .values(
            status=str(ended),
            error_kind="cancelled" if is_cancelled else RUN_DIED,
            # The reason of the attempt before a retry says more than the run's end.
            error_message=func.coalesce(records.c.error_message + " ", "") + reason,
            completed_at=now,
        )
    )
    for row in at_work:
        category = SyncCategory(row.sync_category)
        lengthen(
            connection,
            Streak(row.instance_id, category, 1, now, RUN_DIED, reason),
            run.session_id,
        )
    return {ended: done.rowcount}


def _at_work(connection: Connection, run: SessionRun | Row[Any]) -> Sequence[Row[Any]]:
    """Return the instances that a run was at work on, for whose breaker its death counts.

    Their records are locked, so that none ends meanwhile. Records are locked before rows of
    streaks, and those in the order of instances, by every transaction that has several.
    """
    query = (
        select(records.c.instance_id, records.c.sync_category)
        .where(
            records.c.session_id == run.session_id,
            records.c.run_id == run.run_id,
            records.c.status == str(RecordStatus.RUNNING),
            records.c.sync_category.in_(reading_categories()),
        )
        .order_by(records.c.instance_id)
        .with_for_update()
    )
    return connection.execute(query).all()


def _take(
    connection: Connection,
    session_id: str,
    instance_id: int,
    run_id: str,
    now: datetime,
    *,
    only_waiting: bool = False,
) -> RecordClaim | None:
    """Begin the next attempt at a record; with `only_waiting` where it waits for this run."""
    values = {
        **_CLEAN,
        "status": str(RecordStatus.RUNNING),
        "started_at": now,
        "run_id": run_id,
        **_of_record(session_id, instance_id),
    }
    row = (
        connection.execute(_TAKE_WAITING, {**values, "of_run": run_id})
        if only_waiting
        else connection.execute(_TAKE, values)
    ).first()
    return None if row is None else RecordClaim(session_id, instance_id, *row)


def _take_over(
    connection: Connection, session_id: str, instance_id: int, run_id: str, now: datetime
) -> RecordClaim:
    """Take a record that did not wait for this run: it ended before, or was another's.

    A re-execution from failure opens no session, so its steps all come here, and the
    first of them makes the run known.
    """
    shard = _record(connection, session_id, instance_id).shard
    begin_run(connection, session_id, shard, run_id, now)
    working(connection, session_id, run_id)
    order = {row.run_id: row.id for row in runs_of(connection, session_id)}
    record = _record(connection, session_id, instance_id, lock=True)
    if order.get(record.run_id, 0) > order[run_id]:
        raise StaleClaim(
            f"The newer run {record.run_id} has the record; nothing was written.",
            instance=record.instance_name,
            phase=Phase.STORE,
        )
    keep_standing(connection, [record.id])
    claim = _take(connection, session_id, instance_id, run_id, now)
    if claim is None:
        raise AssertionError("a locked record is there")
    changes = {RecordStatus(record.status): -1, RecordStatus.RUNNING: 1}
    count(connection, session_id, changes, now, must_settle=True)
    return claim


def _record(
    connection: Connection, session_id: str, instance_id: int, *, lock: bool = False
) -> Row[Any]:
    query = select(records).where(_IS_RECORD)
    asked = query.with_for_update() if lock else query
    row = connection.execute(asked, _of_record(session_id, instance_id)).first()
    if row is None:
        required(connection, session_id)
        raise ConfigurationError(
            f"The session {session_id} has no record of instance {instance_id}.",
            phase=Phase.STORE,
        )
    return row


def _of_record(session_id: str, instance_id: int) -> dict[str, Any]:
    """Return what `_IS_RECORD` binds."""
    return {"of_session": session_id, "of_instance": instance_id}
