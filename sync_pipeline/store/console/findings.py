"""Findings of a large fleet by their numbers, and the instances on which some of them are.

The numbers of an instance are kept with its review (`model/finding_count.py`). What is found there
is read of the instances of a page alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    case,
    exists,
    func,
    not_,
    or_,
    select,
)

from sync_pipeline.model.finding_count import ALL_RULES
from sync_pipeline.model.finding_totals import (
    Counted,
    CountedQuestion,
    CountedRank,
    Covered,
    FindingNumbers,
    FindingTotals,
    GroupLine,
    by_rank,
)
from sync_pipeline.model.instance import Instance
from sync_pipeline.store.console.reach import FEW, chosen, has_any_tag, in_reach
from sync_pipeline.store.database import among
from sync_pipeline.store.registry import instance_of
from sync_pipeline.store.remembered import OfDatabase, remembered
from sync_pipeline.store.schema import instance_accounts as accounts
from sync_pipeline.store.schema import instance_finding_counts as counts
from sync_pipeline.store.schema import instance_finding_marks as marks
from sync_pipeline.store.schema import instance_findings as findings
from sync_pipeline.store.schema import instance_reviews as reviews
from sync_pipeline.store.schema import instances

_SHOWN = 3
MOST_BOUND = 5_000
"""Instances whose ids are bound to statements in the place of the tags that they were found by, or
that are left out of the numbers of all."""
_NEVER = datetime.min.replace(tzinfo=UTC)
_OF_RULE = counts.c.rule, counts.c.rank
_TOLD = ("told_causes", "told_findings", "told_accounts", "is_told_worst")
_ALONE = ("alone_causes", "alone_findings", "alone_accounts", "is_alone_worst")
"""With one rule, nothing that others say is folded."""


class FindingPages(OfDatabase):
    """Numbers of findings within a reach."""

    def turned(self, basis: str, now: datetime) -> datetime:
        """Return the last moment at which numbers of a basis began to hold, or held no more."""
        turns = self._turns(basis)
        place = bisect_right(turns, now)
        return turns[place - 1] if place else _NEVER

    @remembered
    def _turns(self, basis: str) -> tuple[datetime, ...]:
        ends = select(marks.c.valid_from, marks.c.valid_until).where(marks.c.basis == basis)
        with self._database.read_once() as connection:
            rows = connection.execute(ends.distinct())
            return tuple(sorted({moment for row in rows for moment in row if moment is not None}))

    @remembered
    def covered(self, asked: CountedQuestion) -> Covered:
        """Return of how many instances of a question there are numbers, and what they leave out."""
        with self._database.read() as connection:
            asked, total = _found(connection, asked)
            is_whole = asked.ids is None and not _is_narrowed(connection, asked)
            kept = _count(connection, select(marks.c.instance_id))
            others = _others(connection, asked, MOST_BOUND) if is_whole else None
            if others is None:
                known = _count(connection, _known(connection, asked))
                if kept - known <= FEW:
                    others = _others(connection, asked, FEW)
            else:
                known = kept - len(others)
            names: Sequence[str] = ()
            if known < total:
                # By the names, and with one seek for each: the first few end it.
                is_counted = exists().where(marks.c.instance_id == instances.c.id, _holds(asked))
                meant = _meant(connection, asked, is_by_name=True)
                left = select(instances.c.name).where(*meant, ~is_counted)
                names = connection.scalars(left.order_by(instances.c.name).limit(_SHOWN)).all()
            return Covered(total, total - known, tuple(names), asked.ids, others)

    @remembered
    def numbers(self, asked: CountedQuestion, *, with_rules: bool) -> FindingNumbers:
        """Return the numbers of all causes of a question, and if wanted the groups by rule."""
        sums = (*(func.sum(_column(asked, place)) for place in range(4)),)
        of = counts.c.rule == asked.rule
        with self._database.read() as connection:
            query = _counted(
                connection, asked, *_OF_RULE, *sums, func.sum(counts.c.accepted),
                of=None if with_rules and not asked.rule else of,
            )  # fmt: skip
            rows = [
                (row[0], *map(int, row[1:]))
                for row in connection.execute(query.group_by(*_OF_RULE))
            ]
        own = [row[1:] for row in rows if row[0] == asked.rule]
        known = [row for row in own if _is_meant(asked, row[0])]
        totals = FindingTotals(
            by_rank({row[0]: row[1] for row in known}),
            accepted=sum(row[5] for row in own),
            findings=sum(row[2] for row in known),
            accounts=sum(row[3] for row in known),
            instances=sum(row[4] for row in known),
        )
        named = [row for row in rows if row[0] != ALL_RULES]
        return FindingNumbers(
            totals, tuple(_groups(asked, [((row[0],), *row[1:3], *row[4:6]) for row in named]))
        )

    @remembered
    def ranks(
        self, asked: CountedQuestion, counted: Counted = Counted.EACH
    ) -> dict[int, CountedRank]:
        """Return how many findings there are of each rank, each by itself, or were accepted."""
        number = _number(asked, counted)
        has_some = func.sum(case((number > 0, 1), else_=0))
        with self._database.read() as connection:
            query = _counted(
                connection, asked, counts.c.rank, func.sum(number), has_some,
                of=counts.c.rule == asked.rule, is_narrowed=True,
            )  # fmt: skip
            rows = connection.execute(query.group_by(counts.c.rank))
            return {row[0]: CountedRank(int(row[1]), int(row[2])) for row in rows if row[1]}

    def with_new(self, asked: CountedQuestion, since: datetime) -> dict[int, tuple[str, datetime]]:
        """Return the instances of a question of which something was found since a moment.

        Their ids, and the name and the first review of each: what that found, is not new.
        """
        recent = select(findings.c.instance_id, findings.c.first_seen_at).where(
            findings.c.first_seen_at >= since, findings.c.resolved_at.is_(None)
        )
        with self._database.read() as connection:
            # By when they came: of those that are there, which are most, there is an index too.
            new = recent.cte("new").prefix_with("MATERIALIZED")
            query = (
                select(new.c.instance_id, instances.c.name, reviews.c.began_at)
                .join(instances, instances.c.id == new.c.instance_id)
                .join(reviews, reviews.c.instance_id == new.c.instance_id)
                .where(new.c.first_seen_at > reviews.c.began_at, *_meant(connection, asked))
            )
            rows = connection.execute(query.distinct())
            return {row.instance_id: (row.name, row.began_at) for row in rows}

    @remembered
    def tags(self, asked: CountedQuestion, without: str) -> list[GroupLine]:
        """Return the groups of causes by the tags of their instances; `without` is that of none."""
        sums = [func.sum(_column(asked, place)) for place in (0, 2, 3)]
        with self._database.read() as connection:
            of = counts.c.rule == asked.rule
            query = _counted(connection, asked, instances.c.tags, counts.c.rank, *sums, of=of)
            query = query.join(instances, instances.c.id == counts.c.instance_id)
            rows = connection.execute(query.group_by(instances.c.tags, counts.c.rank)).all()
        return _groups(asked, [(row[0] or (without,), *row[1:]) for row in rows])

    @remembered
    def instances(
        self, asked: CountedQuestion, limit: int, since: tuple[int, int, str] | None = None
    ) -> list[GroupLine]:
        """Return the groups of causes by their instance, worst first, from a place on."""
        causes, name = _column(asked, 0), self._exact(instances.c.name)
        with self._database.read() as connection:
            worst = _column(asked, 3) == 1
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
                *(instances.c.name, counts.c.rank, causes, _column(asked, 2)),
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
        is_seldom: bool = False,
        rule: str | None = None,
        tag: str | None = None,
    ) -> list[Instance]:
        """Return instances that have some of a number at a rank, by name from one on, or after it.

        `is_seldom`: so few have some that they are found first. `rule` is that of the number;
        None: that of the question. `tag` is one that they have, empty: none at all; None: any.
        """
        name = self._exact(instances.c.name)
        with self._database.read() as connection:
            column = _number(asked, of)
            own = (
                counts.c.rule == (asked.rule if rule is None else rule),
                counts.c.rank == rank,
                column > 0,
            )
            # By the names, and with one seek for each: mostly the first ones have some.
            has_some = (
                instances.c.id.in_(select(counts.c.instance_id).where(*own))
                if is_seldom
                else exists().where(*own, counts.c.instance_id == instances.c.id)
            )
            is_counted = exists().where(marks.c.instance_id == instances.c.id, _holds(asked))
            meant = _meant(connection, asked, is_by_name=not is_seldom)
            query = select(instances).where(*meant, is_counted, has_some)
            query = query.where(name > since if is_after else name >= since)
            if tag is not None:
                query = query.where(_tagged(connection, tag))
            rows = connection.execute(query.order_by(name).limit(limit))
            return [instance_of(row) for row in rows]

    def _exact(self, name: ColumnElement[str]) -> ColumnElement[str]:
        """Return a name in the order of code points, in which findings are; so is SQLite's own."""
        return name if self._database.is_sqlite else name.collate("C")


def _column(asked: CountedQuestion, place: int) -> ColumnElement[int]:
    """Return causes (0), findings (1), accounts (2), or whether it is the worst (3)."""
    names = _ALONE if asked.rule else _TOLD
    found: ColumnElement[int] = counts.c[names[place]]
    return found


def _number(asked: CountedQuestion, of: Counted) -> ColumnElement[int]:
    if of is Counted.CAUSES:
        return _column(asked, 0)
    found: ColumnElement[int] = counts.c.accepted if of is Counted.ACCEPTED else counts.c.findings
    return found


def _tagged(connection: Connection, tag: str) -> ColumnElement[bool]:
    if tag:
        return has_any_tag(connection, (tag,))
    length = (
        func.json_array_length if connection.dialect.name == "sqlite" else (func.jsonb_array_length)
    )
    return length(instances.c.tags, type_=Integer) == 0


def _holds(asked: CountedQuestion) -> ColumnElement[bool]:
    return and_(
        marks.c.basis == asked.basis,
        or_(marks.c.valid_from.is_(None), marks.c.valid_from <= asked.now),
        or_(marks.c.valid_until.is_(None), marks.c.valid_until > asked.now),
    )


def _meant(
    connection: Connection, asked: CountedQuestion, *, is_by_name: bool = False
) -> list[ColumnElement[bool]]:
    """Return what an instance of a question is; see `InstancePages.chosen`.

    `is_by_name`: many are gone through in the order of their names, of which a page needs some.
    """
    if asked.ids is not None:
        is_many = is_by_name and len(asked.ids) > FEW
        # Else SQLite would find all of them by their ids, and sort them.
        number = instances.c.id + 0 if is_many else instances.c.id
        return [among(connection, number, asked.ids)]  # type: ignore[arg-type]
    question = asked.asked
    where = [instances.c.deleted_at.is_(None), *in_reach(connection, asked.reach)]
    where += chosen(connection, question)
    if not question.names:
        where.append(instances.c.is_active.is_(True))
    if asked.account:
        named = select(accounts.c.instance_id).where(accounts.c.account_name == asked.account)
        where.append(instances.c.id.in_(named))
    return where


def _found(connection: Connection, asked: CountedQuestion) -> tuple[CountedQuestion, int]:
    """Return a question with the ids of its instances, and how many these are.

    Where nothing narrows it, all but a few are looked through by each statement anyway.
    """
    meant = select(instances.c.id).where(*_meant(connection, asked))
    most = MOST_BOUND if _is_narrowed(connection, asked) else FEW
    ids = connection.scalars(meant.limit(most + 1)).all()
    if len(ids) <= most:
        return replace(asked, ids=tuple(ids)), len(ids)
    return asked, _count(connection, meant)


def _is_narrowed(connection: Connection, asked: CountedQuestion) -> bool:
    narrowing = (*in_reach(connection, asked.reach), *chosen(connection, asked.asked))
    return bool(narrowing or asked.account)


def _others(connection: Connection, asked: CountedQuestion, most: int) -> tuple[int, ...] | None:
    """Return instances that have numbers and are not meant, or whose do not hold; None: more."""
    is_meant = exists().where(instances.c.id == marks.c.instance_id, *_meant(connection, asked))
    query = select(marks.c.instance_id).where(or_(~_holds(asked), ~is_meant))
    found = connection.scalars(query.limit(most + 1)).all()
    return tuple(sorted(found)) if len(found) <= most else None


def _known(connection: Connection, asked: CountedQuestion) -> Select[Any]:
    """Return a query for the instances (ids) of a question whose numbers hold."""
    query: Select[Any] = select(marks.c.instance_id).where(_holds(asked))
    if asked.ids is not None:
        return query.where(among(connection, marks.c.instance_id, asked.ids))
    query = query.join(instances, instances.c.id == marks.c.instance_id)
    return query.where(*_meant(connection, asked))


def _count(connection: Connection, query: Select[Any]) -> int:
    return connection.scalar(select(func.count()).select_from(query.subquery())) or 0


def _counted(
    connection: Connection,
    asked: CountedQuestion,
    *columns: Any,
    of: ColumnElement[bool] | None = None,
    is_narrowed: bool = False,
) -> Select[Any]:
    """Return a query over the numbers of a question; `is_narrowed`: of its severities alone."""
    query: Select[Any] = select(*columns).select_from(counts)
    if of is not None:
        query = query.where(of)
    if is_narrowed and asked.least is not None:
        query = query.where(counts.c.rank <= asked.least.rank)
    if asked.without is None:
        return query.where(counts.c.instance_id.in_(_known(connection, asked)))
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
