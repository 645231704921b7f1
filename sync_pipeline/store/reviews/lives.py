"""Findings over time: what came and went, and how each was meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select

from sync_pipeline.model.finding import Severity
from sync_pipeline.model.finding_life import FindingLife, read_steps
from sync_pipeline.model.review import about_of
from sync_pipeline.store.database import Database, among
from sync_pipeline.store.schema import instance_findings as findings
from sync_pipeline.store.schema import instance_reviews as reviews
from sync_pipeline.store.schema import instances

AT_ONCE = 200
"""Instances of which all findings are fetched together."""
_FIRST = findings.c.first_seen_at
_RESOLVED = findings.c.resolved_at
_CHANGED = findings.c.changed_at


class FindingLives:
    """The table of findings, as far as it is of the past."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def moved(
        self, instance_ids: Sequence[int], since: datetime, disabled: Sequence[str]
    ) -> tuple[dict[Severity, int], list[FindingLife]]:
        """Return how many findings there were at a moment that are as they were then, and others.

        Those came or went since, or are of another severity. Rules that are `disabled` are left
        out.
        """
        is_changed = and_(_CHANGED.is_not(None), since <= _CHANGED)
        with self._database.read() as connection:
            own = and_(
                among(connection, findings.c.instance_id, instance_ids),
                findings.c.rule.not_in(list(disabled)),
            )
            there = (
                select(findings.c.severity, func.count())
                .where(own, since > _FIRST, _RESOLVED.is_(None))
                .where(or_(_CHANGED.is_(None), since > _CHANGED))
                .group_by(findings.c.severity)
            )
            same = {Severity(severity): count for severity, count in connection.execute(there)}
            query = _lives().where(own, or_(since <= _FIRST, since <= _RESOLVED, is_changed))
            lives = [_life(row) for row in connection.execute(query)]
        return same, lives

    def stayed(
        self, instance_ids: Sequence[int], since: datetime, rules: Sequence[str]
    ) -> Iterator[FindingLife]:
        """Yield the findings of rules that are there as they were at a moment."""
        still = and_(since > _FIRST, _RESOLVED.is_(None), or_(_CHANGED.is_(None), since > _CHANGED))
        for some in _parts(instance_ids):
            with self._database.read_once() as connection:
                own = among(connection, findings.c.instance_id, some)
                query = _lives().where(own, still, findings.c.rule.in_(list(rules)))
                rows = connection.execute(query).all()
            yield from map(_life, rows)

    def moved_instances(self, since: datetime, until: datetime) -> set[int]:
        """Return the instances (ids) of which a finding came, went or changed in a time."""
        found: set[int] = set()
        with self._database.read() as connection:
            for column in (_FIRST, _RESOLVED, _CHANGED):
                query = select(findings.c.instance_id).where(column.is_not(None), column >= since)
                # A change that is known by its last one may have been in that time, too.
                if column is not _CHANGED:
                    query = query.where(column < until)
                found.update(connection.scalars(query))
        return found

    def all_of(
        self, instance_ids: Sequence[int], *, rule: str = "", account: str = ""
    ) -> Iterator[list[FindingLife]]:
        """Yield all findings of one instance after the other, of one rule and account if given."""
        for some in _parts(instance_ids):
            with self._database.read_once() as connection:
                query = _lives().where(among(connection, findings.c.instance_id, some))
                if rule:
                    query = query.where(findings.c.rule == rule)
                if account:
                    query = query.where(findings.c.account_name == account)
                by_instance: dict[str, list[FindingLife]] = {}
                for row in connection.execute(query.order_by(instances.c.name, findings.c.id)):
                    by_instance.setdefault(row.name, []).append(_life(row))
            yield from by_instance.values()

    def began(self, instance_ids: Sequence[int]) -> dict[int, datetime]:
        """Return when the first review of instances was: what it found, did not come then."""
        found: dict[int, datetime] = {}
        for some in _parts(instance_ids):
            with self._database.read_once() as connection:
                query = select(reviews.c.instance_id, reviews.c.began_at).where(
                    among(connection, reviews.c.instance_id, some), reviews.c.began_at.is_not(None)
                )
                found.update((row.instance_id, row.began_at) for row in connection.execute(query))
        return found


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[begin : begin + AT_ONCE] for begin in range(0, len(ids), AT_ONCE))


def _lives() -> Select[Any]:
    is_first: ColumnElement[bool] = reviews.c.began_at.is_(None) | (reviews.c.began_at >= _FIRST)
    return (
        select(
            *(instances.c.name, findings.c.rule, findings.c.account_name, findings.c.about),
            *(findings.c.severity, _FIRST, _RESOLVED, findings.c.steps),
            is_first.label("is_first"),
        )
        .join(instances, instances.c.id == findings.c.instance_id)
        .outerjoin(reviews, reviews.c.instance_id == findings.c.instance_id)
    )


def _life(row: Row[Any]) -> FindingLife:
    return FindingLife(
        instance=row.name,
        rule=row.rule,
        account=row.account_name,
        about=about_of(row.about),
        severity=Severity(row.severity),
        first_seen_at=row.first_seen_at,
        resolved_at=row.resolved_at,
        is_first=bool(row.is_first),
        steps=read_steps(row.steps),
    )
