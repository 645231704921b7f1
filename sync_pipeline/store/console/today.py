"""What the first page of the console counts, within a reach: each of it in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import case, func, select

from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.finding_life import read_steps
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.maintenance import MaintenanceWindow
from sync_pipeline.model.page import InstanceState
from sync_pipeline.model.review import about_of
from sync_pipeline.model.viewer import Reach
from sync_pipeline.store.console.reach import in_reach, in_state, of_reach
from sync_pipeline.store.remembered import OfDatabase, remembered
from sync_pipeline.store.schema import IS_NO_BASELINE, instances
from sync_pipeline.store.schema import instance_findings as findings

_IS_THERE = instances.c.deleted_at.is_(None)

COUNTED = (
    InstanceState.SYNCED,
    InstanceState.OVERDUE,
    InstanceState.FAILING,
    InstanceState.MAINTENANCE,
    InstanceState.NEVER,
    InstanceState.HELD,
)


class Overview(OfDatabase):
    """Numbers of a fleet. Instances that were removed are left out, as in the list of them."""

    @remembered
    def states(
        self, reach: Reach, windows: Sequence[MaintenanceWindow], held: Sequence[int]
    ) -> tuple[int, Mapping[InstanceState, int]]:
        """Return how many instances there are, and how many in each state.

        `windows` are those of maintenance that hold now, `held` the ids of those that the breaker
        holds.
        """
        # Mostly none is: then nobody need look at each instance for it.
        some = {InstanceState.MAINTENANCE: bool(windows), InstanceState.HELD: bool(held)}
        asked = [item for item in COUNTED if some.get(item, True)]
        with self._database.read_once() as connection:
            counts = (
                func.count(case((in_state(connection, item, windows, held), 1))) for item in asked
            )
            query = select(func.count(), *counts).select_from(instances)
            row = connection.execute(query.where(_IS_THERE, *in_reach(connection, reach))).one()
        found = dict(zip(asked, row[1:], strict=True))
        return row[0], {item: found.get(item, 0) for item in COUNTED}

    @remembered
    def new_findings(
        self, reach: Reach, since: datetime, disabled: Sequence[str], limit: int
    ) -> list[tuple[Finding, bool]]:
        """Return what was found since a moment on active instances, the worst first.

        Not what the first review of an instance found. Beside each: whether other instances were
        looked at, too, which is left out for who may not see all of them.
        """
        recent = select(findings).where(findings.c.first_seen_at >= since, IS_NO_BASELINE)
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
                    *(new.c.about, new.c.steps),
                )
                .join_from(new, instances, instances.c.id == new.c.instance_id)
                .where(
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
                        about=about_of(row.about),
                        first_seen=row.first_seen_at,
                        steps=read_steps(row.steps),
                    ),
                    row.of_fleet,
                )
                for row in connection.execute(query)
            ]
