"""Findings of a large fleet by their numbers, and the instances on which some of them are.

The numbers of an instance are kept with its review (`model/finding_count.py`). What is found there
is read of the instances of a page alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    exists,
    func,
    not_,
    or_,
    select,
)

from sync_pipeline.model.finding import Severity
from sync_pipeline.model.finding_count import ALL_RULES
from sync_pipeline.model.finding_totals import (
    Counted,
    CountedQuestion,
    Covered,
    FindingNumbers,
    FindingTotals,
    GroupLine,
    by_rank,
)
from sync_pipeline.model.instance import Instance
from sync_pipeline.store.console.by_topic import RememberedByTopic
from sync_pipeline.store.console.finding_parts import FindingParts, RuleAndRank, is_kept
from sync_pipeline.store.console.finding_sql import column_of, columns_of, holds, meant
from sync_pipeline.store.console.reach import FEW, has_any_tag, looked_up
from sync_pipeline.store.console.sums import Sums
from sync_pipeline.store.database import Database, among, by_code_points
from sync_pipeline.store.registry import instance_of
from sync_pipeline.store.remembered import OfDatabase, remembered
from sync_pipeline.store.schema import IS_NO_BASELINE, instances
from sync_pipeline.store.schema import instance_finding_counts as counts
from sync_pipeline.store.schema import instance_finding_marks as marks
from sync_pipeline.store.schema import instance_findings as findings
from sync_pipeline.store.schema import instance_reviews as reviews
from sync_pipeline.store.topics import Topic

_SHOWN = 3
SELDOM = 800
"""Instances that have a number of a kind, up to which it takes less to sort them than to look for
sixty of them in the order of their names: of 10,000 instances, that is."""
_NEVER = datetime.min.replace(tzinfo=UTC)
_OF_RULE = counts.c.rule, counts.c.rank
_Row = tuple[Any, ...]
"""A rule, a rank, and numbers; see `RuleAndRank`."""


class FindingPages(OfDatabase):
    """Numbers of findings within a reach.

    Who reads again and again keeps the numbers of many instances by part.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._parts = None if database.remembered is None else FindingParts(database)
        self._by_topic = RememberedByTopic(database, (Topic.FINDINGS,))

    def turned(self, basis: str, now: datetime) -> datetime:
        """Return the last moment at which numbers of a basis began to hold, or held no more."""
        ends = (
            select(func.max(column)).where(marks.c.basis == basis, column <= now).scalar_subquery()
            for column in (marks.c.valid_from, marks.c.valid_until)
        )
        with self._database.read_once() as connection:
            turns = connection.execute(select(*ends)).one()
        return max((moment for moment in turns if moment is not None), default=_NEVER)

    @property
    def _kept_parts(self) -> FindingParts | None:
        return None if self._database.remembered is None else self._parts

    def _numbers(self, asked: CountedQuestion) -> Sums[RuleAndRank] | None:
        """Return the numbers of many instances that are kept by part; None: they are not."""
        parts = self._kept_parts
        return parts.numbers(asked) if parts is not None and is_kept(asked) else None

    @remembered
    def covered(self, asked: CountedQuestion) -> Covered:
        """Return of how many instances of a question there are numbers, and what they leave out."""
        with self._database.read_once() as connection:
            some = select(instances.c.id).where(*meant(connection, asked)).limit(FEW + 1)
            ids = connection.scalars(some).all()
        if len(ids) <= FEW:
            asked = replace(asked, ids=tuple(ids))
        kept = self._numbers(asked)
        return self._covered(asked) if kept is None else self._covered_by(kept)

    def _covered(self, asked: CountedQuestion) -> Covered:
        with self._database.read() as connection:
            own = select(instances.c.id).where(*meant(connection, asked))
            counted = own.join(marks, marks.c.instance_id == instances.c.id).where(holds(asked))
            total, known = (
                connection.scalar(select(func.count()).select_from(query.subquery())) or 0
                for query in (own, counted)
            )
            kept = connection.scalar(select(func.count()).select_from(marks)) or 0
            names: Sequence[str] = ()
            if known < total:
                left = select(instances.c.name).where(
                    *meant(connection, asked), instances.c.id.not_in(counted)
                )
                names = connection.scalars(left.order_by(instances.c.name).limit(_SHOWN)).all()
            others: Sequence[int] | None = None
            if kept - known <= FEW:
                more = select(marks.c.instance_id).where(marks.c.instance_id.not_in(counted))
                others = connection.scalars(more).all() if kept > known else ()
            without = None if others is None else tuple(sorted(others))
            return Covered(total, total - known, tuple(names), asked.ids, without)

    def _covered_by(self, kept: Sums[RuleAndRank]) -> Covered:
        parts = kept.parts.values()
        left = [item for part in parts for item in part.left]
        others = sorted(item for part in parts for item in part.others)
        names: Sequence[str] = ()
        if left:
            with self._database.read_once() as connection:
                own = select(instances.c.name).where(among(connection, instances.c.id, left))
                names = connection.scalars(own.order_by(instances.c.name).limit(_SHOWN)).all()
        without = tuple(others) if len(others) <= FEW else None
        return Covered(sum(part.total for part in parts), len(left), tuple(names), None, without)

    @remembered
    def numbers(self, asked: CountedQuestion, *, with_rules: bool) -> FindingNumbers:
        """Return the numbers of all causes of a question, and if wanted the groups by rule."""
        kept = self._numbers(asked)
        if kept is None:
            rows = self._read_numbers(asked, with_rules=with_rules)
        else:
            rows = [(*key, *numbers) for key, numbers in kept.rows.items()]
        own = [row[1:] for row in rows if row[0] == asked.rule]
        known = [row for row in own if _is_meant(asked, row[0])]
        totals = FindingTotals(
            by_rank({row[0]: row[1] for row in known}),
            accepted=sum(row[6] for row in own),
            findings=sum(row[2] for row in known),
            accounts=sum(row[3] for row in known),
            instances=sum(row[4] for row in known),
        )
        named = [row for row in rows if with_rules and row[0] != ALL_RULES]
        return FindingNumbers(
            totals, tuple(_groups(asked, [((row[0],), *row[1:3], *row[4:6]) for row in named]))
        )

    def _read_numbers(self, asked: CountedQuestion, *, with_rules: bool) -> list[_Row]:
        sums = (*columns_of(asked), counts.c.findings, counts.c.accepted)
        of = counts.c.rule == asked.rule
        with self._database.read() as connection:
            query = _counted(
                connection,
                asked,
                *(*_OF_RULE, *map(func.sum, sums)),
                of=None if with_rules and not asked.rule else of,
            )
            rows = connection.execute(query.group_by(*_OF_RULE)).all()
        return [(row[0], *map(int, row[1:])) for row in rows]

    @remembered
    def ranks(self, asked: CountedQuestion, counted: Counted = Counted.EACH) -> dict[int, int]:
        """Return how many findings there are, each by itself, or accepted ones, by their rank.

        A rank without any is not in it.
        """
        kept = self._numbers(asked)
        if kept is not None:
            place = {Counted.CAUSES: 0, Counted.EACH: 4, Counted.ACCEPTED: 5}[counted]
            found = {
                rank: numbers[place]
                for (rule, rank), numbers in kept.rows.items()
                if rule == asked.rule and _is_meant(asked, rank)
            }
        else:
            number = func.sum(_number(asked, counted))
            with self._database.read() as connection:
                query = _counted(
                    connection, asked, counts.c.rank, number,
                    of=counts.c.rule == asked.rule, is_narrowed=True,
                ).group_by(counts.c.rank)  # fmt: skip
                found = {row[0]: int(row[1]) for row in connection.execute(query)}
        return {rank: number for rank, number in found.items() if number}

    def with_new(self, asked: CountedQuestion, since: datetime) -> dict[int, tuple[str, datetime]]:
        """Return the instances of a question of which something was found since a moment.

        Their ids, and the name and the first review of each: what that found, is not new.
        """
        recent = select(findings.c.instance_id, findings.c.first_seen_at).where(
            findings.c.first_seen_at >= since, IS_NO_BASELINE, findings.c.resolved_at.is_(None)
        )
        with self._database.read() as connection:
            # By when they came: of those that are there, which are most, there is an index too.
            new = recent.cte("new").prefix_with("MATERIALIZED")
            query = (
                select(new.c.instance_id, instances.c.name, reviews.c.began_at)
                .join(instances, instances.c.id == new.c.instance_id)
                .join(reviews, reviews.c.instance_id == new.c.instance_id)
                .where(*meant(connection, asked))
            )
            rows = connection.execute(query.distinct())
            return {row.instance_id: (row.name, row.began_at) for row in rows}

    def tags(self, asked: CountedQuestion, without: str) -> list[GroupLine]:
        """Return the groups of causes by the tags of their instances; `without` is that of none."""
        return self._of_topic(asked, ("tags", asked, without), lambda: self._tags(asked, without))

    def _tags(self, asked: CountedQuestion, without: str) -> list[GroupLine]:
        sums = [func.sum(column_of(asked, place)) for place in (0, 2, 3)]
        with self._database.read() as connection:
            of = counts.c.rule == asked.rule
            query = _counted(connection, asked, instances.c.tags, counts.c.rank, *sums, of=of)
            query = query.join(instances, instances.c.id == counts.c.instance_id)
            rows = connection.execute(query.group_by(instances.c.tags, counts.c.rank)).all()
        return _groups(asked, [(row[0] or (without,), *row[1:]) for row in rows])

    def instances(
        self, asked: CountedQuestion, limit: int, since: tuple[int, int, str] | None = None
    ) -> list[GroupLine]:
        """Return the groups of causes by their instance, worst first, from a place on."""
        key = "instances", asked, limit, since
        return self._of_topic(asked, key, lambda: self._instances(asked, limit, since))

    def _of_topic(
        self, asked: CountedQuestion, key: Hashable, made: Callable[[], list[GroupLine]]
    ) -> list[GroupLine]:
        """Return what is made of numbers alone, and kept until some of these are written."""
        # Of few instances it may be about anything that a sync finds out.
        return self._by_topic.of(key, made) if is_kept(asked) else self._remember(key, made)

    def _instances(
        self, asked: CountedQuestion, limit: int, since: tuple[int, int, str] | None
    ) -> list[GroupLine]:
        causes = column_of(asked, 0)
        name = by_code_points(instances.c.name, is_sqlite=self._database.is_sqlite)
        with self._database.read() as connection:
            worst = column_of(asked, 3) == 1
            of = counts.c.rule == asked.rule
            query = _counted(connection, asked, counts.c.instance_id, of=of, is_narrowed=True)
            query = query.join(instances, instances.c.id == counts.c.instance_id).where(worst)
            if since is not None:
                rank, count, first = since
                query = query.where(
                    or_(
                        counts.c.rank > rank,
                        and_(counts.c.rank == rank, causes < -count),
                        and_(counts.c.rank == rank, causes == -count, name >= first),
                    )
                )
            query = query.order_by(counts.c.rank, causes.desc(), name).limit(limit)
            ids = list(connection.scalars(query))
            own = _counted(
                connection,
                asked,
                *(instances.c.name, counts.c.rank, causes, column_of(asked, 2)),
                of=of,
            ).join(instances, instances.c.id == counts.c.instance_id)
            rows = connection.execute(own.where(among(connection, counts.c.instance_id, ids))).all()
        return _groups(asked, [((row[0],), row[1], row[2], row[3], 0) for row in rows], 1)

    @remembered
    def on(
        self,
        asked: CountedQuestion,
        of: Counted,
        rank: int,
        since: str,
        limit: int,
        *,
        is_after: bool = False,
        rule: str | None = None,
        tag: str | None = None,
    ) -> list[Instance]:
        """Return instances that have some of a number at a rank, by name from one on, or after it.

        `rule` is that of the number; None: that of the question. `tag` is one that they have,
        empty: none at all; None: any.
        """
        name = by_code_points(instances.c.name, is_sqlite=self._database.is_sqlite)
        with self._database.read() as connection:
            some = (
                counts.c.rule == (asked.rule if rule is None else rule),
                counts.c.rank == rank,
                _number(asked, of) > 0,
            )
            own = select(counts.c.instance_id).where(*some)
            has_some: ColumnElement[bool] = exists().where(
                counts.c.instance_id == instances.c.id, *some
            )
            if asked.account:
                own = _of_account(asked, rank)
                has_some = looked_up(connection, instances.c.id).in_(own)
            if asked.ids is None:
                # By the names, and with one seek for each: mostly the first ones have some. What
                # is seldom is sorted: else nearly all instances would be looked at for a page.
                ids = connection.scalars(own.limit(SELDOM + 1)).all()
                if not ids:
                    return []
                if len(ids) <= SELDOM:
                    has_some = among(connection, instances.c.id, ids)
            is_counted = exists().where(marks.c.instance_id == instances.c.id, holds(asked))
            query = select(instances).where(*meant(connection, asked), is_counted, has_some)
            query = query.where(name > since if is_after else name >= since)
            if tag is not None:
                query = query.where(_tagged(connection, tag))
            rows = connection.execute(query.order_by(name).limit(limit))
            return [instance_of(row) for row in rows]


def _of_account(asked: CountedQuestion, rank: int) -> Select[Any]:
    """Select the instances on which something so bad is found of the account of a question."""
    return select(findings.c.instance_id).where(
        findings.c.account_name == asked.account,
        findings.c.resolved_at.is_(None),
        findings.c.of_fleet.is_(False),
        findings.c.severity == str(tuple(Severity)[rank]),
    )


def _number(asked: CountedQuestion, of: Counted) -> ColumnElement[int]:
    if of is Counted.CAUSES:
        return column_of(asked, 0)
    found: ColumnElement[int] = counts.c.accepted if of is Counted.ACCEPTED else counts.c.findings
    return found


def _tagged(connection: Connection, tag: str) -> ColumnElement[bool]:
    if tag:
        return has_any_tag(connection, (tag,))
    length = (
        func.json_array_length if connection.dialect.name == "sqlite" else (func.jsonb_array_length)
    )
    return length(instances.c.tags, type_=Integer) == 0


def _counted(
    connection: Connection,
    asked: CountedQuestion,
    *columns: Any,
    of: ColumnElement[bool] | None = None,
    is_narrowed: bool = False,
) -> Select[Any]:
    """Return a query over the numbers of a question; `is_narrowed`: of its severities alone."""
    known = (
        select(marks.c.instance_id)
        .join(instances, instances.c.id == marks.c.instance_id)
        .where(holds(asked), *meant(connection, asked))
    )
    query: Select[Any] = select(*columns).select_from(counts)
    if of is not None:
        query = query.where(of)
    if is_narrowed and asked.least is not None:
        query = query.where(counts.c.rank <= asked.least.rank)
    if asked.without is None:
        return query.where(counts.c.instance_id.in_(known))
    # Of nearly all, those that are left out are a shorter way.
    return query.where(not_(among(connection, counts.c.instance_id, asked.without)))


def _is_meant(asked: CountedQuestion, rank: int) -> bool:
    return asked.least is None or rank <= asked.least.rank


def _groups(
    asked: CountedQuestion,
    rows: Sequence[tuple[Any, ...]],
    instances_each: int = 0,
) -> list[GroupLine]:
    """Return groups of rows: their names, a rank, and the causes, accounts and instances of it."""
    causes: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    others: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for names, rank, count, of_accounts, of_instances in rows:
        if not (int(count) and _is_meant(asked, rank)):
            continue
        for name in names:
            causes[name][rank] += int(count)
            others[name][0] += int(of_accounts)
            others[name][1] += int(of_instances)
    found = (
        GroupLine(name, by_rank(own), others[name][0], instances_each or others[name][1])
        for name, own in causes.items()
    )
    return sorted(found, key=lambda item: item.order)
