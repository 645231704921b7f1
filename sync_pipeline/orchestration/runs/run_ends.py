"""Which runs have ended since the last look, for whoever closes their sessions.

Dagster's own sensors for that are one for each way in which a run ends, evaluated again and
again each. Here one question finds all ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

RUN_ENDS = (
    DagsterRunStatus.SUCCESS,
    DagsterRunStatus.FAILURE,
    DagsterRunStatus.CANCELED,
)
OVERLAP = timedelta(minutes=10)
"""Ends are stamped by several machines, and may be written late: this much is looked at again."""
FIRST_LOOK_BACK = timedelta(days=1)
MOST_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class SeenEnds:
    """The ends up to a moment were seen; of the last while it is known which runs those were."""

    until: datetime
    seen: Mapping[str, datetime] = field(default_factory=dict)

    @classmethod
    def first(cls, now: datetime) -> Self:
        """Return what is known where nothing was seen yet."""
        return cls(now - FIRST_LOOK_BACK)

    def look(self, instance: DagsterInstance, now: datetime) -> tuple[Self, Sequence[DagsterRun]]:
        """Return what is known after this look, and the runs whose end was not seen before.

        Those that ended first come first; the rest of many comes with the next looks.
        """
        limit = MOST_AT_ONCE + len(self.seen)
        records = instance.get_run_records(
            RunsFilter(statuses=[*RUN_ENDS], updated_after=self.until - OVERLAP),
            limit=limit,
            order_by="update_timestamp",
            ascending=True,
        )
        found = {item.dagster_run.run_id: item.update_timestamp for item in records}
        is_all = len(records) < limit
        until = max(self.until, now if is_all else records[-1].update_timestamp)
        seen = {
            run_id: moment
            for run_id, moment in {**self.seen, **found}.items()
            if moment > until - OVERLAP
        }
        new = [item.dagster_run for item in records if item.dagster_run.run_id not in self.seen]
        return type(self)(until, seen), new

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON's types."""
        seen = {run_id: moment.isoformat() for run_id, moment in self.seen.items()}
        return {"until": self.until.isoformat(), "seen": seen}

    @classmethod
    def of_plain(cls, found: Mapping[str, Any]) -> Self:
        """Return what `to_plain` returned.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: it did not.
        """
        seen = {run_id: _moment(text) for run_id, text in found["seen"].items()}
        return cls(_moment(found["until"]), seen)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
