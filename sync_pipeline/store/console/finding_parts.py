"""Numbers of findings of a large fleet, as they are kept by part of its instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from sync_pipeline.model.finding_totals import CountedQuestion
from sync_pipeline.store.console.finding_sql import columns_of, holds, meant
from sync_pipeline.store.console.sums import KeptSums, Part, Sums, ids_in
from sync_pipeline.store.database import Database, among
from sync_pipeline.store.schema import instance_finding_counts as counts
from sync_pipeline.store.schema import instance_finding_marks as marks
from sync_pipeline.store.schema import instances
from sync_pipeline.store.topics import PARTS, Topic, part_of

RuleAndRank = tuple[str, int]
"""By which the numbers are: causes, findings, accounts and whether it is the worst; then, each by
itself, the findings and those that were accepted."""


class FindingParts:
    """The numbers of findings of one process that only reads."""

    def __init__(self, database: Database) -> None:
        self._numbers: KeptSums[RuleAndRank] = KeptSums(database, Topic.FINDINGS)

    def numbers(self, asked: CountedQuestion) -> Sums[RuleAndRank]:
        """Return the numbers of a question whose instances are many."""
        question = replace(asked, least=None, ids=None, without=None)
        return self._numbers.of(question, lambda *given: _numbers(question, *given))


def is_kept(asked: CountedQuestion) -> bool:
    """Return whether the numbers of a question depend on nothing but what the marks are of.

    Which platform an instance is on, and which accounts it has, any sync may find out.
    """
    return asked.ids is None and not asked.account and not asked.asked.platforms


def _numbers(
    asked: CountedQuestion, connection: Connection, parts: Sequence[int]
) -> dict[int, Part[RuleAndRank]]:
    ids = ids_in(connection, parts)
    known, left, others = (_by_part(parts) for _ in range(3))
    for instance_id, is_counted in connection.execute(_meant(connection, asked, ids)):
        (known if is_counted else left)[part_of(instance_id)].append(instance_id)
    every = {item for some in known.values() for item in some}
    for instance_id in connection.scalars(_counted(connection, ids)):
        if instance_id not in every:
            others[part_of(instance_id)].append(instance_id)
    rows: dict[int, dict[RuleAndRank, tuple[int, ...]]] = {part: {} for part in parts}
    for part, rule, rank, *sums in connection.execute(_sums(connection, asked, list(every))):
        rows[part][rule, rank] = tuple(map(int, sums))
    return {
        part: Part(
            rows[part],
            len(known[part]) + len(left[part]),
            tuple(left[part]),
            tuple(others[part]),
        )
        for part in parts
    }


def _by_part(parts: Sequence[int]) -> dict[int, list[int]]:
    return {part: [] for part in parts}


def _meant(connection: Connection, asked: CountedQuestion, ids: Sequence[int]) -> Select[Any]:
    """Select the instances of a question, and whether there are numbers of them that hold."""
    same = and_(marks.c.instance_id == instances.c.id, holds(asked))
    return (
        select(instances.c.id, marks.c.instance_id.is_not(None))
        .select_from(instances.outerjoin(marks, same))
        .where(among(connection, instances.c.id, ids), *meant(connection, asked))
    )


def _counted(connection: Connection, ids: Sequence[int]) -> Select[Any]:
    return select(marks.c.instance_id).where(among(connection, marks.c.instance_id, ids))


def _sums(connection: Connection, asked: CountedQuestion, ids: Sequence[int]) -> Select[Any]:
    part = counts.c.instance_id % PARTS
    columns = (*columns_of(asked), counts.c.findings, counts.c.accepted)
    query = select(part, counts.c.rule, counts.c.rank, *map(func.sum, columns)).where(
        among(connection, counts.c.instance_id, ids)
    )
    if asked.rule:
        query = query.where(counts.c.rule == asked.rule)
    return query.group_by(part, counts.c.rule, counts.c.rank)
