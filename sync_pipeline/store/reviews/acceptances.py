"""Findings that commands accepted. What was counted before another one came, counts no more.

Numbers of findings are written under the lock of an instance's review, and only by the acceptances
that there are. Who gives one or takes it back takes these locks after its own row is there: so
either the numbers are taken away here, or who counts sees the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.acceptance import Acceptance, KeptAcceptances
from sync_pipeline.model.finding import Suppression
from sync_pipeline.model.pattern import like
from sync_pipeline.store.database import among
from sync_pipeline.store.remembered import OfDatabase, remembered
from sync_pipeline.store.schema import finding_acceptances as acceptances
from sync_pipeline.store.schema import instance_finding_counts as counts
from sync_pipeline.store.schema import instance_finding_marks as marks
from sync_pipeline.store.schema import instance_reviews as reviews
from sync_pipeline.store.schema import instances
from sync_pipeline.store.topics import Topic, note

_TURN = select(func.count() + func.count(acceptances.c.removed_at)).select_from(acceptances)


def acceptance_turn(connection: Connection) -> int:
    """Return how often something was accepted or taken back."""
    return connection.scalar(_TURN) or 0


_EVER = select(acceptances).order_by(acceptances.c.id)


class AcceptanceStore(OfDatabase):
    """The table of acceptances."""

    def kept(self) -> KeptAcceptances:
        """Return those that were not taken back, also if they have expired, the oldest first."""
        ever = self.ever()
        left = tuple(item.suppression for item in ever if item.removed_at is None)
        # As often as `acceptance_turn` counts.
        return KeptAcceptances(left, 2 * len(ever) - len(left))

    @remembered
    def ever(self) -> tuple[Acceptance, ...]:
        """Return all that were ever given, the oldest first."""
        with self._database.read_once() as connection:
            rows = connection.execute(_EVER).all()
        return tuple(map(_acceptance, rows))

    def give(self, new: Suppression, now: datetime) -> Suppression:
        """Accept findings; return it with its number."""
        with self._database.write() as connection:
            statement = insert(acceptances).values(
                rule=new.rule,
                instance=new.instance,
                account=new.account,
                about=new.about,
                until=new.until,
                reason=new.reason,
                given_by=new.given_by,
                given_at=now,
            )
            row = connection.execute(statement.returning(*acceptances.c)).one()
            _uncount(connection, new.instance)
            return _suppression(row)

    def take_back(self, number: int, removed_by: str, now: datetime) -> Suppression:
        """End an acceptance, also one that has expired; return it.

        Raises:
            ConfigurationError: there is none with this number, or it was taken back.
        """
        with self._database.write() as connection:
            statement = (
                update(acceptances)
                .where(acceptances.c.id == number, acceptances.c.removed_at.is_(None))
                .values(removed_at=now, removed_by=removed_by)
            )
            row = connection.execute(statement.returning(*acceptances.c)).first()
            if row is None:
                raise ConfigurationError(
                    f"No acceptance has the number {number}, or it was taken back.",
                    hint="See: sync-pipeline findings accepted.",
                )
            _uncount(connection, row.instance)
            return _suppression(row)


def _uncount(connection: Connection, pattern: str) -> None:
    """Take away the numbers of the instances that an acceptance may mean."""
    rows = connection.execute(select(instances.c.id, instances.c.name)).all()
    ids = [row.id for row in rows if like(pattern, row.name)]
    _lock(connection, ids)
    for table in (marks, counts):
        connection.execute(delete(table).where(among(connection, table.c.instance_id, ids)))
    note(connection, Topic.FINDINGS, ids)


def _lock(connection: Connection, ids: Sequence[int]) -> None:
    """Wait for who writes reviews of instances, and let nobody begin before the end."""
    own = among(connection, reviews.c.instance_id, ids)
    query = select(reviews.c.instance_id).where(own).order_by(reviews.c.instance_id)
    connection.execute(query.with_for_update()).all()


def _suppression(row: Row[Any]) -> Suppression:
    return Suppression(
        rule=row.rule,
        reason=row.reason,
        until=row.until,
        instance=row.instance,
        account=row.account,
        about=row.about,
        given_at=row.given_at,
        given_by=row.given_by,
        number=row.id,
    )


def _acceptance(row: Row[Any]) -> Acceptance:
    return Acceptance(_suppression(row), row.removed_by or "", row.removed_at)
