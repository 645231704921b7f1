"""Instances: the list, and one of them with what is not read and what holds it back."""

from __future__ import annotations

from sync_pipeline.model.breaker import Streak
from sync_pipeline.model.causes import CauseGroup, causes_of
from sync_pipeline.model.page import InstanceLine, InstanceOrder, InstanceState
from sync_pipeline.model.session import InstanceRecord
from sync_pipeline.web.asked import Asked, Parameter, Shape
from sync_pipeline.web.resource import SORT, Resource
from sync_pipeline.web.resources.histories import plot_of
from sync_pipeline.web.resources.links import capacity_link, instance_link, session_link
from sync_pipeline.web.resources.parameters import (
    ENGINE,
    ENVIRONMENT,
    PLATFORM,
    SYSTEM,
    TAG,
    selected,
)
from sync_pipeline.web.views import Column, Kind, Layout, Link, Value, View
from sync_pipeline.workflows.console.answers import Answers, InstanceAnswer
from sync_pipeline.workflows.syncing.admission import Hold

LIST = Layout(
    "instances",
    (
        Column("instance", Kind.NAME, InstanceOrder.NAME),
        Column("engine", order=InstanceOrder.ENGINE),
        Column("environment", order=InstanceOrder.ENVIRONMENT),
        Column("tags", Kind.LINES),
        Column("state", Kind.STATE),
        Column("on_hold", Kind.PROSE),
        Column("accounts", Kind.NUMBER),
        Column("address"),
        Column("version"),
        Column("platform"),
        Column("reached", Kind.MOMENT, InstanceOrder.REACHED),
    ),
)
FACTS = (
    Column("engine"),
    Column("state", Kind.STATE),
    Column("address"),
    Column("environment"),
    Column("tags", Kind.LINES),
    Column("version"),
    Column("platform"),
    Column("reached", Kind.MOMENT),
    Column("accounts", Kind.NUMBER),
    Column("gone_accounts", Kind.NUMBER),
    Column("findings"),
    Column("listed"),
    Column("gone_from_list", Kind.MOMENT),
    Column("description"),
)
HELD = Layout(
    "held", (Column("what", Kind.PROSE), Column("why", Kind.PROSE), Column("until", Kind.MOMENT))
)
UNREAD = Layout(
    "unread",
    (
        Column("section"),
        Column("database", Kind.NAME),
        Column("status", Kind.STATE),
        Column("why", Kind.PROSE),
        Column("last_read", Kind.MOMENT),
    ),
)
DATABASES = Layout(
    "databases",
    (
        Column("database", Kind.NAME),
        Column("is_there", Kind.FLAG),
        Column("first_seen", Kind.MOMENT),
        Column("last_seen", Kind.MOMENT),
    ),
)
SERVER = Layout(
    "server",
    (
        Column("setting"),
        Column("database", Kind.NAME),
        Column("subject", Kind.NAME),
        Column("value", Kind.PROSE),
        Column("since", Kind.MOMENT),
    ),
)
RECORDS = Layout(
    "last_records",
    (
        Column("session", Kind.NAME),
        Column("category"),
        Column("status", Kind.STATE),
        Column("started", Kind.MOMENT),
        Column("seconds", Kind.NUMBER),
        Column("message", Kind.PROSE),
    ),
)


def every(answers: Answers, asked: Asked) -> View:
    """Return a page of instances."""
    sort = asked.text(SORT)
    question = selected(asked)
    page, held = answers.instances(
        type(question)(
            tags=question.tags,
            engines=question.engines,
            environments=question.environments,
            platforms=asked.many(PLATFORM.name),
            state=asked.choice("state", InstanceState),
            text=asked.text("text"),
            order=InstanceOrder(sort.removeprefix("-") or InstanceOrder.NAME),
            is_descending=sort.startswith("-"),
        ),
        asked.place,
    )
    rows = (_row(line, held[line.instance.id]) for line in page.items)
    return View((LIST.of(rows, page.next, page.total),))


def one(answers: Answers, asked: Asked) -> View | None:
    """Return all of an instance."""
    found = answers.instance(asked.text("name"), asked.place)
    if found is None:
        return None
    item = found.line.instance
    sizes = plot_of(answers.capacity.sizes(item), capacity_link("", item.name))
    return View(
        about=item.name,
        plots=(sizes,),
        facts=tuple(zip(FACTS, _facts(found), strict=True)),
        notes=found.review.notes,
        tables=(
            HELD.of([*_held(found.hold), *_failing(found.hold)]),
            UNREAD.of(
                (
                    str(section.key.name),
                    section.key.database or None,
                    str(section.report.status),
                    section.report.reason,
                    section.last_read_at,
                )
                for section in found.unread
            ),
            RECORDS.of(map(_record, found.records)),
            DATABASES.of(
                (
                    capacity_link(database.name, item.name, database.name),
                    *(database.is_active, database.first_seen_at, database.last_seen_at),
                )
                for database in found.databases
            ),
            SERVER.of(
                (
                    (fact.name, fact.database or None, fact.subject or None, fact.value, since)
                    for fact, since in found.server.items
                ),
                found.server.next,
                found.server.total,
            ),
        ),
    )


def state_of(line: InstanceLine, hold: Hold) -> str:
    """Return the state of an instance in a word: the one that somebody should look at first."""
    states = (
        ("inactive", not line.instance.is_active),
        ("maintenance", hold.window is not None),
        ("failing", bool(hold.waiting or hold.failing)),
        ("overdue", bool(line.overdue)),
        ("never-reached", line.instance.last_connected_at is None),
    )
    return next((word for word, holds in states if holds), "well")


def seconds_of(record: InstanceRecord) -> float | None:
    """Return how long the work on a record took."""
    if record.started_at is None or record.completed_at is None:
        return None
    return round((record.completed_at - record.started_at).total_seconds(), 1)


def message_of(record: InstanceRecord) -> str:
    """Return what a record says of itself, as the command does."""
    warnings = record.details.get("warnings") or []
    first = ("first sync",) if record.details.get("is_baseline") else ()
    return record.error_message or "; ".join(str(item) for item in (*first, *warnings))


def _row(line: InstanceLine, hold: Hold) -> tuple[Value, ...]:
    item = line.instance
    return (
        instance_link(item.name),
        str(item.engine),
        item.environment,
        item.tags,
        state_of(line, hold),
        "; ".join(f"{what}: {why}" for what, why, _ in _held(hold)),
        line.accounts,
        f"{item.host}:{item.port}",
        item.server_version,
        item.platform.service if item.platform else None,
        item.last_connected_at,
    )


def _facts(found: InstanceAnswer) -> tuple[Value, ...]:
    item = found.line.instance
    causes = causes_of(found.review.findings, found.review.others)
    return (
        str(item.engine),
        state_of(found.line, found.hold),
        f"{item.host}:{item.port}",
        item.environment,
        item.tags,
        item.server_version,
        item.platform.service if item.platform else None,
        item.last_connected_at,
        Link(
            f"{found.line.accounts:,}",
            "/accounts",
            {"instance": item.name, SYSTEM.name: "yes"},
            number=found.line.accounts,
        ),
        found.gone_accounts,
        Link(
            CauseGroup(item.name, causes).counts or "0",
            "/causes",
            {"instance": item.name},
        ),
        str(found.origin.cloud) if found.origin else None,
        found.origin.vanished_at if found.origin else None,
        item.description,
    )


def _held(hold: Hold) -> list[tuple[str, str, Value]]:
    found: list[tuple[str, str, Value]] = [
        (
            str(waiting.streak.category),
            _failures(waiting.streak),
            waiting.due,
        )
        for waiting in hold.waiting
    ]
    if hold.window is not None:
        found.insert(0, ("maintenance", hold.window.reason, hold.window.ends_at))
    return found


def _failing(hold: Hold) -> list[tuple[str, str, Value]]:
    """Return the failures because of which it is not tried less often: with no moment."""
    return [(str(streak.category), _failures(streak), None) for streak in hold.failing]


def _failures(streak: Streak) -> str:
    last = f"{streak.error_kind}: {streak.error_message}"
    count = f"{streak.failures} failure{'' if streak.failures == 1 else 's'}"
    return f"{count}, the last one {last}"


def _record(record: InstanceRecord) -> tuple[Value, ...]:
    return (
        session_link(record.session_id),
        str(record.category),
        str(record.status),
        record.started_at,
        seconds_of(record),
        message_of(record),
    )


RESOURCES = (
    Resource(
        "instances",
        every,
        (LIST,),
        (
            Parameter("text"),
            Parameter("state", Shape.CHOICE, tuple(InstanceState)),
            ENGINE,
            TAG,
            ENVIRONMENT,
            PLATFORM,
        ),
        orders=tuple(InstanceOrder),
    ),
    Resource(
        "instance",
        one,
        (HELD, UNREAD, RECORDS, DATABASES, SERVER),
        (Parameter("name", Shape.INSTANCE, is_required=True),),
        FACTS,
        ("held", "unread", "last_records", "databases"),
        paged=("server",),
        is_listed=False,
    ),
)
