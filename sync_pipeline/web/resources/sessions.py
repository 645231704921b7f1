"""Sessions: the list, and one of them with its records and its failures by kind."""

from __future__ import annotations

from datetime import datetime

from sync_pipeline.categories import CATEGORIES
from sync_pipeline.model.imported import ImportedRecord, ImportedSession
from sync_pipeline.model.page import RecordQuestion, SessionQuestion
from sync_pipeline.model.session import (
    InstanceRecord,
    RecordStatus,
    Session,
    SessionRun,
    SessionStatus,
    SyncCategory,
)
from sync_pipeline.web.asked import Asked, Parameter, Shape
from sync_pipeline.web.resource import SORT, Resource
from sync_pipeline.web.resources.imported import DETAILS, FROM, lines_of_json
from sync_pipeline.web.resources.instances import message_of, seconds_of
from sync_pipeline.web.resources.links import instance_link, session_link
from sync_pipeline.web.resources.parameters import INSTANCE
from sync_pipeline.web.views import Column, Kind, Layout, Link, Value, View
from sync_pipeline.workflows.console.answers import Answers
from sync_pipeline.workflows.console.imported import ImportedSessionAnswer

STARTED = "started"
LIST = Layout(
    "sessions",
    (
        Column("session", Kind.NAME),
        Column("category"),
        Column("type"),
        Column("status", Kind.STATE),
        Column("started", Kind.MOMENT, STARTED),
        Column("seconds", Kind.NUMBER),
        Column("done", Kind.NUMBER),
        Column("total", Kind.NUMBER),
        Column("failed", Kind.NUMBER),
        Column("by"),
        FROM,
    ),
)
FACTS = (
    Column("category"),
    Column("type"),
    Column("status", Kind.STATE),
    Column("started", Kind.MOMENT),
    Column("ended", Kind.MOMENT),
    Column("total", Kind.NUMBER),
    Column("done", Kind.NUMBER),
    Column("failed", Kind.NUMBER),
    Column("skipped", Kind.NUMBER),
    Column("cancelled", Kind.NUMBER),
    Column("by"),
    Column("repeats"),
    Column("error", Kind.PROSE),
    FROM,
)
RECORDS = Layout(
    "records",
    (
        Column("instance", Kind.NAME),
        Column("status", Kind.STATE),
        Column("synced", Kind.NUMBER),
        Column("created", Kind.NUMBER),
        Column("updated", Kind.NUMBER),
        Column("deleted", Kind.NUMBER),
        Column("seconds", Kind.NUMBER),
        Column("error_kind"),
        Column("message", Kind.PROSE),
        DETAILS,
    ),
)
KINDS = Layout(
    "kinds", (Column("status", Kind.STATE), Column("error_kind"), Column("count", Kind.NUMBER))
)
RUNS = Layout(
    "runs",
    (
        Column("shard", Kind.NUMBER),
        Column("run", Kind.NAME),
        Column("status", Kind.STATE),
        Column("started", Kind.MOMENT),
        Column("ended", Kind.MOMENT),
        Column("error", Kind.PROSE),
    ),
)


def every(answers: Answers, asked: Asked) -> View:
    """Return a page of sessions, newest first."""
    category = asked.text("category")
    question = SessionQuestion(
        SyncCategory(category) if category else None,
        asked.choice("status", SessionStatus),
        asked.text(INSTANCE.name),
        is_oldest_first=asked.text(SORT) == STARTED,
    )
    page = answers.sessions(question, asked.place)
    return View((LIST.of(map(_row, page.items), page.next),))


def one(answers: Answers, asked: Asked) -> View | None:
    """Return all of a session, with a page of its records."""
    question = RecordQuestion(asked.text("id"), asked.choice("status", RecordStatus))
    found = answers.session(question.session_id)
    if found is None:
        return _imported(answers.imported.session(question, asked.place))
    session = found.session
    page = answers.records(question, asked.place)
    return View(
        about=session.session_id,
        facts=tuple(zip(FACTS, _facts(session), strict=True)),
        tables=(
            KINDS.of((str(item.status), item.error_kind, item.count) for item in found.kinds),
            RECORDS.of(map(_record, page.items), page.next),
            RUNS.of(map(_run, found.runs)),
        ),
    )


def _imported(found: ImportedSessionAnswer | None) -> View | None:
    if found is None:
        return None
    session = found.session
    return View(
        about=session.session_id,
        facts=tuple(zip(FACTS, _imported_facts(session), strict=True)),
        tables=(
            KINDS.of((item.status, None, item.count) for item in found.kinds),
            RECORDS.of(map(_imported_record, found.records.items), found.records.next),
            RUNS.of(()),
        ),
    )


def _seconds(began: datetime | None, ended: datetime | None) -> float | None:
    if began is None or ended is None:
        return None
    return round((ended - began).total_seconds(), 1)


def _row(item: Session | ImportedSession) -> tuple[Value, ...]:
    if isinstance(item, ImportedSession):
        return (
            session_link(item.session_id),
            item.category,
            item.task or item.trigger,
            item.status,
            item.started_at,
            _seconds(item.started_at, item.completed_at),
            item.successful,
            item.total,
            item.failed,
            item.created_by,
            item.source,
        )
    return (
        session_link(item.session_id),
        str(item.category),
        str(item.sync_type),
        str(item.status),
        item.started_at,
        _seconds(item.started_at, item.completed_at),
        item.successful,
        item.total,
        item.failed,
        item.created_by,
        None,
    )


def _facts(item: Session) -> tuple[Value, ...]:
    return (
        str(item.category),
        str(item.sync_type),
        str(item.status),
        item.started_at,
        item.completed_at,
        item.total,
        item.successful,
        item.failed,
        item.skipped,
        item.cancelled,
        item.created_by,
        session_link(item.repeats) if item.repeats else None,
        item.error,
        None,
    )


def _imported_facts(item: ImportedSession) -> tuple[Value, ...]:
    return (
        item.category,
        ", ".join(filter(None, (item.task, item.trigger))),
        item.status,
        item.started_at,
        item.completed_at,
        item.total,
        item.successful,
        item.failed,
        None,
        None,
        item.created_by,
        None,
        item.error,
        item.source,
    )


def _imported_record(item: ImportedRecord) -> tuple[Value, ...]:
    return (
        # What it was called there: here it may have another name, or be none.
        item.name,
        item.status,
        item.synced,
        item.created,
        item.updated,
        item.deleted,
        _seconds(item.started_at, item.completed_at),
        None,
        item.error,
        lines_of_json(item.details),
    )


def _record(item: InstanceRecord) -> tuple[Value, ...]:
    return (
        instance_link(item.instance_name),
        str(item.status),
        item.counters.items_synced,
        item.counters.items_created,
        item.counters.items_updated,
        item.counters.items_deleted,
        seconds_of(item),
        item.error_kind,
        message_of(item),
        (),
    )


def _run(item: SessionRun) -> tuple[Value, ...]:
    run = Link(item.run_id, f"/runs/{item.run_id}", is_outside=True) if item.run_id else None
    return (item.shard, run, str(item.status), item.started_at, item.ended_at, item.error)


RESOURCES = (
    Resource(
        "sessions",
        every,
        (LIST,),
        (
            Parameter("category", Shape.CHOICE, tuple(CATEGORIES)),
            Parameter("status", Shape.CHOICE, tuple(SessionStatus)),
            INSTANCE,
        ),
        orders=(STARTED,),
        first_sort=f"-{STARTED}",
    ),
    Resource(
        "session",
        one,
        (KINDS, RECORDS, RUNS),
        (
            Parameter("id", is_required=True),
            Parameter("status", Shape.CHOICE, tuple(RecordStatus)),
        ),
        FACTS,
        ("records",),
        paged=("records",),
        is_listed=False,
    ),
)
