"""Capacity: the fleet by periods, and what is large, what grew and which limit is near."""

from __future__ import annotations

from datetime import date

from sync_pipeline.model.period import PeriodType
from sync_pipeline.model.standing import StandingOrder, Subjects
from sync_pipeline.web.asked import Asked, Parameter, Shape
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.links import capacity_link
from sync_pipeline.web.resources.parameters import SELECTION, selected
from sync_pipeline.web.views import Column, Kind, Layout, Line, Plot, Value, View
from sync_pipeline.workflows.console.answers import Answers
from sync_pipeline.workflows.console.capacity import (
    FleetAnswer,
    FleetAt,
    FleetQuestion,
    StandingNow,
)

LARGEST_FIRST = f"-{StandingOrder.SIZE}"
FACTS = (
    Column("period"),
    Column("begins", Kind.DAY),
    Column("ends", Kind.DAY),
    Column("total_bytes", Kind.SIZE),
    Column("instances", Kind.NUMBER),
)
STANDINGS = Layout(
    "standings",
    (
        Column("instance", Kind.NAME),
        Column("database", Kind.NAME),
        Column("last_bytes", Kind.SIZE, StandingOrder.SIZE),
        Column("change_bytes", Kind.SIZE, StandingOrder.GROWTH),
        Column("change_percent", Kind.CHANGE, StandingOrder.PERCENT),
        Column("trend", Kind.STATE),
        Column("days"),
        Column("now_bytes", Kind.SIZE),
        Column("measured", Kind.DAY),
        Column("limit_bytes", Kind.SIZE),
        Column("days_at_this_growth", Kind.NUMBER, StandingOrder.UNTIL),
        Column("days_until_limit", Kind.NUMBER),
        Column("jumped_by_bytes", Kind.SIZE),
    ),
)
FLEET = Layout(
    "fleet",
    (
        Column("begins", Kind.DAY),
        Column("total_bytes", Kind.SIZE),
        Column("instances", Kind.NUMBER),
        Column("without_size", Kind.NUMBER),
        Column("is_whole", Kind.FLAG),
    ),
)


def every(answers: Answers, asked: Asked) -> View:
    """Return the fleet by periods, and a page of databases or instances."""
    sort = RESOURCE.sort_of(asked)
    found = answers.capacity.fleet(
        FleetQuestion(
            asked.choice("period", PeriodType) or PeriodType.WEEK,
            selected(asked),
            asked.choice("by", Subjects) or Subjects.DATABASES,
            StandingOrder(sort.removeprefix("-")),
            is_descending=sort.startswith("-"),
        ),
        asked.place,
    )
    return View(
        facts=tuple(zip(FACTS, _facts(found), strict=True)),
        plots=(Plot("fleet", FLEET.name, (Line("size", _points(found)),)),),
        tables=(
            STANDINGS.of(map(_row, found.page.items), found.page.next),
            FLEET.of(map(_period, reversed(found.periods))),
        ),
    )


def _points(found: FleetAnswer) -> tuple[tuple[date, int | None], ...]:
    """Return the sums that are of the whole fleet; the others would look as if it shrank."""
    return tuple(
        (at.period.start, at.sizes.total_bytes if at.sizes and at.is_whole else None)
        for at in found.periods
    )


def _period(at: FleetAt) -> tuple[Value, ...]:
    sizes = at.sizes
    if sizes is None:
        return (at.period.start, None, 0, 0, False)
    return (
        *(at.period.start, sizes.total_bytes if sizes.instances else None),
        *(sizes.instances, sizes.unknown, at.is_whole),
    )


def _facts(found: FleetAnswer) -> tuple[Value, ...]:
    last = next((at.sizes for at in reversed(found.periods) if at.sizes and at.is_whole), None)
    return (
        str(found.period.type),
        found.period.start,
        found.period.end,
        last.total_bytes if last else None,
        last.instances if last else None,
    )


def _row(item: StandingNow) -> tuple[Value, ...]:
    own, grown = item.standing, item.growth
    at = own.aggregation
    return (
        capacity_link(own.instance, own.instance),
        capacity_link(own.database, own.instance, own.database) if own.database else None,
        at.total.last_bytes if at else None,
        at.total.change_bytes if at else None,
        at.total.change_percent if at else None,
        str(at.trend) if at and at.trend else None,
        f"{at.data_count}/{at.expected_count}" if at else None,
        item.newest.total_bytes if item.newest else None,
        item.newest.collected_date if item.newest else None,
        (grown.limit_bytes if grown else None) or own.limit_bytes,
        own.days_until,
        grown.days_until_limit if grown else None,
        item.jump.grown_bytes if item.jump else None,
    )


RESOURCE = Resource(
    "capacity",
    every,
    (STANDINGS, FLEET),
    (
        Parameter("by", Shape.CHOICE, tuple(Subjects), default=Subjects.DATABASES),
        Parameter("period", Shape.CHOICE, tuple(PeriodType), default=PeriodType.WEEK),
        *SELECTION,
    ),
    FACTS,
    ("standings",),
    orders=tuple(StandingOrder),
    first_sort=LARGEST_FIRST,
    paged=("standings",),
)
RESOURCES = (RESOURCE,)
