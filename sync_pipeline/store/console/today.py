"""What the first page of the console counts, within a reach: each of it in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import Float, case, cast, func, select

from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.maintenance import MaintenanceWindow
from sync_pipeline.model.page import InstanceState
from sync_pipeline.model.size import SizeLimit
from sync_pipeline.model.viewer import Reach
from sync_pipeline.store.console.reach import in_reach, in_state, of_reach
from sync_pipeline.store.database import Database
from sync_pipeline.store.schema import instance_findings as findings
from sync_pipeline.store.schema import instance_reviews as reviews
from sync_pipeline.store.schema import instances
from sync_pipeline.store.sizes.schema import (
    database_size_stats,
    instance_databases,
    instance_size_stats,
    size_limits,
)

_IS_THERE = instances.c.deleted_at.is_(None)

_DAY = instance_size_stats
_OF_DATABASE = database_size_stats
COUNTED = (
    InstanceState.SYNCED,
    InstanceState.OVERDUE,
    InstanceState.FAILING,
    InstanceState.MAINTENANCE,
    InstanceState.NEVER,
    InstanceState.HELD,
)


class Overview:
    """Numbers of a fleet. Instances that were removed are left out, as in the list of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def states(
        self, reach: Reach, windows: Sequence[MaintenanceWindow], held: Sequence[int]
    ) -> tuple[int, Mapping[InstanceState, int]]:
        """Return how many instances there are, and how many in each state.

        `windows` are those of maintenance that hold now, `held` the ids of those that the breaker
        holds.
        """
        with self._database.read_once() as connection:
            counts = (
                func.count(case((in_state(connection, item, windows, held), 1))) for item in COUNTED
            )
            query = select(func.count(), *counts).select_from(instances)
            row = connection.execute(query.where(_IS_THERE, *in_reach(connection, reach))).one()
        return row[0], dict(zip(COUNTED, row[1:], strict=True))

    def ids(self, reach: Reach) -> tuple[int, ...] | None:
        """Return the ids of the instances there ever were; None: all."""
        if reach.is_everything:
            return None
        with self._database.read_once() as connection:
            query = select(instances.c.id).where(*in_reach(connection, reach))
            return tuple(connection.scalars(query))

    def new_findings(
        self, reach: Reach, since: datetime, disabled: Sequence[str], limit: int
    ) -> list[tuple[Finding, bool]]:
        """Return what was found since a moment on active instances, the worst first.

        Not what the first review of an instance found. Beside each: whether other instances were
        looked at, too, which is left out for who may not see all of them.
        """
        recent = select(findings).where(findings.c.first_seen_at >= since)
        if not reach.is_everything:
            recent = recent.where(findings.c.of_fleet.is_(False))
        with self._database.read() as connection:
            recent = recent.where(*of_reach(connection, reach, findings.c.instance_id))
            # By when they came: of those that are there, which are most, there is an index too.
            new = recent.cte("new").prefix_with("MATERIALIZED")
            worst = case({str(item): item.rank for item in Severity}, value=new.c.severity)
            query = (
                select(
                    *(instances.c.name, instances.c.engine, new.c.account_name, new.c.rule),
                    *(new.c.severity, new.c.first_seen_at, new.c.of_fleet),
                )
                .join_from(new, instances, instances.c.id == new.c.instance_id)
                .join(reviews, reviews.c.instance_id == new.c.instance_id)
                .where(
                    new.c.first_seen_at > reviews.c.began_at,
                    new.c.resolved_at.is_(None),
                    new.c.rule.not_in(list(disabled)),
                    _IS_THERE,
                    instances.c.is_active.is_(True),
                )
                .order_by(worst, new.c.first_seen_at.desc(), new.c.id)
                .limit(limit)
            )
            return [
                (
                    Finding(
                        *(row.name, EngineName(row.engine), row.account_name, row.rule),
                        *(Severity(row.severity), ""),
                        first_seen=row.first_seen_at,
                    ),
                    row.of_fleet,
                )
                for row in connection.execute(query)
            ]

    def fullest(self, reach: Reach, recent: date, limit: int) -> list[SizeLimit]:
        """Return the limits that people set which are nearest to be reached by size, not by growth.

        Of what was not measured since `recent`, none.
        """
        whole = (
            select(_DAY.c.total_bytes)
            .where(
                _DAY.c.instance_id == size_limits.c.instance_id,
                _DAY.c.collected_date >= recent,
                _DAY.c.total_bytes.is_not(None),
            )
            .order_by(_DAY.c.collected_date.desc())
            .limit(1)
            .scalar_subquery()
        )
        one = (
            select(_OF_DATABASE.c.total_bytes)
            .join_from(
                instance_databases,
                _OF_DATABASE,
                _OF_DATABASE.c.database_id == instance_databases.c.id,
            )
            .where(
                instance_databases.c.instance_id == size_limits.c.instance_id,
                instance_databases.c.database_name == size_limits.c.database_name,
                _OF_DATABASE.c.instance_id == size_limits.c.instance_id,
                _OF_DATABASE.c.collected_date >= recent,
                _OF_DATABASE.c.total_bytes.is_not(None),
            )
            .order_by(_OF_DATABASE.c.collected_date.desc())
            .limit(1)
            .scalar_subquery()
        )
        size = case((size_limits.c.database_name == "", whole), else_=one)
        share = cast(size, Float) / size_limits.c.limit_bytes
        query = (
            select(instances.c.name, size_limits.c.database_name, size_limits.c.limit_bytes)
            .join_from(size_limits, instances, instances.c.id == size_limits.c.instance_id)
            .where(_IS_THERE, size.is_not(None))
            .order_by(share.desc(), instances.c.name, size_limits.c.database_name)
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(query.where(*in_reach(connection, reach)))
            return [SizeLimit(row.name, row.database_name, row.limit_bytes) for row in rows]
