"""What a question about findings means in SQL: its instances, and the numbers that hold."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from sync_pipeline.model.finding_totals import CountedQuestion
from sync_pipeline.store.console.reach import chosen, in_reach
from sync_pipeline.store.database import among, by_code_points
from sync_pipeline.store.schema import instance_accounts as accounts
from sync_pipeline.store.schema import instance_finding_counts as counts
from sync_pipeline.store.schema import instance_finding_marks as marks
from sync_pipeline.store.schema import instances

_TOLD = ("told_causes", "told_findings", "told_accounts", "is_told_worst")
_ALONE = ("alone_causes", "alone_findings", "alone_accounts", "is_alone_worst")
"""With one rule, nothing that others say is folded."""


def column_of(asked: CountedQuestion, place: int) -> ColumnElement[int]:
    """Return causes (0), findings (1), accounts (2), or whether it is the worst (3)."""
    names = _ALONE if asked.rule else _TOLD
    found: ColumnElement[int] = counts.c[names[place]]
    return found


def columns_of(asked: CountedQuestion) -> tuple[ColumnElement[int], ...]:
    """Return all four of them."""
    return tuple(column_of(asked, place) for place in range(len(_TOLD)))


def holds(asked: CountedQuestion) -> ColumnElement[bool]:
    """Return that numbers were counted as a question wants it, and hold."""
    return and_(
        marks.c.basis == asked.basis,
        or_(marks.c.valid_from.is_(None), marks.c.valid_from <= asked.now),
        or_(marks.c.valid_until.is_(None), marks.c.valid_until > asked.now),
    )


def meant(connection: Connection, asked: CountedQuestion) -> list[ColumnElement[bool]]:
    """Return what an instance of a question is; see `InstancePages.chosen`."""
    if asked.ids is not None:
        return [among(connection, instances.c.id, asked.ids)]
    question = asked.asked
    where = [instances.c.deleted_at.is_(None), *in_reach(connection, asked.reach)]
    where += chosen(connection, question)
    if not question.names:
        where.append(instances.c.is_active.is_(True))
    if asked.account:
        is_sqlite = connection.dialect.name == "sqlite"
        name = by_code_points(accounts.c.account_name, is_sqlite=is_sqlite)
        named = select(accounts.c.instance_id).where(name == asked.account)
        where.append(instances.c.id.in_(named))
    return where
