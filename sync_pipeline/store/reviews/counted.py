"""Findings of the whole fleet by the numbers that are kept: no finding is read for these.

What instances say only together is in no numbers of one: of these the rows are counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, union_all

from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.finding_count import ALL_RULES
from sync_pipeline.model.finding_life import read_steps
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.review import about_of
from sync_pipeline.store.database import Database
from sync_pipeline.store.schema import instance_finding_counts as counts
from sync_pipeline.store.schema import instance_finding_marks as marks
from sync_pipeline.store.schema import instance_finding_totals as totals
from sync_pipeline.store.schema import instance_findings as findings
from sync_pipeline.store.schema import instances

Numbers = dict[tuple[str, Severity], int]
_IS_ACTIVE = and_(instances.c.is_active.is_(True), instances.c.deleted_at.is_(None))
_OF_RANK = tuple(Severity)


@dataclass(slots=True)
class FleetNumbers:
    """Numbers by rule and severity; of `uncounted` active instances there are none."""

    open: Numbers = field(default_factory=lambda: defaultdict(int))
    accepted: Numbers = field(default_factory=lambda: defaultdict(int))
    opened: Numbers = field(default_factory=dict)
    worsened: Numbers = field(default_factory=dict)
    resolved: Numbers = field(default_factory=dict)
    uncounted: int = 0


class FindingNumbersStore:
    """The tables of numbers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def numbers(self, basis: str, now: datetime, disabled: Sequence[str]) -> FleetNumbers:
        """Return the numbers that were counted by a basis and hold at a moment."""
        found = FleetNumbers()
        with self._database.read() as connection:
            query = (
                select(
                    *(counts.c.rule, counts.c.rank),
                    *(func.sum(counts.c.findings), func.sum(counts.c.accepted)),
                )
                .join(instances, instances.c.id == counts.c.instance_id)
                .join(marks, marks.c.instance_id == counts.c.instance_id)
                .where(counts.c.rule != ALL_RULES, _IS_ACTIVE, _holds(basis, now))
                .group_by(counts.c.rule, counts.c.rank)
            )
            for rule, rank, number, accepted in connection.execute(query):
                key = rule, _OF_RANK[rank]
                _note(found.open, key, int(number))
                _note(found.accepted, key, int(accepted))
            counted = select(marks.c.instance_id).where(_holds(basis, now))
            left = select(func.count()).where(_IS_ACTIVE, instances.c.id.not_in(counted))
            found.uncounted = connection.scalar(left.select_from(instances)) or 0
            columns = (totals.c.opened, totals.c.worsened, totals.c.resolved)
            ever = (
                select(totals.c.rule, totals.c.rank, *map(func.sum, columns))
                .where(totals.c.rule.not_in(list(disabled)))
                .group_by(totals.c.rule, totals.c.rank)
            )
            for rule, rank, *numbers in connection.execute(ever):
                key = rule, _OF_RANK[rank]
                found.opened[key], found.worsened[key], found.resolved[key] = map(int, numbers)
        return found

    def of_fleet(self, disabled: Sequence[str]) -> Mapping[tuple[str, Severity], int]:
        """Return how many findings all instances together have."""
        query = (
            select(findings.c.rule, findings.c.severity, func.count())
            .join(instances, instances.c.id == findings.c.instance_id)
            .where(_is_open(disabled), findings.c.of_fleet.is_(True), _IS_ACTIVE)
            .group_by(findings.c.rule, findings.c.severity)
        )
        with self._database.read_once() as connection:
            rows = connection.execute(query).all()
        return {(rule, Severity(severity)): number for rule, severity, number in rows}

    def each_of_fleet(self, disabled: Sequence[str]) -> Iterator[Finding]:
        """Yield these findings; only where some of them may be accepted."""
        query = _each().where(_is_open(disabled), findings.c.of_fleet.is_(True))
        with self._database.read() as connection:
            yield from map(_finding, connection.execute(query))

    def oldest(self, disabled: Sequence[str], most: int) -> list[Finding]:
        """Return of each severity the findings that have been there longest, and at most so many.

        As many again of those that instances have only together.
        """
        each = [
            _each()
            .where(
                _is_open(disabled),
                findings.c.of_fleet.is_(of_fleet),
                findings.c.severity == str(severity),
            )
            .order_by(findings.c.first_seen_at)
            .limit(most)
            .subquery()
            for severity, of_fleet in product(Severity, (False, True))
        ]
        with self._database.read_once() as connection:
            rows = connection.execute(union_all(*(select(item) for item in each))).all()
        return list(map(_finding, rows))


def _note(numbers: Numbers, key: tuple[str, Severity], number: int) -> None:
    if number:
        numbers[key] += number


def _holds(basis: str, now: datetime) -> ColumnElement[bool]:
    return and_(
        marks.c.basis == basis,
        or_(marks.c.valid_from.is_(None), marks.c.valid_from <= now),
        or_(marks.c.valid_until.is_(None), marks.c.valid_until > now),
    )


def _is_open(disabled: Sequence[str]) -> ColumnElement[bool]:
    return and_(findings.c.resolved_at.is_(None), findings.c.rule.not_in(list(disabled)))


def _each() -> Select[Any]:
    return (
        select(
            *(instances.c.name, instances.c.engine, findings.c.account_name, findings.c.rule),
            *(findings.c.severity, findings.c.about, findings.c.first_seen_at, findings.c.steps),
        )
        .join(instances, instances.c.id == findings.c.instance_id)
        .where(_IS_ACTIVE)
    )


def _finding(row: Any) -> Finding:
    return Finding(
        *(row.name, EngineName(row.engine), row.account_name, row.rule),
        *(Severity(row.severity), ""),
        about=about_of(row.about),
        first_seen=row.first_seen_at,
        steps=read_steps(row.steps),
    )
